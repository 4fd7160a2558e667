"""What stops an account, and what it may do all the same: how far its own state can still be believed."""

from __future__ import annotations

from tradepool.domain.errors import BrokenLaw, TradepoolError, VenueError
from tradepool.services.backoff import is_transient
from tradepool.services.trading.account_actor import AnotherInstance, JournalRefuses


def is_worse(error: Exception, held: Exception) -> bool:
    """Whether it is an account's reason to be stopped from now on, before the one it had.

    >>> law = BrokenLaw(law="a law", facts="broken")
    >>> is_worse(law, TradepoolError()), is_worse(TradepoolError(), law), is_worse(law, law)
    (True, False, False)
    """
    return _weight(error) > _weight(held)


def leaves(error: Exception) -> bool:
    """Whether an account that is stopped for it goes on to sell by signal and to move its stops: not where its state may be
    wrong, its journal takes nothing more, or another instance trades it.

    >>> leaves(TradepoolError()), leaves(BrokenLaw(law="a law", facts="broken")), leaves(KeyError())
    (True, False, False)
    """
    return _weight(error) < _weight(BrokenLaw(law="", facts=""))


def _weight(error: Exception) -> int:
    """What a later try may mend, what a person at the venue does, what a person here does, what only a restart does."""
    if isinstance(error, AnotherInstance | JournalRefuses):
        return 4
    if isinstance(error, BrokenLaw) or not isinstance(error, TradepoolError):
        return 3
    if isinstance(error, VenueError):
        return 0 if is_transient(error) else 1
    return 2
