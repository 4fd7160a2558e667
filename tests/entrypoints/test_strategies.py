"""Strategy files and commands: texts and Python, made, checked, shown, run, listed with what is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import ROOT
from tests.core.strategies.test_text import CROSS as CROSS_TEXT
from tests.entrypoints.console import Console
from tradepool.core.strategies.text import strategy_of
from tradepool.entrypoints.strategies import TEXT_BYTES_MAX

CROSS = "moving_average_cross"
MINIMAL = "name: minimal\nenter: close > open\nexit: close < open\n"


def written(file: Path, text: str) -> Path:
    """The file, with this text in it."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("flags", [[], ["--python"]])
def test_a_new_strategy_runs_and_its_test_passes(flags: list[str], tmp_path: Path, console: Console) -> None:
    made = console("strategies", "new", "first_try", "--folder", tmp_path, *flags)
    assert made.code == 0, made.err
    file, test_file = map(Path, made.out.split())
    assert file.suffix == (".py" if flags else ".strategy")
    checked = console("strategies", "check", file)
    assert checked.code == 0, checked.err
    for part in (
        "native = reference",
        "no look-ahead",
        "within what a text may take",
        "operations a bar",
        "earlier bars",
    ):
        assert part in checked.out
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test_file)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_new_overwrites_nothing_and_refuses_bad_names(tmp_path: Path, console: Console) -> None:
    console("strategies", "new", "mine", "--folder", tmp_path)
    kept = written(tmp_path / "mine.strategy", "mine")
    again = console("strategies", "new", "mine", "--folder", tmp_path)
    assert (again.code, again.out) == (1, "")
    assert "mine.strategy already exists" in again.err
    assert kept.read_text(encoding="utf-8") == "mine"
    written(tmp_path / "test_other.py", "kept")
    assert "test_other.py already exists" in console("strategies", "new", "other", "--folder", tmp_path).err
    assert not (tmp_path / "other.strategy").exists()
    for name in ("../up", "Mine", "a__b", "a" * 41, "x.y"):
        assert "cannot be the name of a strategy" in console("strategies", "new", name, "--folder", tmp_path).err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.strategy", "test_mine.py", "test_other.py"]


def test_a_text_runs_wherever_python_does(candles: Path, tmp_path: Path, console: Console) -> None:
    file = written(tmp_path / "cross.strategy", CROSS_TEXT)
    flags = ["--candles", candles, "--param", "fast=8", "slow=21", "--json"]
    built_in = console("backtest", CROSS, *flags)
    ran, replayed = console("backtest", file, *flags), console("replay", file, *flags)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["trades"]
    assert ran.out == replayed.out == built_in.out


def test_a_text_is_shown_as_it_can_be_written(tmp_path: Path, console: Console) -> None:
    file = written(tmp_path / "cross.strategy", CROSS_TEXT)
    page = json.loads(console("strategies", "show", file, "--json").out)["strategy"]
    assert strategy_of(page["text"]).rules == strategy_of(CROSS_TEXT).rules
    shown = console("strategies", "show", file).out
    assert all(line.strip() in shown for line in CROSS_TEXT.splitlines())
    assert json.loads(console("strategies", "show", CROSS, "--json").out)["strategy"]["text"] == ""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name: x\nenter: clse > 1", "Line 2, column 8, at `clse > 1`: clse is not known; did you mean close?"),
        (b"name: \xff", "byte 7 is not UTF-8"),
        (b" " * (TEXT_BYTES_MAX + 1), "larger than 80000 bytes"),
        (b"x" * 30_000, "has 30000 characters, more than 20000"),
        (b"", "has no line `name: ...`"),
    ],
)
@pytest.mark.parametrize("command", ["check", "show"])
def test_an_unusable_text_is_one_line(
    command: str, content: bytes, says: str, tmp_path: Path, console: Console
) -> None:
    file = tmp_path / "bad.strategy"
    file.write_bytes(content)
    said = console("strategies", command, file)
    assert (said.code, said.out) == (1, "")
    assert said.err.count("\n") == 1
    assert f"Strategy text {file} cannot be used: " in said.err
    assert says in said.err


def test_a_text_that_is_not_there(tmp_path: Path, console: Console) -> None:
    assert "No such file" in console("strategies", "show", tmp_path / "nowhere.strategy").err
    (tmp_path / "folder.strategy").mkdir()
    assert "Is a directory" in console("strategies", "show", tmp_path / "folder.strategy").err


def test_check_says_what_a_text_could_not_do(tmp_path: Path, console: Console) -> None:
    """Python may take more than a text; that is said, and no fault."""
    file = written(
        tmp_path / "large.py",
        "from tradepool.core.graph.expr import close\nfrom tradepool.core.graph.primitives import lag\n"
        "from tradepool.core.strategies.strategy import Strategy\n\n\n"
        "def strategy():\n    return Strategy('large', 1, close > lag(close, 25_000), close < lag(close, 2))\n",
    )
    found = json.loads(console("strategies", "check", file, "--json").out)
    checks = {item["name"]: item for item in found["checks"]}
    assert checks["limits"] == {
        "name": "limits",
        "ok": True,
        "found": "as a text it would be refused: LooksBackTooFar",
        "remedy": "",
    }
    assert all(item["ok"] for item in checks.values())
    written(file, file.read_text(encoding="utf-8").replace("25_000", "40_000"))
    said = console("strategies", "check", file)
    assert said.code == 1
    assert "at most 30000 bars are tried" in said.out
    assert "1 checks failed (signals)" in said.err


def test_check_notes_a_strategy_that_never_enters(tmp_path: Path, console: Console) -> None:
    file = written(tmp_path / "never.strategy", MINIMAL.replace("close > open", "close > 2 * close"))
    said = console("strategies", "check", file)
    assert said.code == 0
    assert "0 entries" in said.out
    assert "it never enters here" in said.out


def test_the_folder_and_plug_ins_are_listed_and_a_broken_one_harms_nobody(
    candles: Path, tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "strategies"
    written(folder / "minimal.strategy", f"# Up is up.\n{MINIMAL}")
    written(folder / "typo.strategy", MINIMAL.replace("enter", "entr"))
    written(folder / "raises.py", "class Odd(Exception):\n    pass\n\n\nraise Odd('at import')\n")
    written(folder / f"{CROSS}.strategy", MINIMAL)
    install(tmp_path / "site", monkeypatch)
    listed = console("strategies", "list")
    assert listed.code == 0, listed.err
    lines = {line.split()[0]: line for line in reversed(listed.out.splitlines())}
    assert "Up is up." in lines["minimal"]
    assert "is unusable: " in lines["typo"]
    assert "did you mean enter?" in lines["typo"]
    assert "Odd: at import" in lines["raises"]
    assert "Buys what goes up." in lines["installed"]
    assert "package plugged" in lines["installed"]
    assert "cannot be used: ZeroDivisionError" in lines["breaks"]
    assert "built in" in lines[CROSS]
    found = json.loads(console("strategies", "list", "--json").out)
    assert found["origins"]["minimal"] == str(folder / "minimal.strategy")
    assert found["origins"]["installed"] == "package plugged"
    assert [name.split()[0] for name in found["faults"]] == ["typo", "raises", "breaks", CROSS]
    assert "the name is taken by the one from built in" in found["faults"][f"{CROSS} ({folder / CROSS}.strategy)"]
    for name in ("minimal", "installed", CROSS):
        assert console("backtest", name, "--candles", candles, "--json").code == 0
    said = console("backtest", "breaks", "--candles", candles)
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "mend or uninstall the package" in said.err
    assert "did you mean minimal?" in console("strategies", "show", "minimall").err


def install(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with two strategies, one of them broken, as an installer leaves it."""
    written(
        site / "plugged.py",
        "from tradepool.core.graph.expr import close, open_\nfrom tradepool.core.strategies.strategy import Strategy\n\n\n"
        'def good():\n    """Buys what goes up."""\n    return Strategy("installed", 1, close > open_, close < open_)\n\n\n'
        "def bad():\n    return 1 / 0\n",
    )
    information = site / "plugged-1.0.dist-info"
    written(information / "METADATA", "Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    points = "[tradepool.strategies]\ninstalled = plugged:good\nbreaks = plugged:bad\n"
    written(information / "entry_points.txt", points)
    monkeypatch.syspath_prepend(str(site))


def test_the_graph_is_drawn(tmp_path: Path, console: Console) -> None:
    picture = tmp_path / "cross.svg"
    shown = console("strategies", "show", CROSS, "--svg", picture)
    assert "def market_step(" in shown.out
    texts = [item.text for item in ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert {"close", "high", "low", "ema(a, fast)", "ema(a, slow)", "enter", "exit", "stop distance"} <= set(texts)


def test_show_folds_the_rings_of_the_state(console: Console) -> None:
    out = console("strategies", "show", "bollinger_breakout").out
    assert "[0] to [399]" in out
    assert "[17]" not in out
    assert "numbers of state" in out
