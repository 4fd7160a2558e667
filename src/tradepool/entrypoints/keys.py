"""Where keys come from: the vault, else a variable of the environment, else a question; those are held in memory only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from getpass import getpass

from tradepool.adapters.exchanges.vault import Credentials
from tradepool.domain.deployment import Kind
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.key_vault import KEY, has_master, key_in, vault_of
from tradepool.entrypoints.practice import practice_key
from tradepool.runtime.no_core import leave_no_core
from tradepool.runtime.supervise import outcome_of

KeyOf = Callable[[Seated], Credentials]


class NoKey(InvalidInput):
    """There is no {what} for account {account}; set the environment variable {variable}, or run this at a terminal, where it is asked for."""


def keys_of(deployed: Deployed) -> KeyOf:
    """Every key, asked for now and kept in memory: nothing is asked while trading. What is wrong with one of them is raised
    when that one is asked for: it is its account's trouble, and no other's."""
    if deployed.deployment.kind is Kind.PRACTICE:
        return lambda seat: practice_key(deployed, seat.account_id)
    leave_no_core()
    held = _of_the_vault(deployed)
    for seat in deployed.seats:
        if seat.account_id not in held:
            held[seat.account_id] = outcome_of(partial(_live_key, seat))

    def key_of(seat: Seated) -> Credentials:
        key = held[seat.account_id]
        if isinstance(key, Exception):
            raise key
        return key

    return key_of


def keys_but(closed: Mapping[AccountId, TradepoolError], key_of: KeyOf) -> KeyOf:
    """The same keys, except of accounts that there are not at the venue: what is wrong with one is raised for it."""

    def open_key_of(seat: Seated) -> Credentials:
        if seat.account_id in closed:
            raise closed[seat.account_id]
        return key_of(seat)

    return open_key_of


def _of_the_vault(deployed: Deployed) -> dict[AccountId, Credentials | Exception]:
    """The keys of the accounts that are traded, or what is wrong with each, of a vault that has a master key."""
    if not has_master(deployed):
        return {}
    traded = {seat.account_id: seat.user.id for seat in deployed.seats}
    with vault_of(deployed) as (vault, _, _):
        held = [(traded[account], account, user) for account, user in vault.accounts(KEY).items() if account in traded]
        return {each[1]: outcome_of(partial(key_in, vault, *each)) for each in held}


def _live_key(seat: Seated) -> Credentials:
    return Credentials(
        key=_secret(seat, "key", seat.account.key_env), secret=_secret(seat, "secret", seat.account.secret_env)
    )


def _secret(seat: Seated, what: str, variable: str) -> str:
    value = os.environ.pop(variable, "") if variable else ""
    if not value and sys.stdin.isatty():
        value = getpass(f"API {what} of {seat.account_id} (not shown): ")
    if not value.strip():
        wanted = variable or f"named by {what}_env"
        raise NoKey(what=what, account=seat.account_id, variable=wanted)
    return value.strip()
