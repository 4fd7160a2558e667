"""One installation of the platform: whether its money is real, how far each mandate may go, and what is halted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tradepool.domain.ids import MARK_WIDTH, MandateId, MarketId, StrategyId, UserId


class Kind(StrEnum):
    """Whose money it is. A database, a folder and a log belong to one kind, for good."""

    PRACTICE = "practice"
    LIVE = "live"


class Mode(StrEnum):
    """How far a mandate goes, rung by rung: play money; the real account with every entry written down and none sent;
    a few small real orders; real orders."""

    PRACTICE = "practice"
    SHADOW = "shadow"
    CANARY = "canary"
    LIVE = "live"

    @property
    def kind(self) -> Kind:
        """The kind of deployment it belongs to.

        >>> Mode.SHADOW.kind.value
        'live'
        """
        return Kind.PRACTICE if self is Mode.PRACTICE else Kind.LIVE

    @property
    def height(self) -> int:
        """How many rungs are below it.

        >>> Mode.CANARY.height
        2
        """
        return list(Mode).index(self)

    @property
    def next(self) -> Mode | None:
        """The rung above it; None at the top.

        >>> Mode.SHADOW.next
        <Mode.CANARY: 'canary'>
        """
        return list(Mode)[self.height + 1] if self is not Mode.LIVE else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """`id` is eight of [a-z0-9], drawn once; its orders carry the first three."""

    id: str
    kind: Kind

    @property
    def mark(self) -> str:
        """What the names of its orders carry.

        >>> Deployment(id="k3f09abz", kind=Kind.PRACTICE).mark
        'k3f'
        """
        return self.id[:MARK_WIDTH]


class ScopeKind(StrEnum):
    """What a halt or a flatten is about."""

    PLATFORM = "platform"
    USER = "user"
    MARKET = "market"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """Everything of a deployment, of a user, or on a market; `name` is its id."""

    kind: ScopeKind
    name: str

    def covers(self, user: UserId, market: MarketId) -> bool:
        """Whether a user's order on a market is meant.

        >>> Scope(ScopeKind.USER, "ann").covers(UserId("ann"), MarketId("binance:BTC/USDT"))
        True
        """
        if self.kind is ScopeKind.USER:
            return self.name == user
        return self.kind is ScopeKind.PLATFORM or self.name == market

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Nothing is entered in this scope until a person lifts it; exits and protections go on."""

    scope: Scope
    since_ms: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A person let a mandate go as far as `after`, or took it back there. It is for this strategy only: another one, or
    the same with other parameters, begins below."""

    time_ms: int
    by: str
    mandate: MandateId
    strategy_id: StrategyId
    before: Mode
    after: Mode
    reason: str


def mode_of(ceiling: Mode, strategy_id: StrategyId, newest: Promotion | None) -> Mode:
    """How far a mandate goes now: where it was put last, never beyond its ceiling; without a promotion its first rung.

    >>> mode_of(Mode.LIVE, StrategyId("s"), None).value
    'shadow'
    """
    first = Mode.PRACTICE if ceiling is Mode.PRACTICE else Mode.SHADOW
    if newest is None or newest.strategy_id != strategy_id:
        return first
    return min(newest.after, ceiling, key=lambda mode: mode.height)
