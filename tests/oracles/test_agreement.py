"""vectorbt and backtesting find the trades and the equity that we find.

The short form compares with what they said when `regenerate.py` last ran. The long form has them say it again, in
environments of their own (one that cannot be installed is a failure), and adds longer and recorded series.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Series
from tests.oracles.agreement import BARS, ENGINES, Found, agree, ask, cash_for, fresh, stored
from tradepool.adapters.candle_files.read import open_candles
from tradepool.core.backtest.run import run
from tradepool.core.backtest.unit_run import unit_run
from tradepool.core.market.bars import Bars
from tradepool.entrypoints import bench_backtest
from tradepool.entrypoints.bench_step_peers import Peer, environment
from tradepool.entrypoints.bench_step_work import FEE, STRATEGIES, walk

# Of different ages, ticks and holes; on the older ones the next open is often not the last close.
RECORDED = ("BINANCE-BTC-USDT-1h", "BINANCE-XTZ-BTC-1m", "BITFINEX-BTC-USD-1m", "OKXPERP-BTC-USDT-5m")
BARS_MAX = 100_000


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`source`: what was stored of an oracle; in the long form also its word on the same bars, and on other series."""
    if "source" in metafunc.fixturenames:
        long = metafunc.config.getoption("--long")
        metafunc.parametrize("source", ["stored", *(("fresh", "generated", *RECORDED) if long else ())])


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """One oracle after the other."""
    return str(request.param)


@pytest.fixture(scope="module")
def peer(engine: str) -> Iterator[Peer]:
    """Its process; started only where it is asked for."""
    with Peer(engine, environment(engine)) as started:
        yield started


@pytest.fixture
def oracle(
    source: str, engine: str, request: pytest.FixtureRequest, series: Series, tmp_path: Path
) -> dict[str, tuple[Bars, Found]]:
    """For each strategy the bars, and what the engine found over them."""
    if source == "stored":
        return {name: (walk(BARS[name]), found) for name, found in stored(engine).items()}
    peer = request.getfixturevalue("peer")
    if source == "fresh":
        return {name: (walk(BARS[name]), found) for name, found in fresh(peer, tmp_path).items()}
    bars = walk(BARS_MAX) if source == "generated" else open_candles(series(source))[1]
    bars = bars.slice(0, min(len(bars), BARS_MAX))
    return {name: (bars, ask(peer, name, bars, tmp_path)) for name in STRATEGIES}


def test_trades_and_equity_are_the_oracles(oracle: dict[str, tuple[Bars, Found]]) -> None:
    assert set(oracle) == set(STRATEGIES)
    for name, (bars, found) in oracle.items():
        agree(unit_run(STRATEGIES[name], bars, cash_for(bars), FEE), found)


def test_stops_are_hit_in_what_is_stored() -> None:
    """Else nothing of the above would say how a stop fills."""
    for name in ("reversal", "breakout"):
        bars = walk(BARS[name])
        inside = [row for row in stored("vectorbt")[name].trades if row[3] != bars.open[row[2]]]
        assert len(inside) >= 3


def test_a_difference_is_seen() -> None:
    bars, found = walk(BARS["cross"]), stored("vectorbt")["cross"]
    with pytest.raises(AssertionError):
        agree(unit_run(STRATEGIES["cross"], bars, cash_for(bars), FEE * (1 + 1e-4)), found)
    with pytest.raises(AssertionError):
        agree(unit_run(STRATEGIES["cross"], bars, cash_for(bars), FEE), Found(found.trades[1:], found.final_equity))


def test_the_whole_account_part_trades_as_backtesting_does(long: bool) -> None:
    """The same bars in and out, and equities as far apart as whole steps and fees in coins explain."""
    market, bars = bench_backtest.data()
    bars = bars if long else bars.slice(0, 5_000)
    ours = run(bench_backtest.cross(), market, bars, bench_backtest.SETTING)
    assert len(ours.trades) > 50
    bench_backtest.compare(market, bars, ours, bench_backtest.Peer(bars).run())
