"""The pool's file: replaced whole or not at all, by one at a time, readable by its owner, and nothing of what is out."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.learning.test_pool import rows
from tradepool.adapters.pool_file.pool_file import FileThere, GatheringAlready, PoolDamaged, PoolFile, export
from tradepool.learning.pool import Pool


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    """In order, categories and features too; nobody else can read it."""
    file, pool = PoolFile(tmp_path / "pool" / "trades.parquet"), Pool.of(rows(200))
    assert (len(file.read()), file.written_ms()) == (0, None)
    with file.gathering():
        file.replace(pool)
    assert file.read().frame.equals(pool.frame)
    assert file.read().grouped("market") == pool.grouped("market")
    assert stat.S_IMODE(file.file.stat().st_mode) == 0o600
    assert (file.written_ms() or 0) > 0


def test_bytes_of_what_is_out_are_out(tmp_path: Path) -> None:
    """A search for every id and pseudonym finds what is in the file, so it would find what is not."""
    file, every = PoolFile(tmp_path / "pool" / "trades.parquet"), rows(100)
    with file.gathering():
        file.replace(Pool.of(every))
    before = file.file.read_bytes()
    assert all(row.id.encode() in before for row in every)
    gone = {row.id for row in every if row.pseudonym != "c"}
    with file.gathering():
        file.replace(file.read().without(gone))
    everything = b"".join(each.read_bytes() for each in file.folder.iterdir())
    assert not any(each.encode() in everything for each in gone)
    assert all(row.id.encode() in everything for row in every if row.id not in gone)


def test_a_gathering_that_was_killed_leaves_the_old_file(tmp_path: Path) -> None:
    """What it had half written is gone with the next one; two at a time are refused."""
    file = PoolFile(tmp_path / "pool" / "trades.parquet")
    with file.gathering():
        file.replace(Pool.of(rows(5)))
        with pytest.raises(GatheringAlready), file.gathering():
            pass
    half = file.folder / "writing.parquet"
    half.write_bytes(file.file.read_bytes()[:300])
    assert len(file.read()) == 5
    with file.gathering():
        assert not half.exists()
    assert len(file.read()) == 5


def test_a_damaged_file_is_said_by_name(tmp_path: Path) -> None:
    """Cut off, of other columns, or no Parquet at all."""
    file = PoolFile(tmp_path / "pool" / "trades.parquet")
    with file.gathering():
        file.replace(Pool.of(rows(5)))
    whole = file.file.read_bytes()
    for content in (whole[:-20], b"nonsense", b""):
        file.file.write_bytes(content)
        with pytest.raises(PoolDamaged, match="delete it"):
            file.read()
    file.file.unlink()
    export(Pool.of(rows(5)).frame.drop("gain_1"), file.file)
    with pytest.raises(PoolDamaged, match="gain_1"):
        file.read()


def test_an_export_writes_over_nothing(tmp_path: Path) -> None:
    """Whatever is there is somebody's."""
    export(Pool.of(rows(3)).frame, tmp_path / "a.parquet")
    with pytest.raises(FileThere):
        export(Pool.of(rows(3)).frame, tmp_path / "a.parquet")
