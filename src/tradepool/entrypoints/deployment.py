"""The configuration of a deployment and its register as nouns: people, accounts, mandates. Every mistake names its section
and key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from tradepool.adapters.database.place import Place, place_in
from tradepool.core.risk.symbols import likely
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.actor import PLATFORM, Actor
from tradepool.domain.candle import TIMEFRAMES_MS
from tradepool.domain.deployment import Deployment, Kind, Mode
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId, MandateId, MarketId, UserId
from tradepool.domain.limit import RiskPlan
from tradepool.domain.mandate import CanaryCap, EntryKind, EntryOrder, Limits, Mandate
from tradepool.domain.policy import may, refuse_unless
from tradepool.domain.register import Entry, Thing
from tradepool.domain.user import Role, Status, User
from tradepool.entrypoints.asking import Asker, asker
from tradepool.entrypoints.deployment_settings import (
    AccountSettings,
    LimitSettings,
    MandateSettings,
    UserSettings,
    VenueSettings,
)
from tradepool.entrypoints.inputs import settings_from
from tradepool.entrypoints.register_rows import entries_of, folder_of, overlaid
from tradepool.entrypoints.risk_plan import risk_plan
from tradepool.entrypoints.settings import Settings
from tradepool.entrypoints.strategies import find
from tradepool.runtime.config import PREFIX, nearest

CONFIG_NAME = "tradepool.toml"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_DEPLOYMENT_ID = re.compile(r"[a-z0-9]{8}")


class NoDeployment(InvalidInput):
    """No deployment is configured in {file}; run tradepool init, then name its file with --config."""


class BadDeployment(InvalidInput):
    """[{section}] {key} in {file}: {value} {why}; {remedy}."""


class NoSuchUser(InvalidInput):
    """No user is called {user}; add one (tradepool users add, or a section [users.NAME] of {file}){hint}."""


class NotActive(InvalidInput):
    """{user} is {status} here, and may do nothing; tradepool users accept, or ask the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seated:
    """A mandate that is active, its strategy, and how far it may go: at most to `ceiling` (where it is now says its
    database), as a canary within `cap`. `account` is the section it trades on."""

    user: User
    account_id: AccountId
    account: AccountSettings
    mandate: Mandate
    strategy: Strategy
    ceiling: Mode
    cap: CanaryCap


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A deployment that makes sense, offline: whether the venue trades its markets is asked when it starts.

    `entries` are what commands have added; `only` whose things alone are here, where `actor` may not see all.
    """

    file: Path
    deployment: Deployment
    folder: Path
    venue: VenueSettings
    timeframe_ms: int
    users: Sequence[User]
    seats: Sequence[Seated]
    settings: Settings
    risk: RiskPlan
    entries: Sequence[Entry] = ()
    actor: Actor = PLATFORM
    only: UserId | None = None

    def shows(self, user: str) -> bool:
        """Whether a user's things are here for who asks."""
        return self.only in (None, user)

    def refuse_unknown_user(self, user: str | None) -> None:
        """Raise NoSuchUser for a name that no section has; None is everybody."""
        users = [each.id for each in self.users]
        if user is not None and user not in users:
            raise NoSuchUser(user=repr(user)[:60], file=self.file, hint=nearest(user, users))

    @property
    def database(self) -> Place:
        """Its journal and books. NotAPlace."""
        return place_in(self.folder, self.settings.deployment.database)

    @property
    def socket(self) -> Path:
        """Where the trading process listens for commands."""
        return self.folder / "control.sock"


def config_file(given: Path | None) -> Path:
    """The configuration of the commands that need a deployment: the one named, else the one of this folder."""
    file = given or Path(CONFIG_NAME)
    if not file.is_file():
        raise NoDeployment(file=file)
    return file


def deployed_from(given: Path | None, *, damaged: bool = False) -> Deployed:
    """Read, check and log as the configuration says, with what commands have added; of it, what who asks may touch.

    A database of another deployment is refused before anything opens it. `damaged`: one that can't be read is taken for
    an empty one. NoDeployment, BadDeployment, WrongDatabase, NotAllowed, and what reading it raises.
    """
    file = config_file(given)
    settings = settings_from(file)
    entries = entries_of(settings, damaged=damaged) if settings.deployment.id else ()
    found, asks = deployed(settings, file, entries), asker()
    return found if asks is None else _as_asked(found, asks)


def settings_as_asked(given: Path | None) -> Settings:
    """The configuration for a command that needs no deployment, unless a person asks, who has to be somebody of one. What
    `deployed_from` raises."""
    return settings_from(given) if asker() is None else deployed_from(given).settings


def deployed(settings: Settings, file: Path, entries: Sequence[Entry] = ()) -> Deployed:
    """The nouns of a configuration and of what the register adds to it. NoDeployment, BadDeployment, NameTwice."""
    if not settings.deployment.id:
        raise NoDeployment(file=file)
    return _Reading(overlaid(settings, entries, file), file, entries).deployed()


def _as_asked(whole: Deployed, asks: Asker) -> Deployed:
    """What a person may do his action to: everything, or what is his own. NoSuchUser, NotActive, NotAllowed."""
    whole.refuse_unknown_user(asks.user)
    user = next(each for each in whole.users if each.id == asks.user)
    actor = Actor(user.id, user.role)
    if not user.status.runs:
        raise NotActive(user=user.id, status=user.status)
    if may(actor, asks.action):
        return replace(whole, actor=actor)
    refuse_unless(actor, asks.action, user.id)
    settings = whole.settings
    accounts = {name: held for name, held in settings.accounts.items() if held.user == user.id}
    own = {
        "users": {user.id: settings.users[user.id]},
        "accounts": accounts,
        "mandates": {name: held for name, held in settings.mandates.items() if held.account in accounts},
    }
    return replace(
        whole,
        actor=actor,
        only=user.id,
        users=[user],
        seats=[seat for seat in whole.seats if seat.user.id == user.id],
        settings=settings.model_copy(update=own),
        entries=[entry for entry in whole.entries if entry.user == user.id],
    )


class _Reading:
    """One configuration being read; `bad` says what is wrong where."""

    def __init__(self, settings: Settings, file: Path, entries: Sequence[Entry]) -> None:
        self._settings, self._file, self._entries = settings, file, entries
        self._kind, self._strategies = Kind(settings.deployment.kind), dict[str, Strategy]()

    def deployed(self) -> Deployed:
        settings, venue = self._settings, self._settings.venue
        self._check_names()
        place_in(Path(), settings.deployment.database)
        if venue.timeframe not in TIMEFRAMES_MS:
            self._bad("venue", "timeframe", venue.timeframe, "is no timeframe", nearest(venue.timeframe, TIMEFRAMES_MS))
        timeframe_ms = TIMEFRAMES_MS[venue.timeframe]
        users = {name: self._user(name, section) for name, section in settings.users.items()}
        for name, account in settings.accounts.items():
            self._check_account(name, account, users)
        seats, taken = list[Seated](), dict[str, str]()
        for name, mandate in settings.mandates.items():
            seat = self._seat(name, mandate, users, timeframe_ms)
            if mandate.active and mandate.account in taken:
                why = f"is traded by mandate {taken[mandate.account]} already"
                self._bad(
                    f"mandates.{name}", "account", mandate.account, why, "give each mandate an account of its own"
                )
            if mandate.active:
                taken[mandate.account] = name
                seats.append(seat)
        return Deployed(
            file=self._file,
            deployment=Deployment(id=settings.deployment.id, kind=self._kind),
            folder=folder_of(settings),
            venue=venue,
            timeframe_ms=timeframe_ms,
            users=list(users.values()),
            seats=seats,
            settings=settings,
            risk=risk_plan(settings, [seat.mandate for seat in seats], [seat.strategy.name for seat in seats]),
            entries=self._entries,
        )

    def _bad(self, section: str, key: str, value: object, why: str, remedy: str) -> NoReturn:
        raise BadDeployment(
            section=section, key=key, file=self._file, value=repr(value)[:60], why=why, remedy=remedy.strip(" ()")
        )

    def _check_names(self) -> None:
        name = self._settings.deployment.id
        if not _DEPLOYMENT_ID.fullmatch(name):
            self._bad("deployment", "id", name, "is no id of a deployment", "let tradepool init write one")
        for section in ("users", "accounts", "mandates"):
            for each in getattr(self._settings, section):
                if not _NAME.fullmatch(each):
                    wanted = "use at most 40 of a-z, 0-9, _ and -"
                    self._bad(section, each, each, "is no name", wanted)

    def _user(self, name: str, section: UserSettings) -> User:
        if section.test and self._kind is Kind.LIVE:
            self._bad(f"users.{name}", "test", True, "is for play money", "use a practice deployment, or no test user")
        statuses = {entry.name: entry.status for entry in self._entries if entry.thing is Thing.USER}
        return User(
            id=UserId(name),
            name=section.name or name,
            role=Role(section.role),
            status=statuses.get(name, Status.ACTIVE),
            locale=section.locale,
            test=section.test,
        )

    def _check_account(self, name: str, account: AccountSettings, users: Mapping[str, User]) -> None:
        section = f"accounts.{name}"
        if account.user not in users:
            self._bad(section, "user", account.user, "is no user", f"name one of [users]{nearest(account.user, users)}")
        for key in ("key_env", "secret_env"):
            variable = getattr(account, key)
            if variable.upper().startswith(PREFIX):
                self._bad(section, key, variable, "would be read as a setting", f"call it otherwise than {PREFIX}...")
        for asset, amount in account.cash.items():
            if amount < 0:
                self._bad(f"{section}.cash", asset, str(amount), "is below zero", "give zero or more")

    def _seat(self, name: str, given: MandateSettings, users: Mapping[str, User], timeframe_ms: int) -> Seated:
        section, accounts = f"mandates.{name}", self._settings.accounts
        if given.account not in accounts:
            hint = f"name one of [accounts]{nearest(given.account, accounts)}"
            self._bad(section, "account", given.account, "is no account", hint)
        account, mode = accounts[given.account], Mode(given.mode)
        if mode.kind is not self._kind:
            modes = " or ".join(each for each in Mode if each.kind is self._kind)
            why = f"does not belong to a {self._kind} deployment"
            self._bad(section, "mode", given.mode, why, f"use {modes}, or another deployment")
        strategy = self._strategy(section, given)
        return Seated(
            user=users[account.user],
            account_id=AccountId(given.account),
            account=account,
            mandate=self._mandate(section, name, given, strategy, timeframe_ms),
            strategy=strategy,
            ceiling=mode,
            cap=CanaryCap(**given.canary.model_dump()),
        )

    def _strategy(self, section: str, given: MandateSettings) -> Strategy:
        try:
            # Looked for once: many mandates have the same.
            if given.strategy not in self._strategies:
                found = find(given.strategy, self._settings.strategies.folder).load().strategy
                self._strategies[given.strategy] = found
            strategy = self._strategies[given.strategy].with_parameters(given.parameters)
            strategy.refuse_unless_live()
        except TradepoolError as error:
            self._bad(section, "strategy", given.strategy, f"can't be used: {str(error).rstrip('.')}", "correct it")
        return strategy

    def _mandate(
        self, section: str, name: str, given: MandateSettings, strategy: Strategy, timeframe_ms: int
    ) -> Mandate:
        if not given.markets:
            self._bad(section, "markets", given.markets, "names none", "name at least one, such as BTC/USDT")
        for symbol in given.markets:
            self._check_symbol(section, symbol)
        if len({symbol.partition("/")[2] for symbol in given.markets}) > 1:
            self._bad(section, "markets", given.markets, "have several quote assets", "use one mandate for each")
        limits: LimitSettings = given.limits
        try:
            return Mandate(
                id=MandateId(name),
                account=AccountId(given.account),
                strategy_id=strategy.strategy_id(timeframe_ms),
                markets=tuple(MarketId(f"{self._settings.venue.id}:{symbol}") for symbol in given.markets),
                weight=given.weight,
                capital=given.capital,
                limits=Limits(**limits.model_dump(exclude={"actions"})),
                entry=EntryOrder(kind=EntryKind(given.entry), slippage_max=given.entry_slippage_max),
            )
        except InvalidInput as error:
            what = str(error.facts["what"])
            self._bad(section, what, str(error.facts["value"]), "is out of range", f"use {error.facts['allowed']}")

    def _check_symbol(self, section: str, symbol: str) -> None:
        known, venue = list(self._settings.venue.symbols), self._settings.venue
        if not re.fullmatch(r"[A-Z0-9]+/[A-Z0-9]+", symbol):
            meant = " or ".join(likely(symbol, known)) or "BTC/USDT"
            self._bad(section, "markets", symbol, "is no symbol", f"write it as the venue does, such as {meant}")
        if self._kind is Kind.PRACTICE and venue.prices != "candles" and symbol not in known:
            meant = " or ".join(likely(symbol, known)) or ", ".join(known)
            why = "is not traded on the practice exchange"
            self._bad(section, "markets", symbol, why, f"did you mean {meant}? Else add it to [venue] symbols")
