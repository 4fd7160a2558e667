"""An entry of ours that the journal does not know, and that no stop was ever placed for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.whole.lives import Lives, tell
from tests.whole.test_faults import place
from tests.whole.test_parity import START_MS
from tradepool.core.strategies.text import strategy_of
from tradepool.domain.denial import Denial
from tradepool.domain.ids import MarketId, client_order_id
from tradepool.entrypoints.replay import Plan, Player, on_our_venue
from tradepool.simexchange.market_model import model_listings
from tradepool.simexchange.records import Kind, NewOrder, Side

__all__ = ["place"]

BAR_MS = 300_000
AAA = MarketId("binance:AAA/USDT")
TREND = """\
name: trend
version: 1

enter: close > sma(20)
exit: close < sma(20)
stop: 3 percent
"""


def test_its_strategys_stop_rests_after_the_next_close(place: Path) -> None:
    (model,) = model_listings(["AAA/USDT"], BAR_MS, START_MS, 200, seed=5)
    user = Player(
        name="ann", strategy=strategy_of(TREND), markets=(AAA,), capital=Decimal(10_000), weight=Decimal("0.4")
    )

    async def story(lives: Lives) -> None:
        (seat,) = lives.seats
        # The journal has a refusal; the life that it does not know of entered.
        async with lives.life(may_enter=lambda request: Denial.HALTED) as first:
            await first.until(lambda: bool(first.platform.books.refusals(seat.account.id)))
            account = first.actors[0].account
            lost = client_order_id(seat.account.number, account.outbox.numbered + 1, account.naming)
        order = NewOrder("AAAUSDT", lost, Side.BUY, Kind.MARKET, account.slots[AAA].market.steps(Decimal(2)), 0, 0)
        lives.venue.place(lives.venue.account(seat.credentials.key), order)
        async with lives.life(epoch=1) as second:
            slot = second.actors[0].account.slots[AAA]
            assert (slot.held, slot.stops, lives.naked(seat)) == (True, [], True)
            await second.bars(1)
            assert (slot.held, len(slot.stops), lives.naked(seat)) == (True, 1, False)
            (position,) = second.actors[0].account.positions()
            assert position.stop_price is not None
            away = (position.average_entry_price - position.stop_price) / slot.market.price(slot.mark)
            assert round(away, 3) == Decimal("0.03")

    tell(Plan(listings=[on_our_venue(model)], players=[user]), place, story)
