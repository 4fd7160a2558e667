"""Books valued at what their venue's markets closed at: a coin that has no price there is named."""

from __future__ import annotations

import json
from contextlib import chdir
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.adapters.candle_store.kit import stored
from tests.entrypoints.commission_kit import at, flowed, live_in, opened
from tests.entrypoints.console import Console, console_of
from tests.entrypoints.test_start import Place, exchange, place
from tests.ledger_kit import Life
from tests.nouns import BTC as TRADED
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.prices import DatabasePrices
from tradepool.core.commission.recorded import Recorded
from tradepool.core.market.bars import Bars
from tradepool.domain.flow import FlowCause
from tradepool.entrypoints import valuing
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import deployed_from

__all__ = ["exchange", "place"]
HOUR_MS = 3_600_000


def test_a_balance_is_worth_what_its_coins_closed_at(place: Place) -> None:
    with chdir(place.folder):
        [name, other] = deployed_from(None).settings.accounts
        with books_open(deployed_from(None)) as connection:
            Life(DatabaseJournal(connection), name).round_trip(100.3)
    told = json.loads(place("ledger", "balance", "--value", "USDT", "--json").stdout)
    held = {asset: Decimal(amount) for asset, amount in told["balances"]["venue"].items()}
    assert told["value"]["unpriced"] == []
    worth = {asset: Decimal(amount) for asset, amount in told["value"]["worth"].items()}
    assert worth.keys() == held.keys() == {"BTC", "USDT"}
    assert worth["USDT"] == held["USDT"]
    assert 1_000 < worth["BTC"] / held["BTC"] < 1_000_000
    assert Decimal(told["value"]["total"]) == worth["BTC"] + worth["USDT"]
    # What was asked for is on record: the same moment is worth the same, with nobody there to ask.
    closed_ms = told["value"]["closed_ms"]["BTC"]
    moment = f"{datetime.fromtimestamp(closed_ms / 1_000, UTC):%Y-%m-%dT%H:%M:%S}"
    again = json.loads(place("ledger", "balance", "--value", "USDT", "--at", moment, "--json").stdout)
    assert again["value"] == told["value"]
    with chdir(place.folder), books_open(deployed_from(None)) as connection:
        Life(DatabaseJournal(connection), other, 2, also="NOSUCH")
    told = json.loads(place("ledger", "balance", "--value", "USDT", "--json").stdout)["value"]
    assert (told["unpriced"], told["total"]) == (["NOSUCH"], None)
    assert "unknown without NOSUCH" in place("ledger", "balance", "--value", "USDT").stdout


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Console:
    """The command line."""
    return console_of(capsys)


def value(run: Console, moment_ms: int) -> dict[str, Any]:
    """What the books are worth at a moment."""
    moment = f"{datetime.fromtimestamp(moment_ms / 1_000, UTC):%Y-%m-%dT%H:%M:%S}"
    told = json.loads(run("ledger", "balance", "--value", "USDT", "--at", moment, "--json").out)
    found: dict[str, Any] = told["value"]
    return found | {"page": run("ledger", "balance", "--value", "USDT", "--at", moment).out}


def test_a_past_moment_is_valued_by_what_is_on_record_and_nobody_is_asked(
    tmp_path: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A close on record or in the candle store, whichever is newer, of the day before; one that is missing is named."""
    file = live_in(tmp_path, run, monkeypatch)
    file.write_text(file.read_text() + f'\n[candles]\nfolder = "{tmp_path / "candles"}"\n')
    monkeypatch.setattr(valuing, "way_to", lambda deployed: pytest.fail("the venue was asked"))
    opened()
    flowed(3, at(20), FlowCause.DEPOSIT, Decimal("0.5"), "BTC")
    moment_ms = at(20) + 3 * HOUR_MS
    told = value(run, moment_ms)
    assert (told["unpriced"], told["total"], "no price of binance:BTC/USDT" in told["page"]) == (["BTC"], None, True)
    recorded = {moment_ms - 2 * HOUR_MS: Recorded(Decimal(59_000), 60), moment_ms: Recorded(Decimal(1))}
    with books_open(deployed_from(None)) as connection:
        DatabasePrices(connection).add({(TRADED.id, minute): price for minute, price in recorded.items()})
    told = value(run, moment_ms)
    assert (told["unpriced"], Decimal(told["worth"]["BTC"])) == ([], Decimal(29_500))
    # It was a minute old at the end of its minute.
    assert told["closed_ms"] == {"BTC": moment_ms - 2 * HOUR_MS}
    closed = [[moment_ms - HOUR_MS], [60_000], [62_000], [60_000], [61_000], [1]]
    stored(tmp_path / "candles", Bars(60_000, np.array(closed[0]), *np.array(closed[1:], float)))
    assert Decimal(value(run, moment_ms)["worth"]["BTC"]) == Decimal(30_500)
    assert value(run, moment_ms - HOUR_MS)["closed_ms"] == {"BTC": moment_ms - 2 * HOUR_MS}
    assert value(run, moment_ms - 2 * HOUR_MS - 1)["unpriced"] == ["BTC"]
    assert value(run, moment_ms + 25 * HOUR_MS)["unpriced"] == ["BTC"]
