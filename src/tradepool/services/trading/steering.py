"""What a person asks of one account, carried out and waited for: close, adopt, release, cancel.

Each ends with a sentence, or with CannotDo and nothing done. The event is journaled before anything is sent, like all.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal

from tradepool.core.account import account_step as step
from tradepool.core.account.by_hand import last_ticks, why_not_close
from tradepool.core.account.slot import Slot
from tradepool.domain.by_hand import ByHand, CloseAsked, PositionAdopted, PositionReleased
from tradepool.domain.command import Cancel
from tradepool.domain.denial import Denial, sentence_of
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import ClientOrderId, MarketId
from tradepool.domain.order import OrderType, Side
from tradepool.ports.clock import Clock
from tradepool.services.trading.account_actor import AccountActor

LOOK_S, WAIT_S = 0.1, 30.0
PERCENT = Decimal(100)


class CannotDo(InvalidInput):
    """Nothing was done: {why}."""


class NotYetDone(TradepoolError):
    """It was asked for and the venue has not answered yet: {what}; look with tradepool positions and tradepool orders."""


class Steering:
    """One account, whose actor and sender run meanwhile. `waits` is the clock that passes while they work."""

    def __init__(
        self,
        actor: AccountActor,
        clock: Clock,
        waits: Clock,
        may_adopt: Callable[[MarketId, Decimal], str] = lambda market, quantity: "",
    ) -> None:
        """`clock` is the venue's: events carry its time. `may_adopt` gives the word why so much of a market may not be
        taken over, or ""."""
        self._actor, self._clock, self._waits, self._may_adopt = actor, clock, waits, may_adopt

    async def close(self, market: MarketId, share: Decimal) -> str:
        """Sell a share of a position, at market; the rest stays protected. CannotDo, NotYetDone."""
        slot = self._slot(market)
        if not 0 < share <= 1:
            raise CannotDo(why=f"a share of {share} is none; give one above 0, at most 1")
        if why := why_not_close(slot, share, self._actor.account.orders):
            raise CannotDo(why=why)
        before = slot.steps()
        await self._do(slot, CloseAsked(time_ms=self._clock.now_ms(), market=market, share=share))
        sold = before - (slot.steps() if slot.held else 0)
        if not sold:
            raise NotYetDone(what=f"the sale on {market}")
        left = slot.market.quantity(slot.steps() if slot.held else 0)
        return f"sold {_text(slot.market.quantity(sold))} {slot.market.base}; {_text(left)} are left{_guarded(slot)}"

    async def adopt(self, market: MarketId, quantity: Decimal | None, stop_percent: Decimal) -> str:
        """Take over what the person bought himself (None: all that is free) at the last close, with a stop so far below.

        CannotDo, NotYetDone, VenueError.
        """
        slot = self._slot(market)
        if why := self._actor.account.flows.quarantine:
            # Whose the coins are that lie there is what nobody can say.
            raise CannotDo(why=f"{sentence_of(Denial.QUARANTINED)} ({why})")
        if slot.held or slot.busy:
            raise CannotDo(why="a position is held there, or on its way; close or release it first")
        if slot.mark <= 0:
            raise CannotDo(why="no candle of that market has been heard yet; ask again after the next")
        if not 0 < stop_percent < PERCENT:
            raise CannotDo(why=f"a stop {stop_percent} percent below is none; give more than 0 and less than 100")
        steps, stop_ticks = await self._free(slot), int(slot.mark * (1 - stop_percent / PERCENT))
        if quantity is not None:
            wanted = int((quantity / slot.market.quantity_step).to_integral_value(ROUND_FLOOR))
            if wanted > steps:
                raise CannotDo(why=f"only {_text(slot.market.quantity(steps))} {slot.market.base} are free there")
            steps = wanted
        worth = steps * stop_ticks * slot.terms[step.UNITS_PER_TICK_STEP]
        if stop_ticks < 1 or steps < slot.terms[step.STEPS_MIN] or worth < slot.terms[step.SMALLEST_SELL]:
            raise CannotDo(
                why=f"{_text(slot.market.quantity(steps))} {slot.market.base} are too small to be sold at that stop"
            )
        self._refuse_too_much(slot, slot.market.quantity(steps))
        event = PositionAdopted(
            time_ms=self._clock.now_ms(),
            market=market,
            quantity=slot.market.quantity(steps),
            price=slot.market.price(slot.mark),
            stop_price=slot.market.price(stop_ticks),
        )
        await self._do(slot, event)
        return f"adopted {_text(event.quantity)} {slot.market.base} at {_text(event.price)}{_guarded(slot)}"

    async def release(self, market: MarketId) -> str:
        """Give a position to its person: its stop is taken back. CannotDo, NotYetDone."""
        slot = self._slot(market)
        if not slot.held:
            raise CannotDo(why="nothing is held there")
        if slot.tied(self._actor.account.orders):
            raise CannotDo(why="an order is on its way there; ask again in a moment")
        quantity = slot.market.quantity(slot.steps())
        price = slot.market.price(last_ticks(slot))
        await self._do(slot, PositionReleased(time_ms=self._clock.now_ms(), market=market, price=price))
        if self._slot(market).held:
            raise NotYetDone(what=f"the cancel of the stop on {market}")
        return f"released {_text(quantity)} {slot.market.base}: they are yours, and nothing protects them"

    async def cancel(self, name: ClientOrderId) -> str:
        """Take an order of ours from the book; not the one that protects a position. CannotDo, NotYetDone."""
        order = self._actor.account.orders.get(name)
        if order is None:
            raise CannotDo(why="that order is not open")
        if order.request.type is not OrderType.MARKET and order.request.side is Side.SELL:
            raise CannotDo(why="it protects a position, or takes its profit; close the position, or release it")
        self._actor.sender.put([Cancel(name, order.request.market)])
        await self._settled(lambda: name not in self._actor.account.orders)
        if name in self._actor.account.orders:
            raise NotYetDone(what="the cancel")
        return f"{name} is not open any more"

    def _slot(self, market: MarketId) -> Slot:
        if market not in self._actor.account.slots:
            raise CannotDo(why=f"{market} is not traded on that account")
        return self._actor.account.slots[market]

    def _refuse_too_much(self, slot: Slot, quantity: Decimal) -> None:
        """A position that is taken over is at stake like one that was entered. CannotDo."""
        account = self._actor.account
        if word := self._may_adopt(slot.market.id, quantity):
            raise CannotDo(why=sentence_of(word))
        held = sum(each.worth() for each in account.slots.values()) * account.quote_unit
        worth = quantity * slot.market.price(slot.mark)
        if held + worth > account.mandate.capital:
            raise CannotDo(
                why=f"{_text(worth)} {account.quote} more is beyond the mandate's capital of "
                f"{_text(account.mandate.capital)}, of which {_text(held)} is at stake; name a smaller --quantity"
            )

    async def _free(self, slot: Slot) -> int:
        """Steps of the base asset that are free at the venue and not ours."""
        balances = {balance.asset: balance.free for balance in await self._actor.gateway.balances()}
        dust = slot.row[step.DUST] * slot.market.base_unit
        free = max(balances.get(slot.market.base, Decimal(0)) - dust, Decimal(0))
        return int((free / slot.market.quantity_step).to_integral_value(ROUND_FLOOR))

    async def _do(self, slot: Slot, event: ByHand) -> None:
        self._actor.post(event)
        await self._settled(lambda: not self._actor.busy and not slot.busy)

    async def _settled(self, done: Callable[[], bool]) -> None:
        until_ms = self._waits.now_ms() + int(WAIT_S * 1_000)
        while True:
            await self._waits.sleep(LOOK_S)
            if done() or self._waits.now_ms() >= until_ms:
                return


def _text(number: Decimal) -> str:
    return format(number.normalize(), "f")


def _guarded(slot: Slot) -> str:
    if not slot.held:
        return ""
    return (
        ", protected"
        if slot.row[step.RESTING]
        else ", its stop is on its way"
        if slot.row[step.STOP]
        else ", without a stop"
    )
