"""Writes a page and a picture for each strategy: `.venv/bin/python docs/images/draw_strategies.py`.

Both follow from the strategy itself and from modelled candles, so the same version gives the same bytes, and a test
sees a page that was not written anew.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tradepool.core.backtest.run import Setting, run
from tradepool.core.graph.expr import Number
from tradepool.core.graph.step import market_step
from tradepool.core.graph.units import PRICE
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import series
from tradepool.core.strategies import catalog
from tradepool.core.strategies.explain import Explainer
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.trade import Trade
from tradepool.presentation.trade_chart import Mark, trade_chart
from tradepool.simexchange.market_model import model_listings

DOCS = Path(__file__).resolve().parent.parent
TIMEFRAME_MS, START_MS, BARS, SEED = 900_000, 1_767_225_600_000, 6_000, 17
SHOWN, BEFORE, LONGEST = 4, 24, 300


def main() -> None:
    """All of them."""
    for path, text in written().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def written() -> dict[Path, str]:
    """Every file and what is in it."""
    (listing,) = model_listings(["BTC/USDT"], TIMEFRAME_MS, START_MS, BARS, SEED)
    files = {}
    for name in catalog.names():
        strategy = catalog.named(name)
        result = run(strategy, listing.market, listing.bars, Setting(Decimal(10_000)))
        files[DOCS / "images" / "strategies" / f"{name}.svg"] = picture(strategy, listing.bars, result.trades)
        files[DOCS / "strategies" / f"{name}.md"] = page(strategy, listing.bars)
    return files


def picture(strategy: Strategy, bars: Bars, trades: tuple[Trade, ...]) -> str:
    """The shortest stretch with so many trades, with the lines of the strategy that are prices."""
    spans = [
        (
            int(np.searchsorted(bars.open_time, first.entry_time_ms)),
            int(np.searchsorted(bars.open_time, last.exit_time_ms)),
        )
        for first, last in zip(trades, trades[SHOWN - 1 :], strict=False)
    ]
    fits = [span for span in spans if span[1] - span[0] + 2 * BEFORE <= LONGEST] or spans
    first, last = max(fits, key=lambda span: min(span[1] - span[0], LONGEST) - max(0, span[1] - span[0] - LONGEST))
    i0, i1 = max(first - BEFORE, 0), min(last + BEFORE, len(bars))
    shown = bars.slice(i0, i1)
    return trade_chart(
        f"{strategy.name}, modelled candles of 15 min", shown, marks(shown, trades), lines(strategy, bars, i0, i1)
    )


def lines(strategy: Strategy, bars: Bars, i0: int, i1: int) -> Mapping[str, NDArray[np.float64]]:
    """What has a word, is a price, and is where the prices are."""
    found = {}
    for expr, word in strategy.words.items():
        if isinstance(expr, Number) and expr.unit == PRICE:
            values = series([expr], bars, values=strategy.values).ravel()[i0:i1]
            middle = float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0
            if 0.9 * bars.low[i0:i1].min() <= middle <= 1.1 * bars.high[i0:i1].max():
                found[word] = values
    return found


def marks(bars: Bars, trades: tuple[Trade, ...]) -> list[Mark]:
    """Entries and exits within the bars."""
    found = []
    for trade in trades:
        for time_ms, price, text in (
            (trade.entry_time_ms, trade.entry_price, "buy"),
            (trade.exit_time_ms, trade.exit_price, trade.exit_reason.value.replace("_", " ")),
        ):
            bar = int(np.searchsorted(bars.open_time, time_ms, side="right")) - 1
            if bars.open_time[0] <= time_ms < bars.close_time(-1):
                found.append(Mark(bar, float(price), text == "buy", text))
    return found


def page(strategy: Strategy, bars: Bars) -> str:
    """What it does in words, its picture, its conditions, protections, parameters and cost."""
    told = inspect.getdoc(import_module(f"tradepool.core.strategies.{strategy.name}").strategy) or ""
    explainer = Explainer(strategy, bars.slice(0, 500))
    step = market_step(strategy.graph, timeframe_ms=TIMEFRAME_MS)
    exits = {
        "stop distance": strategy.exits.stop_distance,
        "trailing distance": strategy.exits.trail_distance,
        "moves by at least": strategy.exits.trail_step,
    }
    warm_up = step.warm_up(strategy.values)
    settled = "never: it remembers from its first bar on" if warm_up is None else f"{warm_up} bars"
    rows = [f"| `{p.name}` | {p.default:g} | {p.low:g} to {p.high:g} | {p.step:g} |" for p in strategy.parameters]
    return "\n".join(
        [
            f"# {strategy.name}",
            "",
            told,
            "",
            f"![Entries and exits on modelled candles](../images/strategies/{strategy.name}.svg)",
            "",
            "## Enters",
            *conditions(strategy, bars),
            "",
            "## Leaves",
            *conditions(replace(strategy, enter=strategy.exit), bars),
            "",
            "## Protections",
            *(f"- {name}: {explainer.told(item)}" for name, item in exits.items() if item.value != 0.0),
            "",
            "## Parameters",
            "| name | default | range | step |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            f"First signal after {step.lookback(strategy.values)} earlier bars of 15 min; a later start gives the same after: {settled}.",
            "",
            "Modelled candles are no market: the picture shows when it acts, not whether it earns. This page and its picture",
            "are written by `docs/images/draw_strategies.py`.",
            "",
        ]
    )


def conditions(strategy: Strategy, bars: Bars) -> list[str]:
    """Each condition of the entry, as a list."""
    rows = Explainer(strategy, bars.slice(0, 2_000)).at(-1).rows
    return [f"{'  ' * row.depth}- {row.text}" for row in rows]


if __name__ == "__main__":
    main()
