"""One installation of the platform: whether its money is real, how far each mandate may go, and what is halted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tradepool.domain.ids import MARK_WIDTH, MarketId, UserId


class Kind(StrEnum):
    """Whose money it is. A database, a folder and a log belong to one kind, for good."""

    PRACTICE = "practice"
    LIVE = "live"


class Mode(StrEnum):
    """How far a mandate goes: play money; the real account with every order written down and none sent; real orders."""

    PRACTICE = "practice"
    SHADOW = "shadow"
    LIVE = "live"

    @property
    def kind(self) -> Kind:
        """The kind of deployment it belongs to.

        >>> Mode.SHADOW.kind.value
        'live'
        """
        return Kind.PRACTICE if self is Mode.PRACTICE else Kind.LIVE


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
