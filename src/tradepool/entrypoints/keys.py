"""Where keys come from until there is a vault: a variable of the environment, or a question. Held in memory only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from getpass import getpass

from tradepool.adapters.exchanges.vault import Credentials
from tradepool.domain.deployment import Kind
from tradepool.domain.errors import InvalidInput
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.practice import practice_key

KeyOf = Callable[[Seated], Credentials]


class NoKey(InvalidInput):
    """There is no {what} for account {account}; set the environment variable {variable}, or run this at a terminal, where it is asked for."""


def keys_of(deployed: Deployed) -> KeyOf:
    """Every key, asked for now and kept in memory: nothing is asked while trading. Raises NoKey."""
    if deployed.deployment.kind is Kind.PRACTICE:
        return lambda seat: practice_key(deployed, seat.account_id)
    held = {seat.account_id: _live_key(seat) for seat in deployed.seats}
    return lambda seat: held[seat.account_id]


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
