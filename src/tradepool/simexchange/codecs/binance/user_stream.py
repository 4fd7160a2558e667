"""The user stream: who may open it, and an account's events as the texts clients read."""

from __future__ import annotations

from tradepool.simexchange.codecs.binance.answer import fee_text
from tradepool.simexchange.codecs.binance.gate import NO_ADDRESS, Gate
from tradepool.simexchange.codecs.binance.rejection import Rejection
from tradepool.simexchange.codecs.binance.request import Parameters
from tradepool.simexchange.events import AccountPosition, BalanceMoved, ExecutionReport
from tradepool.simexchange.keys import ApiKey, Right
from tradepool.simexchange.records import Kind, Order
from tradepool.simexchange.venue import Venue

USER_SUBSCRIBE = "userDataStream.subscribe.signature"
USER_UNSUBSCRIBE = "userDataStream.unsubscribe"


def user_key(venue: Venue, params: object, address: str = NO_ADDRESS) -> ApiKey:
    """The API key of the account whose stream a signed request may open; Rejection when the proof fails."""
    if not isinstance(params, dict):
        raise Rejection(-1100, "Illegal characters found in a parameter.")
    texts = {str(name): str(value) for name, value in params.items()}
    signed = "&".join(f"{name}={texts[name]}" for name in sorted(texts) if name != "signature")
    proof = signed, texts.get("signature", "")
    return Gate(venue).admit(texts.get("apiKey", ""), Parameters(texts), proof, address, Right.READING)


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
    filled = order.filled_steps
    worth = quote(order.quote_units)
    if trade:
        last = f'"L":"{price(trade.ticks)}","n":"{fee_text(trade)}","N":"{trade.fee_asset}"'
    else:
        last = f'"L":"{price(0)}","n":"0","N":null'
    return (
        f'{{"e":"executionReport","E":{event.time_ms},"s":"{market.symbol}","c":"{name}","S":"{order.side.name}",'
        f'"o":"{order.kind.name}","f":"GTC","q":"{quantity(order.steps)}","p":"{price(order.limit_ticks)}",'
        f'"P":"{price(order.stop_ticks)}","F":"{quantity(0)}","g":-1,"C":"{original}","x":"{execution}",'
        f'"X":"{order.status.name}","r":"NONE","i":{order.id},"l":"{quantity(filled)}","z":"{quantity(filled)}",'
        f'{last},"T":{event.time_ms},"t":{trade.id if trade else -1},"I":{order.id},"w":{_working(order)},'
        f'"m":{"true" if trade and trade.is_maker else "false"},"M":false,"O":{order.created_ms},"Z":"{worth}",'
        f'"Y":"{worth}","Q":"{quote(0)}","W":{order.created_ms},"V":"NONE"}}'
    ).encode()


def position_text(event: AccountPosition) -> bytes:
    """Balances of the two assets an order touched."""
    market = event.market
    base, quote = market.base_text.text, market.quote_text.text
    return (
        f'{{"e":"outboundAccountPosition","E":{event.time_ms},"u":{event.time_ms},"B":['
        f'{{"a":"{market.base}","f":"{base(event.base_free)}","l":"{base(event.base_locked)}"}},'
        f'{{"a":"{market.quote}","f":"{quote(event.quote_free)}","l":"{quote(event.quote_locked)}"}}]}}'
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
    return "true" if order.kind is Kind.LIMIT and order.status.name == "NEW" else "false"
