"""What the simulated venue refuses, and what stops it from starting.

```
TradepoolError
├── InvalidInput
│   ├── BrokenListings      what the venue was given to trade is not usable
│   ├── NotMirrored         a price was pushed to a market of candles
│   ├── UnknownAccount      nobody opened an account with this key
│   ├── UnknownKey, KeyExists, BrokenPublicKey
│   ├── NoConversion        dust has no price in what it should become
│   └── BrokenConfig        a process was started with a configuration that is not usable
├── CannotListen ── PortInUse
└── Refused                 a user's request was refused; a codec says it with the venue's own code and words
    ├── UnknownSymbol, UnknownOrder, MarketClosed
    ├── FilterFailed, InsufficientBalance, DuplicateOrder
    ├── StopWouldTrigger, WouldTake, PairsNotTaken, PricesNotRelated, CancelRestricted
    └── TooManyRequests, AddressBanned, TooManyOrders
```
"""

from __future__ import annotations

from tradepool.domain.errors import InvalidInput, TradepoolError


class BrokenListings(InvalidInput):
    """The venue can't trade {market}: {why}."""


class UnknownAccount(InvalidInput):
    """No account with key {key} is open here; open it first."""


class AccountExists(InvalidInput):
    """An account with key {key} is open already; use another key."""


class UnknownKey(InvalidInput):
    """No API key {key} was ever made here, or it was revoked; make it first."""


class KeyExists(InvalidInput):
    """API key {key} is in use already; choose another."""


class BrokenPublicKey(InvalidInput):
    """The public key of {key} is not an Ed25519 key in PEM; register the public half of the user's key pair."""


class NoConversion(InvalidInput):
    """{asset} has no price in {into} here; list a market of both with one quote asset, or convert nothing."""


class NotMirrored(InvalidInput):
    """Market {symbol} takes its prices from candles; list it without candles to push prices to it."""


class BrokenConfig(InvalidInput):
    """The simulated exchange's configuration {path} is not usable: {why}."""


class CannotListen(TradepoolError):
    """The simulated exchange can't listen on {where}: {why}; choose another place."""


class PortInUse(CannotListen):
    """Somebody else listens on {where} already; stop that process or choose another place."""


class Refused(TradepoolError):
    """The simulated exchange refused a request."""


class UnknownSymbol(Refused):
    """Symbol {symbol} is not listed."""


class UnknownOrder(Refused):
    """Order {order} does not exist."""


class MarketClosed(Refused):
    """Market {symbol} has no price yet, or does not trade now."""


class FilterFailed(Refused):
    """The order breaks the market's filter {filter}."""


class StopWouldTrigger(Refused):
    """The stop price {stop} would trigger immediately at a price of {price} (both in ticks)."""


class WouldTake(Refused):
    """The order may only rest, but at its limit somebody would trade with it at once."""


class PairsNotTaken(Refused):
    """Market {symbol} takes no order lists; place the orders one by one."""


class PricesNotRelated(Refused):
    """The price {price} must lie between the two orders of the list, {below} and {above} (all in ticks)."""


class CancelRestricted(Refused):
    """The order is {status}, which the request's restriction does not cancel."""


class InsufficientBalance(Refused):
    """{needed} units of {asset} are needed, {free} are free."""


class DuplicateOrder(Refused):
    """Client order id {client_id} is in use."""


class TooManyRequests(Refused):
    """Too much {what} used: the limit is {limit} in {minutes} minutes; wait {retry_after_s} s."""


class AddressBanned(Refused):
    """The address went on after it was told to stop and is banned until {until_ms}; wait {retry_after_s} s."""


class TooManyOrders(Refused):
    """The account has placed its {limit} orders per {interval}; wait until some fill or the interval ends."""
