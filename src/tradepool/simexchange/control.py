"""The venue's second door, for whoever drives it from another process: time, accounts and the truth, as JSON.

    POST /step?count=N     step N times or to the end      {"running": bool, "now_ms": int, "next_ms": int or null}
                           (&until_ms=T: not past that time)
    POST /bars?count=N     on by N closed candles          the same
    POST /accounts         {"key", "secret", "balances": {asset: amount}}
    GET  /state            balances, orders and trades of every account

Keys, limits and wallet life are in simexchange.gate_control, faults in simexchange.fault_control, markets and fees in
simexchange.market_control.

Whoever may reach the port and has the token, where one was set, owns the exchange; a browser's page never gets in.
An answer leaves after every frame its step released is with the kernel.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from decimal import Decimal

import msgspec
import orjson
from aiohttp import web

from tradepool.domain.errors import TradepoolError
from tradepool.simexchange.bodies import read_body
from tradepool.simexchange.codecs.binance.answer import fee_text
from tradepool.simexchange.door import Door, Place
from tradepool.simexchange.fault_control import FaultControl
from tradepool.simexchange.gate_control import GateControl
from tradepool.simexchange.market_control import MarketControl
from tradepool.simexchange.records import Order, Trade
from tradepool.simexchange.server import Server
from tradepool.simexchange.venue import Venue

COUNT_MAX = 10_000_000
TOKEN_HEADER = "X-Control-Token"


class NewAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account to open."""

    key: str
    secret: str
    balances: dict[str, Decimal]


class Control:
    """Serves the control door of a venue that a server shows to clients."""

    def __init__(self, venue: Venue, server: Server, place: Place, token: str = "", *, steps: bool = True) -> None:
        """Prepare; nothing is opened before `start`.

        With a `token` every request must bring it as X-Control-Token. Without `steps` nobody moves time here.
        """
        self._venue, self._server = venue, server
        self._token, self._steps = token, steps
        self._more = {**GateControl(venue).table, **FaultControl(venue, server).table, **MarketControl(venue).table}
        self._door = Door(self._handle, place)

    async def start(self) -> Place:
        """Listen; answers with the place. PortInUse, CannotListen."""
        return await self._door.open()

    async def stop(self) -> None:
        """Listen no more."""
        await self._door.close()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        route = (request.method, request.path)
        if self._is_foreign(request):
            return _json({"error": f"send the token that was printed at the start as {TOKEN_HEADER}"}, status=403)
        if route[1] in ("/step", "/bars") and not self._steps:
            return _json({"error": "time passes by itself here"}, status=403)
        try:
            if route == ("POST", "/step"):
                until_ms = _whole(request.query.get("until_ms", ""))
                return await self._go(request, lambda: self._venue.step(until_ms))
            if route == ("POST", "/bars"):
                return await self._go(request, lambda: self._venue.step_bars(1))
            if route == ("POST", "/accounts"):
                new = read_body(await request.read(), NewAccount)
                self._venue.open_account(new.key, new.secret, new.balances)
                return _json({"key": new.key})
            if route == ("GET", "/state"):
                return _json(state(self._venue))
            if handler := self._more.get(route):
                return _json(handler(await request.read()))
        except (TradepoolError, msgspec.MsgspecError) as error:
            return _json({"error": str(error)}, status=400)
        return _json({"error": f"no {request.method} {request.path} here"}, status=404)

    def _is_foreign(self, request: web.BaseRequest) -> bool:
        """Whether a request may come from a page in a browser, or from another user of this machine."""
        if "Origin" in request.headers:
            return True
        given = request.headers.get(TOKEN_HEADER, "").encode("utf-8", "surrogateescape")
        return bool(self._token) and not hmac.compare_digest(given, self._token.encode())

    async def _go(self, request: web.BaseRequest, once: Callable[[], bool]) -> web.Response:
        count = _whole(request.query.get("count", "1"))
        if count is None or count > COUNT_MAX:
            return _json({"error": f"count must be a whole number from 0 to {COUNT_MAX}"}, status=400)
        running = self._venue.next_time_ms() is not None
        for _ in range(count):
            running = once()
            await self._server.drain()
            if not running:
                break
        return _json({"running": running, "now_ms": self._venue.now_ms, "next_ms": self._venue.next_time_ms()})


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def state(venue: Venue) -> dict[str, object]:
    """Everything the venue knows of its accounts; amounts are decimal strings."""
    return {
        "now_ms": venue.now_ms,
        "accounts": {
            key: {
                "balances": {
                    asset: {"free": f"{free:f}", "locked": f"{locked:f}"}
                    for asset, (free, locked) in venue.balances(key).items()
                },
                "orders": [order_state(order) for order in venue.orders(key)],
                "trades": [trade_state(trade) for trade in venue.trades(key)],
            }
            for key in venue.accounts
        },
    }


def order_state(order: Order) -> dict[str, object]:
    """One order; prices are null where its type has none."""
    market = order.market
    return {
        "id": order.id,
        "client_id": order.client_id,
        "symbol": market.symbol,
        "side": order.side.name,
        "type": order.kind.name,
        "status": order.status.name,
        "quantity": market.quantity_text.text(order.steps),
        "filled_quantity": market.quantity_text.text(order.filled_steps),
        "limit_price": market.price_text.text(order.limit_ticks) if order.limit_ticks else None,
        "stop_price": market.price_text.text(order.stop_ticks) if order.stop_ticks else None,
        "created_ms": order.created_ms,
        "updated_ms": order.updated_ms,
    }


def trade_state(trade: Trade) -> dict[str, object]:
    """One trade."""
    market = trade.market
    return {
        "id": trade.id,
        "order_id": trade.order_id,
        "client_id": trade.client_id,
        "symbol": market.symbol,
        "side": trade.side.name,
        "price": market.price_text.text(trade.ticks),
        "quantity": market.quantity_text.text(trade.steps),
        "fee": fee_text(trade),
        "fee_asset": trade.fee_asset,
        "is_maker": trade.is_maker,
        "time_ms": trade.time_ms,
    }


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
