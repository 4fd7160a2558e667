"""kill -9 with targets resting: stops and targets are pairs at the venue, in two parts, and nothing of them is lost or doubled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Series
from tests.crash.kill_kit import TABLES, World, world
from tests.crash.test_kill import KILLED, check_books, fates

NAME = "BINANCE-BTC-USDT-5m"


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a path short enough for a socket."""
    return tmp_path_factory.mktemp("k")


def test_frozen_time_leaves_no_trace_of_the_kills(place: Path, series: Series, long: bool) -> None:
    """The books and the venue end as if nothing had happened, byte for byte, but for the numbers of events.

    A pair ends as one: whoever is killed between its two frames asks for the fill, and is not told of the other half's end,
    which follows from it. So there may be an event less, and those after it are numbered otherwise; nothing else differs.
    """
    bars, lives = 3_000 if long else 700, 20 if long else 5
    with world(place / "a", series(NAME), bars, ladder=True) as calm:
        assert calm.live() == 0
        expected, truth = told(calm), calm.state()
    with world(place / "b", series(NAME), bars, ladder=True) as rough:
        assert sum(rough.live(point, count) == KILLED for point, count, _ in fates(31, lives)) == lives
        assert rough.live() == 0
        for table, rows in told(rough).items():
            assert rows == expected[table], table
        assert rough.state() == truth
    kinds = {order["type"] for account in truth["accounts"].values() for order in account["orders"]}
    assert "LIMIT_MAKER" in kinds


def told(here: World) -> dict[str, list[tuple[Any, ...]]]:
    """The books without the numbers of events, and all events but the ends of orders, in whatever order they were heard."""
    books = {table: here.rows(table, {"sequence", "digest"}) for table in TABLES if table != "event"}
    heard = [
        (account, kind, body) for account, _, _, kind, _, body, _ in here.rows("event") if kind != "OrderCancelled"
    ]
    return books | {"event": sorted(heard)}


def test_running_time_loses_and_doubles_nothing(place: Path, series: Series, long: bool) -> None:
    """The venue goes on meanwhile: targets are met and stops are hit while nobody is there."""
    bars, lives = 5_000 if long else 1_200, 20 if long else 5
    with world(place / "w", series(NAME), bars, ladder=True) as running:
        deaths = 0
        for point, count, missed in fates(32, lives):
            if running.live(point, count) == KILLED:
                deaths += 1
                running.bars(missed)
        assert deaths == lives
        assert running.live() == 0
        check_books(running)
