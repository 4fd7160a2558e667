"""A slot's row as nouns, a closed Trade or an open Position: the same integers, whether a backtest or an account recorded them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradepool.core.account import account_step as step
from tradepool.core.account.terms import REASONS
from tradepool.domain.ids import AccountId, MandateId, StrategyId
from tradepool.domain.market import Market
from tradepool.domain.order import Side
from tradepool.domain.position import Position
from tradepool.domain.trade import Origin, Trade


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Times in ms, quantities in steps, costs and proceeds in quote units; an exit's fee in quote units, with what
    an entry on spot was charged in quote; an entry's in base units on spot, else in quote units. `side` is 1 for a long,
    -1 for a short, which sells first."""

    entry_time: int
    entry_steps: int
    entry_cost: int
    entry_fee: int
    exit_time: int
    exit_steps: int
    exit_proceeds: int
    exit_fee: int
    exit_reason: int
    side: int

    def trade(self, account: AccountId, strategy_id: StrategyId, market: Market, origin: Origin) -> Trade:
        """The noun; pnl is the change of cash."""
        entry_fee_in_quote = self.entry_fee if market.fee_in_quote else 0
        pnl = self.side * (self.exit_proceeds - self.entry_cost) - self.exit_fee - entry_fee_in_quote
        return Trade(
            account=account,
            strategy_id=strategy_id,
            market=market.id,
            side=Side.BUY if self.side == step.LONG else Side.SELL,
            entry_time_ms=self.entry_time,
            entry_price=average_price(market, self.entry_cost, self.entry_steps),
            exit_time_ms=self.exit_time,
            exit_price=average_price(market, self.exit_proceeds, self.exit_steps),
            quantity=market.quantity(self.entry_steps),
            entry_fee=self.entry_fee * market.entry_fee_unit,
            exit_fee=self.exit_fee * market.quote_unit,
            pnl=pnl * market.quote_unit,
            exit_reason=REASONS[self.exit_reason],
            origin=origin,
        )


def position_of(
    row: list[int], *, account: AccountId, mandate: MandateId, strategy_id: StrategyId, market: Market
) -> Position:
    """The open position of a slot's row."""
    return Position(
        account=account,
        mandate=mandate,
        strategy_id=strategy_id,
        market=market.id,
        quantity=row[step.HOLDING] * market.base_unit,
        average_entry_price=average_price(market, row[step.ENTRY_COST], row[step.ENTRY_STEPS]),
        opened_time_ms=row[step.ENTRY_TIME],
        entry_fee=row[step.ENTRY_FEE] * market.entry_fee_unit,
        stop_price=market.price(row[step.STOP]) if row[step.STOP] else None,
        unsellable=bool(row[step.UNSELLABLE]),
    )


def average_price(market: Market, units: int, steps: int) -> Decimal:
    """Price at which so many steps are worth so many quote units; a single fill's own price, exactly."""
    ticks, rest = divmod(units, steps * market.units_per_tick_step)
    return market.price(ticks) if not rest else units * market.quote_unit / (steps * market.quantity_step)
