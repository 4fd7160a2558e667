"""What became of an order request: a venue's refusal, not placed, or unknown. A timeout is not a rejection.

The table follows what ccxt really raises: several classes that read like rejections (a cut body, an HTML page) say
nothing about the order, and one network error (a wrong clock) says for certain that it was not placed. No text of ccxt
goes further than this file: it holds the signed address of the request, and so does every error chained to it.
"""

from __future__ import annotations

import re

import aiohttp
import ccxt

from tradepool.adapters.exchanges.translate import Impossible
from tradepool.domain.denial import Denial
from tradepool.domain.errors import KeyRefused, VenueError
from tradepool.domain.event import VENUE_REJECTED
from tradepool.domain.ids import AccountId
from tradepool.ports.exchange import AnswerImpossible, NotPlaced, OutcomeUnknown
from tradepool.runtime.telemetry import redact_text

WOULD_TRIGGER = Denial.WOULD_TRIGGER
BELOW_MINIMUM = Denial.BELOW_MINIMUM
INSUFFICIENT_CASH = Denial.INSUFFICIENT_CASH

# What reading an answer or a frame of an unexpected shape raises.
NONSENSE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)

_NOT_PLACED = (ccxt.InvalidNonce, ccxt.RateLimitExceeded, ccxt.DDoSProtection)
_REJECTED = (ccxt.InvalidOrder, ccxt.BadRequest, ccxt.OperationRejected, ccxt.ArgumentsRequired)
# What Binance says in place of a code that ccxt maps to a network error or to none.
_REJECTED_TEXTS = ("Market is closed",)
# The price is beyond a stop, a target, or either of a pair.
_PASSED = ("trigger immediately", "relationship of the prices", "immediately match and take")
_KEY = frozenset(("-1002", "-1022", "-2008", "-2014", "-2015", "-2017"))
_NOT_PLACED_CODES = frozenset(("-1003", "-1008", "-1015", "-1021"))
_UNKNOWN_CODES = frozenset(("-1000", "-1001", "-1004", "-1006", "-1007", "-1016"))
_BODY = re.compile(r'"code"\s*:\s*"?(-?\d+)"?\s*,\s*"msg"\s*:\s*"([^"]{0,200})')


def rejection(error: ccxt.BaseError) -> str | None:
    """The reason word of a refusal by the venue, None when the error is not one.

    >>> str(rejection(ccxt.InsufficientFunds("binance insufficient balance")))
    'insufficient_cash'
    >>> rejection(ccxt.RequestTimeout("binance timed out")) is None
    True
    """
    text, (code, _) = str(error), _said(error)
    if isinstance(error.__cause__, aiohttp.ClientError) or code in _KEY | _NOT_PLACED_CODES | _UNKNOWN_CODES:
        return None
    if any(each in text for each in _PASSED):
        return WOULD_TRIGGER
    if isinstance(error, ccxt.InsufficientFunds):
        return INSUFFICIENT_CASH
    if "NOTIONAL" in text or "LOT_SIZE" in text:
        return BELOW_MINIMUM
    if isinstance(error, _REJECTED) or any(each in text for each in _REJECTED_TEXTS):
        return None if "Duplicate order" in text else VENUE_REJECTED
    return None


def named(error: ccxt.BaseError, venue: str, request: str, account: AccountId) -> VenueError:
    """The error of a request that was not answered with a refusal; raise it outside of the `except` that caught ccxt's,
    so that nothing chains it to the signed address."""
    code, said = _said(error)
    message = f"{type(error).__name__} {code} {redact_text(said)}".strip()
    if isinstance(error, ccxt.AuthenticationError) or code in _KEY:
        return KeyRefused(venue=venue, request=request, account=account, message=message)
    if isinstance(error, _NOT_PLACED) or code in _NOT_PLACED_CODES or _not_sent(error):
        return NotPlaced(venue=venue, request=request, message=message)
    return OutcomeUnknown(venue=venue, request=request, message=message)


def out_of_time(error: ccxt.BaseError) -> bool:
    """Whether a request was refused for the time it was signed with.

    >>> out_of_time(ccxt.ExchangeError('binance {"code":-1021,"msg":"Timestamp"}'))
    True
    """
    return isinstance(error, ccxt.InvalidNonce) or _said(error)[0] == "-1021"


def nonsense(error: Exception, venue: str, request: str) -> OutcomeUnknown:
    """The error of an answer of an unexpected shape (a page of HTML with status 200, cut JSON, a missing field), or of one
    that is whole and can't be."""
    if isinstance(error, Impossible):
        return AnswerImpossible(venue=venue, request=request, message=f"{error} ({type(error).__name__})")
    return OutcomeUnknown(venue=venue, request=request, message=f"the answer makes no sense ({type(error).__name__})")


def _said(error: ccxt.BaseError) -> tuple[str, str]:
    """Code and words of the venue's own error body, empty where there is none."""
    body = _BODY.search(str(error))
    return (body[1], body[2]) if body else ("", "")


def _not_sent(error: ccxt.BaseError) -> bool:
    return isinstance(error.__cause__, aiohttp.ClientConnectorError)
