"""The user stream: who may open it, and an account's events as the texts clients read."""

from __future__ import annotations

from tradepool.simexchange.codecs.binance.answer import fee_text
from tradepool.simexchange.codecs.binance.gate import NO_ADDRESS, Gate
from tradepool.simexchange.codecs.binance.rejection import Rejection
from tradepool.simexchange.codecs.binance.request import Parameters
from tradepool.simexchange.events import AccountPosition, BalanceMoved, ExecutionReport, ListStatus
from tradepool.simexchange.keys import ApiKey, Right
from tradepool.simexchange.records import Kind, Order
from tradepool.simexchange.venue import Venue

USER_SUBSCRIBE = "userDataStream.subscribe.signature"
USER_UNSUBSCRIBE = "userDataStream.unsubscribe"


def signed_key(
    venue: Venue, params: object, right: Right = Right.READING, address: str = NO_ADDRESS, session: str = ""
) -> tuple[ApiKey, Parameters]:
    """Whose key signed a request and what it says: the signature covers all parameters, sorted by name.

    Rejection when the proof fails or the key lacks the right. `session` is the key that the connection has logged on
    with, which stands in for one that the request does not name.
    """
    if not isinstance(params, dict):
        raise Rejection(-1100, "Illegal characters found in a parameter.")
    texts = {str(name): _text(value) for name, value in params.items()}
    signed = "&".join(f"{name}={texts[name]}" for name in sorted(texts) if name != "signature")
    parameters, proof = Parameters(texts), (signed, texts.get("signature", ""))
    if session and "apiKey" not in texts:
        return Gate(venue).admit(session, parameters, None, address, right), parameters
    return Gate(venue).admit(texts.get("apiKey", ""), parameters, proof, address, right), parameters


def user_envelope(subscription_id: int, text: bytes) -> bytes:
    """An account's event as the ws-api sends it."""
    return b'{"subscriptionId":%d,"event":%s}' % (subscription_id, text)


def ended_text(time_ms: int) -> bytes:
    """The last event of a user stream that the venue ended."""
    return b'{"e":"eventStreamTerminated","E":%d}' % time_ms


def report_text(event: ExecutionReport) -> bytes:
    """An order's change. A cancelled order's own client id moves to C, c names the request that cancelled it."""
    order, trade, market = event.order, event.trade, event.order.market
    price, quantity, quote = market.price_text.text, market.quantity_text.text, market.quote_text.text
    execution = "TRADE" if trade else order.status.name
    name, original = (event.request_id, order.client_id) if event.request_id else (order.client_id, "")
    filled, working = order.filled_steps, f'"W":{order.working_ms},' if order.working_ms >= 0 else ""
    worth, last_worth = quote(order.quote_units), quote(trade.quote_units if trade else 0)
    if trade:
        last = f'"L":"{price(trade.ticks)}","n":"{fee_text(trade)}","N":"{trade.fee_asset}"'
    else:
        last = f'"L":"{price(0)}","n":"0","N":null'
    return (
        f'{{"e":"executionReport","E":{event.time_ms},"s":"{market.symbol}","c":"{name}","S":"{order.side.name}",'
        f'"o":"{order.kind.name}","f":"{order.tif.name}","q":"{quantity(order.steps)}","p":"{price(order.limit_ticks)}",'
        f'"P":"{price(order.stop_ticks)}","F":"{quantity(0)}","g":{order.list_id or -1},"C":"{original}","x":"{execution}",'
        f'"X":"{order.status.name}","r":"NONE","i":{order.id},"l":"{quantity(trade.steps if trade else 0)}","z":"{quantity(filled)}",'
        f'{last},"T":{event.time_ms},"t":{trade.id if trade else -1},"I":{order.id},"w":{_working(order)},'
        f'"m":{"true" if trade and trade.is_maker else "false"},"M":false,"O":{order.created_ms},"Z":"{worth}",'
        f'"Y":"{last_worth}","Q":"{quote(order.asked_units)}",{working}"V":"NONE"}}'
    ).encode()


def position_text(event: AccountPosition) -> bytes:
    """Balances of the assets an order touched."""
    market = event.market
    lines = [
        (market.base, market.base_text, event.base_free, event.base_locked),
        (market.quote, market.quote_text, event.quote_free, event.quote_locked),
    ]
    if event.fee is not None:
        fee_market, free, locked = event.fee
        lines.append((fee_market.base, fee_market.base_text, free, locked))
    told = ",".join(
        f'{{"a":"{asset}","f":"{unit.text(free)}","l":"{unit.text(locked)}"}}' for asset, unit, free, locked in lines
    )
    return f'{{"e":"outboundAccountPosition","E":{event.time_ms},"u":{event.time_ms},"B":[{told}]}}'.encode()


def list_text(event: ListStatus) -> bytes:
    """A list of orders that began or is done."""
    order_list = event.order_list
    status, stands = ("ALL_DONE", "ALL_DONE") if order_list.is_done else ("EXEC_STARTED", "EXECUTING")
    symbol = order_list.market.symbol
    orders = ",".join(f'{{"s":"{symbol}","i":{order.id},"c":"{order.client_id}"}}' for order in event.orders)
    return (
        f'{{"e":"listStatus","E":{event.time_ms},"s":"{symbol}","g":{order_list.id},"c":"OCO","l":"{status}",'
        f'"L":"{stands}","r":"NONE","C":"{order_list.client_id}","T":{event.time_ms},"O":[{orders}]}}'
    ).encode()


def balance_texts(event: BalanceMoved) -> tuple[bytes, bytes]:
    """A balance that moved without an order: by how much, then what it is (who adds up ends with the truth)."""
    asset, unit, time_ms = event.asset, event.unit, event.time_ms
    return (
        f'{{"e":"balanceUpdate","E":{time_ms},"a":"{asset}","d":"{event.delta * unit:f}","T":{time_ms}}}'.encode(),
        (
            f'{{"e":"outboundAccountPosition","E":{time_ms},"u":{time_ms},"B":['
            f'{{"a":"{asset}","f":"{event.free * unit:f}","l":"{event.locked * unit:f}"}}]}}'
        ).encode(),
    )


def _working(order: Order) -> str:
    """Whether the order is on the book: a stop that waits is not."""
    return "true" if order.kind is not Kind.MARKET and order.is_open and not order.waits else "false"


def _text(value: object) -> str:
    """A JSON value as a client signed it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
