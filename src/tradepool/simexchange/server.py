"""The venue on the wire: HTTPS and WebSocket at one place, dispatched by the Host header as the real hosts are.

Stable for others: `Server(venue, place, tls=None, scenario=CALM, clock=None)`, `await start() -> Place`, `await stop()`,
`await drain()`, `faults` (simexchange.faults), `links` (open WebSockets), `requests`, `frames`, `connections` and
`subscriptions_open` (counts); `before_request` is called before each request is looked at (a paced venue catches up
with the clock there). `tls` is a server SSLContext (simexchange.tls); without it the Unix socket or port speaks plain
HTTP, and clients with unchanged https:// URLs need a connector that leaves TLS out.

All frames of a step or of an order are handed to their sockets before `venue.step()` returns or the order is
answered: a WebSocket frame is the same bytes for every connection, so it is written to the transport directly,
without a coroutine, without compression (declined in the handshake) and with one write for all frames of a moment.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Callable

from aiohttp import WSMsgType, web
from aiohttp.client_exceptions import ClientConnectionResetError

from tradepool.ports.clock import Clock
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.bad_asks import BadAsks
from tradepool.simexchange.bad_calls import BadCalls, reset
from tradepool.simexchange.bad_frames import BadFrames
from tradepool.simexchange.bad_times import BadTimes
from tradepool.simexchange.codecs.binance import session, streams, user_stream
from tradepool.simexchange.codecs.binance.api_methods import ApiMethods
from tradepool.simexchange.codecs.binance.gate import NO_ADDRESS, Gate
from tradepool.simexchange.codecs.binance.rejection import Rejection, rejection
from tradepool.simexchange.codecs.binance.request import Call, raw_text
from tradepool.simexchange.codecs.binance.rest import Rest
from tradepool.simexchange.codecs.websocket import text_frame
from tradepool.simexchange.door import Door, Place
from tradepool.simexchange.errors import Refused
from tradepool.simexchange.fault_kinds import Strikes
from tradepool.simexchange.faults import Faults
from tradepool.simexchange.hub import Hub
from tradepool.simexchange.moments import Moments
from tradepool.simexchange.pings import Pings
from tradepool.simexchange.scenario import CALM, Scenario
from tradepool.simexchange.venue import Venue

UNREAD_BYTES_MAX = 64 * 1024 * 1024
MESSAGE_BYTES_MAX = 64 * 1024
DRAIN_TIMEOUT_S = 10.0

REST_HOSTS = frozenset(
    ("api.binance.com", "api1.binance.com", "api2.binance.com", "api3.binance.com", "api4.binance.com",
     "api-gcp.binance.com", "data-api.binance.vision")
)  # fmt: skip
STREAM_HOSTS = frozenset(("stream.binance.com", "data-stream.binance.vision"))
API_HOSTS = frozenset(("ws-api.binance.com",))


class SocketLink:
    """A WebSocket connection as the hub sees it."""

    def __init__(
        self, request: web.BaseRequest, through: Callable[[SocketLink, bytes], bytes], since_ms: int = 0
    ) -> None:
        """Take the connection of an upgraded request; `through` says what of the frames written goes out."""
        transport = request.transport
        assert transport is not None, "an upgraded request has its connection"
        # Unsent bytes pause the protocol, so that `drained` waits for the last one. Not 0: asyncio's TLS transport
        # then pauses with nothing unsent, and never wakes who waits.
        transport.set_write_buffer_limits(high=1, low=0)
        self._transport, self._protocol = transport, request.protocol
        self._through = through
        self.accounts: dict[int, str] = {}
        self.since_ms = since_ms
        self.logon: session.Logon | None = None
        self.held: list[bytes] = []
        self.late: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send what faults leave of some frames."""
        if left := self._through(self, data):
            self.send(left)

    def send(self, data: bytes) -> None:
        """Send; a client that leaves UNREAD_BYTES_MAX unread is dropped, as real venues do."""
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
            self._transport.abort()

    def drop(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def leave(self, code: int) -> None:
        """Say goodbye and end the connection once that is sent."""
        if not self._transport.is_closing():
            self._transport.write(struct.pack("!BBH", 0x88, 2, code))
            self._transport.close()

    async def drained(self) -> None:
        """Wait until the kernel has every byte; a connection that ended has nothing left to send."""
        try:
            # aiohttp gives a server no public way to wait for a raw transport; this is what its own writers await.
            await asyncio.wait_for(self._protocol._drain_helper(), DRAIN_TIMEOUT_S)
        except ClientConnectionResetError:
            return
        except TimeoutError:
            self.drop()


class FollowingHub(Hub):
    """The hub of a server whose clock is the venue's: after each step it moves on."""

    def __init__(self, venue: Venue) -> None:
        """Stand where the venue stands."""
        super().__init__(venue)
        self.clock = VirtualClock(venue.now_ms)

    def flush(self) -> None:
        """Write what was gathered; whoever waited for this time wakes."""
        super().flush()
        self.clock.advance_to(max(self._venue.now_ms, self.clock.now_ms()))


TextHandler = Callable[[web.BaseRequest, SocketLink, str], bytes]


class Server:
    """One venue at one place."""

    def __init__(
        self,
        venue: Venue,
        place: Place,
        tls: ssl.SSLContext | None = None,
        scenario: Scenario = CALM,
        clock: Clock | None = None,
    ) -> None:
        """Prepare; nothing is opened before `start`. What waits, waits on `clock`: by default one that the venue's steps move."""
        self._venue = venue
        self._hub, self._rest, self._gate = FollowingHub(venue), Rest(venue), Gate(venue)
        self.faults = Faults(scenario.faults, scenario.seed)
        clock = clock or self._hub.clock
        self.moments = Moments(venue, clock, scenario.moments)
        self._pings = Pings(clock, lambda: tuple(self.links))
        self._bad_calls = BadCalls(venue, self.faults, clock)
        self._bad_asks = BadAsks(venue, self._bad_calls, clock)
        self._bad_frames = BadFrames(venue, self.faults, clock)
        self._bad_times = BadTimes(self, venue, clock)
        self._methods = ApiMethods(venue, self._rest.private, self._rest.public)
        self._door = Door(self._handle, place, tls)
        venue.keys.on_revoked(lambda key: self._hub.end_users(key.name, venue.now_ms))
        self.links: set[SocketLink] = set()
        self.requests = 0
        self.before_request: Callable[[], object] = lambda: None

    @property
    def frames(self) -> int:
        """Stream frames sent so far."""
        return self._hub.frames

    @property
    def subscriptions_open(self) -> int:
        """How many streams and user streams are being read now, counted per connection."""
        return self._hub.subscriptions_open

    @property
    def connections(self) -> int:
        """How many connections stand now."""
        return self._door.connections

    @property
    def is_open(self) -> bool:
        """Whether anybody may connect now."""
        return self._door.is_open

    async def start(self) -> Place:
        """Listen and tell clients what happens; answers with the place. PortInUse, CannotListen."""
        place = await self._door.open()
        self._venue.listen(self._hub)
        self.faults.on_change = lambda: self._bad_times.plan(self.faults.by_kind[Strikes.TIME])
        self.faults.begin(self._venue.now_ms)
        self.moments.begin(self._venue.now_ms)
        self._pings.begin()
        self._venue.clock_offset_ms = lambda: self.faults.clock_offset_ms(self._venue.now_ms)
        return place

    async def stop(self) -> None:
        """End every connection and listen no more."""
        self._venue.unlisten(self._hub)
        self.faults.on_change = lambda: None
        self._bad_calls.over.set()
        self._bad_frames.close()
        await self._bad_asks.close()
        await self._bad_times.close()
        await self.moments.close()
        await self._pings.close()
        for link in tuple(self.links):
            link.drop()
        await self._door.close()

    async def drain(self) -> None:
        """Wait until every frame written so far is with the kernel, so that no later answer can overtake it."""
        for link in tuple(self.links):
            await link.drained()

    def hang_up(self, frame: bytes, code: int) -> None:
        """Send a last frame on every WebSocket and say goodbye."""
        for link in tuple(self.links):
            link.send(frame)
            link.leave(code)

    def shut(self) -> None:
        """Accept nothing any more and reset all connections; time goes on."""
        self._door.shut()

    async def reopen(self) -> None:
        """Accept again, at the same place. PortInUse, CannotListen."""
        await self._door.reopen()

    def _through(self, link: SocketLink, data: bytes) -> bytes:
        """What faults leave of some frames."""
        if self.faults.is_dark(self._venue.now_ms):
            link.drop()
            return b""
        return self._bad_frames.through(link, data) if self.faults.by_kind[Strikes.FRAME] else data

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.before_request()
        host = request.headers.get("Host", "").partition(":")[0]
        if host in REST_HOSTS:
            return await self._answer(request)
        if host in STREAM_HOSTS:
            return await self._converse(request, self._on_stream_text)
        if host in API_HOSTS:
            return await self._converse(request, self._on_api_text)
        return web.Response(status=404, text=f"The simulated exchange does not play {host}.")

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        self.requests += 1
        path, _, query = request.raw_path.partition("?")
        body = raw_text(await request.read()) if request.can_read_body else ""
        key = request.headers.get("X-MBX-APIKEY", "")
        call = Call(request.method, path, query, body, key)
        if self.faults.by_kind[Strikes.CALL] or self.faults.by_kind[Strikes.TIME]:
            return await self._bad_calls.answer(request, call, lambda call: self._take(request, call))
        return self._take(request, call)

    def _take(self, request: web.BaseRequest, call: Call) -> web.Response:
        status, text, headers = self._rest.answer(call, address_of(request))
        return web.Response(status=status, body=text, headers=headers, content_type="application/json")

    # ---- conversations

    async def _converse(self, request: web.BaseRequest, on_text: TextHandler) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=MESSAGE_BYTES_MAX)
        if not socket.can_prepare(request):
            return web.Response(status=400, text="Only WebSocket connections are served here.")
        if self._bad_calls.refuses_streams():
            return reset(request)
        try:
            self._gate.connect(address_of(request), is_api=on_text == self._on_api_text)
            named = self._named_by_path(request)
            self._gate.check_streams(len(set(named)))
        except Refused as refused:
            said = rejection(refused)
            return web.Response(status=said.status, body=said.body(), headers=said.headers())
        await socket.prepare(request)
        link = SocketLink(request, self._through, self._venue.clock_ms())
        self.links.add(link)
        self._hub.set_combined(link, combined=_is_combined(request))
        for name in named:
            self._hub.subscribe(name, link)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self.before_request()
                    if on_text == self._on_stream_text and not self._gate.hears(link):
                        link.drop()
                        break
                    if answer := on_text(request, link, message.data):
                        link.send(text_frame(answer))
        finally:
            self.links.discard(link)
            self._hub.forget(link)
        return socket

    def _named_by_path(self, request: web.BaseRequest) -> list[str]:
        """`/ws/NAME/NAME` and `/stream?streams=NAME/NAME` subscribe at once; ccxt's `/ws/0` names no stream."""
        query, path = request.query.get("streams", ""), request.path.removeprefix("/ws/")
        return [name for name in (query if _is_combined(request) else path).split("/") if self._hub.knows(name)]

    def _on_stream_text(self, request: web.BaseRequest, link: SocketLink, text: str) -> bytes:
        ask_id: object = None
        try:
            ask = streams.read_ask(text)
            ask_id = ask.id
            return streams.result_text(ask.id, self._stream_result(ask, link))
        except Rejection as said:
            return streams.stream_error_text(ask_id, said)

    def _stream_result(self, ask: streams.Ask, link: SocketLink) -> object:
        if ask.method == "LIST_SUBSCRIPTIONS":
            return self._hub.subscriptions(link)
        if ask.method == "GET_PROPERTY" and streams.property_name(ask.params):
            return self._hub.is_combined(link)
        if ask.method == "SET_PROPERTY":
            self._hub.set_combined(link, combined=streams.combined_value(ask.params))
            return None
        if ask.method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            raise Rejection(2, f"Invalid request: unknown variant `{ask.method}`")
        names = streams.stream_names(ask.params, self._hub.knows)
        if ask.method == "SUBSCRIBE" and self._venue.limiter:
            self._gate.check_streams(len({*self._hub.subscriptions(link), *names}))
        for name in names:
            if ask.method == "SUBSCRIBE":
                self._hub.subscribe(name, link)
            else:
                self._hub.unsubscribe(name, link)
        return None

    def _on_api_text(self, request: web.BaseRequest, link: SocketLink, text: str) -> bytes:
        try:
            ask = streams.read_ask(text)
        except Rejection as said:
            return streams.api_error_text(None, said, self._venue.clock_ms())
        address = address_of(request)
        if self.faults.by_kind[Strikes.CALL]:
            return self._bad_asks.answer(ask, link, lambda: self._take_ask(ask, link, address))
        return self._take_ask(ask, link, address)

    def _take_ask(self, ask: streams.Ask, link: SocketLink, address: str) -> bytes:
        try:
            self._gate.charge_ask(ask, address)
            return streams.api_result_text(ask.id, self._api_result(ask, link, address), self._gate.used(ask, address))
        except Refused as refused:
            return streams.api_error_text(ask.id, rejection(refused), self._venue.clock_ms())

    def _api_result(self, ask: streams.Ask, link: SocketLink, address: str) -> object:
        if ask.method == "ping":
            return {}
        if ask.method == "time":
            return {"serverTime": self._venue.clock_ms()}
        if ask.method in session.METHODS:
            return session.answer(self._venue, ask, link, address, streams=self._hub.has_user(link))
        if ask.method in self._methods:
            return self._methods.result(ask, address, link.logon.key if link.logon else "")
        if ask.method in (user_stream.USER_SUBSCRIBE, session.SUBSCRIBE):
            if ask.method == session.SUBSCRIBE:
                key = session.logged_on(self._venue, link, address)
            else:
                key, _ = user_stream.signed_key(self._venue, ask.params, address=address)
            opened = self._hub.open_user(key.account.key, link, key.name)
            link.accounts[opened] = key.account.key
            return {"subscriptionId": opened}
        if ask.method == user_stream.USER_UNSUBSCRIBE:
            number = ask.params.get("subscriptionId") if isinstance(ask.params, dict) else None
            self._hub.close_users(link, number)
            return {}
        raise Rejection(-1000, f"The simulated exchange has no method {ask.method}.")


def _is_combined(request: web.BaseRequest) -> bool:
    return request.path.startswith("/stream")


def address_of(request: web.BaseRequest) -> str:
    """Where a request comes from: the peer's host; all of a Unix socket's clients are one address."""
    return request.remote or NO_ADDRESS
