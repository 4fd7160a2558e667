"""Coins that come to an account or leave it other than by an order: deposits, withdrawals, what the venue gives or sweeps."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradepool.domain.errors import InvalidInput

# Ends the reference of a withdrawal that came back: the one it belongs to is named before it.
RETURNED = ":returned"


class EmptyFlow(InvalidInput):
    """The {cause} {reference} moves nothing; a flow has at least one asset, and no amount of zero."""


class FlowCause(StrEnum):
    """Why coins moved, as the venue's history says; `UNEXPLAINED`: its balance changed and no history says why."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"
    DIVIDEND = "dividend"
    DUST = "dust"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How one asset's balance changed, above zero: it came; `fee` is the part of what left that the way cost."""

    asset: str
    amount: Decimal
    fee: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyNews:
    """What becomes known of coins that move without an order, at the venue's time."""

    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSeen(MoneyNews):
    """A flow at the venue's time. `reference` is the venue's id of it, unique among those of one cause on an account;
    `tx_id` the chain's; `note` the venue's word, such as `staking`. A sweep of dust has two moves: what went, what came.

    >>> FlowSeen(time_ms=0, cause=FlowCause.DEPOSIT, moves=(), reference="7")
    Traceback (most recent call last):
    tradepool.domain.flow.EmptyFlow: The deposit 7 moves nothing; a flow has at least one asset, and no amount of zero.
    """

    cause: FlowCause
    moves: tuple[Move, ...]
    reference: str
    tx_id: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Something moves."""
        if not self.moves or not all(move.amount for move in self.moves):
            raise EmptyFlow(cause=self.cause.value, reference=self.reference)

    @property
    def key(self) -> str:
        """What no other flow of its account has.

        >>> gift = Move(asset="BNB", amount=Decimal(1))
        >>> FlowSeen(time_ms=0, cause=FlowCause.DIVIDEND, moves=(gift,), reference="7").key
        'dividend:7'
        """
        return f"{self.cause.value}:{self.reference}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowsKnown(MoneyNews):
    """The venue's histories were asked for the first time: these flows (`FlowSeen.key`) are in the opening balances."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowNamed(MoneyNews):
    """The chain's id of a withdrawal that was booked (`FlowSeen.key`) when it had none yet."""

    key: str
    tx_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined(MoneyNews):
    """The balances jumped and nobody can say why: nothing is entered on the account until a person resumes it. Or fees were
    paid in `unpriced` coins, which nobody can value: of each that is told once."""

    why: str
    unpriced: tuple[str, ...] = ()
