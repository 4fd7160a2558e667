"""The channels that a configuration names, and `tradepool notify test`, which tries each of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass

from tradepool.adapters.notify.mail import Mail, MailServer
from tradepool.adapters.notify.webhook import Webhook
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import UserId
from tradepool.entrypoints.deployment import Deployed
from tradepool.ports.notifier import Message, NotDelivered, Notifier, SignOfLife
from tradepool.runtime.clock import RealClock
from tradepool.runtime.config import PREFIX, nearest
from tradepool.services.alarms import Channel


class NoVariable(InvalidInput):
    """[{section}] {key} names the environment variable {variable}, which is not set; set it, or take the key out."""


class WouldBeASetting(InvalidInput):
    """[{section}] {key} names {variable}, which would be read as a setting; call it otherwise than TRADEPOOL_..."""


class NoMailServer(InvalidInput):
    """Section [{section}] has an address for mail, but [alarms.mail] lacks {lacks}; add it."""


class NoSuchUser(InvalidInput):
    """No user is called {user}{hint}."""


class NothingToTest(TradepoolError):
    """{who} has no channel; name one in [{section}] (webhook_env, or {mail})."""


class NotTold(TradepoolError):
    """{count} of {all} channels failed; the first: {first}"""


@dataclass(frozen=True, slots=True)
class Named:
    """A channel and what a person calls it."""

    name: str
    notifier: Notifier
    user: UserId | None = None


def named_channels(deployed: Deployed) -> list[Named]:
    """The operator's, then each user's. NoVariable, WouldBeASetting, NoMailServer, NoSuchAddress."""
    alarms = deployed.settings.alarms
    found = _of(deployed, "alarms", None, alarms.webhook_env, alarms.mail_to)
    for name, user in deployed.settings.users.items():
        found += _of(deployed, f"users.{name}", UserId(name), user.webhook_env, [user.mail] if user.mail else [])
    return found


def channels(deployed: Deployed) -> list[Channel]:
    """The same, for alarms."""
    return [Channel(each.notifier, each.user) for each in named_channels(deployed)]


def sign_of_life(deployed: Deployed) -> tuple[SignOfLife, float] | None:
    """Where it goes, and each how many seconds; None when nobody outside listens."""
    alarms = deployed.settings.alarms
    if not alarms.alive_env:
        return None
    return Webhook(
        _secret("alarms", "alive_env", alarms.alive_env), alarms.alive_env, alarms.ca_file
    ), alarms.alive_every_s


def _of(deployed: Deployed, section: str, user: UserId | None, webhook_env: str, mail_to: Sequence[str]) -> list[Named]:
    alarms, found = deployed.settings.alarms, list[Named]()
    if webhook_env:
        address = _secret(section, "webhook_env", webhook_env)
        found.append(Named(f"{section}.webhook", Webhook(address, webhook_env, alarms.ca_file), user))
    if mail_to:
        mail = alarms.mail
        lacks = "host" if not mail.host else "sender" if not mail.sender else ""
        if lacks:
            raise NoMailServer(section=section, lacks=lacks)
        password = _secret("alarms.mail", "password_env", mail.password_env) if mail.password_env else ""
        server = MailServer(
            host=mail.host,
            port=mail.port,
            tls=mail.tls,
            sender=mail.sender,
            user=mail.user,
            password=password,
            ca_file=alarms.ca_file,
        )
        found.append(Named(f"{section}.mail", Mail(server, mail_to), user))
    return found


def _secret(section: str, key: str, variable: str) -> str:
    if variable.upper().startswith(PREFIX):
        raise WouldBeASetting(section=section, key=key, variable=variable)
    value = os.environ.get(variable, "").strip()
    if not value:
        raise NoVariable(section=section, key=key, variable=variable)
    return value


def try_channels(deployed: Deployed, user: str | None) -> list[str]:
    """Send a test to the operator's channels, or to a user's; their names. NoSuchUser, NothingToTest, NotTold."""
    users = [each.id for each in deployed.users]
    if user is not None and user not in users:
        raise NoSuchUser(user=repr(user)[:40], hint=nearest(user, users))
    mine = [each for each in named_channels(deployed) if each.user == (UserId(user) if user else None)]
    if not mine:
        section, mail = (f"users.{user}", "mail") if user else ("alarms", "mail_to")
        raise NothingToTest(who=user or "The operator", section=section, mail=mail)
    name = f"{deployed.deployment.kind.value} {deployed.deployment.id}"
    message = Message(
        subject=f"[{name}] TEST: alarms come this way",
        text=f"Somebody ran tradepool notify test. Alarms for {user or 'the operator'} come this way.",
        time_ms=RealClock().now_ms(),
    )
    failed = asyncio.run(_tell(mine, message))
    if failed:
        raise NotTold(count=len(failed), all=len(mine), first=failed[0])
    return [each.name for each in mine]


async def _tell(named: Sequence[Named], message: Message) -> list[NotDelivered]:
    told = await asyncio.gather(*(each.notifier.send(message) for each in named), return_exceptions=True)
    for each in told:
        if isinstance(each, BaseException) and not isinstance(each, NotDelivered):
            raise each
    return [each for each in told if isinstance(each, NotDelivered)]
