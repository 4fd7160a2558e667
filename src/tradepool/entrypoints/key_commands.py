"""`tradepool keys`: exchange keys at rest. Secrets come from a prompt or a file, never from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from tradepool.entrypoints.deployment_commands import Json, Reason
from tradepool.entrypoints.inputs import Config

if TYPE_CHECKING:
    from tradepool.presentation.keys_page import KeyJson

keys_app = App(name="keys", help="Exchange keys, sealed at rest: master, add, list, check, rotate, burn.")
OfAccount = Annotated[str, Parameter(help="A section [accounts.NAME] of the configuration.")]
OfAnyAccount = Annotated[str, Parameter(help="An account of the configuration, or one whose section is gone.")]


@keys_app.command(name="master")
def keys_master(*, config: Config = None) -> None:
    """Make the master key, in the file or keyring that [vault] names. Keep a copy of it apart from backups of the data."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.key_vault import make_master

    deployed = deployed_from(config)
    made, place = make_master(deployed)
    print(f"Master key {made.id} is in {place}. Without it the keys added here are lost.")


@keys_app.command(name="add")
def keys_add(
    account: OfAccount,
    *,
    file: Annotated[Path | None, Parameter(help="Two lines, key and secret, readable by you alone.")] = None,
    ed25519: Annotated[bool, Parameter(negative="", help="Make the key here; the venue gets its public half.")] = False,
    config: Config = None,
) -> None:
    """Keep an account's key, asked for unseen; the venue is asked what it may do, and one that can withdraw is refused."""
    from tradepool.entrypoints import key_pair, key_vault
    from tradepool.entrypoints.deployment import deployed_from

    deployed = deployed_from(config)
    key_vault.user_of(deployed, account)
    if ed25519:
        print(f"Register this public key at {deployed.venue.id}, for trading alone, with this machine's addresses:")
        print(key_pair.public_half(deployed, account))
        warnings = key_pair.add_pair(deployed, account, key_pair.asked_name(deployed, account))
    else:
        warnings = key_vault.add(deployed, account, key_vault.ask_key(account, file))
    print("\n".join([f"The key of {account} is kept: it trades, and can't take money away.", *warnings]))


@keys_app.command(name="list")
def keys_list(*, json: Json = False, config: Config = None) -> None:
    """Which accounts there is a key of, and what was found when it was looked at last; the venue is not asked."""
    from tradepool.entrypoints import key_vault
    from tradepool.entrypoints.deployment import deployed_from

    _show(key_vault.listed(deployed_from(config)), json)


@keys_app.command(name="check")
def keys_check(
    *,
    expiring: Annotated[int | None, Parameter(help="Only keys whose trading ends within so many days.")] = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Ask each key's venue what it may do now; exit code 1 when one can't be traded with, or ends so soon."""
    from tradepool.entrypoints import key_vault
    from tradepool.entrypoints.deployment import deployed_from

    found = key_vault.check(deployed_from(config))
    ending = found if expiring is None else key_vault.expiring(found, expiring)
    _show(ending, json)
    key_vault.refuse_unless_good(found)
    if expiring is not None:
        key_vault.refuse_if_any(ending, expiring)


@keys_app.command(name="rotate")
def keys_rotate(
    *,
    user: Annotated[str | None, Parameter(help="One user's data key; without it, everybody's.")] = None,
    master: Annotated[str | None, Parameter(help="A new master key instead, in this file, or keyring:SERVICE.")] = None,
    config: Config = None,
) -> None:
    """Seal everything anew under new data keys, or wrap those by a new master key."""
    from tradepool.entrypoints import key_vault
    from tradepool.entrypoints.deployment import deployed_from

    key_vault.rotate(deployed_from(config), user, master)


@keys_app.command(name="burn")
def keys_burn(account: OfAnyAccount, *, reason: Reason = None, config: Config = None) -> None:
    """A key is in wrong hands: halt the user's entries, forget the key, say what to do. The user's name is typed back."""
    from tradepool.domain.deployment import Scope, ScopeKind
    from tradepool.entrypoints import key_vault
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.emergency import confirmed
    from tradepool.entrypoints.mistakes import Mistakes

    deployed = deployed_from(config, mistakes=Mistakes.SET_ASIDE)
    user = key_vault.holder_of(deployed, account)
    wish = confirmed("keys burn", Scope(ScopeKind.USER, user), reason)
    key_vault.burn(deployed, account, user, wish.reason)


def _show(keys: list[KeyJson], as_json: bool) -> None:
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.keys_page import KeysJson, keys_page

    if as_json:
        say(KeysJson(keys=keys))
    else:
        show(keys_page(keys))
