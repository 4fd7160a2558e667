"""The journal folds to the account: what a size goes by is in the events that are written down."""

from __future__ import annotations

from decimal import Decimal

from tests.nouns import ACCOUNT, BTC, ETH, MANDATE, MINUTE_MS, fill, signal
from tradepool.core.account.account import Account
from tradepool.core.account.slot import with_closes
from tradepool.domain.event import AccountOpened, CandlesClosed, Event, OrderFilled
from tradepool.domain.ids import client_order_id
from tradepool.domain.trade import Origin


def test_an_entry_has_its_size_again_though_a_held_market_had_no_candle_beside_it() -> None:
    """Its last close came from a candle that changed nothing and is not journaled; the entry is sized by it."""
    live, again = (Account(ACCOUNT, MANDATE, [BTC, ETH], Origin.PRACTICE) for _ in range(2))
    journal = list[Event]()

    def take(event: Event) -> None:
        if isinstance(event, CandlesClosed):
            event = with_closes(event, live.slots.values())
        live.apply(event)
        if live.changed:
            journal.append(event)

    plain = {"stop_distance": 0.0}
    take(AccountOpened(time_ms=1, balances=()))
    take(CandlesClosed(time_ms=MINUTE_MS, signals=(signal(BTC, **plain),)))
    bought = live.orders[client_order_id(1, 1)].request.quantity
    take(OrderFilled(fill=fill(quantity=bought, price=Decimal(100), fee=Decimal("0.01"))))
    # BTC doubles, and nothing else happens: nobody writes that down.
    take(CandlesClosed(time_ms=2 * MINUTE_MS, signals=(signal(BTC, close=200.0, previous_exposure=1.0, **plain),)))
    written = len(journal)
    take(CandlesClosed(time_ms=3 * MINUTE_MS, signals=(signal(ETH, **plain),)))
    assert len(journal) == written + 1 == 4
    for event in journal:
        again.apply(event)
    assert again.orders == live.orders
    assert live.orders[client_order_id(1, 2)].request.quantity > bought
