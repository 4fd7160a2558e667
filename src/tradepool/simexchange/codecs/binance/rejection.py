"""Refusals in Binance's words: one table from the venue's named errors, and the codec's own."""

from __future__ import annotations

import orjson

from tradepool.simexchange.errors import (
    AddressBanned,
    CancelRestricted,
    DuplicateOrder,
    FilterFailed,
    InsufficientBalance,
    MarketClosed,
    PairsNotTaken,
    PricesNotRelated,
    Refused,
    StopWouldTrigger,
    TooManyOrders,
    TooManyRequests,
    UnknownOrder,
    UnknownSymbol,
    WouldTake,
)

_WORDS: dict[type[Refused], tuple[int, str]] = {
    UnknownSymbol: (-1121, "Invalid symbol."),
    UnknownOrder: (-2013, "Order does not exist."),
    MarketClosed: (-1013, "Market is closed."),
    FilterFailed: (-1013, "Filter failure: {filter}"),
    StopWouldTrigger: (-2010, "Stop price would trigger immediately."),
    WouldTake: (-2010, "Order would immediately match and take."),
    InsufficientBalance: (-2010, "Account has insufficient balance for requested action."),
    DuplicateOrder: (-2010, "Duplicate order sent."),
    TooManyRequests: (
        -1003,
        "Too much {what} used; current limit is {limit} {what} per {minutes} MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
    ),
    AddressBanned: (
        -1003,
        "Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans.",
    ),
    TooManyOrders: (-1015, "Too many new orders; current limit is {limit} orders per {interval}."),
    PairsNotTaken: (-2010, "OCO orders are not supported for this symbol."),
    PricesNotRelated: (-2010, "The relationship of the prices for the orders is not correct."),
    CancelRestricted: (-2011, "Order was not canceled due to cancel restrictions."),
}
_STATUS: dict[type[Refused], int] = {TooManyRequests: 429, TooManyOrders: 429, AddressBanned: 418}


class Rejection(Refused):
    """{message} (code {code}, HTTP {status})"""

    def __init__(self, code: int, message: str, status: int = 400, retry_after_s: int | None = None) -> None:
        """Binance's code and words, the HTTP status they travel with, and when to try again."""
        super().__init__(code=code, message=message, status=status)
        self.code, self.message, self.status = code, message, status
        self.retry_after_s = retry_after_s

    def fields(self) -> dict[str, object]:
        """What a client gets."""
        return {"code": self.code, "msg": self.message}

    def body(self) -> bytes:
        """The same as JSON."""
        return orjson.dumps(self.fields())

    def headers(self) -> dict[str, str]:
        """What the answer's headers say beside the usual: after how many seconds to try again."""
        return {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}


class MissingParameter(Rejection):
    """{message} (code {code}, HTTP {status})"""

    def __init__(self, name: str) -> None:
        """A parameter that must be there and well-formed is not."""
        super().__init__(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def rejection(refused: Refused) -> Rejection:
    """Say a refusal of the venue in Binance's words.

    >>> rejection(FilterFailed(filter="NOTIONAL")).body()
    b'{"code":-1013,"msg":"Filter failure: NOTIONAL"}'
    """
    if isinstance(refused, Rejection):
        return refused
    code, words = _WORDS[type(refused)]
    retry_after_s = refused.facts.get("retry_after_s")
    return Rejection(
        code,
        words.format(**refused.facts),
        _STATUS.get(type(refused), 400),
        retry_after_s if isinstance(retry_after_s, int) else None,
    )
