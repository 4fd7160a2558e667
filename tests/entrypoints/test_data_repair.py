"""`data repair` and `data download` whole: a damaged store, filled again by the exchange it came from."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.entrypoints.downloading import SERIES, exchange
from tests.simexchange.exchange_kit import MINUTE, START
from tradepool.adapters.candle_store.layout import row_of
from tradepool.adapters.candle_store.store import FileStore
from tradepool.adapters.exchanges.transport import Transport
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.entrypoints.data_check import checked
from tradepool.entrypoints.data_download import downloaded
from tradepool.entrypoints.data_repair import repaired
from tradepool.ports.candles import Series
from tradepool.simexchange.tls import make_tls_files

COUNT = 3_000
NEVER = set(range(2_000, 2_010))


@contextmanager
def served(folder: Path) -> Iterator[tuple[Transport, Bars]]:
    """An exchange in a thread of its own, the way there, and all it has."""
    files = make_tls_files(folder)
    ready, over = threading.Event(), threading.Event()
    found: list[tuple[Transport, Bars]] = []

    async def serve() -> None:
        times = sorted(set(range(COUNT)) - NEVER)
        async with exchange(files, folder / "unused", times) as (place, whole):
            found.append((Transport(ca_file=files.ca_file, loopback_port=place.port), whole))
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield found[0]
    finally:
        over.set()
        thread.join(20)


def same(store: FileStore, wanted: Bars) -> bool:
    """Whether the store holds exactly these."""
    found = store.reader(SERIES).bars()
    return all(np.array_equal(getattr(found, name), getattr(wanted, name)) for name in ("open_time", *COLUMNS))


def spoil(store: FileStore, name: str, number: int) -> None:
    """Write something else where a minute lies."""
    with (store.folder_of(SERIES) / name).open("r+b") as file:
        file.seek(8 * row_of(START + number * MINUTE, MINUTE))
        file.write(b"\x99\x01")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """An empty one."""
    return FileStore(tmp_path / "store")


def test_a_damaged_store_is_filled_again_by_its_exchange(store: FileStore, tmp_path: Path) -> None:
    with served(tmp_path) as (way, whole):
        (row,) = downloaded(store, [SERIES], START, None, way).series
        assert (row.new, row.never_made, row.missing) == (len(whole), len(NEVER), 0)
        assert same(store, whole)
        spoil(store, "low.f64", 1_500)
        told = repaired(store, [str(SERIES)], way, do=False, offline=False)
        assert [(step.what.partition(" (")[0], step.result) for step in told.steps] == [
            ("set a damaged part aside", "")
        ]
        assert checked(store, []).findings[0].weight == "wrong"
        done = repaired(store, [str(SERIES)], way, do=True, offline=False)
        aside, filled = done.steps
        assert Path(aside.result).is_file()
        assert filled.result.endswith("came, 10 never made")
        assert same(store, whole)
        assert {each.weight for each in checked(store, []).findings} <= {"note", "odd"}
        assert repaired(store, [], way, do=True, offline=False).steps == []


def test_a_candle_that_cannot_be_is_set_aside_and_fetched_again(store: FileStore, tmp_path: Path) -> None:
    """It lies in a part that was never sealed, so no checksum tells."""
    with served(tmp_path) as (way, whole):
        downloaded(store, [SERIES], START, None, way)
        (store.folder_of(SERIES) / "sums.u32").write_bytes(b"")
        with (store.folder_of(SERIES) / "high.f64").open("r+b") as file:
            file.seek(8 * row_of(START + 700 * MINUTE, MINUTE))
            file.write(np.array([1.0]).tobytes())
        assert [each.what for each in checked(store, []).findings if each.weight == "wrong"] == [
            "high below low",
            "high below open or close",
        ]
        aside, filled = repaired(store, [], way, do=True, offline=False).steps
        assert "1.0" in Path(aside.result).read_text()
        assert filled.bars == 1
        assert same(store, whole)


def test_a_venue_that_is_not_there_keeps_the_others_from_nothing(store: FileStore, tmp_path: Path) -> None:
    ghost = Series.parse("bybitperp:LINK/USDT@1m")
    with served(tmp_path) as (way, whole):
        downloaded(store, [SERIES], START, None, way)
        for series, numbers in ((SERIES, [5]), (ghost, [1, 2])):
            with store.writer(series) as writer:
                writer.append(Bars(MINUTE, whole.open_time[:9], *(getattr(whole, name)[:9] for name in COLUMNS)), 0)
                writer.drop([START + number * MINUTE for number in numbers])
        ours, theirs = repaired(store, [], way, do=True, offline=False).steps
        assert ours.result == "1 came, 0 never made"
        assert "not done: No venue is called 'bybitperp'" in theirs.result
        assert same(store, whole)
