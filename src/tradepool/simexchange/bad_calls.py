"""What a fault does to a request on the wire: the answer that is late, lost, cut, or another one."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from tradepool.ports.clock import Clock
from tradepool.simexchange.codecs.binance.request import Call
from tradepool.simexchange.codecs.binance.streams import Ask
from tradepool.simexchange.fault_kinds import CODES, KINDS, Fault, Strikes
from tradepool.simexchange.faults import SPOILED, Faults, Place, Rule
from tradepool.simexchange.venue import Venue

PAGE = "<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
STATUS_ROUTE = "GET /sapi/v1/system/status"
# What may strike a request on the ws-api.
ASK_KINDS = frozenset(("reset", "silence", "code", "late", "latency", "too_many", "banned", "maintenance"))
# The route of whoever opens a WebSocket; a fault strikes it only by this name, and always as a reset.
CONNECT = "CONNECT"
_SYMBOL = re.compile(r"(?:^|&)symbol=([^&]+)")

Take = Callable[[Call], web.Response]


@dataclass
class BadCalls:
    """Answers requests as `take` does, except where a fault strikes."""

    venue: Venue
    faults: Faults
    clock: Clock
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.BaseRequest, call: Call, take: Take) -> web.Response:
        """Answer one request. A request the venue took stays taken, whatever becomes of the answer."""
        rule, late_ms = self.faults.on_call(self._place(call), self.venue.now_ms)
        if late_ms:
            await self.clock.sleep(late_ms / 1000)
        if self.faults.is_dark(self.venue.now_ms):
            return reset(request)
        if rule is None:
            return take(call)
        return await self._struck(rule, request, call, take)

    def refuses_streams(self) -> bool:
        """Whether streams can't be opened now, by a rule whose route says so: CONNECT."""
        for rule in self.faults.by_kind[Strikes.CALL]:
            if rule.fault.route == CONNECT and rule.strikes(Place(CONNECT), self.venue.now_ms):
                rule.struck[""] += 1
                return True
        return False

    def on_ask(self, ask: Ask) -> tuple[Rule | None, int]:
        """What strikes a request on the ws-api, whose route is written WS METHOD, and by how many ms it is late."""
        params = ask.params if isinstance(ask.params, dict) else {}
        place = self._at(f"WS {ask.method}", str(params.get("apiKey", "")), str(params.get("symbol", "")))
        return self.faults.on_call(place, self.venue.now_ms, ASK_KINDS)

    def _place(self, call: Call) -> Place:
        symbol = _SYMBOL.search(call.query) or _SYMBOL.search(call.body)
        return self._at(f"{call.method} {call.path}", call.key, symbol[1] if symbol else "")

    def _at(self, name: str, key_name: str, market: str) -> Place:
        key = self.venue.keys.find(key_name)
        # Who has no account is counted as nobody: a key that somebody made up leaves no trace.
        account, number = (key.account.key, key.account.index + 1) if key else ("", 0)
        return Place(name, account, number, market)

    async def _struck(self, rule: Rule, request: web.BaseRequest, call: Call, take: Take) -> web.Response:
        fault = rule.fault
        if refusal := _refusal(fault, call, self.venue.now_ms):
            return refusal
        answer = take(call) if is_accepted(fault) else _page(200, "OK")
        if fault.kind == "reset":
            return reset(request)
        if fault.kind == "silence":
            await self._silence(fault)
            return reset(request)
        if fault.kind == "late":
            await self.clock.sleep(fault.delay_ms / 1000)
            return answer
        if fault.kind == "cut_body":
            return _cut_body(request, answer)
        return _spoiled(rule, call, answer)

    async def _silence(self, fault: Fault) -> None:
        """Wait for the fault's time, or for the server's end."""
        if fault.delay_ms:
            await self.clock.sleep(fault.delay_ms / 1000)
        else:
            await self.over.wait()


def is_accepted(fault: Fault) -> bool:
    """Whether the venue takes the request before it goes wrong."""
    return KINDS[fault.kind].accepted if fault.accepted is None else fault.accepted


def _refusal(fault: Fault, call: Call, now_ms: int) -> web.Response | None:
    """The answer of a venue that did not even look at the request; None when the kind is another."""
    later = {"Retry-After": str(fault.retry_after_s)}
    until_ms = now_ms + fault.retry_after_s * 1000
    match fault.kind:
        case "firewall":
            return _page(403, "403 Forbidden")
        case "too_many":
            return _error(429, -1003, CODES[-1003][1], later)
        case "banned":
            words = f"Way too much request weight used; IP banned until {until_ms}."
            return _error(418, -1003, words, later)
        case "maintenance" if f"{call.method} {call.path}" == STATUS_ROUTE:
            return _json(200, b'{"status":1,"msg":"system_maintenance"}')
        case "maintenance":
            return _page(503, "503 Service Unavailable")
    return None


def _spoiled(rule: Rule, call: Call, answer: web.Response) -> web.Response:
    """Another answer, or what is left of the true one (whose status says whether there is anything to spoil)."""
    fault, body = rule.fault, bytes(answer.body) if isinstance(answer.body, bytes) else b""
    match fault.kind:
        case "status":
            return _page(fault.status, f"{fault.status} Bad Gateway")
        case "code":
            return _error(CODES[fault.code][0], fault.code, CODES[fault.code][1])
        case "html":
            return _page(200, "One moment, please")
        case "empty":
            return _json(200, b"")
        case "cut_json":
            return _json(200, body[: len(body) // 2] or b'{"orderI')
    if answer.status != 200:
        return answer
    match fault.kind:
        case "negative_balance" if call.path == "/api/v3/account":
            answer.body = _negative(body)
        case "shuffled" if f"GET {call.path}" in SPOILED["shuffled"]:
            answer.body = _shuffled(body, rule.dice(call.key, rule.matched[call.key]))
    return answer


def _negative(body: bytes) -> bytes:
    account = orjson.loads(body)
    for balance in account["balances"]:
        if float(balance["free"]):
            balance["free"] = f"-{balance['free']}"
            break
    return orjson.dumps(account)


def _shuffled(body: bytes, dice: float) -> bytes:
    rows = orjson.loads(body)
    before = list(rows)
    random.Random(dice).shuffle(rows)
    if len(rows) > 1 and rows == before:
        rows.reverse()
    return orjson.dumps(rows)


def reset(request: web.BaseRequest) -> web.Response:
    """Abort the connection: the client sees a reset. The answer goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _cut_body(request: web.BaseRequest, answer: web.Response) -> web.Response:
    body = answer.body if isinstance(answer.body, bytes) else b""
    if request.transport is not None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body) + 1}\r\n\r\n"
        request.transport.write(head.encode() + body[: len(body) // 2])
        request.transport.close()
    return web.Response()


def _page(status: int, title: str) -> web.Response:
    return web.Response(status=status, text=PAGE.format(title=title), content_type="text/html")


def _json(status: int, body: bytes, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def _error(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return _json(status, orjson.dumps({"code": code, "msg": message}), headers)
