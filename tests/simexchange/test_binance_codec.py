"""Bytes in and out of the Binance codec, without a socket."""

from __future__ import annotations

import hmac
from decimal import Decimal
from urllib.parse import urlencode

import orjson
import pytest

from tests.simexchange.exchange_kit import MINUTE, START, Recorder, bars, flat, market, small_venue
from tradepool.simexchange.codecs.binance import market_streams, user_stream
from tradepool.simexchange.codecs.binance.rejection import Rejection
from tradepool.simexchange.codecs.binance.request import Call, Parameters, signed_payload
from tradepool.simexchange.codecs.binance.rest import Rest
from tradepool.simexchange.codecs.websocket import text_frame
from tradepool.simexchange.events import AccountPosition, BookTicker, ExecutionReport, KlineClosed
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.venue import Venue


def signature(text: str, secret: str = "secret") -> str:
    """What a client computes."""
    return hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()


class Client:
    """Signs calls as ccxt does: timestamp last of ours, signature after it, POST in the body."""

    def __init__(self, venue: Venue) -> None:
        """Talk to a venue's REST without a socket."""
        self.venue, self.rest = venue, Rest(venue)

    def ask(self, method: str, path: str, **params: object) -> tuple[int, object]:
        """One signed call."""
        text = urlencode(params | {"timestamp": self.venue.now_ms, "recvWindow": 10_000})
        text += f"&signature={signature(text)}"
        query, body = ("", text) if method == "POST" else (text, "")
        status, answer, _ = self.rest.answer(Call(method, f"/api/v3/{path}", query, body, "key"))
        return status, orjson.loads(answer)

    def public(self, path: str, query: str = "") -> tuple[int, object]:
        """One unsigned call."""
        status, answer, _ = self.rest.answer(Call("GET", f"/api/v3/{path}", query, "", ""))
        return status, orjson.loads(answer)


@pytest.fixture
def client() -> Client:
    """A client of a venue at 100.00 without slippage."""
    return Client(small_venue(flat(10)))


ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
BAD_PARAMETERS: list[tuple[dict[str, object], int]] = [
    ({"quantity": ""}, -1102),
    ({"quantity": "-1"}, -1100),
    ({"quantity": "NaN"}, -1100),
    ({"quantity": "1" * 21}, -1100),
    ({"quantity": "\u00b2"}, -1100),
    ({"quantity": ".5"}, -1100),
    ({"quantity": "0.0001"}, -1013),
    ({"quantity": "0.000000001"}, -1111),
    ({"quoteOrderQty": "5"}, -1106),
    ({"quantity": "", "quoteOrderQty": "0"}, -1013),
    ({"stopPrice": "5"}, -1106),
    ({"newOrderRespType": "LONG"}, -1130),
    ({"selfTradePreventionMode": "EXPIRE_TAKER"}, -1130),
    ({"icebergQty": "0.1"}, -2010),
    ({"type": "STOP_LOSS", "trailingDelta": "100"}, -2010),
    ({"type": "STOP_LOSS_LIMIT", "stopPrice": "95", "price": "94"}, -1102),
    ({"type": "TAKE_PROFIT_LIMIT", "stopPrice": "95", "price": "94", "timeInForce": "DAY"}, -1115),
    ({"type": "LIMIT_MAKER", "price": "94", "timeInForce": "GTC"}, -1106),
    ({"quantity": "0"}, -1013),
    ({"side": "HOLD"}, -1117),
    ({"type": "OCO"}, -1116),
    ({"newClientOrderId": 'a"b'}, -1100),
    ({"newClientOrderId": "x" * 37}, -1100),
    ({"type": "STOP_LOSS"}, -1102),
    ({"type": "STOP_LOSS", "stopPrice": "95", "timeInForce": "GTC"}, -1106),
    ({"type": "LIMIT", "price": "95"}, -1102),
    ({"type": "LIMIT", "price": "0.00", "timeInForce": "GTC"}, -1013),
]


@pytest.mark.parametrize(("change", "code"), BAD_PARAMETERS)
def test_bad_parameters_have_their_code(client: Client, change: dict[str, object], code: int) -> None:
    status, answer = client.ask("POST", "order", **(ORDER | change))
    assert (status, isinstance(answer, dict) and answer["code"]) == (400, code)
    assert not client.venue.orders("key")


def test_answers_come_as_short_as_asked(client: Client) -> None:
    _, full = client.ask("POST", "order", **ORDER, newOrderRespType="FULL")
    _, result = client.ask("POST", "order", **ORDER, newOrderRespType="RESULT")
    _, ack = client.ask("POST", "order", **ORDER, newOrderRespType="ACK")
    assert isinstance(full, dict)
    assert isinstance(result, dict)
    assert isinstance(ack, dict)
    assert set(ack) < set(result) < set(full)
    assert (ack["clientOrderId"], full["fills"][0]["tradeId"]) == ("sim3", 1)


def test_a_generated_name_is_nobody_elses(client: Client) -> None:
    """Whatever the user called other orders and lists, each leg of a list included."""
    resting = ORDER | {"type": "LIMIT", "price": "90", "timeInForce": "GTC"}
    pair = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "belowType": "STOP_LOSS", "belowStopPrice": "90"}
    pair |= {"aboveType": "LIMIT_MAKER", "abovePrice": "110"}
    for name in ("sim3", "sim5", "sim5x"):
        assert client.ask("POST", "order", **resting, newClientOrderId=name)[0] == 200
    assert client.ask("POST", "orderList/oco", **pair, listClientOrderId="simlist2")[0] == 200
    assert client.ask("POST", "orderList/oco", **pair)[0] == 200
    _, named = client.ask("POST", "order", **resting, newClientOrderId="sim9")
    _, unnamed = client.ask("POST", "order", **resting)
    assert isinstance(named, dict)
    assert isinstance(unnamed, dict)
    assert (unnamed["orderId"], unnamed["clientOrderId"]) == (9, "sim9x")
    assert [order.client_id for order in client.venue.orders("key")[3:7]] == ["sim4", "sim5xx", "sim6", "sim7"]


def test_the_signature_covers_the_raw_text(client: Client) -> None:
    text = f"symbol=BTC%55SDT&timestamp={client.venue.now_ms}"
    signed = Call("GET", "/api/v3/openOrders", f"{text}&signature={signature(text)}", "", "key")
    assert client.rest.answer(signed).status == 200
    again = signed._replace(query=signed.query.replace("%55", "U"))
    assert b"-1022" in client.rest.answer(again).body
    assert b"-1102" in client.rest.answer(signed._replace(query=text)).body
    for odd in ("&signature=\u00e9", "&signature=\udcff", "\udcff&signature=00"):
        assert b"-1022" in client.rest.answer(signed._replace(query=text + odd)).body
    stranger = client.rest.answer(signed._replace(key="nobody"))
    assert (stranger.status, b"-2015" in stranger.body) == (401, True)


def test_the_receive_window_has_edges(client: Client) -> None:
    def status(timestamp: int) -> int:
        text = f"timestamp={timestamp}&recvWindow=100"
        query = f"{text}&signature={signature(text)}"
        return client.rest.answer(Call("GET", "/api/v3/account", query, "", "key")).status

    now = client.venue.now_ms
    assert [status(now + skew) for skew in (-101, -100, 0, 999, 1_000)] == [400, 200, 200, 200, 400]


def test_a_fee_is_written_in_its_assets_own_unit() -> None:
    venue = Venue([Listing(market(base_unit="1e-6"), bars(flat(2)))], 0)
    venue.open_account("key", "secret", {"USDT": Decimal(1000)})
    client = Client(venue)
    for side in ("BUY", "SELL"):
        client.ask("POST", "order", **(ORDER | {"side": side, "quantity": "0.5"}))
    rows = client.ask("GET", "myTrades", symbol="BTCUSDT")[1]
    assert isinstance(rows, list)
    assert [(row["commission"], row["commissionAsset"]) for row in rows] == [("0.000500", "BTC")]


def test_query_and_body_are_signed_as_one() -> None:
    assert signed_payload(Call("POST", "", "a=1", "b=2&signature=ff", "")) == ("a=1b=2", "ff")
    assert signed_payload(Call("POST", "", "a=1&signature=ff", "b=2", "")) == ("a=1b=2", "ff")


def test_a_parameter_sent_twice_is_refused() -> None:
    with pytest.raises(Rejection, match="Duplicate values"):
        Parameters.of(Call("GET", "", "a=1&a=2", "", ""))


def test_lists_are_cut_and_begin_where_asked(client: Client) -> None:
    for _ in range(5):
        client.ask("POST", "order", **ORDER)
        client.venue.step_bars(1)

    def ids(path: str, name: str, **params: object) -> list[int]:
        answer = client.ask("GET", path, symbol="BTCUSDT", **params)[1]
        assert isinstance(answer, list)
        return [row[name] for row in answer]

    assert ids("allOrders", "orderId") == [1, 2, 3, 4, 5]
    assert ids("allOrders", "orderId", orderId=4) == [4, 5]
    assert ids("allOrders", "orderId", startTime=START + 1, limit=2) == [2, 3]
    assert ids("allOrders", "orderId", startTime=START + 1, endTime=START + MINUTE) == [2]
    assert ids("allOrders", "orderId", limit=2) == [4, 5]
    assert ids("myTrades", "id", fromId=0, limit=2) == [1, 2]
    assert ids("myTrades", "id", limit=2) == [4, 5]
    assert ids("myTrades", "id", orderId=3) == [3]
    assert ids("myTrades", "id", orderId=30) == []
    assert ids("myTrades", "id", startTime=START + 4 * MINUTE) == [5]


def test_public_routes(client: Client) -> None:
    assert client.public("ping") == (200, {})
    assert client.public("time") == (200, {"serverTime": START})
    best = {"symbol": "BTCUSDT", "bidPrice": "100.00", "askPrice": "100.00"}
    answer = client.public("ticker/bookTicker", "symbol=BTCUSDT")[1]
    assert isinstance(answer, dict)
    assert best.items() <= answer.items()
    assert client.public("ticker/bookTicker")[1] == [answer]
    assert client.public("exchangeInfo", 'symbols=["BTCUSDT"]')[1] == client.public("exchangeInfo")[1]
    assert client.public("exchangeInfo", "symbols=[")[0] == 400
    assert client.public("exchangeInfo", "symbol=NOPE")[0] == 400
    assert client.public("nowhere")[0] == 404
    assert client.public("order")[0] == 401


def test_klines_in_a_window(client: Client) -> None:
    client.venue.step_bars(5)

    def opens(query: str) -> list[int]:
        rows = client.public("klines", f"symbol=BTCUSDT&interval=1m&{query}")[1]
        assert isinstance(rows, list)
        assert all(len(row) == 12 and row[6] == row[0] + MINUTE - 1 for row in rows)
        return [(row[0] - START) // MINUTE for row in rows]

    assert opens("") == [0, 1, 2, 3, 4]
    assert opens("limit=2") == [3, 4]
    assert opens(f"startTime={START + MINUTE}&limit=2") == [1, 2]
    assert opens(f"endTime={START + 2 * MINUTE}&limit=2") == [1, 2]
    assert opens(f"startTime={START + 9 * MINUTE}") == []


def test_events_are_json_with_every_field() -> None:
    venue = small_venue([(100, 110, 90, 105), (106, 106, 106, 106)])
    seen = Recorder(books=True)
    venue.listen(seen)
    Client(venue).ask("POST", "order", **(ORDER | {"type": "STOP_LOSS", "stopPrice": "105"}))
    while venue.step():
        pass
    texts = [
        orjson.loads(
            user_stream.report_text(event)
            if isinstance(event, ExecutionReport)
            else user_stream.position_text(event)
            if isinstance(event, AccountPosition)
            else market_streams.closed_text(event)
            if isinstance(event, KlineClosed)
            else market_streams.book_text(event)
        )
        for event in seen.events
        if isinstance(event, ExecutionReport | AccountPosition | KlineClosed | BookTicker)
    ]
    reports = [text for text in texts if text.get("e") == "executionReport"]
    assert [(text["x"], text["P"], text["L"], text["N"]) for text in reports] == [
        ("NEW", "105.00", "0.00", None),
        ("TRADE", "105.00", "105.00", "BTC"),
    ]
    kline = next(text["k"] for text in texts if text.get("e") == "kline")
    assert (kline["o"], kline["h"], kline["l"], kline["c"]) == ("100.00", "110.00", "90.00", "105.00")
    assert [text["a"] for text in texts if "A" in text] == ["90.00", "110.00", "105.00", "106.00"]
    assert sum(isinstance(event, BookTicker) for event in seen.events) == 4


def test_a_user_stream_opens_for_who_proves_itself() -> None:
    venue = small_venue(flat(2))
    params: dict[str, object] = {"timestamp": START, "apiKey": "key", "recvWindow": 5000}
    params["signature"] = signature(f"apiKey=key&recvWindow=5000&timestamp={START}")
    assert user_stream.signed_key(venue, params)[0].account.key == "key"
    for change in ({"signature": "00"}, {"apiKey": "nobody"}, {"timestamp": START + 1}, {"recvWindow": 6000}):
        with pytest.raises(Rejection):
            user_stream.signed_key(venue, params | change)
    with pytest.raises(Rejection):
        user_stream.signed_key(venue, None)


@pytest.mark.parametrize(("size", "header"), [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)])
def test_frames_of_every_length(size: int, header: int) -> None:
    frame = text_frame(b"x" * size)
    assert (frame[0], len(frame)) == (0x81, header + size)


def test_amounts_have_no_exponent(client: Client) -> None:
    client.venue.open_account("small", "secret", {"USDT": Decimal("0.00000001")})
    answer = client.ask("GET", "account")[1]
    assert isinstance(answer, dict)
    assert answer["balances"][0] == {"asset": "USDT", "free": "1000.00000000", "locked": "0.00000000"}
