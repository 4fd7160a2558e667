"""A mandate that was added by command trades as one of the file does; a pause stops its entries at once."""

from __future__ import annotations

import json
from contextlib import chdir
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

from tests.entrypoints.isolation import Call, calls
from tests.entrypoints.test_start import Place, exchange, place, until
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.domain.ids import AccountId
from tradepool.entrypoints.deployment import deployed_from
from tradepool.entrypoints.keys import keys_but, keys_of
from tradepool.entrypoints.practice import exchange_for
from tradepool.entrypoints.seating import seats_of

__all__ = ["exchange", "place"]


def refused(place: Place, account: str) -> set[str]:
    """Why entries of an account were refused."""
    connection = open_store(place.folder / "d" / "tradepool.sqlite")
    reasons = {str(each.reason) for each in DatabaseBooks(connection).refusals(AccountId(account))}
    dispose(connection)
    return reasons


def mine(place: Place, *command: str) -> list[dict[str, str]]:
    """What cem is shown."""
    said = place(*command, "--json", "--as", "cem")
    assert said.returncode == 0, said.stderr
    (rows,) = (held for held in json.loads(said.stdout).values() if isinstance(held, list))
    return rows


def told(place: Place, call: Call, name: str) -> tuple[int, str, str]:
    """What cem is told of an id; it is left out, as he has typed it himself."""
    said = place(*call.of(name), "--as", "cem", typed=f"{name}\n")
    return said.returncode, said.stdout, said.stderr.replace(name, "ID")


def alike(place: Place, call: Call, name: str) -> bool:
    """Whether cem is told of another's id what he is told of nobody's."""
    return told(place, call, name) == told(place, call, "9z")


def test_added_by_command_it_trades_and_pauses_and_others_do_not_see_it(place: Place, exchange: Path) -> None:
    for command in (
        ("users", "add", "cem"),
        ("accounts", "add", "cem"),
        ("mandates", "add", "cem", "--strategy", "churn.strategy", "--capital", "5000", "--weight", "0.45"),
    ):
        assert place(*command).returncode == 0
    with place.trading() as process:
        until(lambda: any(each.startswith("cem-1") for each in place.positions()))
        until(lambda: any(each.startswith("ann-main") for each in place.positions()))
        until(lambda: mine(place, "orders"))
        assert {row["account"] for row in mine(place, "orders")} <= {"cem-1"}
        assert {row["account"] for row in mine(place, "positions")} <= {"cem-1"}
        assert {row["account"] for row in mine(place, "balance")} == {"cem-1"}
        orders = json.loads(place("orders", "--json").stdout)["orders"]
        others = {"position": "1a", "order": next(row["id"] for row in orders if row["account"] != "cem-1")}
        for call in calls({"position": "", "order": ""}):
            # What is his own, and shown beside, may change between the two.
            until(partial(alike, place, call, others[call.asks_for]))
        limits = json.loads(place("exchange", "limits", "--json").stdout)
        assert limits["live"]
        assert {row["name"]: row["used"] for row in limits["limits"]}["orders of a key in a day"] > 0
        assert "no running platform" not in place("exchange", "limits").stdout
        assert not json.loads(place("exchange", "limits", "mexc", "--json").stdout)["live"]
        # Paused, nothing is entered any more, in a process that runs; what is held is left by its exits.
        assert place("mandates", "pause", "cem-1", "--reason", "on holiday", "--as", "cem").returncode == 0
        until(lambda: "paused" in refused(place, "cem-1"))
        until(lambda: not any(each.startswith("cem-1") for each in place.positions()))
        assert "paused" not in refused(place, "ann-main")
        assert place("mandates", "close", "cem-1").returncode == 0
        assert place("stop").returncode == 0
        assert process.wait(timeout=60) == 0
    assert mine(place, "trades")
    assert not json.loads(place("exchange", "limits", "--json").stdout)["live"]
    # Its account goes on, by a mandate that names what was traded on it: without that no start would take it.
    traded = mine(place, "trades")[0]["market"]
    (other,) = {"BTC/USDT", "ETH/USDT"} - {traded}
    another = ("mandates", "add", "cem", "--strategy", "churn.strategy", "--capital", "5", "--markets")
    said = place(*another, other)
    assert (said.returncode, f"account cem-1 has traded {traded}, so" in said.stderr) == (1, True), said
    code, found = place.status()
    assert (code, {row["account"] for row in found["accounts"]}) == (0, {"ann-main", "ben-main"}), found
    assert place("users", "resume", "cem").returncode == 1
    assert place(*another, other, traded).returncode == 0


def test_an_account_that_the_exchange_does_not_open_keeps_no_other_from_starting(place: Place) -> None:
    with chdir(place.folder):
        found = deployed_from(None)
    ann, ben = found.seats
    seats = [replace(ann, account=ann.account.model_copy(update={"cash": {"USDT": Decimal("1e30")}})), ben]
    found = replace(found, seats=seats, folder=place.folder)
    _, closed = exchange_for(found)
    connection = open_store(found.database)
    rows = DatabaseDeployment(connection, found.deployment)
    taken, refused = seats_of(found.seats, rows, "binance", keys_but(closed, keys_of(found)))
    dispose(connection)
    assert [seat.account.id for seat in taken] == ["ben-main"]
    assert list(refused) == ["ann-main"]
    assert "did not open account ann-main: " in str(refused[ann.account_id])
    assert "USDT cannot be 1E+30" in str(refused[ann.account_id])
