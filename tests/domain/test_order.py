"""The life of an order by its rules: what it hears, what becomes of it, and which orders add risk."""

from __future__ import annotations

from itertools import product

from tests.nouns import request
from tradepool.domain.order import ORDER_LIFE, OrderNews, OrderStatus, OrderType, Side, TimeInForce

BECOMES = {
    OrderNews.ACCEPTED: OrderStatus.ACCEPTED,
    OrderNews.REJECTED: OrderStatus.REJECTED,
    OrderNews.FILLED_IN_PART: OrderStatus.ACCEPTED,
    OrderNews.FILLED: OrderStatus.FILLED,
    OrderNews.CANCELLED: OrderStatus.CANCELLED,
}


def test_an_order_becomes_what_its_news_says_and_a_final_one_hears_nothing() -> None:
    """What the venue has can't be refused any more, and is not accepted twice."""
    final = {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED}
    too_late = {OrderNews.ACCEPTED, OrderNews.REJECTED}
    for status, news in product(OrderStatus, OrderNews):
        hears = status is OrderStatus.INTENT or (status is OrderStatus.ACCEPTED and news not in too_late)
        assert ORDER_LIFE.get((status, news)) is (BECOMES[news] if hears else None)
        assert status.final is (status in final)


def test_a_buy_adds_risk_and_a_sale_does_not() -> None:
    assert [request(side=side).adds_risk for side in (Side.BUY, Side.SELL)] == [True, False]


def test_what_takes_at_once_never_rests() -> None:
    limits = [request(type=OrderType.LIMIT, time_in_force=each).takes_at_once for each in TimeInForce]
    assert limits == [False, True, True, False]
    assert [request(type=each).takes_at_once for each in (OrderType.MARKET, OrderType.STOP_LOSS)] == [True, False]
