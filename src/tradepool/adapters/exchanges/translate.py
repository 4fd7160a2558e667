"""Venue dictionaries into nouns: the border no dictionary passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tradepool.domain.balance import Balance
from tradepool.domain.candle import Candle
from tradepool.domain.event import Event, OrderAccepted, OrderCancelled, OrderFilled, OrderRejected
from tradepool.domain.fill import Fill, Liquidity
from tradepool.domain.ids import AccountId, ClientOrderId, FillId, VenueOrderId
from tradepool.domain.market import FeeSchedule, Market, unit_for
from tradepool.domain.order import Order, OrderStatus, Side

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
        base=listing["base"],
        quote=listing["quote"],
        price_tick=_number(listing["precision"]["price"]),
        quantity_step=step,
        quantity_min=_number(limits["amount"]["min"] or step),
        notional_min=_number((limits["cost"] or {}).get("min") or 0),
        fees=FeeSchedule(maker_rate=_number(listing["maker"]), taker_rate=_number(listing["taker"])),
        base_unit=unit_for(step),
    )


def candle_from_row(market: Market, timeframe_ms: int, row: Sequence[Any]) -> Candle:
    """A REST kline row: open time, open, high, low, close, volume as text."""
    return Candle(
        market=market,
        timeframe_ms=timeframe_ms,
        open_time_ms=int(row[0]),
        open=float(row[1]),
        high=float(row[2]),
        low=float(row[3]),
        close=float(row[4]),
        volume=float(row[5]),
    )


def candle_from_frame(market: Market, timeframe_ms: int, k: Mapping[str, Any]) -> Candle:
    """A stream's kline."""
    return candle_from_row(market, timeframe_ms, (k["t"], k["o"], k["h"], k["l"], k["c"], k["v"]))


def order_from(answer: Mapping[str, Any], market: Market) -> Order:
    """An order as the venue's REST API shows it."""
    created = int(answer.get("time") or answer["transactTime"])
    return Order(
        client_order_id=ClientOrderId(answer["clientOrderId"]),
        venue_order_id=VenueOrderId(str(answer["orderId"])),
        market=market.id,
        status=STATUSES[answer["status"]],
        filled_quantity=Decimal(answer["executedQty"]),
        time_ms=created,
        updated_ms=int(answer.get("updateTime") or created),
    )


def fill_from(trade: Mapping[str, Any], account: AccountId, market: Market, client_order_id: ClientOrderId) -> Fill:
    """One of the account's trades as the venue's REST API shows it."""
    return Fill(
        fill_id=FillId(str(trade["id"])),
        account=account,
        client_order_id=client_order_id,
        market=market.id,
        side=Side.BUY if trade["isBuyer"] else Side.SELL,
        price=canonical(trade["price"]),
        quantity=canonical(trade["qty"]),
        fee=canonical(trade["commission"]),
        fee_asset=trade["commissionAsset"],
        liquidity=Liquidity.MAKER if trade["isMaker"] else Liquidity.TAKER,
        time_ms=int(trade["time"]),
    )


def event_from_report(report: Mapping[str, Any], account: AccountId, market: Market) -> Event | None:
    """An execution report of the user stream; None for reports that change nothing."""
    kind, time_ms = report["x"], int(report["T"])
    name = ClientOrderId(report["c"])
    match kind:
        case "NEW":
            return OrderAccepted(time_ms=time_ms, client_order_id=name, venue_order_id=VenueOrderId(str(report["i"])))
        case "TRADE":
            return OrderFilled(fill=_fill_from_report(report, account, market))
        case "CANCELED" | "EXPIRED" | "TRADE_PREVENTION":
            # A cancel carries an id of its own in `c`; the order it ended is in `C`.
            return OrderCancelled(time_ms=time_ms, client_order_id=ClientOrderId(report["C"] or name))
        case "REJECTED":
            return OrderRejected(time_ms=time_ms, client_order_id=name, reason="venue_rejected")
    return None


def _fill_from_report(report: Mapping[str, Any], account: AccountId, market: Market) -> Fill:
    return Fill(
        fill_id=FillId(str(report["t"])),
        account=account,
        client_order_id=ClientOrderId(report["c"]),
        market=market.id,
        side=Side.BUY if report["S"] == "BUY" else Side.SELL,
        price=canonical(report["L"]),
        quantity=canonical(report["l"]),
        fee=canonical(report["n"]),
        fee_asset=report["N"] or "",
        liquidity=Liquidity.MAKER if report["m"] else Liquidity.TAKER,
        time_ms=int(report["T"]),
    )


def balances_from(answer: Mapping[str, Any], account: AccountId) -> list[Balance]:
    """The balances of an account answer, without the empty ones."""
    rows = [(row["asset"], canonical(row["free"]), canonical(row["locked"])) for row in answer["balances"]]
    return [Balance(account=account, asset=a, free=f, locked=k) for a, f, k in sorted(rows) if f or k]


def _number(value: Any) -> Decimal:
    return Decimal(str(value)).normalize()


def canonical(text: str) -> Decimal:
    """The same amount is the same Decimal, however many zeros a venue writes behind it."""
    number = Decimal(text).normalize()
    return number if number.as_tuple().exponent <= 0 else number.quantize(Decimal(1))  # type: ignore[operator]
