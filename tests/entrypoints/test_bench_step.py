"""The benchmark beside other engines, with the one peer that the development environment holds: nothing is installed."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from rich.console import Console

from tests.oracles.agreement import stored
from tests.tidy.source import imported_names, package_files
from tradepool.entrypoints import bench_step_ours as ours
from tradepool.entrypoints import bench_step_peers
from tradepool.entrypoints.bench import Figure, machine, rows
from tradepool.entrypoints.bench_step import Beside, Work, beside
from tradepool.entrypoints.bench_step_gpu import Assembled, NotAssembled, assemble, assembler, swept_account_ptx
from tradepool.entrypoints.bench_step_peers import Peer, PeerFailed, PeerMissing, Request, environment, folder, save
from tradepool.entrypoints.bench_step_work import CASH, LENGTHS, walk
from tradepool.presentation.bench_page import bench_table
from tradepool.presentation.results import SCHEMA, BenchJson

OURS_AS_PEER = Path(sys.executable)
MANY, FEW = 4_000, 2_000
WORKS = (
    Work(
        "a cross",
        lambda bars: ours.minimal("cross", bars),
        3.5,
        (
            Beside("backtesting", "backtesting", "cross", reach=600.0, bars=FEW, runs=1),
            Beside("vectorbt[rust]", "vectorbt", "own cross", reach=15.0),
        ),
        bars=MANY,
    ),
    Work(
        "an account",
        ours.account_cross,
        10.0,
        (Beside("backtesting", "backtesting", "account cross", bars=MANY),),
        MANY,
    ),
)


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing can be installed; where the environments would be."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("TRADEPOOL_PEERS", str(tmp_path / "peers"))
    return tmp_path / "peers"


def test_rows_hold_what_was_measured_and_say_who_is_missing() -> None:
    missing = {name: f"Peer {name} is not installed: no network." for name in ("vectorbt", "ptxas")}
    found = rows([beside({"backtesting": OURS_AS_PEER}, missing, WORKS)()])
    by_work = {row.work: row for row in found}
    assert [row.work for row in found] == [
        "a bare exponential average",
        "a cross",
        "a cross: backtesting",
        "an account",
        "EMA cross, 4,000 bars, a new process: import",
        "EMA cross, 4,000 bars, a new process: first run",
        "EMA cross, 4,000 bars, a new process: all of it",
        "EMA cross, whole account part: compile, warm process, scalar",
        "EMA cross, whole account part: compile, warm process, lanes",
        "sweep: two threads",
        "live: 1,000 markets x 5 strategies, one call",
        "sweep, whole account part, on a GPU: PTX",
    ]
    assert found[-1].note == missing["ptxas"]
    cross, chain = by_work["a cross"], by_work["a bare exponential average"]
    assert list(cross.peers) == ["backtesting", "reach"]
    assert cross.peers["reach"] == pytest.approx(3.5 * chain.ours / 2.2, rel=1e-2)
    assert by_work["a cross: backtesting"].ours == pytest.approx(cross.ratio["backtesting"], rel=1e-2)
    closed = len(stored("backtesting")["cross"].trades)
    assert f"backtesting {closed} over the first {FEW:,} bars; {missing['vectorbt']}" in cross.note
    assert all(row.ours > 0 and all(value > 0 for value in row.peers.values()) for row in found)


def test_both_account_parts_do_the_same_work(tmp_path: Path) -> None:
    """Their stops are not levelled alike to the last tick, so a few trades may differ, but not the amount of work."""
    bars = walk(MANY)
    with Peer("backtesting", OURS_AS_PEER) as peer:
        theirs = peer.ask(Request(work="account cross", bars=save(bars, tmp_path / "bars.npy"), cash=CASH)).trades
    assert theirs > 50
    assert ours.account_cross(bars)() == pytest.approx(theirs, abs=3)


def test_an_own_run_in_a_new_process_says_what_it_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours.main(save(walk(FEW), tmp_path / "bars.npy"))
    said = json.loads(capsys.readouterr().out)
    assert said["trades"] == len(stored("vectorbt")["cross"].trades)
    assert said["cpu_s"] > 0
    assert said["import_cpu_s"] > 0


def test_a_peer_that_fails_says_why(tmp_path: Path) -> None:
    file = save(walk(FEW), tmp_path / "bars.npy")
    with Peer("backtesting", OURS_AS_PEER) as peer:
        with pytest.raises(PeerFailed, match="gave no answer to nonsense: KeyError: 'nonsense'"):
            peer.ask(Request(work="nonsense", bars=file, cash=CASH))
        with pytest.raises(PeerFailed, match="gave no answer to cross"):
            peer.ask(Request(work="cross", bars=file, cash=CASH))
    with pytest.raises(PeerFailed, match="raptorbt gave no answer to its start: ModuleNotFoundError"):
        Peer("raptorbt", OURS_AS_PEER).__enter__()


def test_what_cannot_be_installed_is_missing_by_name(no_index: Path) -> None:
    with pytest.raises(
        PeerMissing, match=r"Peer raptorbt is not installed: ERROR: No matching distribution .*raptorbt"
    ):
        environment("raptorbt")
    assert not (no_index / "raptorbt" / "tradepool-stamp").exists()


def wheel(version: str, place: Path) -> str:
    """The file of a package `nothing` that holds one empty module."""
    file, told = place / f"nothing-{version}-py3-none-any.whl", f"nothing-{version}.dist-info"
    with ZipFile(file, "w") as made:
        made.writestr("nothing.py", "")
        made.writestr(f"{told}/METADATA", f"Metadata-Version: 2.1\nName: nothing\nVersion: {version}\n")
        made.writestr(
            f"{told}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(f"{told}/RECORD", "")
    return str(file)


def test_an_environment_is_made_once_and_anew_when_its_lock_changes(
    no_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in ("1.0", "2.0"):
        monkeypatch.setitem(bench_step_peers.LOCK, "raptorbt", (wheel(version, tmp_path),))
        python = environment("raptorbt")
        assert python == environment("raptorbt") == no_index / "raptorbt" / "bin" / "python"
        asks = "from importlib.metadata import version; print(version('nothing'))"
        assert subprocess.run([python, "-c", asks], capture_output=True, text=True, check=True).stdout == f"{version}\n"
    assert capsys.readouterr().err.count("making an environment for raptorbt") == 2


def test_environments_are_cached_where_the_system_keeps_such_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADEPOOL_PEERS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert folder() == Path("/somewhere/tradepool/peers")


def test_a_folder_that_cannot_be_written_is_a_missing_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEPOOL_PEERS", "/dev/null/peers")
    with pytest.raises(PeerMissing, match="Not a directory"):
        environment("raptorbt")


def test_a_sweep_has_a_thousand_sets_and_says_on_how_many_a_peer_was_measured(long: bool) -> None:
    assert len(set(LENGTHS)) == 1_000
    assert all(fast < slow for fast, slow in LENGTHS)
    peers = [Beside(name, name, "sweep", bars=FEW, sets=3, runs=1) for name in ("vectorbt", "raptorbt")]
    sweep = Work("a sweep", ours.account_cross, 1.3, tuple(peers), bars=FEW, sets=len(LENGTHS))
    # Only the long form may install something.
    pythons = {item.peer: environment(item.peer) for item in peers} if long else {}
    missing = {} if long else {item.peer: "not here" for item in peers}
    row = rows([beside(pythons, missing | {"ptxas": "not here"}, [sweep])()])[1]
    assert (row.work, row.unit) == ("a sweep", "ns/bar/set")
    assert list(row.peers) == ["vectorbt", "raptorbt", "reach"] if long else ["reach"]
    assert row.note.count("with the first 3 sets") == (2 if long else 0)


def assembler_that(says: str, code: int, place: Path) -> Path:
    """A program that answers as NVIDIA's assembler does."""
    tool = place / "ptxas"
    tool.write_text(f"#!/bin/sh\ncat >/dev/null\ncat <<'END'\n{says}\nEND\nexit {code}\n", encoding="utf-8")
    tool.chmod(0o755)
    return tool


def test_what_the_assembler_says_is_read(tmp_path: Path) -> None:
    said = (
        "ptxas info    : 0 bytes gmem\nptxas info    : Compiling entry function 'unit_run' for 'sm_75'\n"
        "ptxas info    : Function properties for unit_run\n"
        "    16 bytes stack frame, 24 bytes spill stores, 28 bytes spill loads\n"
        "ptxas info    : Used 70 registers, used 0 barriers, 16 bytes cumulative stack size"
    )
    assert assemble("", "a step", assembler_that(said, 0, tmp_path)) == Assembled(70, 16, 24, 28)
    with pytest.raises(NotAssembled, match="PTX of a step was refused by its assembler: line 132; error: no such word"):
        assemble("", "a step", assembler_that("line 132; error: no such word", 255, tmp_path))


def test_ptx_of_the_swept_cross_has_no_contracted_operations() -> None:
    assert ".entry backtest" in swept_account_ptx()
    assert "fma" not in swept_account_ptx()


def test_the_real_assembler_takes_it_without_spills(
    long: bool, no_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it may be installed (the long form); elsewhere its absence has a name."""
    if not long:
        with pytest.raises(PeerMissing, match="ptxas"):
            assembler()
        return
    monkeypatch.undo()
    found = assemble(swept_account_ptx(), "swept cross", assembler())
    assert found.registers > 0
    assert (found.stack, found.spill_stores, found.spill_loads) == (0, 0, 0)


def test_no_module_of_ours_imports_what_runs_in_other_interpreters() -> None:
    peers = "tradepool.entrypoints.peers"
    others = [source for source in package_files() if "/entrypoints/peers/" not in source.path]
    assert [
        source.path for source in others if any(name.startswith(peers) for name in imported_names(source.tree).values())
    ] == []


def test_notes_are_shown_and_names_with_brackets_too() -> None:
    figure = Figure("a work", "ns/bar", 1.0, peers={"vectorbt[rust]": 2.0}, note="raptorbt is not there")
    page = io.StringIO()
    found = BenchJson(schema=SCHEMA, machine=machine(), rows=rows([[figure]]))
    Console(file=page, width=200).print(bench_table(found))
    assert "vectorbt[rust] 2" in page.getvalue()
    assert "a work: raptorbt is not there" in page.getvalue()
