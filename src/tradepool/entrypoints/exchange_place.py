"""Where an exchange that is being served can be reached: a small file beside its authority, gone when it closes."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path

import msgspec

from tradepool.domain.errors import TradepoolError
from tradepool.simexchange.control import TOKEN_HEADER

PLACE_FILE = "exchange.json"
ANSWER_S = 5.0
PRIVATE_MODE = 0o600


class ExchangeAway(TradepoolError):
    """The practice exchange in {folder} does not answer: {why}; start it again (tradepool start does), or name another."""


class NotTaken(ExchangeAway):
    """The practice exchange in {folder} does not take it: {why}."""


class Served(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`token` opens the control door: the file is its owner's alone. `world` is new with every start: accounts and prices of another one are others. The exchange's time was `start_ms`
    at the machine's `began_ms`, and passes `speed` times as fast."""

    world: str
    pid: int
    port: int
    control_port: int
    token: str
    ca_file: str
    start_ms: int
    began_ms: int
    speed: float


def write_place(file: Path, served: Served) -> None:
    """Write it at once and whole, for nobody else to read."""
    written = file.with_suffix(".new")
    written.unlink(missing_ok=True)
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE), "wb") as file_open:
        file_open.write(msgspec.json.encode(served))
    written.replace(file)


def read_place(folder: Path) -> Served | None:
    """The exchange that is served in a folder; None when there is none. ExchangeAway when its file makes no sense."""
    try:
        served = msgspec.json.decode((folder / PLACE_FILE).read_bytes(), type=Served)
        os.kill(served.pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise ExchangeAway(folder=folder, why=error) from error
    return served


def open_accounts(
    folder: Path, served: Served, accounts: Mapping[str, tuple[str, Mapping[str, Decimal]]]
) -> dict[str, NotTaken]:
    """Open the accounts (key: secret, cash) that are not open there yet; by key, why it took some of them not. ExchangeAway."""
    refused = dict[str, NotTaken]()
    known = msgspec.json.decode(_control(folder, served, "/state"), type=_State).accounts
    for key, (secret, cash) in accounts.items():
        if key not in known:
            balances = {asset: str(amount) for asset, amount in cash.items()}
            try:
                _control(folder, served, "/accounts", {"key": key, "secret": secret, "balances": balances})
            except NotTaken as error:
                refused[key] = error
    return refused


class _State(msgspec.Struct):
    accounts: dict[str, msgspec.Raw]


def _control(folder: Path, served: Served, path: str, body: Mapping[str, object] | None = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    try:
        url, token = f"http://127.0.0.1:{served.control_port}{path}", {TOKEN_HEADER: served.token}
        with urllib.request.urlopen(urllib.request.Request(url, data, token), timeout=ANSWER_S) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        kind = NotTaken if error.code == HTTPStatus.BAD_REQUEST else ExchangeAway
        raise kind(folder=folder, why=error.read().decode(errors="replace")[:200]) from error
    except OSError as error:
        raise ExchangeAway(folder=folder, why=error) from error
