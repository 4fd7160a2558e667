"""Every request of a ccxt client passes the weight broker; ccxt's own limiter is off, not stacked on it.

The broker is asked before ccxt signs, so a request that waited carries the time it leaves. What the venue's answer
says about limits is taken from ccxt's hook, which sees each answer inside the task that asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from tradepool.adapters.exchanges.lines import Lines
from tradepool.adapters.exchanges.rate_limits import cost_of, stream_cost
from tradepool.domain.order import OrderRequest
from tradepool.ports.exchange import NotPlaced, Still
from tradepool.ports.weights import Answer, Grant, Priority, WeightBroker

T = TypeVar("T")

# The code of "too many new orders": that is one key's affair.
ORDERS_CODE = '"code":-1015'

_priority: ContextVar[Priority | None] = ContextVar("priority", default=None)
_on_leave: ContextVar[Callable[[], None]] = ContextVar("on_leave", default=lambda: None)
_still: ContextVar[Still | None] = ContextVar("still", default=None)
_answers: ContextVar[list[Answer] | None] = ContextVar("answers", default=None)


async def at(
    priority: Priority,
    asked: Awaitable[T],
    still: Still | None = None,
    on_leave: Callable[[], None] = lambda: None,
) -> T:
    """Await a request at this priority; without it, clients with a key read at READ, others at DATA.

    When it may leave, after all waiting: NotPlaced where `still` says no, else `on_leave` hears of it.
    """
    tokens = _priority.set(priority), _still.set(still), _on_leave.set(on_leave)
    try:
        return await asked
    finally:
        _priority.reset(tokens[0])
        _still.reset(tokens[1])
        _on_leave.reset(tokens[2])


def priority_of(request: OrderRequest) -> Priority:
    """What opens a position can wait; what closes or protects one can't."""
    return Priority.ENTRY if request.adds_risk else Priority.EXIT


class Pacer:
    """Ties one ccxt client to a broker; without one (a replay) the client stays as it is."""

    def __init__(self, client: Any, broker: WeightBroker | None, key: str = "", lines: Lines | None = None) -> None:
        """`key` names the client's API key to the order limits; "" is a public client. `lines` are the accounts' own."""
        self._client = client
        self._lines = lines or Lines()
        self._broker = broker
        self._key = key
        self._default = Priority.READ if key else Priority.DATA
        if broker is not None:
            self._tie(client, broker)

    async def connect(self, connects: bool = True) -> None:
        """Wait for leave to try to open a stream, with a connection of its own or (not `connects`) on one that stands."""
        if self._broker is not None:
            cost = stream_cost(self._client.id, private=bool(self._key), connects=connects)
            self._broker.answered(await self._broker.acquire(cost, self._priority), None)

    @property
    def waits(self) -> bool:
        """Whether anybody is made to wait, and asked afterwards whether he still wants it."""
        return self._broker is not None

    @property
    def _priority(self) -> Priority:
        """What `at` says; EXIT is 0, and as good a word as any."""
        return self._default if (said := _priority.get()) is None else said

    def _tie(self, client: Any, broker: WeightBroker) -> None:
        fetch, respond = client.fetch2, client.on_rest_response

        async def paced_fetch(
            path: str, api: Any = "public", method: str = "GET", params: Any = None, config: Any = None
        ) -> Any:
            params, config = params or {}, config or {}
            ccxt_cost = client.calculate_rate_limiter_cost(api, method, path, params, config)
            section = api if isinstance(api, str) else api[0]
            cost = cost_of(client.id, self._key, section, method, path, params, ccxt_cost)
            grant = await broker.acquire(cost, self._priority)
            wanted = False
            try:
                async with self._lines.one(self._priority):
                    wanted = (still := _still.get()) is None or still()
                    if not wanted:
                        why = "it waited and is not wanted any more"
                        raise NotPlaced(venue=client.id, request=f"{method} {path}", message=why)
                    _on_leave.get()()
                    return await asked(grant, path, api, method, params, config)
            finally:
                if not wanted:
                    broker.refund(grant)

        async def asked(grant: Grant, *request: Any) -> Any:
            heard: list[Answer] = []
            token = _answers.set(heard)
            try:
                return await fetch(*request)
            finally:
                _answers.reset(token)
                broker.answered(grant, heard[-1] if heard else None)

        def heard_response(
            code: int, reason: str, url: str, method: str, headers: Mapping[str, str], body: str, *rest: Any
        ) -> Any:
            heard = _answers.get()
            if heard is not None:
                heard.append(Answer(code, headers, of_key=code == 429 and ORDERS_CODE in body))
            return respond(code, reason, url, method, headers, body, *rest)

        client.fetch2, client.on_rest_response = paced_fetch, heard_response
