"""Orders beyond the plain ones through python-binance: stops, lists, replacements (cases C-711 to C-714)."""

from __future__ import annotations

from typing import Any

import pytest
from binance.exceptions import BinanceAPIException

from tests.contract.binance_kit import Desk
from tests.contract.test_python_binance import Play, play

__all__ = ["play"]

BUY: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "1"}
LIMIT = BUY | {"type": "LIMIT", "timeInForce": "GTC", "price": "90.00"}
OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "130.00",
    "belowType": "STOP_LOSS", "belowStopPrice": "95.00", "listClientOrderId": "pair",
}  # fmt: skip


def test_stops_wait_and_fire(play: Play) -> None:
    """C-711: a stop-loss and a stop-limit buy wait for 103; the one takes, the other is bought at 104 or better."""

    async def story(at: Desk) -> None:
        stop = await at.client.create_order(**BUY, type="STOP_LOSS", stopPrice="103.00")
        limit = {"type": "STOP_LOSS_LIMIT", "stopPrice": "103.00", "price": "104.00", "timeInForce": "GTC"}
        stop_limit = await at.client.create_order(**BUY, **limit)
        waiting = await at.client.get_open_orders(symbol="BTCUSDT")
        assert [(each["type"], each["status"], each["stopPrice"], each["isWorking"]) for each in waiting] == [
            ("STOP_LOSS", "NEW", "103.00", False),
            ("STOP_LOSS_LIMIT", "NEW", "103.00", False),
        ]
        at.venue.step_bars(5)
        at.sync()
        for placed in (stop, stop_limit):
            found = await at.client.get_order(symbol="BTCUSDT", orderId=placed["orderId"])
            assert (found["status"], found["executedQty"]) == ("FILLED", "1.000")
        trades = await at.client.get_my_trades(symbol="BTCUSDT", orderId=stop_limit["orderId"])
        assert [float(each["price"]) <= 104 for each in trades] == [True]
        with pytest.raises(BinanceAPIException, match="Stop price would trigger immediately") as caught:
            await at.client.create_order(**BUY, type="STOP_LOSS", stopPrice="90.00")
        assert caught.value.code == -2010

    play(story)


def test_one_cancels_the_other(play: Play) -> None:
    """C-712: create_oco_order, found and listed; listStatus on the user stream when it begins and when it ends."""

    async def story(at: Desk) -> None:
        async with at.streams.user_socket() as stream:
            placed = await at.client.create_oco_order(**OCO)
            assert (placed["contingencyType"], placed["listOrderStatus"]) == ("OCO", "EXECUTING")
            number = placed["orderListId"]
            assert [each["orderListId"] for each in await at.client.get_open_oco_orders()] == [number]
            assert (await at.client.v3_get_order_list(orderListId=number))["listClientOrderId"] == "pair"
            assert len(await at.client.get_open_orders(symbol="BTCUSDT")) == 2
            gone = await at.client.v3_delete_order_list(symbol="BTCUSDT", orderListId=number)
            assert gone["listOrderStatus"] == "ALL_DONE"
            assert [each["status"] for each in gone["orderReports"]] == ["CANCELED", "CANCELED"]
            assert await at.client.get_open_oco_orders() == []
            told = list[tuple[str, str, int]]()
            while len(told) < 2:
                event = await stream.recv()
                if event["e"] == "listStatus":
                    told.append((event["l"], event["L"], event["g"]))
            assert told == [("EXEC_STARTED", "EXECUTING", number), ("ALL_DONE", "ALL_DONE", number)]

    play(story)


def test_one_side_of_a_list_ends_the_other(play: Play) -> None:
    """C-713: the price rises through the limit: that side is filled, the stop expires, the list is done."""

    async def story(at: Desk) -> None:
        placed = await at.client.create_oco_order(**OCO | {"abovePrice": "104.00"})
        at.venue.step_bars(6)
        at.sync()
        found = await at.client.get_all_orders(symbol="BTCUSDT")
        assert {each["type"]: each["status"] for each in found} == {"LIMIT_MAKER": "FILLED", "STOP_LOSS": "EXPIRED"}
        done = await at.client.v3_get_order_list(orderListId=placed["orderListId"])
        assert done["listOrderStatus"] == "ALL_DONE"

    play(story)


def test_replace_and_cancel_all(play: Play) -> None:
    """C-714: cancel-replace whole, failed (-2022) and in part (-2021); cancel-all takes lists along, then -2011."""

    async def story(at: Desk) -> None:
        first = await at.client.create_order(**LIMIT)
        swap = LIMIT | {"cancelReplaceMode": "STOP_ON_FAILURE", "price": "91.00"}
        told = await at.client.cancel_replace_order(**swap, cancelOrderId=first["orderId"])
        assert (told["cancelResult"], told["newOrderResult"]) == ("SUCCESS", "SUCCESS")
        assert told["newOrderResponse"]["price"] == "91.00"
        with pytest.raises(BinanceAPIException) as failed:
            await at.client.cancel_replace_order(**swap, cancelOrderId=first["orderId"])
        assert (failed.value.status_code, failed.value.code) == (400, -2022)
        loose = swap | {"cancelReplaceMode": "ALLOW_FAILURE", "price": "92.00"}
        with pytest.raises(BinanceAPIException) as partly:
            await at.client.cancel_replace_order(**loose, cancelOrderId=first["orderId"])
        assert (partly.value.status_code, partly.value.code) == (409, -2021)
        assert [each["price"] for each in await at.client.get_open_orders()] == ["91.00", "92.00"]
        await at.client.create_oco_order(**OCO)
        gone = await at.client.cancel_all_open_orders(symbol="BTCUSDT")
        assert [each.get("contingencyType", "alone") for each in gone] == ["alone", "alone", "OCO"]
        assert await at.client.get_open_orders() == []
        with pytest.raises(BinanceAPIException) as nothing:
            await at.client.cancel_all_open_orders(symbol="BTCUSDT")
        assert nothing.value.code == -2011

    play(story)
