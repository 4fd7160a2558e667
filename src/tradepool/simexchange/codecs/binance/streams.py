"""Binance's streams: what a client asks on a WebSocket, what it is answered, and events as the texts it reads.

Two kinds of connection: market streams (`/ws`, and `/stream`, which wraps each event in its stream's name), and the
ws-api, on which a signed request opens the user stream of an account.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import orjson

from tradepool.domain.candle import timeframe_name
from tradepool.simexchange.codecs.binance.answer import fee_text, quote_volume
from tradepool.simexchange.codecs.binance.rejection import Rejection
from tradepool.simexchange.codecs.binance.request import Parameters, check_signature, check_time
from tradepool.simexchange.events import AccountPosition, BookTicker, ExecutionReport, KlineClosed
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Kind, Order
from tradepool.simexchange.venue import Venue

USER_SUBSCRIBE = "userDataStream.subscribe.signature"
USER_UNSUBSCRIBE = "userDataStream.unsubscribe"


class Ask(NamedTuple):
    """A request on a WebSocket; `id` goes back unchanged."""

    id: object
    method: str
    params: object


def read_ask(text: str) -> Ask:
    """Read one message; Rejection when it is not a request."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Rejection(3, "Invalid JSON: expected value at line 1 column 1") from error
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        raise Rejection(2, "Invalid request: missing field `method`")
    return Ask(message.get("id"), message["method"], message.get("params"))


# ---- market streams


def kline_stream(market: ListedMarket) -> str:
    """Name of a market's candle stream, as `btcusdt@kline_1m`."""
    return f"{market.symbol.lower()}@kline_{timeframe_name(market.timeframe_ms)}"


def book_stream(market: ListedMarket) -> str:
    """Name of a market's best-price stream, as `btcusdt@bookTicker`."""
    return f"{market.symbol.lower()}@bookTicker"


def stream_names(params: object, known: Iterable[str]) -> list[str]:
    """The streams a SUBSCRIBE names; Rejection when one is not known."""
    if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
        raise Rejection(2, "Invalid request: params must be an array of strings")
    if not set(params) <= set(known):
        raise Rejection(2, "Invalid request: invalid stream")
    return params


def result_text(ask_id: object, result: object) -> bytes:
    """Answer on a market stream.

    >>> result_text(1, None)
    b'{"result":null,"id":1}'
    """
    return orjson.dumps({"result": result, "id": ask_id})


def stream_error_text(ask_id: object, said: Rejection) -> bytes:
    """Refusal on a market stream."""
    return orjson.dumps({"error": {"code": said.code, "msg": said.message}, "id": ask_id})


def combined(name: str, text: bytes) -> bytes:
    """An event with its stream's name around it, as `/stream` sends it."""
    return b'{"stream":"%s","data":%s}' % (name.encode(), text)


def kline_text(event: KlineClosed) -> bytes:
    """A closed candle."""
    market, index = event.market, event.bar
    price, start, volume = market.price_text.text, int(market.open_time[index]), market.volume_text(index)
    worth = quote_volume(market, index)
    return (
        f'{{"e":"kline","E":{event.time_ms},"s":"{market.symbol}","k":{{"t":{start},'
        f'"T":{start + market.timeframe_ms - 1},"s":"{market.symbol}","i":"{timeframe_name(market.timeframe_ms)}",'
        f'"f":{index},"L":{index},"o":"{price(int(market.open[index]))}","c":"{price(int(market.close[index]))}",'
        f'"h":"{price(int(market.high[index]))}","l":"{price(int(market.low[index]))}","v":"{volume}","n":1,"x":true,'
        f'"q":"{worth}","V":"{volume}","Q":"{worth}","B":"0"}}}}'
    ).encode()


def book_text(event: BookTicker) -> bytes:
    """The best prices; the depth behind them has no end, so the largest lot stands for it."""
    market = event.market
    price, size = market.price_text.text, market.quantity_text.text(market.max_steps)
    return (
        f'{{"u":{event.update_id},"s":"{market.symbol}","b":"{price(event.bid_ticks)}","B":"{size}",'
        f'"a":"{price(event.ask_ticks)}","A":"{size}"}}'
    ).encode()


# ---- user stream


def user_account(venue: Venue, params: object) -> str:
    """Key of the account whose stream a signed request may open; Rejection when the proof fails."""
    if not isinstance(params, dict):
        raise Rejection(-1100, "Illegal characters found in a parameter.")
    texts = {str(name): str(value) for name, value in params.items()}
    account = venue.accounts.get(texts.get("apiKey", ""))
    if account is None:
        raise Rejection(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
    signature = texts.pop("signature", "")
    check_signature(account, "&".join(f"{name}={texts[name]}" for name in sorted(texts)), signature)
    check_time(Parameters(texts), venue.now_ms)
    return account.key


def api_result_text(ask_id: object, result: object) -> bytes:
    """Answer on the ws-api."""
    return orjson.dumps({"id": ask_id, "status": 200, "result": result})


def api_error_text(ask_id: object, said: Rejection) -> bytes:
    """Refusal on the ws-api."""
    return orjson.dumps({"id": ask_id, "status": said.status, "error": {"code": said.code, "msg": said.message}})


def user_envelope(subscription_id: int, text: bytes) -> bytes:
    """An account's event as the ws-api sends it."""
    return b'{"subscriptionId":%d,"event":%s}' % (subscription_id, text)


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


def _working(order: Order) -> str:
    """Whether the order is on the book: a stop that waits is not."""
    return "true" if order.kind is Kind.LIMIT and order.status.name == "NEW" else "false"
