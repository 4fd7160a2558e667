"""A venue that speaks Binance's public API on real sockets and says exactly what a test tells it to.

Snapshots come from a `Truth` that the test moves; frames go out as the test sends them, so a lost, repeated or reordered
frame is one that was not sent, sent twice, or sent late. Nothing here is ours but the socket it listens on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from aiohttp import WSMsgType, web

from tests.captures import Truth
from tradepool.adapters.exchanges.transport import Transport
from tradepool.domain.market import Market
from tradepool.simexchange.door import Door, TcpPort
from tradepool.simexchange.tls import TlsFiles

SPINS_MAX = 20_000
SPIN_S = 0.0005


class ReplayVenue:
    """Markets, their true books, and the connections that read their streams."""

    def __init__(self, markets: Sequence[Market], files: TlsFiles) -> None:
        self.markets = markets
        self.truths = {symbol_of(market): Truth() for market in markets}
        self.says: list[tuple[int, str]] = []
        self.stale: list[dict[str, Any]] = []
        self.depth_asked: list[str] = []
        self.tapes: dict[str, list[dict[str, Any]]] = {}
        self.connections = 0
        self.mute = False
        self.transport = Transport()
        self._streams: dict[str, dict[web.WebSocketResponse, bool]] = {}
        self._files = files
        self._door = Door(self._handle, TcpPort(), files.server_context())

    async def open(self) -> Transport:
        """Listen, and tell how a session gets here."""
        place = await self._door.open()
        assert isinstance(place, TcpPort)
        self.transport = Transport(ca_file=self._files.ca_file, loopback_port=place.port)
        return self.transport

    async def close(self) -> None:
        """Listen no more."""
        await self.drop_connections()
        await self._door.close()

    async def drop_connections(self) -> None:
        """Every WebSocket ends without a word."""
        sockets = {socket for sockets in self._streams.values() for socket in sockets}
        self._streams.clear()
        for socket in sockets:
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0)

    async def send(self, stream: str, frame: dict[str, Any] | str) -> None:
        """A frame to everybody who reads a stream, as `btcusdt@depth@100ms`."""
        text = frame if isinstance(frame, str) else json.dumps(frame)
        for socket, combined in list(self._streams.get(stream, {}).items()):
            with suppress(ConnectionError):
                await socket.send_str(f'{{"stream":"{stream}","data":{text}}}' if combined else text)

    def reads(self, stream: str) -> bool:
        """Whether anybody reads a stream."""
        return bool(self._streams.get(stream))

    # ---- the wire

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._converse(request)
        answer = self._answer(request.path, {name: each[0] for name, each in parse_qs(request.query_string).items()})
        if isinstance(answer, tuple):
            return web.Response(status=answer[0], text=answer[1])
        return web.json_response(answer)

    def _answer(self, path: str, query: dict[str, str]) -> Any:
        if path == "/api/v3/exchangeInfo":
            return {"timezone": "UTC", "symbols": [_listing(market) for market in self.markets]}
        if path == "/api/v3/depth":
            self.depth_asked.append(query["symbol"])
            if self.says:
                return self.says.pop(0)
            return self.stale.pop(0) if self.stale else self.truths[query["symbol"]].answer(int(query["limit"]))
        if path == "/api/v3/trades":
            return self.tapes.get(query["symbol"], [])[-int(query["limit"]) :]
        return (404, f"nothing at {path}")

    async def _converse(self, request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self.connections += 1
        combined = request.path == "/stream"
        for name in filter(None, request.query.get("streams", "").split("/")):
            self._streams.setdefault(name, {})[socket] = combined
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = json.loads(message.data)
                for name in asked["params"]:
                    self._streams.setdefault(name, {})[socket] = combined
                if not self.mute:
                    await socket.send_str(json.dumps({"result": None, "id": asked["id"]}))
        for sockets in self._streams.values():
            sockets.pop(socket, None)
        return socket


def symbol_of(market: Market) -> str:
    """The venue's name of a market."""
    return market.base + market.quote


def _listing(market: Market) -> dict[str, Any]:
    tick, step = f"{market.price_tick:f}", f"{market.quantity_step:f}"
    return {
        "symbol": symbol_of(market),
        "status": "TRADING",
        "baseAsset": market.base,
        "quoteAsset": market.quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000", "stepSize": step},
            {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True, "maxNotional": "9000000"},
        ],
    }


@asynccontextmanager
async def replay_venue(markets: Sequence[Market], files: TlsFiles) -> AsyncIterator[tuple[ReplayVenue, Transport]]:
    """A venue of these markets, listening."""
    venue = ReplayVenue(markets, files)
    transport = await venue.open()
    try:
        yield venue, transport
    finally:
        await venue.close()


def spins() -> Iterator[None]:
    """So many turns of the loop, then it never became true."""
    for _ in range(SPINS_MAX):
        yield
    raise AssertionError("it never became true")


def files_in(folder: Path) -> TlsFiles:
    """TLS files of an authority of the test's own."""
    from tradepool.simexchange.tls import make_tls_files

    return make_tls_files(folder)
