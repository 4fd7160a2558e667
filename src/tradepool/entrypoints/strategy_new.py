"""`strategies new`: a strategy that runs, to be changed, and the test that goes with it."""

from __future__ import annotations

import re
from pathlib import Path

from tradepool.domain.errors import InvalidInput
from tradepool.entrypoints.strategies import PYTHON_SUFFIX, TEXT_SUFFIX

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
NAME_CHARACTERS_MAX = 40

_TEXT = """\
# Buys when the fast average crosses above the slow one, unless the market has run too far.
# The line above is what `strategies list` says. Every word is explained in docs/guides/strategies.md.
name: {name}
version: 1

parameter fast: 12 from 2 to 200 step 1
parameter slow: 26 from 3 to 400 step 1

let trend = ema(close, slow)

enter: ema(close, fast) crosses above trend and rsi(14) < 70
exit: ema(close, fast) crosses below trend
stop: 2 percent
trail: 3 percent
"""
_PYTHON = '''\
"""{name}, a strategy of our own. Python files are run: only use your own."""

from __future__ import annotations

from tradepool.core.graph.expr import close, crosses_above, crosses_below, parameter
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.indicators.relative_strength_index import rsi
from tradepool.core.strategies.exits import stop_percent, trail_percent
from tradepool.core.strategies.strategy import Strategy


def strategy() -> Strategy:
    """Buys when the fast average crosses above the slow one, unless the market has run too far."""
    fast = ema(close, length=parameter("fast", 12, 2, 200, 1))
    trend = ema(close, length=parameter("slow", 26, 3, 400, 1))
    return Strategy(
        name="{name}",
        version=1,
        enter=crosses_above(fast, trend) & (rsi(length=14) < 70),
        exit=crosses_below(fast, trend),
        exits=stop_percent(2.0) + trail_percent(3.0),
    )
'''
_TEST = '''\
"""What {name} promises; run it with pytest."""

from pathlib import Path

from tradepool.entrypoints.strategy_check import check

FILE = Path(__file__).with_name("{file}")


def test_it_is_sound() -> None:
    """It can be read, does not look ahead, and compiled code computes what plain Python does."""
    assert [item for item in check(FILE).checks if not item.ok] == []


def test_it_trades() -> None:
    """On modelled bars it enters at least once. Say here what yours must do."""
    assert check(FILE).entries > 0
'''


class UnusableName(InvalidInput):
    """{name} cannot be the name of a strategy; use a-z, 0-9 and single _, from a letter, at most {most} characters."""


class AlreadyThere(InvalidInput):
    """{file} already exists and is left as it is; choose another name or folder."""


def new_strategy(name: str, folder: Path, *, python: bool) -> list[Path]:
    """Write the strategy and its test; the files. Raises UnusableName and AlreadyThere, then nothing was written."""
    if not _NAME.fullmatch(name) or len(name) > NAME_CHARACTERS_MAX:
        raise UnusableName(name=repr(name)[:60], most=NAME_CHARACTERS_MAX)
    file = folder / f"{name}{PYTHON_SUFFIX if python else TEXT_SUFFIX}"
    texts = {
        file: (_PYTHON if python else _TEXT).format(name=name),
        folder / f"test_{name}.py": _TEST.format(name=name, file=file.name),
    }
    for path in texts:
        if path.exists():
            raise AlreadyThere(file=path)
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    return list(texts)
