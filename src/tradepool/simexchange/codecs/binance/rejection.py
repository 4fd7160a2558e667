"""Refusals in Binance's words: one table from the venue's named errors, and the codec's own."""

from __future__ import annotations

import orjson

from tradepool.simexchange.errors import (
    CancelRestricted,
    DuplicateOrder,
    FilterFailed,
    InsufficientBalance,
    MarketClosed,
    PricesNotRelated,
    Refused,
    StopWouldTrigger,
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
    PricesNotRelated: (-2010, "The relationship of the prices for the orders is not correct."),
    CancelRestricted: (-2011, "Order was not canceled due to cancel restrictions."),
}


class Rejection(Refused):
    """{message} (code {code}, HTTP {status})"""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        """Binance's code and words, and the HTTP status they travel with."""
        super().__init__(code=code, message=message, status=status)
        self.code, self.message, self.status = code, message, status

    def fields(self) -> dict[str, object]:
        """What a client gets."""
        return {"code": self.code, "msg": self.message}

    def body(self) -> bytes:
        """The same as JSON."""
        return orjson.dumps(self.fields())


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
    return Rejection(code, words.format(**refused.facts))
