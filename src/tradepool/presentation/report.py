"""The text report of one run: what was used, the key figures, the equity, markets, trades, and why there are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

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
    entry_texts,
    fees_text,
    limit_texts,
    minute,
    money,
    percent,
    percent_of,
    plain,
    price_text,
    sparkline,
)
from tradepool.presentation.results import NOT_MODELLED, reasons, symbol_of

CHART_WIDTH = 72
ROWS_SHOWN = 12
FEW_TRADES = 30


def report(run: FinishedRun, title: str) -> RenderableType:
    """The whole page."""
    f = figures(run.trades, run.cash, run.final_equity, run.equity)
    parts: list[RenderableType] = [Text(f"{title} {run.strategy} on {markets_text(run)}", "bold"), used(run), Text()]
    parts += [key_figures(run, f)]
    if len(run.equity):
        line = sparkline(run.equity, CHART_WIDTH)
        low, high = min(run.equity), max(run.equity)
        parts += [Text(), Text(f"equity   {line}", "cyan"), Text(f"         low {low:,.2f}, high {high:,.2f}", "dim")]
    if len(run.markets) > 1:
        parts += [Text(), market_table(run)]
    parts += [Text(), trade_table(run)] if run.trades else [Text(), Text(why_no_trades(run), "yellow")]
    parts += [Text(line) for line in _endnotes(run, f)]
    return Group(*parts)


def markets_text(run: FinishedRun) -> str:
    """One market by name, several by their number."""
    return run.markets[0].symbol if len(run.markets) == 1 else f"{len(run.markets)} markets with one cash"


def used(run: FinishedRun) -> RenderableType:
    """What the run went by: all of it, so that no default stays hidden."""
    values = ", ".join(f"{name}={value}" for name, value in run.values.items())
    rates = ", ".join(sorted({percent_of(market.fees.taker_rate) for market in run.markets}))
    return Text(
        f"candles  {run.bars:,} of {timeframe_name(run.timeframe_ms)},"
        f" {minute(run.start_ms)} to {minute(run.end_ms)} UTC\n"
        + "".join(
            f"market   {market.venue} {market.symbol} {market.kind}: tick {plain(market.price_tick)}, step {plain(market.quantity_step)},"
            f" smallest sell {plain(market.smallest_sell)} {market.quote}\n"
            for market in run.markets
        )
        + f"costs    fee {rates}, slippage {run.slippage_bp} bp on market orders\n"
        f"mandate  weight {plain(run.weight)} of the equity{' in each market' if len(run.markets) > 1 else ''},"
        f" {', '.join([*entry_texts(run.entry), *(limit_texts(run.limits) or ['no limits'])])}\n"
        f"values   {values or 'none'}",
        "dim",
    )


def key_figures(run: FinishedRun, f: Figures) -> Table:
    """The figures, two to a line."""
    quote = run.quote
    table = Table.grid(padding=(0, 3))
    for _ in range(4):
        table.add_column()
    change = percent(f.total_return, signed=True)
    depth = percent(f.max_drawdown) + ("" if len(run.equity) else " (of closed trades)")
    rows = [
        ("start", f"{money(run.cash)} {quote}", "end", f"{money(run.final_equity)} {quote} ({change})"),
        ("trades", f"{f.trades} closed, {len(run.open_positions)} open", "fees", fees_text(run.fees)),
        ("win rate", _share(f.win_rate), "profit factor", _ratio(f)),
        ("max drawdown", depth, "refused", _refusals(run.refusals)),
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


def _refusals(refusals: Sequence[Refusal]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons(refusals).items()) or "none"


def market_table(run: FinishedRun) -> Table:
    """What each market brought, in the mandate's order."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("market", "bars", "trades", "win rate", "pnl", "profit factor", "open", "refused"):
        table.add_column(name, justify="left" if name in ("market", "refused") else "right")
    for market, bars in zip(run.markets, run.bars_each, strict=True):
        trades = [trade for trade in run.trades if symbol_of(trade.market) == market.symbol]
        refused = [refusal for refusal in run.refusals if symbol_of(refusal.market) == market.symbol]
        held = sum(symbol_of(position.market) == market.symbol for position in run.open_positions)
        f, pnl = figures(trades, run.cash, run.cash, ()), sum((trade.pnl for trade in trades), Decimal(0))
        table.add_row(
            market.symbol,
            f"{bars:,}",
            f"{f.trades:,}",
            _share(f.win_rate),
            Text(money(pnl, signed=True), "green" if pnl > 0 else "red" if pnl else ""),
            _ratio(f),
            str(held or "-"),
            _refusals(refused),
        )
    return table


def trade_table(run: FinishedRun) -> Table:
    """The trades; of many, the first and the last."""
    several = len(run.markets) > 1
    table = Table(box=None, header_style="dim", pad_edge=False)
    names = ("entered (UTC)", "side", "price", "left after", "price", "quantity", "pnl", "reason")
    for name in (*(("market",) if several else ()), *names):
        table.add_column(name, justify="left" if name in ("market", "entered (UTC)", "side", "reason") else "right")
    half = ROWS_SHOWN // 2
    if len(run.trades) <= ROWS_SHOWN:
        shown: list[Trade | None] = list(run.trades)
    else:
        shown = [*run.trades[:half], None, *run.trades[-half:]]
    for trade in shown:
        if trade is None:
            table.add_row(f"... {len(run.trades) - 2 * half} more", style="dim")
        else:
            table.add_row(*((symbol_of(trade.market),) if several else ()), *_trade_cells(trade))
    return table


def _trade_cells(trade: Trade) -> Iterator[RenderableType]:
    yield minute(trade.entry_time_ms)
    yield "long" if trade.side is Side.BUY else "short"
    yield price_text(f"{trade.entry_price:f}")
    yield duration(trade.exit_time_ms - trade.entry_time_ms)
    yield price_text(f"{trade.exit_price:f}")
    yield plain(trade.quantity)
    yield Text(money(trade.pnl, signed=True), "green" if trade.pnl > 0 else "red")
    yield trade.exit_reason


def why_no_trades(run: FinishedRun) -> str:
    """The reason a run closed no trade, and what to do about it."""
    if max(run.bars_each) <= run.lookback:
        return (
            f"No trades: the strategy needs {run.lookback} bars before its first signal and there are {max(run.bars_each)}."
            " Use a longer series, or smaller lengths (--param)."
        )
    if not run.signals:
        return "No trades: the strategy never gave an entry signal on these candles. Try other parameters or a longer series."
    if run.open_positions:
        one = len(run.open_positions) == 1
        what = "the one position that was entered is" if one else "the positions that were entered are"
        return f"No closed trades: {what} still open at the end."
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
            f"\nopen: {plain(position.quantity)} {run.by_symbol[symbol_of(position.market)].base} since {minute(position.opened_time_ms)},"
            f" {'bought' if position.quantity > 0 else 'sold'} at {price_text(f'{position.average_entry_price:f}')}, counted at the last close"
            + (", too small to be sold or protected" if position.unsellable else "")
        )
    if run.markets[0].fee_in_quote:
        yield f"\nheld as on a perpetual; not counted: {', '.join(NOT_MODELLED)}."
    if 0 < f.trades < FEW_TRADES:
        yield f"\n{f.trades} trades are few: win rate and profit factor of fewer than {FEW_TRADES} say little."
    yield "\nOne run on past candles is no promise; parameters chosen by its result make it look better than it is."
