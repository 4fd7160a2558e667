"""Contract cases C-101 to C-118: what orders do, through the unmodified ccxt client."""

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
    make_mirror,
    make_venue,
    order,
    tell,
    user_events,
)
from tests.simexchange.exchange_kit import MINUTE, START, flat
from tradepool.simexchange.accounts import FeePlan
from tradepool.simexchange.records import Side

__all__ = ["tell"]

FALLS = [*flat(1), (100, 101, 90, 92), *flat(5, 92)]
RISES = [*flat(1), (100, 110, 99, 108), *flat(5, 108)]


# ---- every type


def test_size_has_a_cost(tell: Tell) -> None:
    """C-101: a market order larger than the best level is filled in parts, each at its own price."""

    async def story(running: Exchange) -> None:
        book = running.venue.markets[0].liquidity.levels(Side.SELL, 5)
        placed = await order(running.client(), "market", "buy", "4")
        fills = [(Decimal(fill["price"]), Decimal(fill["qty"])) for fill in placed["info"]["fills"]]
        assert fills[0] == (Decimal(book[0][0]) / 100, Decimal(book[0][1]) / 1000)
        assert len(fills) > 1
        assert [price for price, _ in fills] == sorted({price for price, _ in fills})
        assert (placed["status"], placed["filled"]) == ("closed", 4)
        assert placed["average"] == sum(price * quantity for price, quantity in fills) / 4
        assert len(placed["trades"]) == len(fills)

    tell(make_venue(depth=DEEP), story)


def test_market_orders_may_name_what_to_spend(tell: Tell) -> None:
    """C-102: quoteOrderQty buys whole steps for at most that much, and sells as many as it takes."""

    async def story(running: Exchange) -> None:
        # With number=Decimal ccxt drops the precision this needs.
        client = running.client(number=float)
        bought = (await order(client, "market", "buy", "0", cost="50.5"))["info"]
        assert (bought["executedQty"], bought["cummulativeQuoteQty"]) == ("0.504", "50.40504000")
        assert bought["origQuoteOrderQty"] == "50.50000000"
        sold = (await order(client, "market", "sell", "0", cost="20"))["info"]
        assert (sold["executedQty"], sold["status"]) == ("0.200", "FILLED")
        with pytest.raises(ccxt.pro.BadRequest, match="NOTIONAL"):
            await order(client, "market", "buy", "0", cost="4.99")

    tell(make_venue(), story)


def test_limit_gtc(tell: Tell) -> None:
    """C-103: a limit that is not marketable rests, holds its coins and is filled as maker at its price."""

    async def story(running: Exchange) -> None:
        client = running.client()
        placed = await order(client, "limit", "buy", "1", "95")
        assert (placed["status"], placed["timeInForce"]) == ("open", "GTC")
        assert (await client.fetch_balance())["USDT"]["used"] == 95
        running.venue.step_bars(2)
        trade = (await client.fetch_my_trades(PAIR))[0]
        assert (trade["price"], trade["takerOrMaker"], trade["order"]) == (95, "maker", placed["id"])

    tell(make_venue(FALLS), story)


def test_limit_ioc(tell: Tell) -> None:
    """C-104: immediate-or-cancel keeps what it got at once; the rest expires and holds nothing."""

    async def story(running: Exchange) -> None:
        client = running.client()
        ticks, steps = running.venue.markets[0].liquidity.best(Side.SELL)
        price = str(Decimal(ticks) / 100)
        placed = await order(client, "limit", "buy", "5", price, timeInForce="IOC")
        assert (placed["status"], placed["timeInForce"]) == ("expired", "IOC")
        assert placed["filled"] == Decimal(steps) / 1000
        assert (await client.fetch_balance())["USDT"]["used"] == 0
        nothing = await order(client, "limit", "buy", "1", "90", timeInForce="IOC")
        assert (nothing["status"], nothing["filled"]) == ("expired", 0)

    tell(make_venue(depth=DEEP), story)


def test_limit_fok(tell: Tell) -> None:
    """C-105: fill-or-kill is filled whole or not at all, and what it left is still there."""

    async def story(running: Exchange) -> None:
        client = running.client()
        ticks, steps = running.venue.markets[0].liquidity.best(Side.SELL)
        price, quantity = str(Decimal(ticks) / 100), Decimal(steps) / 1000
        killed = await order(client, "limit", "buy", str(quantity + Decimal("0.001")), price, timeInForce="FOK")
        assert (killed["status"], killed["filled"]) == ("expired", 0)
        filled = await order(client, "limit", "buy", str(quantity), price, timeInForce="FOK")
        assert (filled["status"], filled["filled"]) == ("closed", quantity)

    tell(make_venue(depth=DEEP), story)


def test_post_only(tell: Tell) -> None:
    """C-106: LIMIT_MAKER rests and trades as maker only; one that would take is refused (-2010)."""

    async def story(running: Exchange) -> None:
        client = running.client()
        placed = await order(client, "limit", "sell", "1", "105", postOnly=True, clientOrderId="maker")
        assert placed["id"]
        found = await look_up(client, "maker")
        assert (found["info"]["type"], found["status"], found["postOnly"]) == ("LIMIT_MAKER", "open", True)
        with pytest.raises(ccxt.pro.OrderImmediatelyFillable, match=r"Order would immediately match and take\."):
            await order(client, "limit", "sell", "1", "99", postOnly=True)
        running.venue.step_bars(2)
        assert (await client.fetch_my_trades(PAIR))[0]["takerOrMaker"] == "maker"

    tell(make_venue(RISES), story)


STOPS = [
    # type, side, stop, limit, candles, filled at, as maker
    ("STOP_LOSS", "sell", "95", None, FALLS, "94.99", False),
    ("STOP_LOSS", "buy", "105", None, RISES, "105.02", False),
    ("TAKE_PROFIT", "sell", "105", None, RISES, "104.98", False),
    ("TAKE_PROFIT", "buy", "95", None, FALLS, "95.01", False),
    ("STOP_LOSS_LIMIT", "sell", "95", "94.5", FALLS, "94.99", False),
    ("STOP_LOSS_LIMIT", "buy", "105", "104", RISES, None, False),
    ("TAKE_PROFIT_LIMIT", "sell", "105", "107", RISES, "107.00", True),
    ("TAKE_PROFIT_LIMIT", "buy", "95", "93", FALLS, "93.00", True),
]


@pytest.mark.parametrize(("kind", "side", "stop", "limit", "rows", "price", "maker"), STOPS)
def test_stops(
    tell: Tell, kind: str, side: str, stop: str, limit: str | None, rows: Any, price: str | None, maker: bool
) -> None:
    """C-107: each kind of stop waits off the book, is set off by its price and is a market or a limit order then."""

    async def story(running: Exchange) -> None:
        client = running.client()
        tif = {"timeInForce": "GTC"} if limit else {}
        await order(client, kind, side, "1", limit, stopPrice=stop, clientOrderId="stop", **tif)
        waiting = (await look_up(client, "stop"))["info"]
        assert (waiting["status"], waiting["isWorking"], waiting["workingTime"]) == ("NEW", False, -1)
        assert waiting["type"] == kind
        running.venue.step_bars(2)
        after = (await look_up(client, "stop"))["info"]
        assert (after["isWorking"], after["workingTime"] >= START + MINUTE) == (True, True)
        trades = await client.fetch_my_trades(PAIR)
        assert [each["info"]["price"] for each in trades] == ([price] if price else [])
        assert not trades or (trades[0]["takerOrMaker"] == "maker") == maker
        assert after["status"] == ("FILLED" if price else "NEW")

    tell(make_venue(rows), story)


def test_a_stop_passed_already_is_refused(tell: Tell) -> None:
    """C-108: a stop whose price was reached already would trigger immediately (-2010)."""

    async def story(running: Exchange) -> None:
        client = running.client()
        for kind, side, stop in (
            ("STOP_LOSS", "sell", "100"),
            ("TAKE_PROFIT", "sell", "99"),
            ("STOP_LOSS", "buy", "99"),
        ):
            with pytest.raises(ccxt.pro.OrderImmediatelyFillable, match="would trigger immediately"):
                await order(client, kind, side, "1", stopPrice=stop)

    assert not tell(make_venue(), story).orders("key")


def test_order_test_changes_nothing(tell: Tell) -> None:
    """C-109: order/test asks every rule and places nothing."""

    async def story(running: Exchange) -> None:
        client = running.client()
        await client.load_markets()
        raw = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
        assert await client.private_post_order_test(raw) == {}
        with pytest.raises(ccxt.pro.InvalidOrder, match="LOT_SIZE"):
            await client.private_post_order_test(raw | {"quantity": "0.0005"})

    assert not tell(make_venue(), story).orders("key")


# ---- names


def test_a_client_id_is_free_again_after_a_fill(tell: Tell) -> None:
    """C-110: a client order id in use is refused (-2010); after a fill or a cancel it names a new order."""

    async def story(running: Exchange) -> None:
        client = running.client()
        first = await order(client, "market", "buy", "1", clientOrderId="same")
        second = await order(client, "limit", "buy", "1", "90", clientOrderId="same")
        assert second["id"] != first["id"]
        with pytest.raises(ccxt.pro.InvalidOrder, match=r"Duplicate order sent\."):
            await order(client, "limit", "buy", "1", "91", clientOrderId="same")
        assert (await look_up(client, "same"))["id"] == second["id"]
        await client.cancel_order(None, PAIR, {"clientOrderId": "same"})
        third = await order(client, "market", "buy", "1", clientOrderId="same")
        assert (await look_up(client, "same"))["id"] == third["id"]

    tell(make_venue(), story)


# ---- cancels


def test_cancel_all(tell: Tell) -> None:
    """C-111: cancel-all ends every open order of one market, lists too; with none open it is refused (-2011)."""

    async def story(running: Exchange) -> None:
        client = running.client()
        await order(client, "limit", "buy", "1", "90")
        await order(client, "STOP_LOSS", "sell", "1", stopPrice="90")
        await client.private_post_orderlist_oco({
            "symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "110",
            "belowType": "STOP_LOSS", "belowStopPrice": "91",
        })  # fmt: skip
        gone = await client.private_delete_openorders({"symbol": "BTCUSDT"})
        assert [each["orderListId"] for each in gone] == [-1, -1, 1]
        assert [each["status"] for each in gone[2]["orderReports"]] == ["CANCELED", "CANCELED"]
        assert await client.fetch_open_orders(PAIR) == []
        balance = await client.fetch_balance()
        assert (balance["BTC"]["used"], balance["USDT"]["used"]) == (0, 0)
        with pytest.raises(ccxt.pro.OrderNotFound, match="-2011"):
            await client.cancel_all_orders(PAIR)

    tell(make_venue(), story)


def test_cancel_restrictions(tell: Tell) -> None:
    """C-112: ONLY_NEW and ONLY_PARTIALLY_FILLED cancel such orders only (-2011); other words are refused (-1145)."""

    async def story(running: Exchange) -> None:
        client = running.client()
        ticks, _ = running.venue.markets[0].liquidity.best(Side.SELL)
        placed = await order(client, "limit", "buy", "5", str(Decimal(ticks) / 100))
        assert (placed["status"], placed["info"]["status"]) == ("open", "PARTIALLY_FILLED")
        with pytest.raises(ccxt.pro.BadRequest, match="-1145"):
            await client.cancel_order(placed["id"], PAIR, {"cancelRestrictions": "NEVER"})
        with pytest.raises(ccxt.pro.OrderNotFound, match="cancel restrictions"):
            await client.cancel_order(placed["id"], PAIR, {"cancelRestrictions": "ONLY_NEW"})
        gone = await client.cancel_order(placed["id"], PAIR, {"cancelRestrictions": "ONLY_PARTIALLY_FILLED"})
        assert (gone["status"], gone["filled"]) == ("canceled", placed["filled"])

    tell(make_venue(depth=DEEP), story)


def test_cancel_replace(tell: Tell) -> None:
    """C-113: cancelReplace changes one order for another; each half may fail (-2021, -2022) and says so."""

    async def story(running: Exchange) -> None:
        client = running.client()
        first = await order(client, "limit", "buy", "1", "90")
        second = await client.edit_order(first["id"], PAIR, "limit", "buy", Decimal(1), Decimal(91))
        assert (second["status"], second["price"]) == ("open", 91)
        assert (await client.fetch_order(first["id"], PAIR))["status"] == "canceled"
        raw = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "1",
            "price": "92",
        }
        with pytest.raises(ccxt.pro.BadResponse, match=r'-2022.*"NOT_ATTEMPTED"'):
            await client.private_post_order_cancelreplace(
                raw | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": first["id"]}
            )
        allow = raw | {"cancelReplaceMode": "ALLOW_FAILURE"}
        with pytest.raises(ccxt.pro.BadResponse, match=r'-2021.*-2011.*"newOrderResponse":\{"symbol"'):
            await client.private_post_order_cancelreplace(allow | {"cancelOrderId": first["id"]})
        with pytest.raises(ccxt.pro.BadResponse, match=r'-2021.*"cancelResponse":\{"symbol".*-2010'):
            await client.private_post_order_cancelreplace(allow | {"cancelOrderId": second["id"], "quantity": "99"})
        assert len(await client.fetch_open_orders(PAIR)) == 1

    tell(make_venue(), story)


# ---- the stream


def test_a_partial_fill_is_told_by_the_stream(tell: Tell) -> None:
    """C-114: NEW, then a TRADE for each part with its own size and worth, then the total; the rest stays open."""

    async def story(running: Exchange) -> None:
        client = running.client()
        seen = await user_events(running, client)
        book = running.venue.markets[0].liquidity.levels(Side.SELL, 2)
        price = str(Decimal(book[1][0]) / 100)
        await order(client, "limit", "buy", "9", price, clientOrderId="big")
        await running.until(lambda: sum(each["e"] == "executionReport" for each in seen) == 3)
        reports = [each for each in seen if each["e"] == "executionReport"]
        assert [(each["x"], each["X"]) for each in reports] == [
            ("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED"), ("TRADE", "PARTIALLY_FILLED"),
        ]  # fmt: skip
        sizes = [Decimal(steps) / 1000 for _, steps in book]
        assert [Decimal(each["l"]) for each in reports[1:]] == sizes
        assert [Decimal(each["z"]) for each in reports[1:]] == [sizes[0], sum(sizes)]
        assert Decimal(reports[2]["Z"]) == sum(Decimal(each["Y"]) for each in reports[1:])
        assert [each["w"] for each in reports] == [True, True, True]
        assert [each["t"] for each in reports] == [-1, 1, 2]

    tell(make_venue(depth=DEEP), story)


# ---- fees


def test_fees_in_a_third_asset(tell: Tell) -> None:
    """C-115: an account may pay its fees in BNB, 25 % less, at BNB's price; short of it, from what is received."""

    async def story(running: Exchange) -> None:
        running.venue.account("key").fees = FeePlan(asset="BNB")
        client = running.client()
        seen = await user_events(running, client)
        bought = await order(client, "market", "buy", "1")
        # 100.01 x 0.1 % x 0.75 / 300 = 0.000250025, rounded half up to a hundred-millionth.
        assert [(each["commission"], each["commissionAsset"]) for each in bought["info"]["fills"]] == [
            ("0.00025003", "BNB")
        ]
        balance = await client.fetch_balance()
        assert (balance["BTC"]["free"], balance["BNB"]["free"]) == (11, Decimal("0.00004997"))
        sold = await order(client, "market", "sell", "1")
        assert sold["info"]["fills"][0]["commissionAsset"] == "USDT", "not enough BNB is left"
        assert sold["info"]["fills"][0]["commission"] == "0.09999000"
        trades = await client.fetch_my_trades(PAIR)
        assert [each["info"]["commissionAsset"] for each in trades] == ["BNB", "USDT"]
        await running.until(lambda: sum(each["e"] == "outboundAccountPosition" for each in seen) == 2)
        told = [each["B"] for each in seen if each["e"] == "outboundAccountPosition"]
        assert [line["a"] for line in told[0]] == ["BTC", "USDT", "BNB"]
        assert [line["a"] for line in told[1]] == ["BTC", "USDT"]

    tell(make_venue(bnb="0.0003"), story)


def test_own_rates(tell: Tell) -> None:
    """C-116: an account's own rates are charged and told."""

    async def story(running: Exchange) -> None:
        running.venue.account("key").fees = FeePlan(maker_ppm=200, taker_ppm=400)
        client = running.client()
        bought = await order(client, "market", "buy", "1")
        assert bought["info"]["fills"][0]["commission"] == "0.00040000"
        info = (await client.fetch_balance())["info"]
        assert (info["makerCommission"], info["takerCommission"]) == (2, 4)
        assert (info["commissionRates"]["maker"], info["commissionRates"]["taker"]) == ("0.00020000", "0.00040000")

    tell(make_venue(), story)


# ---- a mirrored market


def test_a_mirrored_book(tell: Tell) -> None:
    """C-117: orders take from a mirrored book; what they took is gone until the level changes."""

    async def story(running: Exchange) -> None:
        client = running.client()
        placed = await order(client, "market", "buy", "6")
        assert [each["price"] for each in placed["info"]["fills"]] == ["101.00", "102.00"]
        assert (await client.fetch_bids_asks([PAIR]))[PAIR]["askVolume"] == 9
        running.venue.push_book("BTCUSDT", [], [(10_100, 4_000)], running.venue.now_ms + 1, update=True)
        best = (await client.fetch_bids_asks([PAIR]))[PAIR]
        assert (best["ask"], best["askVolume"]) == (101, 4)

    tell(make_mirror(), story)


def test_prints_serve_resting_orders(tell: Tell) -> None:
    """C-118: a resting order is served out of prints, after the queue that stood before it."""

    async def story(running: Exchange) -> None:
        client = running.client()
        await order(client, "limit", "buy", "2", "99", clientOrderId="queued")
        running.venue.push_trade("BTCUSDT", 9_900, 6_000, running.venue.now_ms + 1, buyer_is_maker=True)
        found = await look_up(client, "queued")
        assert (found["info"]["status"], found["filled"]) == ("PARTIALLY_FILLED", 1)
        trade = (await client.fetch_my_trades(PAIR))[0]
        assert (trade["takerOrMaker"], trade["price"], trade["amount"]) == ("maker", 99, 1)

    tell(make_mirror(), story)
