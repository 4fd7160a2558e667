"""Who gets which frame, and when: before the answer, once, in one write."""

from __future__ import annotations

import orjson

from tests.simexchange.exchange_kit import flat, small_venue
from tests.simexchange.test_binance_codec import ORDER, Client
from tradepool.simexchange.codecs.websocket import text_frame
from tradepool.simexchange.hub import Hub

KLINES, BOOK = "btcusdt@kline_1m", "btcusdt@bookTicker"


class Wire:
    """A connection that keeps what was written."""

    def __init__(self) -> None:
        """Nothing was written."""
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.writes.append(data)


def test_the_frames_of_an_order_are_written_together_before_its_answer() -> None:
    client = Client(small_venue(flat(3)))
    hub, wire = Hub(client.venue), Wire()
    client.venue.listen(hub)
    hub.open_user("key", wire)
    assert client.ask("POST", "order", **ORDER)[0] == 200
    assert [write.count(b'"subscriptionId":0,"event"') for write in wire.writes] == [3]
    assert client.ask("POST", "order", **(ORDER | {"quantity": "99"}))[0] == 400
    assert (len(wire.writes), hub.frames) == (1, 3)


def test_everybody_gets_the_same_bytes_in_the_form_asked_for() -> None:
    venue = small_venue(flat(4))
    hub = Hub(venue)
    venue.listen(hub)
    one, two, wrapped, nobody = Wire(), Wire(), Wire(), Wire()
    for wire in (one, two, wrapped):
        hub.subscribe(KLINES, wire)
    hub.set_combined(wrapped, combined=True)
    hub.subscribe(BOOK, nobody)
    assert venue.step()
    assert one.writes == two.writes
    text = one.writes[0][4:]
    assert one.writes[0] == text_frame(text)
    assert orjson.loads(wrapped.writes[0][4:]) == {"stream": KLINES, "data": orjson.loads(text)}
    assert (nobody.writes, hub.subscriptions(nobody), hub.subscriptions_open) == ([], [BOOK], 4)
    hub.forget(two)
    hub.unsubscribe(KLINES, wrapped)
    assert venue.step()
    assert [len(wire.writes) for wire in (one, two, wrapped)] == [2, 1, 1]


def test_user_streams_of_one_connection_have_numbers() -> None:
    venue = small_venue(flat(2))
    hub, wire = Hub(venue), Wire()
    assert [hub.open_user(key, wire) for key in ("a", "b", "a", "c")] == [0, 1, 0, 2]
    hub.close_users(wire, 1)
    assert [hub.wants_account(key) for key in "abc"] == [True, False, True]
    assert hub.open_user("d", wire) == 1
    hub.forget(wire)
    assert hub.subscriptions_open == 0
    assert not hub.wants_account("a")


def test_without_readers_time_runs_to_the_end_in_one_step() -> None:
    venue = small_venue(flat(100))
    venue.listen(Hub(venue))
    assert not venue.step()
    assert venue.markets[0].published == 99
