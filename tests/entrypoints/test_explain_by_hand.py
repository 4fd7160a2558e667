"""A person sells a part of what is held, through us or past us: `explain` has a line for it, and for what follows from it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from tests.core.account.test_account import Story, orders
from tests.entrypoints.test_explain import DAY, climb_of
from tests.entrypoints.test_rungs import KEY
from tests.nouns import ACCOUNT, BTC, ETH
from tradepool.core.backtest.differences import Account, ByHand, Cause
from tradepool.core.ledger.posting import released_entry
from tradepool.domain.by_hand import CloseAsked, PositionReleased
from tradepool.domain.command import RecordRelease
from tradepool.domain.deployment import Mode
from tradepool.domain.order import Purpose
from tradepool.entrypoints.explain import Told, _released, _until
from tradepool.presentation.explain_page import ExplainJson, explain_page
from tradepool.simexchange.records import Kind, NewOrder, Side


@pytest.mark.parametrize("past_us", [True, False])
def test_a_part_that_left_by_hand_is_told(tmp_path: Path, past_us: bool) -> None:
    exact, sold = climb_of(tmp_path, 0), list[Decimal]()

    def sells() -> None:
        (actor,) = exact.lives[-1]._platform.desk.actors
        (slot,) = (each for each in actor.account.slots.values() if each.held)
        sold.append(slot.market.quantity(slot.steps() // 2))
        if not past_us:
            actor.post(CloseAsked(time_ms=exact.clock.now_ms(), market=slot.market.id, share=Decimal("0.5")))
            return
        account, symbol = exact.venue.account(KEY.key), f"{slot.market.base}USDT"
        for stop in slot.stops:
            exact.venue.cancel(account, symbol, client_id=stop, request_id="web_cancel")
        steps = slot.steps() - slot.steps() // 2
        exact.venue.place(account, NewOrder(symbol, "web_sale", Side.SELL, Kind.MARKET, steps, 0, 0))

    exact.stood(Mode.LIVE, 1)
    exact.live(48, sells)
    told = exact.explained()
    (part,) = (row for row in told.differences if row.what == "exit of a part")
    quantity, price = part.happened.split(" at ")
    assert (part.cause, part.detail, part.expected) == ("manual", "released" if past_us else "manual", "none")
    assert abs(Decimal(quantity) - sold[0]) <= Decimal("0.00001")
    assert Decimal(price) > 0
    assert Cause.UNEXPLAINED not in {row.cause for row in told.differences}
    (ended,) = (row for row in told.differences if row.what == "exit price")
    assert ended.cause == "manual"
    # The quantity that was entered is the backtest's, whatever is left of it.
    assert told.differences[0] == part
    page = Console(width=300)
    with page.capture() as shown:
        page.print(explain_page(ExplainJson("ann", DAY, [told])))
    assert "exit of a part" in shown.get()
    assert max(len(word) for word in shown.get().split()) < 26


@pytest.mark.parametrize("ahead_ms", [-500, 500])
def test_what_was_given_is_told_by_the_venues_clock_at_the_price_it_was_asked_at(ahead_ms: int) -> None:
    """Ours is before it or behind it."""
    asked = [
        PositionReleased(time_ms=time_ms + ahead_ms, market=market.id, price=Decimal(price))
        for time_ms, market, price in ((1_000, BTC, 100), (1_000, ETH, 7), (9_000, BTC, 120))
    ]
    given = [released_entry(ACCOUNT.id, RecordRelease(BTC.id, Decimal(1), time_ms), BTC) for time_ms in (1_000, 9_000)]
    assert [(each.time_ms, int(each.price)) for each in _released(asked, given)] == [(1_000, 100), (9_000, 120)]


def test_what_is_left_of_a_lot_was_bought_as_a_whole() -> None:
    """39.96 were left of 40 after the fee, and a person sold half of them; what he did later is not known of yet."""
    story = Story()
    stop = story.enter()
    half = CloseAsked(time_ms=story.time, market=BTC.id, share=Decimal("0.5"))
    story.account.apply(half)
    (sale,) = orders(story.cancelled(stop.client_order_id))
    story.fill(sale, "101.00")
    assert story.account.positions()[0].quantity == Decimal("19.98")
    sold = ByHand(BTC.id, story.time, sale.quantity, Decimal(101), Purpose.MANUAL)
    by_hand = [replace(sold, time_ms=story.time - 1), replace(sold, market=ETH.id), sold]
    told = Told(Account(lots=[], by_hand=by_hand), 0, 0, [], {})
    (lot,) = _until({BTC.id: story.time + 1}, told, story.account).lots
    assert (lot.quantity, lot.entry_price) == (Decimal(40), Decimal(100))
    assert _until({BTC.id: story.time}, told, story.account).by_hand == by_hand[:1]
