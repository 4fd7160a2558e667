"""The text report of one run: what was used, the key figures, the equity, the trades, and why there are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradepool.domain.candle import timeframe_name
from tradepool.domain.denial import sentence_of
from tradepool.domain.order import Refusal, Side
from tradepool.domain.trade import Trade
from tradepool.presentation.figures import Figures, figures
from tradepool.presentation.finished_run import FinishedRun
from tradepool.presentation.formats import (
    duration,
    fees_text,
    limit_texts,
    minute,
    money,
    percent,
    percent_of,
    plain,
    sparkline,
)
from tradepool.presentation.results import NOT_MODELLED, reasons

CHART_WIDTH = 72
ROWS_SHOWN = 12
FEW_TRADES = 30


def report(run: FinishedRun, title: str) -> RenderableType:
    """The whole page."""
    f = figures(run.trades, run.cash, run.final_equity, run.equity)
    parts: list[RenderableType] = [Text(f"{title} {run.strategy} on {run.market.symbol}", "bold"), used(run), Text()]
    parts += [key_figures(run, f)]
    if len(run.equity):
        line = sparkline(run.equity, CHART_WIDTH)
        low, high = min(run.equity), max(run.equity)
        parts += [Text(), Text(f"equity   {line}", "cyan"), Text(f"         low {low:,.2f}, high {high:,.2f}", "dim")]
    parts += [Text(), trade_table(run)] if run.trades else [Text(), Text(why_no_trades(run), "yellow")]
    parts += [Text(line) for line in _endnotes(run, f)]
    return Group(*parts)


def used(run: FinishedRun) -> RenderableType:
    """What the run went by: all of it, so that no default stays hidden."""
    market = run.market
    values = ", ".join(f"{name}={value}" for name, value in run.values.items())
    return Text(
        f"candles  {run.bars:,} of {timeframe_name(run.timeframe_ms)},"
        f" {minute(run.start_ms)} to {minute(run.end_ms)} UTC\n"
        f"market   {market.venue} {market.symbol} {market.kind}: tick {plain(market.price_tick)}, step {plain(market.quantity_step)},"
        f" smallest sell {plain(market.smallest_sell)} {market.quote}\n"
        f"costs    fee {percent_of(market.fees.taker_rate)}, slippage {run.slippage_bp} bp on market orders\n"
        f"mandate  weight {plain(run.weight)} of the equity, {', '.join(limit_texts(run.limits)) or 'no limits'}\n"
        f"values   {values or 'none'}",
        "dim",
    )


def key_figures(run: FinishedRun, f: Figures) -> Table:
    """The figures, two to a line."""
    quote = run.market.quote
    table = Table.grid(padding=(0, 3))
    for _ in range(4):
        table.add_column()
    change = percent(f.total_return, signed=True)
    depth = percent(f.max_drawdown) + ("" if len(run.equity) else " (of closed trades)")
    rows = [
        ("start", f"{money(run.cash)} {quote}", "end", f"{money(run.final_equity)} {quote} ({change})"),
        ("trades", f"{f.trades} closed, {len(run.open_positions)} open", "fees", fees_text(run.fees)),
        ("win rate", _share(f.win_rate), "profit factor", _ratio(f)),
        ("max drawdown", depth, "refused", _refusals(run)),
    ]
    for row in rows:
        table.add_row(*(Text(cell, "bold" if index % 2 else "dim") for index, cell in enumerate(row)))
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)


def _ratio(f: Figures) -> str:
    if f.profit_factor is not None:
        return f"{f.profit_factor:.2f}"
    return "no losing trade" if f.trades else "-"


def _refusals(run: FinishedRun) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons(run.refusals).items()) or "none"


def trade_table(run: FinishedRun) -> Table:
    """The trades; of many, the first and the last."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("entered (UTC)", "side", "price", "left after", "price", "quantity", "pnl", "reason"):
        table.add_column(name, justify="left" if name in ("entered (UTC)", "side", "reason") else "right")
    half = ROWS_SHOWN // 2
    if len(run.trades) <= ROWS_SHOWN:
        shown: list[Trade | None] = list(run.trades)
    else:
        shown = [*run.trades[:half], None, *run.trades[-half:]]
    for trade in shown:
        if trade is None:
            table.add_row(f"... {len(run.trades) - 2 * half} more", *[""] * 7, style="dim")
        else:
            table.add_row(*_trade_cells(trade))
    return table


def _trade_cells(trade: Trade) -> Iterator[RenderableType]:
    yield minute(trade.entry_time_ms)
    yield "long" if trade.side is Side.BUY else "short"
    yield f"{trade.entry_price:f}"
    yield duration(trade.exit_time_ms - trade.entry_time_ms)
    yield f"{trade.exit_price:f}"
    yield plain(trade.quantity)
    yield Text(money(trade.pnl, signed=True), "green" if trade.pnl > 0 else "red")
    yield trade.exit_reason


def why_no_trades(run: FinishedRun) -> str:
    """The reason a run closed no trade, and what to do about it."""
    if run.bars <= run.lookback:
        return (
            f"No trades: the strategy needs {run.lookback} bars before its first signal and there are {run.bars}."
            " Use a longer series, or smaller lengths (--param)."
        )
    if not run.signals:
        return "No trades: the strategy never gave an entry signal on these candles. Try other parameters or a longer series."
    if run.open_positions:
        return "No closed trades: the one position that was entered is still open at the end."
    if run.refusals:
        counts = reasons(run.refusals)
        most = max(counts, key=lambda reason: counts[reason])
        why = sentence_of(most)
        return f"No trades: {run.signals} entry signals, {len(run.refusals)} refused, mostly {most}: {why}."
    return f"No trades: the {run.signals} entry signals came with the last bar, or their entries were not filled before the end."


def refusal_lines(refusals: Sequence[Refusal]) -> list[str]:
    """Why something was refused, and how often: a line a reason."""
    return [f"refused {count} times, {word}: {sentence_of(word)}" for word, count in reasons(refusals).items()]


def _endnotes(run: FinishedRun, f: Figures) -> Iterator[str]:
    for line in refusal_lines(run.refusals):
        yield f"\n{line}"
    for position in run.open_positions:
        yield (
            f"\nopen: {plain(position.quantity)} {run.market.base} since {minute(position.opened_time_ms)},"
            f" {'bought' if position.quantity > 0 else 'sold'} at {position.average_entry_price:f}, counted at the last close"
            + (", too small to be sold or protected" if position.unsellable else "")
        )
    if run.market.fee_in_quote:
        yield f"\nheld as on a perpetual; not counted: {', '.join(NOT_MODELLED)}."
    if 0 < f.trades < FEW_TRADES:
        yield f"\n{f.trades} trades are few: win rate and profit factor of fewer than {FEW_TRADES} say little."
    yield "\nOne run on past candles is no promise; parameters chosen by its result make it look better than it is."
