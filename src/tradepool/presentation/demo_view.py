"""How a demo looks while it runs, and when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tradepool.presentation.formats import fees_text, minute, money, plain

BAR_WIDTH = 40
BANNER = "PRACTICE - simulated exchange, play money; no order leaves this machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketNow:
    """A market's last price, and how far it is from where it began (a share)."""

    symbol: str
    price: str
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UserNow:
    """A user at a moment; `holding` are the symbols held, `pnl` counts open positions at the last close."""

    name: str
    mandate: str
    holding: Sequence[str]
    equity: Decimal
    pnl: Decimal
    trades: int
    quote: str
    halted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoNow:
    """A demo at a moment; rates are per second of real time."""

    time_ms: int
    progress: float
    candles: int
    orders: int
    candles_rate: float
    orders_rate: float
    markets: Sequence[MarketNow]
    users: Sequence[UserNow]
    more_users: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UserEnd:
    """A user when it is over; `pnl` is realised."""

    name: str
    mandate: str
    trades: int
    open_positions: int
    pnl: Decimal
    quote: str
    fees: dict[str, Decimal]
    ledger_minus_venue: dict[str, Decimal]


def banner() -> Text:
    """What must be read before anything else."""
    return Text(f" {BANNER} ", "black on yellow")


def frame(now: DemoNow) -> RenderableType:
    """One picture of a running demo."""
    head = Table.grid(padding=(0, 2))
    head.add_row(
        Text(f"{minute(now.time_ms)} UTC", "bold"),
        ProgressBar(total=1.0, completed=now.progress, width=BAR_WIDTH),
        Text(f"{100 * now.progress:3.0f} %"),
        Text(f"{now.candles_rate:,.0f} candles/s, {now.orders_rate:,.0f} orders/s", "dim"),
    )
    title = f"tradepool demo - {now.candles:,} candles, {now.orders:,} orders"
    more = [Text(f"... and {now.more_users} more users", "dim")] if now.more_users else []
    body = Group(head, Text(), _markets(now.markets), Text(), _users(now.users), *more)
    return Group(banner(), Panel(body, title=title, title_align="left", border_style="dim", expand=False))


def _markets(markets: Sequence[MarketNow]) -> Table:
    table = Table.grid(padding=(0, 4))
    table.add_row(
        *(
            Text.assemble(
                (f"{market.symbol} ", "cyan"),
                (f"{market.price} ", "bold"),
                (f"{100 * market.change:+.1f} %", _tone(market.change)),
            )
            for market in markets
        )
    )
    return table


def _users(users: Sequence[UserNow]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("user", "mandate", "holds"):
        table.add_column(name, min_width=16 if name == "holds" else None)
    for name in ("equity", "PnL", "trades"):
        table.add_column(name, justify="right", min_width=10)
    for user in users:
        holds = "stopped" if user.halted else " ".join(symbol.partition("/")[0] for symbol in user.holding) or "-"
        table.add_row(
            Text(user.name, "bold"),
            user.mandate,
            Text(holds, "red" if user.halted else "cyan"),
            f"{money(user.equity)} {user.quote}",
            Text(money(user.pnl, signed=True), _tone(float(user.pnl))),
            str(user.trades),
        )
    return table


def ending(users: Sequence[UserEnd], summary: str) -> RenderableType:
    """The closing table: who traded what, what it cost, and whether the books agree with the venue."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("user", "mandate"):
        table.add_column(name)
    for name in ("trades", "open", "realised PnL", "fees", "ledger - venue"):
        table.add_column(name, justify="right")
    for user in users:
        off = {asset: amount for asset, amount in user.ledger_minus_venue.items() if amount}
        agreed = Text(", ".join(f"{plain(n)} {asset}" for asset, n in off.items()) or "0", "red" if off else "green")
        pnl = Text(f"{money(user.pnl, signed=True)} {user.quote}", _tone(float(user.pnl)))
        fees = fees_text(user.fees)
        table.add_row(
            Text(user.name, "bold"), user.mandate, str(user.trades), str(user.open_positions), pnl, fees, agreed
        )
    return Group(Text(), table, Text(), Text(summary, "dim"))


def next_steps(commands: Sequence[tuple[str, str]]) -> RenderableType:
    """What to try now."""
    table = Table.grid(padding=(0, 3))
    for command, purpose in commands:
        table.add_row(Text(f"  {command}", "bold"), Text(purpose, "dim"))
    return Group(Text("\nNext:"), table)


def _tone(value: float) -> str:
    return "green" if value > 0 else "red" if value < 0 else "dim"
