"""Stops and targets that are pairs, over a wire that breaks and lives that end: real gateway, venue and journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.adapters.exchanges.wire_kit import MARKET, Fault, Say
from tests.nouns import signal
from tests.services.trading.test_recovery import Life, play
from tradepool.domain.event import CandlesClosed, OrderRejected
from tradepool.domain.order import OrderStatus, Purpose
from tradepool.simexchange.tls import TlsFiles

OCO = "/api/v3/orderList/oco"
LADDER: dict[str, Any] = {"first_target": 4.0, "second_target": 10.0, "target_share": 0.5}
TWO_PAIRS = ["MARKET FILLED", "STOP_LOSS NEW", "LIMIT_MAKER NEW", "STOP_LOSS NEW", "LIMIT_MAKER NEW"]


def candle(life: Life, **changes: Any) -> None:
    """A candle closes at 100."""
    now = life.at.clock.now_ms() + 1
    wish = signal(MARKET, time_ms=now, close=100.0, high=100.0, **{**LADDER, **changes})
    life.actor.post(CandlesClosed(time_ms=now, signals=(wish,)))


def died(life: Life) -> None:
    """This life is over, with whatever was on its way."""
    for task in life.tasks:
        task.cancel()
    for link in list(life.at.server.links):
        link.drop()


@pytest.mark.parametrize("takes", [False, True])
def test_a_pair_whose_answer_is_lost_rests_once(files: TlsFiles, tmp_path: Path, takes: bool) -> None:
    """Whether the venue had taken it or not."""

    async def story(life: Life) -> None:
        await life.start()
        candle(life)
        await life.still()
        assert life.orders == TWO_PAIRS
        assert [order.status for order in life.actor.account.orders.values()] == [OrderStatus.ACCEPTED] * 4

    play(files, tmp_path, Fault(path=OCO, says=[Say(kind="reset")], takes=takes), story)


def test_a_pair_that_never_left_goes_out_after_a_start_under_its_names(files: TlsFiles, tmp_path: Path) -> None:
    """Both orders in one request, each pair once."""
    fault = Fault(path=OCO, says=[Say(kind="hang")] * 9)

    async def story(life: Life) -> None:
        await life.start()
        candle(life)
        await life.until(lambda: fault.asked == 1)
        died(life)
        wanted = [request.client_order_id for request in life.actor.account.unanswered()]
        assert len(wanted) == 4
        fault.says.clear()
        again = Life(life.at, life.journal)
        await again.start()
        await again.still()
        assert again.orders == TWO_PAIRS
        assert [order.client_id for order in again.at.venue.orders("key")][1:] == wanted
        assert fault.asked == 3
        died(again)

    play(files, tmp_path, fault, story)


def test_a_refusal_that_was_half_heard_is_a_refusal_of_both_after_a_start(files: TlsFiles, tmp_path: Path) -> None:
    """Nothing of it is sent again; what it was to protect is sold."""
    fault = Fault(path=OCO, says=[Say(kind="hang")] * 9)

    async def story(life: Life) -> None:
        await life.start()
        candle(life, second_target=0.0, target_share=1.0)
        await life.until(lambda: fault.asked == 1)
        died(life)
        stop, target = life.actor.account.unanswered()
        refused = OrderRejected(
            time_ms=life.at.clock.now_ms(), client_order_id=stop.client_order_id, reason="would_trigger"
        )
        life.actor.handle(refused)
        assert life.actor.account.unanswered() == [target]
        again = Life(life.at, life.journal)
        await again.start()
        await again.still()
        assert fault.asked == 1
        assert again.orders == ["MARKET FILLED", "MARKET FILLED"]
        assert again.actor.account.positions() == []
        assert again.actor.account.slots[MARKET.id].round_trip().exit_reason > 0
        died(again)

    play(files, tmp_path, fault, story)


def test_who_takes_pairs_off_the_book_needs_no_stream_to_know_that_they_are_gone(
    files: TlsFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer speaks of both orders of a pair: the sale goes out at once, and what it sells is bare for no longer."""

    async def story(life: Life) -> None:
        await life.start()
        candle(life)
        await life.still()
        monkeypatch.setattr(life.at.gateway, "_on_event", lambda event: None)
        life.at.clock.advance_to(life.at.clock.now_ms() + 1)
        candle(life, exposure=0.0, previous_exposure=1.0)
        await life.until(lambda: len(life.orders) == 6)
        gone = [order.replace("NEW", "CANCELED") for order in TWO_PAIRS]
        assert life.orders == [*gone, "MARKET FILLED"]

    play(files, tmp_path, Fault("NONE"), story)


def test_targets_that_were_met_while_nobody_listened_are_booked(files: TlsFiles, tmp_path: Path) -> None:
    """The part is gone, its stop is known to be over, the rest is guarded as before."""

    async def story(life: Life) -> None:
        await life.start()
        candle(life)
        await life.still()
        died(life)
        venue = life.at.venue
        market = venue.market("BTCUSDT")
        market.price = 10_400
        venue._desk.walk(market, 10_400, jumped=False)
        again = Life(life.at, life.journal)
        await again.start()
        await again.still()
        slot = again.actor.account.slots[MARKET.id]
        assert [order.request.purpose for order in again.actor.account.orders.values()] == [
            Purpose.STOP,
            Purpose.TARGET,
        ]
        assert len(slot.guards) == 2
        assert slot.covered(again.actor.account.orders) == slot.steps()
        died(again)

    play(files, tmp_path, Fault("NONE"), story)
