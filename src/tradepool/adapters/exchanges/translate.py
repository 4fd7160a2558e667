"""Venue dictionaries into nouns: the border no dictionary passes.

What is missing or makes no sense is one of `outcome.NONSENSE` here; the callers give it its name: a request's outcome
is unknown then, and a stream is given up and what it told is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import inf
from typing import Any

from tradepool.core.risk.suspension import Trouble
from tradepool.domain.balance import Balance
from tradepool.domain.candle import Candle
from tradepool.domain.event import (
    VENUE_REJECTED,
    Event,
    ForeignOrder,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
)
from tradepool.domain.fill import Fill, Liquidity
from tradepool.domain.ids import (
    AccountId,
    ClientOrderId,
    FillId,
    MarketId,
    VenueOrderId,
    is_cancel_id,
    read_client_order_id,
)
from tradepool.domain.key import KeyRights
from tradepool.domain.market import FeeSchedule, Market, unit_for
from tradepool.domain.order import Order, OrderStatus, OrderType, Side
from tradepool.domain.ticker import Ticker

FOREIGN_NAME_MAX = 64
# Longer than any name of a coin.
ASSET_MAX = 40


class BadFrame(ValueError):
    """What a venue says contradicts itself."""


class Impossible(BadFrame):
    """What a venue says is whole and cannot be; nothing it says with it is believed."""


class BalanceBelowZero(Impossible):
    """An account holds less than nothing of an asset."""


class BadAssetName(Impossible):
    """An asset's name is empty, too long, or has what is no letter, digit or sign in it."""


class FlowBelowZero(Impossible):
    """A deposit took something away, or a withdrawal brought something."""


SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
TYPES = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    # The target of a pair.
    "LIMIT_MAKER": OrderType.LIMIT,
    "STOP_LOSS": OrderType.STOP_LOSS,
}
STATUSES = {
    "NEW": OrderStatus.ACCEPTED,
    "PENDING_NEW": OrderStatus.ACCEPTED,
    "PARTIALLY_FILLED": OrderStatus.ACCEPTED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.CANCELLED,
    "EXPIRED_IN_MATCH": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
}


def market_from(venue: str, listing: Mapping[str, Any]) -> Market:
    """A ccxt market (numbers as Decimal)."""
    step = _number(listing["precision"]["amount"])
    limits = listing["limits"]
    return Market(
        venue=venue,
        base=_text(listing["base"]),
        quote=_text(listing["quote"]),
        price_tick=_number(listing["precision"]["price"]),
        quantity_step=step,
        quantity_min=_number(limits["amount"]["min"] or step),
        notional_min=_number((limits["cost"] or {}).get("min") or 0),
        fees=FeeSchedule(maker_rate=_number(listing["maker"]), taker_rate=_number(listing["taker"])),
        base_unit=unit_for(step),
        pairs=listing.get("info", {}).get("ocoAllowed") is True,
    )


def candle_from_row(market: Market, timeframe_ms: int, row: Sequence[Any]) -> Candle:
    """A REST kline row: open time, open, high, low, close, volume as text; BadFrame when its prices contradict."""
    open_, high, low, close, volume = float(row[1]), float(row[2]), float(row[3]), float(row[4]), float(row[5])
    # Written so that a NaN fails too: one of them in a step's state would stay there for ever.
    if not (0.0 < low <= open_ <= high < inf and low <= close <= high and 0.0 <= volume < inf):
        raise BadFrame(f"candle of {market.id}: {row[:6]}")
    return Candle(
        market=market,
        timeframe_ms=timeframe_ms,
        open_time_ms=int(row[0]),
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
    )


def candle_from_frame(market: Market, timeframe_ms: int, k: Mapping[str, Any]) -> Candle:
    """A stream's kline."""
    return candle_from_row(market, timeframe_ms, (k["t"], k["o"], k["h"], k["l"], k["c"], k["v"]))


def ticker_from(market: Market, row: Mapping[str, Any]) -> Ticker | None:
    """A row of ticker/24hr; None of a market that has not traded. BadFrame when its prices contradict each other."""
    open_, high, low, last = (canonical(row[f"{name}Price"]) for name in ("open", "high", "low", "last"))
    if not last:
        return None
    if not 0 < low <= last <= high or not low <= open_ <= high:
        raise BadFrame(f"ticker of {market.id}")
    return Ticker(
        market=market.id,
        time_ms=int(row["closeTime"]),
        open=open_,
        high=high,
        low=low,
        last=last,
        base_volume=canonical(row["volume"]),
        quote_volume=canonical(row["quoteVolume"]),
        bid=canonical(row["bidPrice"]) or None,
        ask=canonical(row["askPrice"]) or None,
    )


def rows_from(answer: Any) -> list[Any]:
    """An answer that must be a list."""
    if not isinstance(answer, list):
        raise BadFrame(f"a {type(answer).__name__} in place of a list")
    return answer


def accepted_from(answer: Mapping[str, Any], name: ClientOrderId) -> OrderAccepted:
    """ccxt's answer to an order; of a page of HTML it makes an order without id."""
    if not answer["id"]:
        raise BadFrame("an order without id")
    info = answer["info"]
    return OrderAccepted(
        time_ms=int(info["transactTime"]),
        client_order_id=name,
        venue_order_id=VenueOrderId(str(answer["id"])),
        filled_quantity=canonical(info.get("executedQty", "0")),
    )


def pair_accepted_from(answer: Mapping[str, Any], names: Sequence[ClientOrderId]) -> list[OrderAccepted]:
    """The venue's answer to two orders of which only one may trade, in the order of their names."""
    ids = {_text(order["clientOrderId"]): VenueOrderId(str(order["orderId"])) for order in rows_from(answer["orders"])}
    time_ms = int(answer["transactionTime"])
    return [OrderAccepted(time_ms=time_ms, client_order_id=name, venue_order_id=ids[name]) for name in names]


def cancelled_from(answer: Mapping[str, Any], name: ClientOrderId) -> list[OrderCancelled]:
    """ccxt's answer to a cancel, without what was filled in part: the stream tells that first, then the end.

    Who cancels an order of a pair is answered with the reports of both.
    """
    info = answer["info"]
    if "orderReports" in info:
        reports = {ClientOrderId(_text(each["origClientOrderId"])): each for each in rows_from(info["orderReports"])}
    else:
        reports = {name: info}
    if STATUSES[reports[name]["status"]] is not OrderStatus.CANCELLED:
        raise BadFrame(f"a cancelled order is {reports[name]['status']}")
    return [
        OrderCancelled(time_ms=int(each["transactTime"]), client_order_id=order, filled_quantity=filled)
        for order, each in reports.items()
        if STATUSES[each["status"]] is OrderStatus.CANCELLED and not (filled := canonical(each["executedQty"]))
    ]


def order_from(answer: Mapping[str, Any], market: Market) -> Order:
    """An order as the venue's REST API shows it."""
    created = int(answer.get("time") or answer["transactTime"])
    return Order(
        client_order_id=ClientOrderId(_text(answer["clientOrderId"])),
        venue_order_id=VenueOrderId(str(answer["orderId"])),
        market=market.id,
        status=STATUSES[answer["status"]],
        filled_quantity=canonical(answer["executedQty"]),
        time_ms=created,
        updated_ms=int(answer.get("updateTime") or created),
        side=SIDES.get(answer.get("side", "")),
        type=TYPES.get(answer.get("type", "")),
        quantity=canonical(answer["origQty"]) if "origQty" in answer else None,
        stop_price=canonical(answer["stopPrice"]) or None if "stopPrice" in answer else None,
        price=canonical(answer["price"]) or None if "price" in answer else None,
    )


def orders_from(answer: Any, market: Market) -> list[Order]:
    """Orders as the venue's REST API shows them."""
    return [order_from(order, market) for order in rows_from(answer)]


def standing_from(answer: Mapping[str, Any]) -> dict[str, Trouble | None]:
    """How symbols stand in a list of markets, by the venue's names."""
    rows = rows_from(answer["symbols"])
    return {_text(row["symbol"]): None if row["status"] == "TRADING" else Trouble.HALTED for row in rows}


def rights_from(answer: Mapping[str, Any]) -> KeyRights:
    """What a key may do; a right the venue does not speak of is not believed to be absent."""
    until = int(answer.get("tradingAuthorityExpirationTime") or 0)
    other = ("enableMargin", "enableFutures", "enableVanillaOptions", "enablePortfolioMarginTrading")
    return KeyRights(
        reading=_flag(answer["enableReading"]),
        trading=_flag(answer["enableSpotAndMarginTrading"]),
        withdrawals=_flag(answer["enableWithdrawals"]),
        transfers=_flag(answer["enableInternalTransfer"]) or _flag(answer["permitsUniversalTransfer"]),
        other_markets=any(_flag(answer.get(name, False)) for name in other),
        listed_addresses=_flag(answer["ipRestrict"]),
        trading_until_ms=until or None,
        created_ms=int(answer.get("createTime") or 0) or None,
    )


def trades_from(answer: Any, account: AccountId, market: Market) -> list[tuple[Fill, str]]:
    """The account's trades by their ids, in whatever order REST shows them, each with the venue's id of its order,
    which is all that tells ours."""
    rows = sorted(rows_from(answer), key=lambda trade: int(trade["id"]))
    return [(_fill_from_trade(trade, account, market), str(trade["orderId"])) for trade in rows]


def _fill_from_trade(trade: Mapping[str, Any], account: AccountId, market: Market) -> Fill:
    return Fill(
        fill_id=FillId(str(int(trade["id"]))),
        account=account,
        client_order_id=ClientOrderId(""),
        market=market.id,
        side=Side.BUY if _flag(trade["isBuyer"]) else Side.SELL,
        price=_positive(trade["price"]),
        quantity=_positive(trade["qty"]),
        fee=canonical(trade["commission"]),
        fee_asset=_text(trade["commissionAsset"]),
        liquidity=Liquidity.MAKER if _flag(trade["isMaker"]) else Liquidity.TAKER,
        time_ms=int(trade["time"]),
    )


def events_from_report(report: Mapping[str, Any], account: AccountId, market: Market) -> list[Event]:
    """What an execution report of the user stream says; nothing, where it changes nothing.

    Who cancels gives his request a name of its own, in `c`; the order it ended is in `C`. A name that we don't give is
    somebody else at our orders.
    """
    event = _event_from_report(report, account, market)
    events = [] if event is None else [event]
    name, original = _text(report["c"]), _text(report["C"])
    if report["x"] == "CANCELED" and original and name != original and not is_cancel_id(name):
        events.insert(0, foreign_from_report(report, market.id))
    return events


def _event_from_report(report: Mapping[str, Any], account: AccountId, market: Market) -> Event | None:
    kind, time_ms = report["x"], int(report["T"])
    name = ClientOrderId(_text(report["c"]))
    match kind:
        case "NEW" if read_client_order_id(name) is None:
            return foreign_from_report(report, market.id)
        case "NEW":
            return OrderAccepted(time_ms=time_ms, client_order_id=name, venue_order_id=VenueOrderId(str(report["i"])))
        case "TRADE":
            return OrderFilled(fill=_fill_from_report(report, account, market))
        case "TRADE_PREVENTION" if STATUSES[report["X"]] is OrderStatus.ACCEPTED:
            # It was kept from trading with itself in part: the rest goes on.
            return None
        case "CANCELED" | "EXPIRED" | "TRADE_PREVENTION":
            name, filled = ClientOrderId(_text(report["C"]) or name), canonical(report["z"])
            return OrderCancelled(time_ms=time_ms, client_order_id=name, filled_quantity=filled)
        case "REJECTED":
            return OrderRejected(time_ms=time_ms, client_order_id=name, reason=VENUE_REJECTED)
    return None


def foreign_from_report(report: Mapping[str, Any], market: MarketId) -> ForeignOrder:
    """An execution report of an order that no deployment named, or on a market that is not traded here."""
    return ForeignOrder(time_ms=int(report["T"]), name=_text(report["c"])[:FOREIGN_NAME_MAX], market=market)


def _fill_from_report(report: Mapping[str, Any], account: AccountId, market: Market) -> Fill:
    return Fill(
        fill_id=FillId(str(int(report["t"]))),
        account=account,
        client_order_id=ClientOrderId(_text(report["c"])),
        market=market.id,
        side=SIDES[report["S"]],
        price=_positive(report["L"]),
        quantity=_positive(report["l"]),
        fee=canonical(report["n"]),
        fee_asset=_text(report["N"] or ""),
        liquidity=Liquidity.MAKER if _flag(report["m"]) else Liquidity.TAKER,
        time_ms=int(report["T"]),
    )


def balances_from(answer: Mapping[str, Any], account: AccountId) -> list[Balance]:
    """The balances of an account answer, without the empty ones. BalanceBelowZero, BadAssetName."""
    rows = [_balance(account, row["asset"], row["free"], row["locked"]) for row in answer["balances"]]
    return [each for each in sorted(rows, key=lambda balance: balance.asset) if each.total]


def balances_from_position(frame: Mapping[str, Any], account: AccountId) -> list[Balance]:
    """What the user stream says of the assets that have changed, the empty ones too. BalanceBelowZero, BadAssetName."""
    return [_balance(account, row["a"], row["f"], row["l"]) for row in frame["B"]]


def coins_from(answer: Any) -> set[str]:
    """The names of all coins that the venue lists."""
    return {_text(row["coin"]) for row in rows_from(answer)}


def asset_from(value: Any) -> str:
    """The name of an asset. BadAssetName.

    >>> asset_from("1INCH")
    '1INCH'
    >>> asset_from("BTC USDT")
    Traceback (most recent call last):
    tradepool.adapters.exchanges.translate.BadAssetName: an asset is called 'BTC USDT'
    """
    name = _text(value)
    if not 0 < len(name) <= ASSET_MAX or not name.isprintable() or " " in name:
        raise BadAssetName(f"an asset is called {name[:ASSET_MAX]!r}")
    return name


def _balance(account: AccountId, asset: Any, free: str, locked: str) -> Balance:
    balance = Balance(account=account, asset=asset_from(asset), free=canonical(free), locked=canonical(locked))
    if min(balance.free, balance.locked) < 0:
        raise BalanceBelowZero(f"{asset} is below zero")
    return balance


def fees_from(answer: Mapping[str, Any]) -> FeeSchedule:
    """The rates of an account answer."""
    rates = answer["commissionRates"]
    return FeeSchedule(maker_rate=canonical(rates["maker"]), taker_rate=canonical(rates["taker"]))


def _number(value: Any) -> Decimal:
    return canonical(str(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadFrame(f"a {type(value).__name__} in place of a text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadFrame(f"{value!r} in place of true or false")
    return value


def _positive(text: str) -> Decimal:
    number = canonical(text)
    if number <= 0:
        raise BadFrame(f"{text} in place of an amount above zero")
    return number


def canonical(text: str) -> Decimal:
    """The same amount is the same Decimal, however many zeros a venue writes behind it; what is not finite is a
    TypeError."""
    number = Decimal(text).normalize()
    return number if number.as_tuple().exponent <= 0 else number.quantize(Decimal(1))  # type: ignore[operator]
