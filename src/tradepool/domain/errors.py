"""The error tree.

An expected failure is a class here or beside the noun it concerns: its docstring is the message (one line,
what is wrong and what to do), its fields fill the message, and `transient` says whether to try again.
"""

from __future__ import annotations


class TradepoolError(Exception):
    """Something expected went wrong."""

    transient = False

    def __init__(self, **facts: object) -> None:
        """Fill the class's docstring with the facts; they stay readable as `error.facts`.

        >>> str(UnknownMarket(symbol="BTC/EUR", known="BTC/USDT"))
        'Market BTC/EUR is not known here; the nearest known: BTC/USDT.'
        """
        self.facts = facts
        super().__init__((type(self).__doc__ or "").format(**facts))


class InvalidInput(TradepoolError):
    """{what} is not valid: {why}; {remedy}."""


class UnknownMarket(InvalidInput):
    """Market {symbol} is not known here; the nearest known: {known}."""


class OffGrid(InvalidInput):
    """{what} {value} is not a whole multiple of {step} on {market}; round it first."""


class MoneyTooLarge(InvalidInput):
    """{value} {asset} is more than 2^53 units of {unit} {asset}, which is not counted exactly; use less."""


class VenueError(TradepoolError):
    """{venue} refused {request}: {message}."""


class KeyRefused(VenueError):
    """{venue} refused the API key of account {account}: {message}; connect a valid trade-only key."""


class BrokenLaw(TradepoolError):
    """{law} does not hold: {facts}; this account is stopped, please report it."""
