"""Limits beyond the size of one order: of what, on whom, how much, and what happens when one is reached.

A limit is written as `user.ann.exposure_max`: the scope, its name (the platform has none), the word. What a word means,
its unit and where it may stand is one table, `LIMIT_WORDS`: settings, checks, pages and the guide follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NoReturn

from tradepool.domain.denial import Denial
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import MarketId


class BadLimit(InvalidInput):
    """The limit {key}{value} can't be: {why}; {remedy}."""


class LimitScope(StrEnum):
    """Whom a limit is about. A strategy's and a market's are counted over all users, a cluster's for each user."""

    PLATFORM = "platform"
    USER = "user"
    STRATEGY = "strategy"
    MARKET = "market"
    CLUSTER = "cluster"
    MANDATE = "mandate"


class Action(StrEnum):
    """What happens when a limit is reached: the entry is refused; and, from then on, only exits until the next UTC day;
    and all is sold at once; and a halt that only a person lifts."""

    REFUSE = "refuse"
    REDUCE_ONLY = "reduce_only"
    FLATTEN = "flatten"
    HALT = "halt"


class Unit(StrEnum):
    """What a limit's value is."""

    AMOUNT = "quote"
    SHARE = "share"
    COUNT = "count"
    SECONDS = "s"
    MINUTES = "min"


@dataclass(frozen=True, slots=True)
class LimitWord:
    """A kind of limit: its unit, what refuses by it in each scope it may have, and what it counts. `falls`: it is
    reached by losing money, so it is looked at with every candle, and acts by itself."""

    unit: Unit
    denials: Mapping[LimitScope, Denial]
    text: str
    falls: bool = False


_ALL = (LimitScope.PLATFORM, LimitScope.USER, LimitScope.STRATEGY, LimitScope.MARKET)
_PEOPLE = (LimitScope.PLATFORM, LimitScope.USER)
_MARKETS = (LimitScope.PLATFORM, LimitScope.MARKET)


def _over(scopes: tuple[LimitScope, ...], denial: Denial, of_mandate: Denial | None = None) -> dict[LimitScope, Denial]:
    own = {LimitScope.MANDATE: of_mandate} if of_mandate is not None else {}
    return dict.fromkeys(scopes, denial) | own


def _with_clusters(denial: Denial, of_mandate: Denial) -> dict[LimitScope, Denial]:
    return _over(_ALL, denial, of_mandate) | {LimitScope.CLUSTER: Denial.CLUSTER}


LIMIT_WORDS: Mapping[str, LimitWord] = {
    "order_notional_max": LimitWord(
        Unit.AMOUNT,
        _with_clusters(Denial.SCOPE_NOTIONAL, Denial.ORDER_NOTIONAL),
        "worth of one entry; a mandate's cuts the entry, any other refuses it",
    ),
    "market_notional_max": LimitWord(
        Unit.AMOUNT, {LimitScope.MANDATE: Denial.MARKET_NOTIONAL}, "worth of one market's position; cuts the entry"
    ),
    "exposure_max": LimitWord(
        Unit.AMOUNT,
        _with_clusters(Denial.SCOPE_EXPOSURE, Denial.EXPOSURE),
        "worth of all positions and entries on their way; a mandate's cuts the entry, any other refuses it",
    ),
    "positions_max": LimitWord(
        Unit.COUNT, _with_clusters(Denial.SCOPE_POSITIONS, Denial.POSITIONS), "positions and entries on their way"
    ),
    "trade_risk_max": LimitWord(
        Unit.SHARE,
        {LimitScope.MANDATE: Denial.TRADE_RISK},
        "what one trade loses until its stop, of the equity; cuts the entry",
    ),
    "daily_loss_max": LimitWord(
        Unit.SHARE,
        _over(_PEOPLE, Denial.SCOPE_DAILY_LOSS, Denial.DAILY_LOSS),
        "loss since the UTC day began, of the equity then",
        falls=True,
    ),
    "weekly_loss_max": LimitWord(
        Unit.SHARE,
        _over(_PEOPLE, Denial.SCOPE_WEEKLY_LOSS, Denial.WEEKLY_LOSS),
        "loss since Monday 0:00 UTC, of the equity then",
        falls=True,
    ),
    "drawdown_max": LimitWord(
        Unit.SHARE, _over(_PEOPLE, Denial.SCOPE_DRAWDOWN, Denial.DRAWDOWN), "fall from the highest equity", falls=True
    ),
    "loss_streak_max": LimitWord(
        Unit.COUNT,
        {LimitScope.MANDATE: Denial.LOSS_STREAK},
        "losing trades in a row, then a pause of cool_down_minutes",
        falls=True,
    ),
    "orders_per_minute_max": LimitWord(Unit.COUNT, _over(_ALL, Denial.ORDER_RATE), "entries that went out within 60 s"),
    "price_age_max_s": LimitWord(
        Unit.SECONDS, _over(_MARKETS, Denial.STALE_PRICE), "age of the market's last candle when an entry goes out"
    ),
    "balance_age_max_s": LimitWord(
        Unit.SECONDS, _over(_PEOPLE, Denial.STALE_BALANCE), "time since the account's balances were heard of"
    ),
    "price_band_max": LimitWord(
        Unit.SHARE, _over(_MARKETS, Denial.PRICE_BAND), "distance of the last close from the one before it"
    ),
    "volume_share_max": LimitWord(
        Unit.SHARE,
        _over(_MARKETS, Denial.VOLUME_SHARE),
        "share of what the market traded in a candle, on average over the last 20, that all entries on one candle take",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit. `name` is the scope's ("" for the platform), `word` is of LIMIT_WORDS (a mandate's for one market ends
    in its symbol). BadLimit for what can't be.

    >>> Limit(scope=LimitScope.USER, name="ann", word="positions_max", value=Decimal(2)).key
    'user.ann.positions_max'
    """

    scope: LimitScope
    name: str
    word: str
    value: Decimal
    action: Action = Action.REFUSE

    def __post_init__(self) -> None:
        """Refuse what could not be meant."""
        kind = LIMIT_WORDS.get(self.kind)
        if kind is None:
            self._bad("there is no such limit", f"use one of {', '.join(LIMIT_WORDS)}")
        if self.scope not in kind.denials:
            self._bad(f"it is not about a {self.scope}", f"set it for {' or '.join(kind.denials)}")
        if not self.value > 0:
            self._bad("it lets nothing through", "give more than zero (halt stops entries)")
        if kind.unit is Unit.COUNT and self.value % 1:
            self._bad("it counts", "give a whole number")
        if kind.unit is Unit.SHARE and self.value > 1:
            self._bad("it is a share", "give at most 1, such as 0.05 for 5 %")
        if self.action is Action.HALT and self.scope in (LimitScope.STRATEGY, LimitScope.CLUSTER):
            self._bad(f"a {self.scope} can't be halted", "use reduce_only or flatten")
        if self.action is not Action.REFUSE and self.scope is LimitScope.MANDATE and not kind.falls:
            self._bad("of a mandate's limits only those on losses act", "leave its action out")

    def _bad(self, why: str, remedy: str) -> NoReturn:
        raise BadLimit(key=self.key, value=f" = {self.value}", why=why, remedy=remedy)

    @property
    def kind(self) -> str:
        """The word without a symbol."""
        return self.word.partition(".")[0]

    @property
    def meaning(self) -> LimitWord:
        """What its word means."""
        return LIMIT_WORDS[self.kind]

    @property
    def denial(self) -> Denial:
        """What refuses by it."""
        return self.meaning.denials[self.scope]

    @property
    def key(self) -> str:
        """How it is written."""
        return ".".join(part for part in (self.scope.value, self.name, self.word) if part)


def read_key(key: str) -> tuple[LimitScope, str, str]:
    """Scope, name and word of a key. BadLimit.

    >>> read_key("mandate.ann.market_notional_max.BTC/USDT")
    (<LimitScope.MANDATE: 'mandate'>, 'ann', 'market_notional_max.BTC/USDT')
    """
    kind, _, rest = key.partition(".")
    if kind not in set(LimitScope) or not rest:
        scopes = ", ".join(f"{each}.NAME" if each != "platform" else "platform" for each in LimitScope)
        raise BadLimit(key=key, value="", why="no scope is named", remedy=f"write SCOPE.LIMIT, with {scopes} as scope")
    if kind == LimitScope.PLATFORM:
        return LimitScope.PLATFORM, "", rest
    name, _, word = rest.partition(".")
    return LimitScope(kind), name, word


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What a person set instead of the configuration; None takes the limit away."""

    key: str
    value: Decimal | None
    since_ms: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A limit that was reached: by how much, and until when that is remembered (exclusive), or holds entries back. `user`
    is whose cluster it is, else ""."""

    key: str
    user: str
    action: Action
    since_ms: int
    until_ms: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPlan:
    """The limits of a configuration; `clusters` are named lists of markets, `deployment` is what a halt of everything
    names."""

    limits: tuple[Limit, ...] = ()
    clusters: Mapping[str, frozenset[MarketId]] = field(default_factory=dict)
    deployment: str = ""
