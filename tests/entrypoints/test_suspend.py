"""Suspending as a person does it: beside a process that trades, before it, and until it is lifted."""

from __future__ import annotations

import json
import re

from tests.entrypoints.test_start import Place, exchange, place, until
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.domain.deployment import Deployment, Kind
from tradepool.domain.ids import AccountId

__all__ = ["exchange", "place"]


def refusals(place: Place) -> set[tuple[str, str]]:
    """Market and reason of everything that was refused so far."""
    connection = open_store(place.folder / "d" / "tradepool.sqlite")
    books = DatabaseBooks(connection)
    found: set[tuple[str, str]] = {
        (r.market, r.reason) for user in ("ann", "ben") for r in books.refusals(AccountId(f"{user}-main"))
    }
    dispose(connection)
    return found


def test_nothing_is_entered_while_it_is_suspended_and_everything_after(place: Place) -> None:
    assert place("suspend", "list").stdout == "Nothing is suspended.\n"
    said = place("suspend", "churn", "--for", "12h", "--reason", "odd signals")
    assert "strategy churn is suspended until 2" in said.stdout, said.stderr
    place.config(place.text.replace('"ETH/USDT"]\nseed', '"ETH/USDT", "LUNA/USDT"]\nseed'))
    said = place("suspend", "LUNA/USDT", "--reason", "depeg")
    assert said.stdout.startswith("market binance:LUNA/USDT is suspended until it is lifted."), said.stderr
    for words, arguments in (
        ("'12 hours' is no length of time", ("ETH/USDT", "--for", "12 hours", "--reason", "x")),
        ("did you mean churn?", ("churm", "--reason", "x")),
        ("did you mean BTC/USDT", ("BTC/USDTT", "--reason", "x")),
        ("--reason", ("churn",)),
        ("a reason, in words", ("churn", "--reason", " ")),
    ):
        said = place("suspend", *arguments)
        assert (said.returncode > 0, said.stdout, words in said.stderr) == (True, "", True), said.stderr
    with place.trading():
        until(lambda: {("binance:BTC/USDT", "suspended"), ("binance:ETH/USDT", "suspended")} <= refusals(place))
        assert place.positions() == []
        code, found = place.status()
        assert code == 0
        assert [(row["name"], row["reason"]) for row in found["suspensions"]] == [
            ("binance:LUNA/USDT", "depeg"),
            ("churn", "odd signals"),
        ]
        place("suspend", "ETH/USDT", "--for", "7d", "--reason", "thin")
        assert place("suspend", "lift", "churn", "--reason", "fine").stdout == "strategy churn may be entered again.\n"
        assert place("suspend", "lift", "churn", "--reason", "x").stdout == "strategy churn was not suspended.\n"
        held = until(place.positions)
        assert {market for each in held for market in each.split()[1:]} == {"binance:BTC/USDT"}
    listed = json.loads(place("suspend", "list", "--json").stdout)["suspensions"]
    assert [(row["name"], row["until"] is None) for row in listed] == [
        ("binance:ETH/USDT", False),
        ("binance:LUNA/USDT", True),
    ]
    assert listed[0]["by"] in place("suspend", "list").stdout
    connection = open_store(place.folder / "d" / "tradepool.sqlite")
    deeds = DatabaseDeployment(connection, Deployment(id=place.id, kind=Kind.PRACTICE)).deeds()
    assert [deed.what for deed in deeds].count("suspend") == 3
    dispose(connection)


def test_what_each_user_paid_is_compared_with_all_who_acted_on_the_signal(place: Place) -> None:
    """Endless liquidity at one price: nobody is worse off, and the report says over how many signals."""
    place.config(re.sub(r"weight = .*", "weight = 0.2", place.text))
    with place.trading():
        until(lambda: json.loads(place("report", "slippage", "--json").stdout)["compared"] > 0)
    found = json.loads(place("report", "slippage", "--json").stdout)
    assert [(row["user"], row["account"]) for row in found["accounts"]] == [("ann", "ann-main"), ("ben", "ben-main")]
    for row in found["accounts"]:
        assert (row["average_bp"], row["worst_bp"], row["signals"]) == (0.0, 0.0, found["compared"])
    assert f"{found['compared']} of {found['signals']} signals" in place("report", "slippage").stdout
