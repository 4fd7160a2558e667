"""Books valued at what their venue's markets closed at: a coin that has no price there is named."""

from __future__ import annotations

import json
from contextlib import chdir
from decimal import Decimal

from tests.entrypoints.test_start import Place, exchange, place
from tests.ledger_kit import Life
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import deployed_from

__all__ = ["exchange", "place"]


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
    with chdir(place.folder), books_open(deployed_from(None)) as connection:
        Life(DatabaseJournal(connection), other, 2, also="NOSUCH")
    told = json.loads(place("ledger", "balance", "--value", "USDT", "--json").stdout)["value"]
    assert (told["unpriced"], told["total"]) == (["NOSUCH"], None)
    assert "unknown without NOSUCH" in place("ledger", "balance", "--value", "USDT").stdout
