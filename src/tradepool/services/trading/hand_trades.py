"""A person's own trade at the venue: coins of a position that are gone there leave the position here.

Who wants to sell what our stop holds has to cancel it first, which is heard. So only accounts on which somebody else has
ordered, and positions that nothing holds for us at the venue, are compared with what the venue says is there.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from tradepool.core.account.by_hand import last_ticks
from tradepool.core.account.slot import Slot
from tradepool.domain.by_hand import LotShrunk
from tradepool.domain.ids import MarketId
from tradepool.ports.clock import Clock
from tradepool.runtime import telemetry
from tradepool.services.trading import recovery
from tradepool.services.trading.account_actor import AccountActor

# What an order of ours did may be on its way as a frame.
ON_ITS_WAY_S = 3.0

log = telemetry.logger(__name__)


async def look_for_hand_trades(actor: AccountActor, clock: Clock) -> None:
    """Compare, and shrink what is larger here than there: seen twice, with our own fills asked for in between. VenueError."""
    first = await _short(actor)
    if not first:
        return
    await clock.sleep(ON_ITS_WAY_S)
    await recovery.catch_up(actor, resend=False)
    for market, held in (await _short(actor)).items():
        if market in first:
            price = actor.account.slots[market].market.price(last_ticks(actor.account.slots[market]))
            log.warning("coins of a position were taken away by hand", account=actor.account.account.id, market=market)
            actor.handle(LotShrunk(time_ms=clock.now_ms(), market=market, held=held, price=price))
            actor.on_change(actor)


async def _short(actor: AccountActor) -> dict[MarketId, Decimal]:
    """Positions of which the venue holds less than we do, with what it holds."""
    before = {slot.market.id: slot.steps() for slot in actor.account.slots.values() if _may_be_short(actor, slot)}
    if not before:
        return {}
    there = {balance.asset: balance.total for balance in await actor.gateway.balances()}
    short = dict[MarketId, Decimal]()
    for market, steps in before.items():
        slot = actor.account.slots.get(market)
        if slot is None:
            # Closed meanwhile, on a market that its mandate names no more.
            continue
        held = there.get(slot.market.base, Decimal(0))
        # Only what is quiet still is compared: a fill that was heard meanwhile may be younger than the answer.
        if _may_be_short(actor, slot) and _steps(slot, held) < steps == slot.steps():
            short[market] = held
    return short


def _may_be_short(actor: AccountActor, slot: Slot) -> bool:
    """An entry that rests holds no coins, and a fill of it that is not heard yet only makes more of them."""
    orders = actor.account.orders
    return slot.held and not slot.tied(orders) and (actor.account.foreign is not None or not slot.guards)


def _steps(slot: Slot, amount: Decimal) -> int:
    return int((amount / slot.market.quantity_step).to_integral_value(ROUND_FLOOR))
