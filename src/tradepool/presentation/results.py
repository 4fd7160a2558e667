"""The JSON shapes of the commands, field by field (design section 10): what a script may rely on.

Prices, quantities and money are plain decimal strings, times are ISO-8601 in UTC, keys keep their order, and nothing
that changes from run to run (wall-clock figures, paths) is inside: the same input gives the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from tradepool.domain.candle import timeframe_name
from tradepool.domain.ids import MarketId
from tradepool.domain.mandate import Limits
from tradepool.domain.market import Market
from tradepool.domain.order import Refusal
from tradepool.domain.position import Position
from tradepool.domain.trade import Trade
from tradepool.presentation.formats import iso, plain
from tradepool.presentation.strategy_page import ListedStrategy, StrategyPage

SCHEMA = 1
# What holding a position on a perpetual or on margin costs besides, and what no run of ours charges.
NOT_MODELLED = ("funding", "borrowing", "liquidation")
Amounts = dict[str, str]


class MarketUsed(msgspec.Struct, frozen=True):
    """A market as it was traded: its grid, its least order, its costs, and costs of it that nobody counted.

    A backtest of a strategy that shorts makes a `perpetual` of a spot market, of the same grid.
    """

    market: str
    venue: str
    kind: str
    timeframe: str
    price_tick: str
    quantity_step: str
    quantity_min: str
    notional_min: str
    smallest_sell: str
    maker_rate: str
    taker_rate: str
    slippage_bp: int
    not_modelled: list[str]


class TradeRow(msgspec.Struct, frozen=True):
    """One round trip."""

    market: str
    strategy: str
    side: str
    entry_time: str
    entry_price: str
    exit_time: str
    exit_price: str
    quantity: str
    fees: Amounts
    pnl: str
    exit_reason: str


class PositionRow(msgspec.Struct, frozen=True):
    """A position that was still open at the end; `quantity` is what is held, `entry_fee` (on spot in base) taken off.

    `unsellable` says that it is too small to be sold, or to be protected.
    """

    market: str
    strategy: str
    side: str
    entry_time: str
    entry_price: str
    quantity: str
    entry_fee: str
    stop_price: str | None
    unsellable: bool


class LimitsUsed(msgspec.Struct, frozen=True):
    """A mandate's limits; null is no limit, and so is one of the `others` that is not named."""

    order_notional_max: str | None
    daily_loss_max: str | None
    others: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class RefusalRow(msgspec.Struct, frozen=True):
    """A wish that was not carried out."""

    market: str
    time: str
    reason: str


class RunJson(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `backtest` and `replay` print; fees are those of the closed trades and of buying what is still open. How
    entries are ordered is there where it is not at market."""

    schema: int
    strategy: str
    parameters: dict[str, int | float]
    markets: list[MarketUsed]
    bars: int
    start: str
    end: str
    cash: str
    weight: str
    limits: LimitsUsed
    final_equity: str
    fees: Amounts
    trades: list[TradeRow]
    open_positions: list[PositionRow]
    refusals: list[RefusalRow]
    entry: str = "market"
    entry_slippage_max: str = "0"


class DemoUser(msgspec.Struct, frozen=True):
    """One user of a demo: counts, realised profit in the quote asset, and what a commission would be charged on.

    `fees` are all that were paid, those of buying what is still open included: they are the ledger's.
    """

    id: str
    trades: int
    open_positions: int
    pnl: str
    fees: Amounts
    commission_base: str
    ledger_minus_venue: Amounts


class DemoJson(msgspec.Struct, frozen=True):
    """What `demo` prints."""

    schema: int
    seed: int
    candles: int
    users: list[DemoUser]
    orders: int
    fills: int
    refusals: dict[str, int]


class StrategiesJson(msgspec.Struct, frozen=True):
    """What `strategies list` prints: names with summaries and origins, and why one cannot be used."""

    schema: int
    strategies: dict[str, str]
    origins: dict[str, str]
    faults: dict[str, str]


class StrategyCheckJson(msgspec.Struct, frozen=True):
    """What `strategies check` prints."""

    schema: int
    strategy: StrategyPage
    checks: list[Check]
    entries: int


class StrategyJson(msgspec.Struct, frozen=True):
    """What `strategies show` prints."""

    schema: int
    strategy: StrategyPage


class BenchRow(msgspec.Struct, frozen=True):
    """One figure; a ratio above 1 says that ours is better. `note` is empty where there is nothing to add."""

    work: str
    unit: str
    ours: float
    peers: dict[str, float]
    ratio: dict[str, float]
    note: str = ""


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured; `load` is that of the last minute."""

    cpu: str
    flags: list[str]
    cores: int
    load: float


class BenchJson(msgspec.Struct, frozen=True):
    """What `bench` prints."""

    schema: int
    machine: Machine
    rows: list[BenchRow]


class SweptSet(msgspec.Struct, frozen=True):
    """What became of one parameter set; money in the quote asset. `drawdown` is the deepest fall of cash, a share."""

    parameters: dict[str, float]
    final_equity: str
    trades: int
    wins: int
    refusals: int
    drawdown: str


class SweepJson(msgspec.Struct, frozen=True):
    """What `sweep` prints: the sets with the most equity at the end, the best first."""

    schema: int
    strategy: str
    market: str
    kind: str
    bars: int
    start: str
    end: str
    cash: str
    sets: int
    best: list[SweptSet]


class Check(msgspec.Struct, frozen=True):
    """One finding of `doctor`; `remedy` is empty when all is well."""

    name: str
    ok: bool
    found: str
    remedy: str


class DoctorJson(msgspec.Struct, frozen=True):
    """What `doctor` prints."""

    schema: int
    checks: list[Check]


def as_json(shape: msgspec.Struct) -> str:
    """The one line a command writes to standard output.

    >>> as_json(RefusalRow("BTC/USDT", "2024-01-01T00:00:00Z", "daily_loss"))
    '{"market":"BTC/USDT","time":"2024-01-01T00:00:00Z","reason":"daily_loss"}'
    """
    return msgspec.json.encode(shape).decode()


def strategies_json(rows: Sequence[ListedStrategy]) -> StrategiesJson:
    """The list of strategies; of two with one name the first is listed, the other is a fault."""
    usable = [row for row in rows if not row.fault]
    return StrategiesJson(
        schema=SCHEMA,
        strategies={row.name: row.summary for row in usable},
        origins={row.name: row.origin for row in usable},
        faults={f"{row.name} ({row.origin})": row.fault for row in rows if row.fault},
    )


def amounts(values: Mapping[str, Decimal]) -> Amounts:
    """Amounts by asset.

    >>> amounts({"USDT": Decimal("10.50")})
    {'USDT': '10.5'}
    """
    return {asset: plain(amount) for asset, amount in values.items()}


def symbol_of(market: MarketId) -> str:
    """The pair in a market's id.

    >>> symbol_of(MarketId("binance:BTC/USDT"))
    'BTC/USDT'
    """
    return market.partition(":")[2]


def market_used(market: Market, timeframe_ms: int, slippage_bp: int) -> MarketUsed:
    """A market as it was traded."""
    return MarketUsed(
        market=market.symbol,
        venue=market.venue,
        kind=market.kind,
        timeframe=timeframe_name(timeframe_ms),
        price_tick=plain(market.price_tick),
        quantity_step=plain(market.quantity_step),
        quantity_min=plain(market.quantity_min),
        notional_min=plain(market.notional_min),
        smallest_sell=plain(market.smallest_sell),
        maker_rate=plain(market.fees.maker_rate),
        taker_rate=plain(market.fees.taker_rate),
        slippage_bp=slippage_bp,
        not_modelled=list(NOT_MODELLED) if market.fee_in_quote else [],
    )


def fees_by_asset(
    trades: Iterable[Trade], positions: Iterable[Position], markets: Mapping[str, Market]
) -> dict[str, Decimal]:
    """All fees paid, by asset and in its order: of closed trades, and of buying what is still open.

    `markets` are by symbol. On spot a buy pays in base, a sell in quote; elsewhere both pay in quote.
    """
    fees = {asset: Decimal(0) for m in markets.values() for asset in (m.base, m.quote)}
    for trade in trades:
        market = markets[symbol_of(trade.market)]
        fees[market.entry_fee_asset] += trade.entry_fee
        fees[market.quote] += trade.exit_fee
    for position in positions:
        fees[markets[symbol_of(position.market)].entry_fee_asset] += position.entry_fee
    return dict(sorted(fees.items()))


def trade_row(trade: Trade, strategy: str, market: Market) -> TradeRow:
    """One round trip; `side` is that of the entry."""
    fees = {market.base: Decimal(0), market.quote: trade.exit_fee}
    fees[market.entry_fee_asset] += trade.entry_fee
    return TradeRow(
        market=market.symbol,
        strategy=strategy,
        side=trade.side,
        entry_time=iso(trade.entry_time_ms),
        entry_price=plain(trade.entry_price),
        exit_time=iso(trade.exit_time_ms),
        exit_price=plain(trade.exit_price),
        quantity=plain(trade.quantity),
        fees=amounts(fees),
        pnl=plain(trade.pnl),
        exit_reason=trade.exit_reason,
    )


def position_row(position: Position, strategy: str) -> PositionRow:
    """An open position."""
    return PositionRow(
        market=symbol_of(position.market),
        strategy=strategy,
        side="buy" if position.quantity > 0 else "sell",
        entry_time=iso(position.opened_time_ms),
        entry_price=plain(position.average_entry_price),
        quantity=plain(position.quantity),
        entry_fee=plain(position.entry_fee),
        stop_price=_plain_or_none(position.stop_price),
        unsellable=position.unsellable,
    )


def limits_used(limits: Limits) -> LimitsUsed:
    """Limits as text."""
    first = ("order_notional_max", "daily_loss_max")
    others = {name: plain(Decimal(value)) for name, value in limits.named() if name not in first}
    return LimitsUsed(
        _plain_or_none(limits.order_notional_max), _plain_or_none(limits.daily_loss_max), others or msgspec.UNSET
    )


def _plain_or_none(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def refusal_row(refusal: Refusal) -> RefusalRow:
    """A refusal."""
    return RefusalRow(market=symbol_of(refusal.market), time=iso(refusal.time_ms), reason=refusal.reason)


def reasons(refusals: Sequence[Refusal]) -> dict[str, int]:
    """How often each reason was given, in alphabetical order."""
    return dict(sorted(Counter(refusal.reason for refusal in refusals).items()))
