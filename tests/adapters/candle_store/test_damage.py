"""What a kill, a full disk or a bad sector leave: nothing torn, what is damaged named and set aside, the rest usable."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.adapters.candle_store import endless_writer
from tests.adapters.candle_store.kit import MINUTE, SERIES, START, bars_of, held, run_of, stored, values
from tradepool.adapters.candle_store.errors import BrokenBlock, BrokenSeries, StoreUnwritable
from tradepool.adapters.candle_store.layout import BLOCK_ROWS, CORRECTION_DTYPE, FILES, GRID
from tradepool.adapters.candle_store.store import FileStore
from tradepool.adapters.candle_store.writer import SeriesWriter, read_corrections
from tradepool.core.market.bars import COLUMNS
from tradepool.ports.candles import Appended, Series

ROOT = Path(__file__).parents[3]
PIECE = 97


def killed_writer(folder: Path, pieces: int, dice: random.Random) -> int:
    """Run the endless writer in a process of its own and kill it in its work; how many candles it said it had written."""
    command = [sys.executable, "-m", endless_writer.__name__, str(folder)]
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}) as child:
        assert child.stdout is not None
        said = 0
        for _ in range(pieces):
            said = int(child.stdout.readline())
        for _ in range(dice.randrange(20_000)):
            pass
        child.kill()
        rest = child.stdout.read().split()
    assert child.returncode == -signal.SIGKILL
    return int(rest[-1]) if rest and len(rest[-1]) == len(rest[0]) else said


def test_a_killed_writer_tears_nothing(tmp_path: Path, long: bool) -> None:
    """After each kill every candle that is there is whole, what was said to be written is there, and work goes on."""
    dice, said = random.Random(4), 0
    for _ in range(40 if long else 4):
        said = max(said, killed_writer(tmp_path, dice.randint(1, 60), dice))
        before = FileStore(tmp_path).reader(SERIES).bars()
        for number, each in held(before).items():
            assert each == values(number) or (number % PIECE == 0 and each == values(number + 1)), number
        with FileStore(tmp_path).writer(SERIES) as writer:
            found = held(writer.bars())
            assert list(found) == list(range(len(found)))
            assert len(found) >= said
            # The next life starts where a piece begins.
            torn = len(found) % PIECE
            writer.append(run_of(len(found), (PIECE - torn) % PIECE), 0)
            last = (len(found) - 1) // PIECE * PIECE
            writer.append(bars_of([(last, values(last + 1))]), 1)
        reader = FileStore(tmp_path).reader(SERIES)
        found = held(reader.bars())
        assert all(found[n] == values(n + (n % PIECE == 0)) for n in found)
        assert all(reader.broken(block) == "" for block in reader.blocks())
    corrected = {int(time) for time in read_corrections(reader.folder)["time"]}
    assert corrected == {START + number * MINUTE for number in range(0, len(found), PIECE)}


def test_readers_read_while_a_writer_of_another_process_writes(tmp_path: Path, long: bool) -> None:
    """No candle is half there and no block looks damaged, however the reads fall between the writes and the seals."""
    command = [sys.executable, "-m", endless_writer.__name__, str(tmp_path)]
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            old = FileStore(tmp_path).reader(SERIES)
            lengths: set[int] = set()
            reads = 0
            # A disk under load holds the writer up: wait for enough of its work.
            while reads < (2_000 if long else 150) or len(lengths) <= 10:
                reads += 1
                assert child.poll() is None
                for reader in (old, FileStore(tmp_path).reader(SERIES)):
                    bars = reader.bars()
                    lengths.add(len(bars))
                    number = (int(bars.open_time[-2]) - START) // MINUTE
                    if number % PIECE:
                        assert held(bars.slice(len(bars) - 2, len(bars) - 1)) == {number: values(number)}
        finally:
            child.kill()


class Killed(Exception):
    """The process ends here."""


@pytest.mark.parametrize("at", range(1, 12))
def test_a_correction_cut_at_any_write_is_done_or_undone_by_the_next_writer(
    tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every place between two writes of a correction and of a new candle beside it."""
    store = stored(tmp_path, run_of(0, 3))
    writes = 0
    real = os.pwrite

    def dying(file: int, content: bytes, offset: int) -> int:
        nonlocal writes
        writes += 1
        if writes == at:
            raise Killed
        return real(file, content, offset)

    writer = store.writer(SERIES)
    monkeypatch.setattr(os, "pwrite", dying)
    with suppress(Killed):
        writer.append(bars_of([(1, values(9)), (3, values(3))]), 5)
        writer.append(bars_of([(0, values(8))]), 5)
    assert writes == at
    monkeypatch.undo()
    writer._let_go()
    with store.writer(SERIES) as after:
        found = held(after.bars())
    assert found[2] == values(2)
    assert found[1] in (values(1), values(9))
    assert found.get(3) in (None, values(3))
    logged = {int(r["time"]): tuple(r["new"]) for r in read_corrections(store.folder_of(SERIES))}
    for number, old in ((0, values(0)), (1, values(1))):
        assert found[number] == logged.get(START + number * MINUTE, old)


def spoil(path: Path, offset: int) -> None:
    """Turn one bit around."""
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes((byte ^ 4,)))


def two_blocks(folder: Path) -> tuple[FileStore, int]:
    """A store over a block's border, and the number of the first minute of the later block."""
    border = BLOCK_ROWS - (START - 1_262_304_000_000) // MINUTE % BLOCK_ROWS
    return stored(folder, run_of(border - 30, 60)), border


@pytest.mark.parametrize("name", FILES)
def test_a_bad_sector_is_named_set_aside_and_the_rest_is_usable(tmp_path: Path, name: str) -> None:
    store, border = two_blocks(tmp_path)
    folder = store.folder_of(SERIES)
    row = (START - 1_262_304_000_000) // MINUTE + border + 3
    spoil(folder / name, row * (1 if name == "state.u8" else 8))
    reader = store.reader(SERIES)
    with pytest.raises(BrokenBlock, match=f"binance:BTC/USDT@1m are damaged .*{name} differs .*data repair"):
        reader.bars()
    extent = reader.extent()
    assert extent is not None
    with store.writer(SERIES) as writer:
        (bad,) = [block for block in writer.blocks() if writer.broken(block)]
        kept = writer.set_aside(bad, writer.broken(bad))
    assert name in kept.with_name(f"{kept.name}.txt").read_text()
    with np.load(kept) as columns:
        assert len(columns["close_f64"]) == 30
    assert held(store.reader(SERIES).bars()) == held(run_of(border - 30, 30))
    with store.writer(SERIES) as writer:
        assert writer.append(run_of(border, 30), 0) == Appended(new=30)
    assert held(store.reader(SERIES).bars()) == held(run_of(border - 30, 60))


def test_a_writer_that_meets_damage_does_not_seal_it(tmp_path: Path) -> None:
    """A new value in a damaged block sets the block aside first: the damage gets no checksum that says it is sound."""
    store, border = two_blocks(tmp_path)
    row = (START - 1_262_304_000_000) // MINUTE + border + 3
    spoil(store.folder_of(SERIES) / "high.f64", row * 8 + 6)
    with store.writer(SERIES) as writer:
        writer.append(run_of(border + 10, 1), 0)
    assert held(store.reader(SERIES).bars()) == held(run_of(border - 30, 30)) | held(run_of(border + 10, 1))
    assert list((tmp_path / "quarantine").glob("*.npz"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0, 0.5, 0.99999])
def test_a_file_that_was_cut_is_named(tmp_path: Path, name: str, share: float) -> None:
    store, border = two_blocks(tmp_path)
    path = store.folder_of(SERIES) / name
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(BrokenBlock, match=name):
        store.reader(SERIES).bars()
    with store.writer(SERIES) as writer:
        for block in [block for block in writer.blocks() if writer.broken(block)]:
            writer.set_aside(block, writer.broken(block))
    with store.writer(SERIES) as writer:
        writer.append(run_of(border - 30, 60), 0)
    assert held(store.reader(SERIES).bars()) == held(run_of(border - 30, 60))


@pytest.mark.parametrize("content", [b"", b"{}", b"[1", b'{"format":9,"series":"binance:BTC/USDT@1m"}'])
def test_a_broken_grid_is_named_and_the_other_series_are_there(tmp_path: Path, content: bytes) -> None:
    other = Series.parse("binance:ETH/USDT@1m")
    store = stored(tmp_path, run_of(0, 3))
    stored(tmp_path, run_of(0, 3), series=other)
    (store.folder_of(SERIES) / GRID).write_bytes(content)
    with pytest.raises(BrokenSeries, match="BTC-USDT/1m"):
        store.reader(SERIES)
    assert store.series() == [other]
    assert len(store.bars(other)) == 3


def test_a_torn_record_of_a_correction_is_no_correction(tmp_path: Path) -> None:
    store = stored(tmp_path, run_of(0, 3), bars_of([(1, values(9))]))
    log = store.folder_of(SERIES) / "corrections.bin"
    with log.open("ab") as file:
        file.write(b"torn")
    store.writer(SERIES).close()
    assert log.stat().st_size == CORRECTION_DTYPE.itemsize


def test_rows_without_values_are_not_taken_for_candles(tmp_path: Path) -> None:
    """A power failure may leave states on the disk and not the values they speak of."""
    store = stored(tmp_path, run_of(0, 3))
    folder = store.folder_of(SERIES)
    with (folder / "state.u8").open("ab") as file:
        file.write(b"\1\1")
    for name in COLUMNS:
        with (folder / f"{name}.f64").open("ab") as file:
            file.write(bytes(16))
    with store.writer(SERIES) as writer:
        assert held(writer.bars()) == held(run_of(0, 3))


def nearly_full_disk(folder: Path) -> None:
    """Files of this process end at 70 MB from now on."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = (folder / "open.f64").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 8 * 10 + 4, resource.RLIM_INFINITY))


def test_a_full_disk_is_named_and_what_was_stored_is_there(tmp_path: Path) -> None:
    store = stored(tmp_path, run_of(0, 3))
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    with store.writer(SERIES) as writer:
        try:
            nearly_full_disk(store.folder_of(SERIES))
            with pytest.raises(StoreUnwritable, match="free space"):
                writer.append(run_of(3, 100), 0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, handler)
    assert held(store.reader(SERIES).bars()) == held(run_of(0, 3))
    with store.writer(SERIES) as writer:
        assert isinstance(writer, SeriesWriter)
        assert writer.append(run_of(3, 100), 0) == Appended(new=100)
    assert held(store.reader(SERIES).bars()) == held(run_of(0, 103))
