"""Where keys come from: the vault, else a variable of the environment, else a question; those are held in memory only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from getpass import getpass

from tradepool.adapters.exchanges.vault import Credentials
from tradepool.domain.deployment import Kind
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import AccountId
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.key_vault import key_in, vault_of
from tradepool.entrypoints.practice import practice_key

KeyOf = Callable[[Seated], Credentials]


class NoKey(InvalidInput):
    """There is no {what} for account {account}; set the environment variable {variable}, or run this at a terminal, where it is asked for."""


def keys_of(deployed: Deployed) -> KeyOf:
    """Every key, asked for now and kept in memory: nothing is asked while trading. Raises NoKey."""
    if deployed.deployment.kind is Kind.PRACTICE:
        return lambda seat: practice_key(deployed, seat.account_id)
    held = _of_the_vault(deployed)
    held |= {seat.account_id: _live_key(seat) for seat in deployed.seats if seat.account_id not in held}
    return lambda seat: held[seat.account_id]


def _of_the_vault(deployed: Deployed) -> dict[AccountId, Credentials]:
    """The keys of the accounts that are traded, of a vault that has a master key. What opening them raises."""
    settings = deployed.settings.vault
    if not settings.master_key.expanduser().is_file() and settings.master_key_env not in os.environ:
        return {}
    traded = {seat.account_id for seat in deployed.seats}
    with vault_of(deployed) as (vault, _):
        return {account: key_in(vault, account) for account in vault.accounts() if account in traded}


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
