"""Contract cases C-128 to C-139: what a market asks of orders, its life, and how histories are read, through ccxt."""

from __future__ import annotations

from dataclasses import replace
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
    make_mirror,
    make_venue,
    order,
    tell,
    user_events,
)
from tests.simexchange.exchange_kit import MINUTE, START, flat
from tradepool.simexchange.rules import PriceBand, Rules

__all__ = ["tell"]

BAND = PriceBand(bid_down=Decimal("0.5"), bid_up=Decimal("1.2"), ask_down=Decimal("0.8"), ask_up=Decimal(5))
RULES = Rules(
    quantity_max=Decimal(8),
    market_quantity_max=Decimal(6),
    notional_max=Decimal(700),
    band=BAND,
    orders_max=5,
    stops_max=2,
    position_max=Decimal(12),
)
RAW = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "90"}
MARKET = {"type": "MARKET", "timeInForce": "", "price": ""}


async def raw(client: Any, **change: str) -> Any:
    """A limit buy of one BTC at 90 as it goes over the wire, changed as told; an empty value leaves it out."""
    await client.load_markets()
    return await client.private_post_order({name: text for name, text in (RAW | change).items() if text})


def test_the_rules_are_told(tell: Tell) -> None:
    """C-128: exchangeInfo tells every filter that is enforced, and ccxt reads the limits out of it."""

    async def story(running: Exchange) -> None:
        listed = (await running.client().load_markets())[PAIR]
        filters = {each["filterType"]: each for each in listed["info"]["filters"]}
        assert filters["LOT_SIZE"]["maxQty"] == "8.000"
        assert filters["MARKET_LOT_SIZE"]["maxQty"] == "6.000"
        assert filters["NOTIONAL"]["maxNotional"] == "700.00000000"
        assert filters["PERCENT_PRICE_BY_SIDE"]["bidMultiplierUp"] == "1.2"
        assert (filters["MAX_NUM_ORDERS"]["maxNumOrders"], filters["MAX_NUM_ALGO_ORDERS"]["maxNumAlgoOrders"]) == (5, 2)
        assert filters["MAX_POSITION"]["maxPosition"] == "12.00000000"
        assert (listed["limits"]["amount"]["max"], listed["limits"]["market"]["max"]) == (8, 6)
        assert listed["limits"]["cost"]["max"] == 700
        info = listed["info"]
        allowed = ("ocoAllowed", "quoteOrderQtyMarketAllowed", "cancelReplaceAllowed", "isSpotTradingAllowed")
        denied = ("icebergAllowed", "otoAllowed", "allowTrailingStop", "amendAllowed", "isMarginTradingAllowed")
        assert all(info[name] for name in allowed)
        assert not any(info[name] for name in denied)
        assert set(info["orderTypes"]) == {
            "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
        }  # fmt: skip

    tell(make_venue(rules=RULES), story)


BROKEN: list[tuple[str, dict[str, str]]] = [
    ("PRICE_FILTER", {"price": "90.005"}),
    ("PRICE_FILTER", {"price": "0.00"}),
    ("LOT_SIZE", {"quantity": "8.001"}),
    ("LOT_SIZE", {"quantity": "0"}),
    ("MARKET_LOT_SIZE", MARKET | {"side": "SELL", "quantity": "6.001"}),
    ("NOTIONAL", {"quantity": "0.05"}),
    ("NOTIONAL", {"quantity": "7.9"}),
    ("NOTIONAL", MARKET | {"quantity": "0.049"}),
    ("PERCENT_PRICE_BY_SIDE", {"price": "49.99"}),
    ("PERCENT_PRICE_BY_SIDE", {"price": "120.01"}),
    ("PERCENT_PRICE_BY_SIDE", {"side": "SELL", "price": "79.99"}),
    ("PERCENT_PRICE_BY_SIDE", {"side": "SELL", "price": "500.01"}),
    ("MAX_POSITION", {"quantity": "2.001"}),
]


@pytest.mark.parametrize(("name", "change"), BROKEN)
def test_every_filter_is_enforced(tell: Tell, name: str, change: dict[str, str]) -> None:
    """C-129: an order that breaks a filter is refused with -1013 and the filter's name."""

    async def story(running: Exchange) -> None:
        with pytest.raises(ccxt.pro.ExchangeError, match=f'Filter failure: {name}("|$)'):
            await raw(running.client(), **change)

    assert not tell(make_venue(rules=RULES), story).orders("key")


def test_open_orders_are_counted(tell: Tell) -> None:
    """C-130: at most so many open orders (a list is two), so many of them stops; what ended makes room."""

    async def story(running: Exchange) -> None:
        client = running.client()
        for name in ("a", "b"):
            await order(client, "STOP_LOSS", "sell", "1", stopPrice="90", clientOrderId=name)
        with pytest.raises(ccxt.pro.BadRequest, match="MAX_NUM_ALGO_ORDERS"):
            await order(client, "STOP_LOSS", "sell", "1", stopPrice="90")
        for _ in range(2):
            await order(client, "limit", "sell", "1", "110")
        pair = {
            "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "105",
            "belowType": "STOP_LOSS", "belowStopPrice": "95",
        }  # fmt: skip
        with pytest.raises(ccxt.pro.BadRequest, match="MAX_NUM_ORDERS"):
            await client.private_post_orderlist_oco(pair)
        await order(client, "limit", "sell", "1", "110")
        with pytest.raises(ccxt.pro.BadRequest, match="MAX_NUM_ORDERS"):
            await order(client, "limit", "sell", "1", "110")
        assert (await order(client, "market", "buy", "1"))["status"] == "closed", "it will not be open"
        await client.cancel_order(None, PAIR, {"clientOrderId": "a"})
        await order(client, "limit", "sell", "1", "110")

    tell(make_venue(rules=RULES), story)


MALFORMED: list[tuple[int, str, dict[str, str]]] = [
    (-1100, "quantity", {"quantity": "1e1"}),
    (-1100, "newClientOrderId", {"newClientOrderId": "a b"}),
    (-1102, "quantity", {"quantity": ""}),
    (-1102, "price", {"price": ""}),
    (-1102, "timeInForce", {"timeInForce": ""}),
    (-1102, "'quantity' or 'quoteOrderQty'", MARKET | {"quantity": ""}),
    (-1106, "stopPrice", {"stopPrice": "95"}),
    (-1106, "price", {"type": "MARKET", "timeInForce": ""}),
    (-1106, "timeInForce", {"type": "LIMIT_MAKER"}),
    (-1106, "quoteOrderQty", MARKET | {"quoteOrderQty": "10"}),
    (-1111, "quantity", {"quantity": "0.000000001"}),
    (-1115, "", {"timeInForce": "GTX"}),
    (-1116, "", {"type": "OCO"}),
    (-1117, "", {"side": "HOLD"}),
    (-1121, "", {"symbol": "NOPE"}),
    (-1130, "newOrderRespType", {"newOrderRespType": "LONG"}),
    (-1130, "selfTradePreventionMode", {"selfTradePreventionMode": "EXPIRE_TAKER"}),
    (-1131, "", {"recvWindow": "60001"}),
    (-2010, "Iceberg", {"icebergQty": "0.5"}),
    (-2010, "Trailing", {"type": "STOP_LOSS", "timeInForce": "", "price": "", "trailingDelta": "50"}),
]


@pytest.mark.parametrize(("code", "words", "change"), MALFORMED)
def test_malformed_requests_have_their_code(tell: Tell, code: int, words: str, change: dict[str, str]) -> None:
    """C-131: a parameter that is missing, malformed, too many or impossible is refused with its own code."""

    async def story(running: Exchange) -> None:
        with pytest.raises(ccxt.pro.ExchangeError) as caught:
            await raw(running.client(), **change)
        assert f'"code":{code},' in str(caught.value)
        assert words in str(caught.value)

    assert not tell(make_venue(), story).orders("key")


# ---- a market's life


def test_a_halted_market(tell: Tell) -> None:
    """C-132: a market on HALT refuses orders, stands still and lets cancel; then it jumps to where the price is."""

    async def story(running: Exchange) -> None:
        client, venue = running.client(), running.venue
        await order(client, "STOP_LOSS", "sell", "1", stopPrice="95", clientOrderId="stop")
        await order(client, "limit", "buy", "1", "80", clientOrderId="far")
        venue.set_status("BTCUSDT", "HALT")
        assert (await client.load_markets(True))[PAIR]["active"] is False
        venue.step_bars(1)
        with pytest.raises(ccxt.pro.MarketClosed, match=r"Market is closed\."):
            await order(client, "market", "buy", "1")
        assert (await look_up(client, "stop"))["status"] == "open"
        assert (await client.cancel_order(None, PAIR, {"clientOrderId": "far"}))["status"] == "canceled"
        venue.set_status("BTCUSDT", "TRADING")
        venue.step_bars(1)
        trade = (await client.fetch_my_trades(PAIR))[0]["info"]
        assert trade["price"] == "89.99", "the price had gone from 100 to 90 meanwhile"

    tell(make_venue([*flat(1), *flat(1, 90), *flat(5, 90)]), story)


@pytest.mark.parametrize("remove", [True, False])
def test_a_delisted_market(tell: Tell, remove: bool) -> None:
    """C-133: on delisting open orders expire, lists end, balances stay; the symbol leaves or shows BREAK."""

    async def story(running: Exchange) -> None:
        client, venue = running.client(), running.venue
        seen = await user_events(running, client)
        await order(client, "limit", "buy", "1", "90", clientOrderId="rests")
        await client.private_post_orderlist_oco({
            "symbol": "BTCUSDT", "side": "SELL", "quantity": "2", "aboveType": "LIMIT_MAKER", "abovePrice": "110",
            "belowType": "STOP_LOSS", "belowStopPrice": "90",
        })  # fmt: skip
        venue.delist("BTCUSDT", remove=remove)
        balance = await client.fetch_balance()
        assert (balance["BTC"]["free"], balance["BTC"]["used"], balance["USDT"]["free"]) == (10, 0, 1000)
        await running.until(lambda: sum(each.get("X") == "EXPIRED" for each in seen) == 3)
        assert [each["l"] for each in seen if each["e"] == "listStatus"] == ["EXEC_STARTED", "ALL_DONE"]
        infos = (await client.public_get_exchangeinfo())["symbols"]
        assert [(each["symbol"], each["status"]) for each in infos] == (
            [("BNBUSDT", "TRADING")] if remove else [("BTCUSDT", "BREAK"), ("BNBUSDT", "TRADING")]
        )
        wanted = (ccxt.pro.BadSymbol, "-1121") if remove else (ccxt.pro.MarketClosed, "Market is closed")
        with pytest.raises(wanted[0], match=wanted[1]):
            await order(client, "market", "sell", "1")
        venue.step_bars(2)
        assert await client.fetch_open_orders() == []
        # What became of the orders can still be asked: else nobody could tell why they are gone.
        assert (await look_up(client, "rests"))["status"] == "expired"
        assert [each["status"] for each in await client.fetch_orders(PAIR)] == ["expired"] * 3
        assert (await client.fetch_open_orders(PAIR), await client.fetch_my_trades(PAIR)) == ([], [])

    tell(make_venue(), story)


def test_changed_filters(tell: Tell) -> None:
    """C-134: a coarser tick and step and a larger least order are told and enforced at once; open orders stay."""

    async def story(running: Exchange) -> None:
        client = running.client()
        await order(client, "limit", "buy", "0.123", "90.01", clientOrderId="old")
        listed = running.venue.markets[0].market
        coarser = replace(
            listed,
            price_tick=Decimal("0.1"),
            quantity_step=Decimal("0.01"),
            quantity_min=Decimal("0.01"),
            notional_min=Decimal(10),
        )
        running.venue.change_filters("BTCUSDT", coarser)
        told = (await client.load_markets(True))[PAIR]
        assert (told["precision"]["price"], told["precision"]["amount"]) == (Decimal("0.1"), Decimal("0.01"))
        assert told["limits"]["cost"]["min"] == 10
        for change, name in (
            ({"price": "90.01"}, "PRICE_FILTER"),
            ({"quantity": "0.125"}, "LOT_SIZE"),
            ({"quantity": "0.1"}, "NOTIONAL"),
        ):
            with pytest.raises(ccxt.pro.ExchangeError, match=name):
                await raw(client, **change)
        assert (await look_up(client, "old"))["price"] == Decimal("90.01")
        assert (await raw(client))["status"] == "NEW"

    tell(make_venue(), story)


# ---- histories


def test_trades_are_paged(tell: Tell) -> None:
    """C-135: myTrades by order, from an id, within times, at most 24 hours (-1127); other mixes are refused (-1128)."""

    async def story(running: Exchange) -> None:
        client = running.client()
        await client.load_markets()
        for _ in range(5):
            await order(client, "market", "buy", "1")
            running.venue.step_bars(1)

        async def ids(**params: object) -> list[int]:
            return [each["id"] for each in await client.private_get_mytrades({"symbol": "BTCUSDT", **params})]

        assert await ids() == [1, 2, 3, 4, 5]
        assert await ids(limit=2) == [4, 5]
        assert await ids(fromId=2, limit=2) == [2, 3]
        assert await ids(orderId=3) == [3]
        assert await ids(orderId=3, fromId=4) == []
        assert await ids(startTime=START + MINUTE, limit=2) == [2, 3]
        assert await ids(endTime=START + MINUTE) == [1, 2]
        assert await ids(endTime=START + 3 * MINUTE, limit=2) == [3, 4]
        assert await ids(startTime=START, endTime=START + 24 * 3_600_000) == [1, 2, 3, 4, 5]
        with pytest.raises(ccxt.pro.BadRequest, match=r"-1127.*More than 24 hours between startTime and endTime"):
            await ids(startTime=START, endTime=START + 24 * 3_600_000 + 1)
        for mix in ({"fromId": 1, "startTime": START}, {"orderId": 1, "endTime": START}):
            with pytest.raises(ccxt.pro.BadRequest, match="-1128"):
                await ids(**mix)

    tell(make_venue(), story)


def test_orders_are_paged(tell: Tell) -> None:
    """C-136: allOrders from an id or within times, at most 24 hours (-1127), whatever became of them."""

    async def story(running: Exchange) -> None:
        client = running.client()
        await client.load_markets()
        for number in range(4):
            await order(client, "limit", "buy", "1", str(90 + number))
            running.venue.step_bars(1)
        await client.cancel_order("2", PAIR)

        async def rows(**params: object) -> list[tuple[int, str]]:
            found = await client.private_get_allorders({"symbol": "BTCUSDT", **params})
            return [(each["orderId"], each["status"]) for each in found]

        assert await rows() == [(1, "NEW"), (2, "CANCELED"), (3, "NEW"), (4, "NEW")]
        assert await rows(limit=1) == [(4, "NEW")]
        assert await rows(orderId=2, limit=2) == [(2, "CANCELED"), (3, "NEW")]
        assert await rows(startTime=START + MINUTE, endTime=START + 2 * MINUTE) == [(2, "CANCELED"), (3, "NEW")]
        with pytest.raises(ccxt.pro.BadRequest, match="-1127"):
            await rows(startTime=0, endTime=START)

    tell(make_venue(), story)


KEYS = {
    "order": {
        "symbol", "orderId", "orderListId", "clientOrderId", "price", "origQty", "executedQty", "origQuoteOrderQty",
        "cummulativeQuoteQty", "status", "timeInForce", "type", "side", "stopPrice", "icebergQty", "time", "updateTime",
        "isWorking", "workingTime", "selfTradePreventionMode",
    },
    "placed": {
        "symbol", "orderId", "orderListId", "clientOrderId", "transactTime", "price", "origQty", "executedQty",
        "origQuoteOrderQty", "cummulativeQuoteQty", "status", "timeInForce", "type", "side", "workingTime", "fills",
        "selfTradePreventionMode",
    },
    "cancelled": {
        "symbol", "origClientOrderId", "orderId", "orderListId", "clientOrderId", "transactTime", "price", "origQty",
        "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status", "timeInForce", "type", "side",
        "selfTradePreventionMode",
    },
    "trade": {
        "symbol", "id", "orderId", "orderListId", "price", "qty", "quoteQty", "commission", "commissionAsset", "time",
        "isBuyer", "isMaker", "isBestMatch",
    },
}  # fmt: skip


def test_answers_have_every_key(tell: Tell) -> None:
    """C-137: answers about orders and trades have exactly the keys the venue documents."""

    async def story(running: Exchange) -> None:
        client = running.client()
        await client.load_markets()
        assert set(await raw(client, **MARKET)) == KEYS["placed"]
        placed = await raw(client)
        assert set(await client.private_get_order({"symbol": "BTCUSDT", "orderId": placed["orderId"]})) == KEYS["order"]
        gone = await client.private_delete_order({"symbol": "BTCUSDT", "orderId": placed["orderId"]})
        assert set(gone) == KEYS["cancelled"]
        assert set((await client.private_get_mytrades({"symbol": "BTCUSDT"}))[0]) == KEYS["trade"]

    tell(make_venue(), story)


def test_an_empty_book(tell: Tell) -> None:
    """C-138: a market order that finds nobody expires with nothing; one by quote finds no quantity (-1013)."""

    async def story(running: Exchange) -> None:
        client = running.client()
        running.venue.push_book("BTCUSDT", [(9_900, 1_000)], [], running.venue.now_ms + 1)
        placed = await order(client, "market", "buy", "1")
        assert (placed["status"], placed["filled"], placed["info"]["fills"]) == ("expired", 0, [])
        with pytest.raises(ccxt.pro.InvalidOrder, match="LOT_SIZE"):
            await raw(client, **(MARKET | {"quantity": "", "quoteOrderQty": "50"}))

    tell(make_mirror(), story)


def test_a_stop_through_a_thin_book(tell: Tell) -> None:
    """C-139: a stop that finds less than it wants sells what it can and expires with the rest, which is free again."""

    async def story(running: Exchange) -> None:
        client = running.client()
        await order(client, "STOP_LOSS", "sell", "10", stopPrice="95", clientOrderId="stop")
        running.venue.step_bars(2)
        found = await look_up(client, "stop")
        assert found["status"] == "expired"
        assert 0 < found["filled"] < 10
        assert (await client.fetch_balance())["BTC"]["free"] == 10 - found["filled"]
        assert len(await client.fetch_my_trades(PAIR)) == DEEP.levels

    tell(
        make_venue([*flat(1), (100, 101, 90, 92), *flat(5, 92)], depth=replace(DEEP, level_notional=Decimal(50))), story
    )
