"""Contract cases C-119 to C-127: one-cancels-the-other lists and the ws-api's order requests, through ccxt."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from tests.contract.orders_kit import (
    DEEP,
    PAIR,
    Exchange,
    Tell,
    look_up,
    make_venue,
    order,
    tell,
    user_events,
)
from tests.simexchange.exchange_kit import MINUTE, START, Row, flat
from tradepool.simexchange.records import Status

__all__ = ["tell"]

FALLS = [*flat(1), (100, 101, 90, 92), *flat(5, 92)]
RISES = [*flat(1), (100, 110, 99, 108), *flat(5, 108)]
SELL = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "listClientOrderId": "exit",
    "aboveType": "LIMIT_MAKER", "abovePrice": "105", "aboveClientOrderId": "target",
    "belowType": "STOP_LOSS", "belowStopPrice": "95", "belowClientOrderId": "stop",
}  # fmt: skip


async def oco(client: Any, **change: str) -> Any:
    """A target at 105 and a stop at 95 for one BTC, changed as told; an empty value leaves a parameter out."""
    await client.load_markets()
    return await client.private_post_orderlist_oco({name: text for name, text in (SELL | change).items() if text})


def test_an_oco_rests_and_holds_its_coins_once(tell: Tell) -> None:
    """C-119: both orders are open, the coins are held once, and every look-up knows the list."""

    async def story(running: Exchange) -> None:
        client = running.client()
        placed = await oco(client)
        assert (placed["listStatusType"], placed["listOrderStatus"]) == ("EXEC_STARTED", "EXECUTING")
        assert [each["clientOrderId"] for each in placed["orders"]] == ["stop", "target"]
        assert [each["type"] for each in placed["orderReports"]] == ["STOP_LOSS", "LIMIT_MAKER"]
        assert (await client.fetch_balance())["BTC"]["used"] == 1
        assert {each["info"]["orderListId"] for each in await client.fetch_open_orders(PAIR)} == {1}
        common = {name: value for name, value in placed.items() if name != "orderReports"}
        assert await client.private_get_orderlist({"orderListId": 1}) == common
        assert await client.private_get_orderlist({"origClientOrderId": "exit"}) == common
        assert await client.private_get_openorderlist() == [common]
        assert await client.private_get_allorderlist() == [common]
        with pytest.raises(ccxt.pro.OrderNotFound, match="-2013"):
            await client.private_get_orderlist({"orderListId": 2})
        with pytest.raises(ccxt.pro.BadRequest, match="-1102"):
            await client.private_get_orderlist()

    tell(make_venue(), story)


LEGS: list[tuple[list[Row], str, str, str]] = [(RISES, "target", "stop", "105.00"), (FALLS, "stop", "target", "94.99")]


@pytest.mark.parametrize(("rows", "filled", "expired", "price"), LEGS)
def test_one_order_of_a_list_trades(tell: Tell, rows: list[Row], filled: str, expired: str, price: str) -> None:
    """C-120: the order that is reached trades, the other expires before it, the list is done, nothing is held."""

    async def story(running: Exchange) -> None:
        client = running.client()
        seen = await user_events(running, client)
        await oco(client)
        running.venue.step_bars(2)
        assert (await look_up(client, filled))["info"]["status"] == "FILLED"
        assert (await look_up(client, expired))["info"]["status"] == "EXPIRED"
        trade = (await client.fetch_my_trades(PAIR))[0]["info"]
        assert (trade["price"], trade["orderListId"]) == (price, 1)
        assert (await client.fetch_balance())["BTC"]["used"] == 0
        assert (await client.private_get_orderlist({"orderListId": 1}))["listOrderStatus"] == "ALL_DONE"
        assert await client.private_get_openorderlist() == []
        told = [
            (each.get("c"), each.get("x"), each.get("l")) for each in seen if each["e"] != "outboundAccountPosition"
        ]
        assert [(name, what) for name, what, _ in told if name != "OCO"] == [
            ("stop", "NEW"), ("target", "NEW"), (expired, "EXPIRED"), (filled, "TRADE"),
        ]  # fmt: skip
        assert [status for name, _, status in told if name == "OCO"] == ["EXEC_STARTED", "ALL_DONE"]
        assert told[-1][2] == "ALL_DONE"

    tell(make_venue(rows), story)


def test_a_list_is_told_in_full(tell: Tell) -> None:
    """C-121: listStatus names the list, both orders and their client ids; orders carry the list's id."""

    async def story(running: Exchange) -> None:
        client = running.client()
        seen = await user_events(running, client)
        await oco(client)
        await running.until(lambda: len(seen) == 4)
        assert [each["g"] for each in seen if each["e"] == "executionReport"] == [1, 1]
        event = next(each for each in seen if each["e"] == "listStatus")
        orders = [{"s": "BTCUSDT", "i": 1, "c": "stop"}, {"s": "BTCUSDT", "i": 2, "c": "target"}]
        assert event == {
            "e": "listStatus", "E": START, "s": "BTCUSDT", "g": 1, "c": "OCO", "l": "EXEC_STARTED", "L": "EXECUTING",
            "r": "NONE", "C": "exit", "T": START, "O": orders,
        }  # fmt: skip

    tell(make_venue(), story)


def test_a_partial_fill_ends_the_other_order(tell: Tell) -> None:
    """C-122: a part is enough: the other order expires, what is left of the first waits on and is held for."""

    async def story(running: Exchange) -> None:
        client = running.client()
        await oco(client, quantity="9")
        running.venue.step_bars(2)
        target = await look_up(client, "target")
        assert target["info"]["status"] == "PARTIALLY_FILLED"
        assert (await look_up(client, "stop"))["info"]["status"] == "EXPIRED"
        assert (await client.fetch_balance())["BTC"]["used"] == target["remaining"]
        assert (await client.private_get_orderlist({"orderListId": 1}))["listOrderStatus"] == "EXECUTING"
        await client.cancel_order(target["id"], PAIR)
        assert (await client.private_get_orderlist({"orderListId": 1}))["listOrderStatus"] == "ALL_DONE"
        assert (await client.fetch_balance())["BTC"]["used"] == 0

    tell(make_venue([*flat(1), (100, 105, 100, 104), *flat(5, 104)], depth=DEEP), story)


def test_cancelling_a_list(tell: Tell) -> None:
    """C-123: the list by its id or name, or either of its orders: both end (CANCELED); then it is unknown (-2011)."""

    async def story(running: Exchange) -> None:
        client = running.client()
        await oco(client)
        gone = await client.private_delete_orderlist({"symbol": "BTCUSDT", "listClientOrderId": "exit"})
        assert (gone["listStatusType"], gone["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
        assert [(each["status"], each["origClientOrderId"]) for each in gone["orderReports"]] == [
            ("CANCELED", "stop"), ("CANCELED", "target"),
        ]  # fmt: skip
        for known in ({"listClientOrderId": "exit"}, {"orderListId": 77}):
            with pytest.raises(ccxt.pro.OrderNotFound, match="-2011"):
                await client.private_delete_orderlist({"symbol": "BTCUSDT", **known})
        await oco(client)
        gone = await client.private_delete_order({"symbol": "BTCUSDT", "origClientOrderId": "target"})
        assert (gone["orderListId"], len(gone["orderReports"])) == (2, 2)
        assert {each.status for each in running.venue.orders("key")} == {Status.CANCELED}
        assert (await client.fetch_balance())["BTC"]["used"] == 0

    tell(make_venue(), story)


def test_the_old_way_to_place_a_list(tell: Tell) -> None:
    """C-124: the deprecated order/oco takes a limit and a stop, with a limit of its own or without."""

    async def story(running: Exchange) -> None:
        client = running.client()
        await client.load_markets()
        raw = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "1", "price": "95", "stopPrice": "105"}
        placed = await client.private_post_order_oco(raw)
        assert [each["type"] for each in placed["orderReports"]] == ["LIMIT_MAKER", "STOP_LOSS"]
        assert (await client.fetch_balance())["USDT"]["used"] == Decimal("105.02"), "what the dearer of them may cost"
        limited = {"stopLimitPrice": "106", "stopLimitTimeInForce": "GTC", "stopClientOrderId": "dear"}
        placed = await client.private_post_order_oco(raw | limited)
        assert [each["type"] for each in placed["orderReports"]] == ["LIMIT_MAKER", "STOP_LOSS_LIMIT"]
        assert (await look_up(client, "dear"))["price"] == 106
        with pytest.raises(ccxt.pro.BadRequest, match="stopLimitTimeInForce"):
            await client.private_post_order_oco(raw | {"stopLimitPrice": "106"})

    tell(make_venue(), story)


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"aboveType": "LIMIT"}, "-1158"),
    ({"aboveType": "NONSENSE"}, "-1158"),
    ({"side": "BUY"}, "-1165"),
    ({"belowType": "LIMIT_MAKER", "aboveType": "TAKE_PROFIT"}, "-1166"),
    ({"belowType": "LIMIT_MAKER"}, "-1168"),
    ({"side": "BUY", "aboveType": "STOP_LOSS"}, "-1196"),
    ({"aboveType": "STOP_LOSS"}, "-1197"),
    ({"side": "BUY", "belowType": "TAKE_PROFIT", "aboveType": "TAKE_PROFIT"}, "-1198"),
    ({"belowType": "TAKE_PROFIT"}, "-1199"),
    ({"belowStopPrice": ""}, "-1102"),
    ({"aboveTimeInForce": "GTC"}, "-1106"),
    ({"belowIcebergQty": "0.1"}, "Iceberg orders are not supported for this symbol."),
    ({"abovePrice": "99"}, "The relationship of the prices for the orders is not correct."),
    ({"belowStopPrice": "101"}, "The relationship of the prices for the orders is not correct."),
    ({"abovePrice": "100"}, "The relationship of the prices for the orders is not correct."),
    ({"belowStopPrice": "100"}, "The relationship of the prices for the orders is not correct."),
    ({"quantity": "11"}, "Account has insufficient balance for requested action."),
    ({"quantity": "0.04"}, "NOTIONAL"),
    ({"belowClientOrderId": "target"}, "Duplicate order sent."),
    ({"listClientOrderId": "a b"}, "-1100"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_lists_that_are_refused(tell: Tell, change: dict[str, str], words: str) -> None:
    """C-125: what makes no list is refused with its own code, and nothing is held."""

    async def story(running: Exchange) -> None:
        client = running.client()
        raw = change
        if change.get("side") == "BUY" and "aboveType" not in change:
            raw = change | {"belowType": "TAKE_PROFIT"}
        with pytest.raises(ccxt.pro.ExchangeError, match=words):
            await oco(client, **raw)
        assert (await client.fetch_balance())["BTC"]["used"] == 0

    assert not tell(make_venue(), story).orders("key")


def test_lists_are_paged(tell: Tell) -> None:
    """C-126: allOrderList from an id or within times, the newest first; an id with times is refused (-1128)."""

    async def story(running: Exchange) -> None:
        client = running.client()
        for _ in range(4):
            await oco(client, listClientOrderId="", aboveClientOrderId="", belowClientOrderId="")
            running.venue.step_bars(1)

        async def ids(**params: object) -> list[int]:
            return [each["orderListId"] for each in await client.private_get_allorderlist(params)]

        assert await ids() == [4, 3, 2, 1]
        assert await ids(limit=2) == [4, 3]
        assert await ids(fromId=2, limit=2) == [3, 2]
        assert await ids(startTime=START + MINUTE, endTime=START + 2 * MINUTE) == [3, 2]
        with pytest.raises(ccxt.pro.BadRequest, match="-1128"):
            await ids(fromId=1, startTime=START)

    tell(make_venue(), story)


def test_orders_over_the_ws_api(tell: Tell) -> None:
    """C-127: order.place, status, cancel, open and all orders, trades and account over the ws-api; refusals too."""

    async def story(running: Exchange) -> None:
        client = running.client()
        bought = await client.create_order_ws(PAIR, "market", "buy", Decimal(1), None, {"clientOrderId": "in"})
        assert (bought["status"], bought["average"], bought["clientOrderId"]) == ("closed", Decimal("100.01"), "in")
        rests = await client.create_order_ws(PAIR, "limit", "sell", Decimal(1), Decimal(105))
        assert (await client.fetch_order_ws(rests["id"], PAIR))["status"] == "open"
        assert [each["id"] for each in await client.fetch_open_orders_ws(PAIR)] == [rests["id"]]
        moved = await client.edit_order_ws(rests["id"], PAIR, "limit", "sell", Decimal(1), Decimal(106))
        assert moved["price"] == 106
        assert (await client.cancel_order_ws(moved["id"], PAIR))["status"] == "canceled"
        await order(client, "limit", "sell", "1", "107")
        assert len(await client.cancel_all_orders_ws(PAIR)) == 1
        assert len(await client.fetch_orders_ws(PAIR)) == 4
        assert [each["order"] for each in await client.fetch_my_trades_ws(PAIR)] == [bought["id"]]
        # ccxt reads this answer as another account type's, so what came is looked at.
        told = {each["asset"]: each["free"] for each in (await client.fetch_balance_ws())["info"]["balances"]}
        assert told["BTC"] == "10.99900000"
        with pytest.raises(ccxt.pro.InsufficientFunds):
            await client.create_order_ws(PAIR, "market", "sell", Decimal(99))
        with pytest.raises(ccxt.pro.OrderNotFound):
            await client.fetch_order_ws("99", PAIR)

    tell(make_venue(), story)
