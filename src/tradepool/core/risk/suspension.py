"""Markets on which nothing is entered for now: which, why, and until when. Exits and protections go on there.

Pure: times come in, and what was suspended is a value that whoever shares it (one process now, a table later) keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from enum import StrEnum

from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.suspended import FOR_EVER_MS

MINUTE_MS = 60_000


class Trouble(StrEnum):
    """Why a market is suspended."""

    ERRORS = "errors"
    STALE = "stale"
    HALTED = "halted"
    DELISTED = "delisted"
    ODD_PRICE = "odd_price"


# How often the venue's listing is asked for; two answers may be missed before a halted market is believed to be open.
LISTING_MS = 5 * MINUTE_MS
# How long each trouble suspends from when it was last seen: a delisted market does not come back by waiting.
LASTS_MS: Mapping[Trouble, int] = {
    Trouble.ERRORS: 15 * MINUTE_MS,
    Trouble.STALE: 5 * MINUTE_MS,
    Trouble.HALTED: 3 * LISTING_MS,
    Trouble.DELISTED: FOR_EVER_MS,
    Trouble.ODD_PRICE: 15 * MINUTE_MS,
}
# So many different accounts: what one of them does wrong, however often, says nothing about the market.
ACCOUNTS_MAX = 5
ERRORS_WITHIN_MS = 5 * MINUTE_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """One market. `until_ms` is exclusive; seen again before, it lasts longer."""

    market: MarketId
    trouble: Trouble
    since_ms: int
    until_ms: int
    note: str = ""

    @property
    def reason(self) -> str:
        """The word a refused entry is told.

        >>> Suspension(market=MarketId("v:A/B"), trouble=Trouble.STALE, since_ms=0, until_ms=1).reason
        'suspended_stale'
        """
        return f"suspended_{self.trouble}"


class Suspensions:
    """The list, in the order of events. What is over is forgotten when it is asked for.

    >>> listed = Suspensions()
    >>> market = MarketId("binance:BTC/USDT")
    >>> listed.suspend(market, Trouble.STALE, now_ms=0)
    >>> found = listed.of(market, now_ms=299_999)
    >>> found.reason if found else "", listed.of(market, now_ms=300_000)
    ('suspended_stale', None)
    """

    def __init__(self, held: MutableMapping[MarketId, Suspension] | None = None) -> None:
        """`held` is where they are kept: rows of a table, or (None) this process's memory, where nothing is suspended."""
        self._held: MutableMapping[MarketId, Suspension] = {} if held is None else held
        self._errors: dict[MarketId, dict[AccountId, int]] = {}

    def suspend(self, market: MarketId, trouble: Trouble, now_ms: int, note: str = "") -> None:
        """Suspend a market, or go on doing so; a trouble that lasts longer is kept."""
        until_ms, held = now_ms + LASTS_MS[trouble], self.of(market, now_ms)
        if held is not None and held.until_ms >= until_ms:
            return
        since_ms = held.since_ms if held is not None and held.trouble is trouble else now_ms
        self._held[market] = Suspension(market=market, trouble=trouble, since_ms=since_ms, until_ms=until_ms, note=note)

    def failed(self, market: MarketId, account: AccountId, now_ms: int, note: str = "") -> None:
        """Count who had an error on a market: ACCOUNTS_MAX of them within ERRORS_WITHIN_MS suspend it."""
        recent = {each: at for each, at in self._errors.get(market, {}).items() if at > now_ms - ERRORS_WITHIN_MS}
        self._errors[market] = {**recent, account: now_ms}
        if len(self._errors[market]) >= ACCOUNTS_MAX:
            self.suspend(market, Trouble.ERRORS, now_ms, note)

    def lift(self, market: MarketId) -> None:
        """The trouble is over; harmless where there was none."""
        self._held.pop(market, None)
        self._errors.pop(market, None)

    def of(self, market: MarketId, now_ms: int) -> Suspension | None:
        """What a market is suspended for now."""
        held = self._held.get(market)
        if held is None or now_ms < held.until_ms:
            return held
        self.lift(market)
        return None

    def all(self, now_ms: int) -> list[Suspension]:
        """Every suspension of now, by market."""
        found = [self.of(market, now_ms) for market in sorted(self._held)]
        return [each for each in found if each is not None]
