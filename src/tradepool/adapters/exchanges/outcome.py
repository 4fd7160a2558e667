"""What became of an order request: a venue's refusal, not placed, or unknown. A timeout is not a rejection.

The table follows what ccxt really raises: several classes that read like rejections (a cut body, an HTML page) say
nothing about the order, and one network error (a wrong clock) says for certain that it was not placed.
"""

from __future__ import annotations

import aiohttp
import ccxt

from tradepool.domain.errors import KeyRefused, VenueError
from tradepool.domain.ids import AccountId
from tradepool.ports.exchange import NotPlaced, OutcomeUnknown

WOULD_TRIGGER = "would_trigger"
BELOW_MINIMUM = "below_minimum"
INSUFFICIENT_CASH = "insufficient_cash"
VENUE_REJECTED = "venue_rejected"

_NOT_PLACED = (ccxt.InvalidNonce, ccxt.RateLimitExceeded, ccxt.DDoSProtection)
_KEY = ("-2014", "-2015")
_OVERLOADED = "-1008"


def rejection(error: ccxt.BaseError) -> str | None:
    """The reason word of a refusal by the venue, None when the error is not one.

    >>> rejection(ccxt.InsufficientFunds("binance insufficient balance"))
    'insufficient_cash'
    >>> rejection(ccxt.RequestTimeout("binance timed out")) is None
    True
    """
    text = str(error)
    if isinstance(error.__cause__, aiohttp.ClientPayloadError):
        return None
    if "trigger immediately" in text:
        return WOULD_TRIGGER
    if isinstance(error, ccxt.InsufficientFunds):
        return INSUFFICIENT_CASH
    if "NOTIONAL" in text or "LOT_SIZE" in text:
        return BELOW_MINIMUM
    if isinstance(error, ccxt.InvalidOrder | ccxt.BadRequest | ccxt.OperationRejected | ccxt.ArgumentsRequired):
        return None if "Duplicate order" in text else VENUE_REJECTED
    return None


def named(error: ccxt.BaseError, venue: str, request: str, account: AccountId) -> VenueError:
    """The error of a request that was not answered with a refusal; the message never carries the signed URL."""
    text, message = str(error), type(error).__name__
    if isinstance(error, ccxt.AuthenticationError) or any(code in text for code in _KEY):
        return KeyRefused(venue=venue, request=request, account=account, message=message)
    if isinstance(error, _NOT_PLACED) or _OVERLOADED in text or _not_sent(error):
        return NotPlaced(venue=venue, request=request, message=message)
    return OutcomeUnknown(venue=venue, request=request, message=message)


def _not_sent(error: ccxt.BaseError) -> bool:
    return isinstance(error.__cause__, aiohttp.ClientConnectorError)
