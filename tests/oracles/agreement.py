"""Other engines as oracles: what they find over given bars, what was stored of it, and when we agree.

Prices and equity agree to 1e-9 of their size, trades bar for bar. Rules that make engines comparable, each of which set
them apart once: orders of a close fill at the next open, nothing is decided at the last bar; a stop counts from the open
that was paid and works from that bar on; a bar that opens through it fills at the open; engines trade the edges of our
level, so that nobody enters again after a stop while the level stands; comparisons of bands leave 1e-9 for rounding.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from tradepool.core.backtest.unit_run import UnitResult
from tradepool.core.market.bars import Bars
from tradepool.entrypoints.bench_step_peers import Peer, Request, save
from tradepool.entrypoints.bench_step_work import walk

ENGINES = ("vectorbt", "backtesting")
EXPECTED = Path(__file__).parent / "expected"
SAME = 1e-9
# Long enough for stops to be hit and signals to be given, short enough to store every trade.
BARS = {"cross": 2_000, "reversal": 20_000, "breakout": 2_000}


class Found(msgspec.Struct, frozen=True):
    """Trades as (bar and price of entry, bar and price of exit), and the equity at the last close."""

    trades: list[tuple[int, float, int, float]]
    final_equity: float


def stored(engine: str) -> dict[str, Found]:
    """What was written down of an engine, by strategy."""
    return msgspec.json.decode((EXPECTED / f"{engine}.json").read_bytes(), type=dict[str, Found])


def cash_for(bars: Bars) -> float:
    """Enough for one unit at any price of the series, and little enough that a wrong fee shows in the equity."""
    return 100 * float(bars.close[0])


def fresh(peer: Peer, folder: Path) -> dict[str, Found]:
    """The same, found anew."""
    return {strategy: ask(peer, strategy, walk(bars), folder) for strategy, bars in BARS.items()}


def ask(peer: Peer, strategy: str, bars: Bars, folder: Path) -> Found:
    """What a peer finds over some bars; a `folder` to hand them over in."""
    file = save(bars, folder / f"{len(bars)}.npy")
    answer = peer.ask(Request(work=strategy, bars=file, cash=cash_for(bars), rows=True))
    return Found(answer.rows, answer.final_equity)


def agree(ours: UnitResult, theirs: Found) -> None:
    """Fail unless trades and equity are the same."""
    rows = np.array(theirs.trades).reshape(-1, 4)
    bars, prices = [0, 2], [1, 3]
    assert ours.trades[:, bars].tolist() == rows[:, bars].tolist()
    np.testing.assert_allclose(ours.trades[:, prices], rows[:, prices], rtol=SAME, atol=0.0)
    np.testing.assert_allclose(ours.final_equity, theirs.final_equity, rtol=SAME, atol=0.0)
