"""The drawing of an order's life is the table's; the table lets every order end, and none come back."""

from __future__ import annotations

from tests.tidy.source import ROOT
from tradepool.domain.order import ORDER_LIFE, OrderNews, OrderStatus, order_life_drawing


def test_the_drawing_in_the_docs_is_the_tables() -> None:
    page = (ROOT / "docs" / "ORDERS.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{order_life_drawing()}\n```" in page


def test_what_is_final_hears_nothing_and_all_can_end() -> None:
    assert not any(before.final for before, _ in ORDER_LIFE)
    for status in OrderStatus:
        if not status.final:
            assert {ORDER_LIFE[status, OrderNews.FILLED], ORDER_LIFE[status, OrderNews.CANCELLED]} == {
                OrderStatus.FILLED,
                OrderStatus.CANCELLED,
            }
    reached = {OrderStatus.INTENT, *ORDER_LIFE.values()}
    assert reached == set(OrderStatus)
