"""`data download` against the simulated exchange over HTTPS: all of it, once, resumed, through faults."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from tests.adapters.exchanges.wire_kit import Say, error
from tests.entrypoints.console import Console
from tests.entrypoints.downloading import SERIES, Place, answer, exchange
from tests.simexchange.exchange_kit import MINUTE, START
from tradepool.adapters.exchanges.ccxt_candles import CandlesNotGiven, CandlesRefused, NoSuchCandles
from tradepool.adapters.exchanges.venues import UnknownVenue
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.domain.candle import UnknownTimeframe
from tradepool.ports.candles import Series, Stretch
from tradepool.simexchange.tls import TlsFiles

HOLES = sorted(set(range(2_500)) - set(range(400, 420)) - {1_000, 1_001} - set(range(2_300, 2_310)))
ROOT = Path(__file__).parents[2]

Story = Callable[[Place, Bars], Awaitable[None]]


def play(files: TlsFiles, folder: Path, times: list[int], story: Story) -> None:
    """Run a story beside an exchange."""

    async def run() -> None:
        async with exchange(files, folder, times) as (place, whole):
            await story(place, whole)

    asyncio.run(asyncio.wait_for(run(), 60))


def same(found: Bars, wanted: Bars) -> bool:
    """Whether two series are one."""
    return all(np.array_equal(getattr(found, name), getattr(wanted, name)) for name in ("open_time", *COLUMNS))


def test_everything_comes_and_what_the_venue_never_made_is_known(files: TlsFiles, tmp_path: Path) -> None:
    async def story(place: Place, whole: Bars) -> None:
        row = await place.download()
        assert same(place.bars(), whole)
        assert (row.new, row.never_made, row.missing, row.refused) == (len(whole), 32, 0, 0)
        reader = place.store.reader(SERIES)
        assert reader.never_made()[1] == Stretch(START + 1_000 * MINUTE, START + 1_002 * MINUTE)
        assert reader.holes() == []
        # Three pages, two of them with gaps and so asked for twice; one pause between two requests.
        assert row.requests == place.fault.asked == 5
        assert place.clock.slept == [0.05] * 4
        assert sum(place.shown) == 2_499
        again = await place.download()
        assert (again.new, again.requests) == (0, 0)

    play(files, tmp_path, HOLES, story)


def test_a_later_download_asks_only_for_what_is_new(files: TlsFiles, tmp_path: Path) -> None:
    async def story(place: Place, whole: Bars) -> None:
        await place.download(end=700)
        assert place.fault.asked == 2
        row = await place.download(end=800)
        assert (row.new, row.requests) == (100, 1)
        assert same(place.bars(), whole.slice(0, 780))

    play(files, tmp_path, HOLES, story)


class CutOff(Exception):
    """The user pressed Ctrl-C."""


def test_what_was_stopped_goes_on_where_it_stopped(files: TlsFiles, tmp_path: Path) -> None:
    def stop(advance: int) -> None:
        if advance:
            raise CutOff

    async def story(place: Place, whole: Bars) -> None:
        with pytest.raises(CutOff):
            await place.download(show=stop)
        assert same(place.bars(), whole.slice(0, 1_000))
        before = place.fault.asked
        row = await place.download()
        assert same(place.bars(), whole)
        assert row.new == len(whole) - 1_000
        assert place.fault.asked - before == row.requests == 3

    play(files, tmp_path, HOLES, story)


@pytest.mark.parametrize(
    "say",
    [
        error(-1003, "Too many requests.", 429),
        error(-1001, "Internal error.", 500),
        Say(502, "<html>bad gateway</html>", content_type="text/html"),
        Say(200, "<html>maintenance</html>", content_type="text/html"),
        Say(200, '[[1700000000000,"1","2"'),
        Say(200, '{"a":1}'),
        Say(kind="reset"),
        Say(kind="cut"),
    ],
    ids=["429", "500", "502", "html", "cut json", "no list", "reset", "cut body"],
)
def test_a_fault_is_waited_out_and_nothing_is_lost(files: TlsFiles, tmp_path: Path, say: Say) -> None:
    async def story(place: Place, whole: Bars) -> None:
        place.fault.says = [say, say]
        row = await place.download()
        assert same(place.bars(), whole)
        assert (row.never_made, place.fault.says) == (32, [])
        assert 0.5 in place.clock.slept

    play(files, tmp_path, HOLES, story)


def test_a_fault_that_stays_is_named_and_what_came_before_is_kept(files: TlsFiles, tmp_path: Path) -> None:
    async def story(place: Place, whole: Bars) -> None:
        await place.download(end=300)
        place.fault.says = [error(-1001, "Internal error.", 500)] * 6
        with pytest.raises(CandlesNotGiven, match="goes on from there"):
            await place.download()
        assert same(place.bars(), whole.slice(0, 300))
        place.fault.says = [error(-1121, "Invalid symbol.")]
        with pytest.raises(CandlesRefused):
            await place.download()

    play(files, tmp_path, HOLES, story)


def test_an_answer_without_any_candle_is_believed_only_where_none_is_known(files: TlsFiles, tmp_path: Path) -> None:
    async def story(place: Place, whole: Bars) -> None:
        await place.download(end=300)
        place.fault.says = [Say(200, "[]"), Say(200, "[]"), Say(200, "[]")]
        row = await place.download(end=600)
        assert (row.requests, row.missing) == (5, 0)
        assert same(place.bars(), whole.slice(0, 580))

    play(files, tmp_path, HOLES, story)


def test_bars_that_an_answer_leaves_out_once_are_not_lost(files: TlsFiles, tmp_path: Path) -> None:
    """The first answer lacks bars that the second one has: they are stored, and none is taken for never made."""

    async def story(place: Place, whole: Bars) -> None:
        place.fault.says = [answer(whole, [*range(100), *range(130, 500)])]
        row = await place.download(end=500)
        assert same(place.bars(), whole.slice(0, 500))
        assert (row.never_made, row.missing) == (0, 0)

    play(files, tmp_path, list(range(600)), story)


def test_an_answer_that_begins_late_proves_nothing(files: TlsFiles, tmp_path: Path) -> None:
    """A venue that only gives the latest candles: what lies before them is missing, not never made."""

    async def story(place: Place, whole: Bars) -> None:
        await place.download(end=100)
        place.fault.says = [answer(whole, range(300, 599))]
        row = await place.download(end=599)
        assert (row.new, row.never_made, row.missing) == (299, 0, 200)
        assert place.store.reader(SERIES).holes() == [Stretch(START + 100 * MINUTE, START + 300 * MINUTE)]
        healed = await place.download(end=599)
        assert (healed.new, healed.missing) == (200, 0)
        assert same(place.bars(), whole.slice(0, 599))

    play(files, tmp_path, list(range(601)), story)


def test_a_candle_that_cannot_be_stays_a_hole(files: TlsFiles, tmp_path: Path) -> None:
    async def story(place: Place, whole: Bars) -> None:
        spoilt = answer(whole, range(100))
        body = json.loads(spoilt.body)
        body[50][3] = "-1"
        place.fault.says = [Say(body=json.dumps(body))]
        row = await place.download(end=100)
        assert (row.new, row.refused, row.missing, row.never_made) == (99, 1, 1, 0)

    play(files, tmp_path, list(range(200)), story)


def test_a_candle_that_the_venue_has_changed_is_corrected(files: TlsFiles, tmp_path: Path) -> None:
    """The last stored bar is asked for again with the next ones."""

    async def story(place: Place, whole: Bars) -> None:
        spoilt = json.loads(answer(whole, range(100)).body)
        spoilt[99][4] = f"{float(spoilt[99][2]):.2f}"
        place.fault.says = [Say(body=json.dumps(spoilt))]
        await place.download(end=100)
        assert not same(place.bars(), whole.slice(0, 100))
        row = await place.download(end=150)
        assert row.corrected == 1
        assert same(place.bars(), whole.slice(0, 150))

    play(files, tmp_path, list(range(200)), story)


def test_holes_that_lie_close_together_are_asked_for_together(files: TlsFiles, tmp_path: Path) -> None:
    """Also when the venue never made bars between them: those are known by then."""
    made = [number for number in range(200) if number != 70]

    async def story(place: Place, whole: Bars) -> None:
        await place.download(end=150)
        with place.store.writer(SERIES) as writer:
            writer.drop([START + number * MINUTE for number in (40, 60, 80)])
        place.shown.clear()
        row = await place.download(end=150)
        assert (row.requests, row.new, row.missing, sum(place.shown)) == (1, 3, 0, 3)
        assert same(place.bars(), whole.slice(0, 149))

    play(files, tmp_path, made, story)


@pytest.mark.parametrize(
    ("address", "refusal", "says"),
    [
        ("binanse:BTC/USDT@1m", UnknownVenue, "did you mean binance"),
        ("binance:BTC/USDC@1m", NoSuchCandles, "did you mean BTC/USDT?"),
        ("binance:BTC/USDT@1w", UnknownTimeframe, "1w for a download"),
    ],
)
def test_what_there_is_not_is_refused_by_name(
    files: TlsFiles, tmp_path: Path, address: str, refusal: type[Exception], says: str
) -> None:
    async def story(place: Place, whole: Bars) -> None:
        with pytest.raises(refusal) as said:
            await place.download(series=Series.parse(address))
        assert says in str(said.value)
        assert place.store.series() == []

    play(files, tmp_path, list(range(10)), story)


CHILD = """
import asyncio, sys
from pathlib import Path
from tradepool.adapters.candle_store.store import FileStore
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.entrypoints.data_download import download_one
from tradepool.ports.candles import Series
from tradepool.runtime.clock import RealClock

async def main(ca_file, port, folder, since, until):
    session = Session(Transport(ca_file=Path(ca_file), loopback_port=int(port)))
    show = lambda series, advance, total: print(advance, flush=True)
    store, series = FileStore(Path(folder)), Series.parse("binance:BTC/USDT@1m")
    await download_one(store, series, int(since), int(until), session, RealClock(), show)

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_download_that_was_killed_goes_on(files: TlsFiles, tmp_path: Path) -> None:
    """kill -9 of a real process after its first page; the next one asks for the rest alone."""

    async def story(place: Place, whole: Bars) -> None:
        end = START + 2_400 * MINUTE
        command = [CHILD, files.ca_file, place.port, tmp_path, START, end]
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            *(str(each) for each in command),
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        )
        assert child.stdout is not None
        assert [await child.stdout.readline() for _ in range(2)] == [b"0\n", b"1022\n"]
        child.kill()
        assert await child.wait() == -signal.SIGKILL
        assert len(place.bars()) >= 1_000
        kept = len(place.bars())
        row = await place.download(end=2_400)
        assert same(place.bars(), whole.slice(0, 2_400 - 32))
        assert row.new == len(place.bars()) - kept

    play(files, tmp_path, HOLES, story)


def test_the_command_says_what_is_wrong_with_what_was_typed(console: Console) -> None:
    for arguments, says in (
        ((), "Nothing is given to download"),
        (("BTC/USDT",), "is no address of candles"),
        (("binance:BTC/USDT@1m", "--since", "yesterday"), "--since cannot be 'yesterday'"),
        (("binance:BTC/USDT@1m", "--days", "0"), "--days cannot be 0"),
        (("nowhere:BTC/USDT@1m",), "No venue is called 'nowhere'"),
    ):
        said = console("data", "download", *arguments)
        assert (said.code, said.out) == (1, "")
        assert says in said.err
