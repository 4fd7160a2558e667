"""Anything that a store takes or keeps, made for a user out of nothing but its type: every name in it is his."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from sqlalchemy import Executable, insert

from tests.nouns import BTC, MANDATE, STRATEGY, fill, request
from tradepool.adapters.database import tables
from tradepool.adapters.database.pool import WORDING
from tradepool.adapters.database.reserve import Reserve
from tradepool.core.ledger.posting import fill_entry
from tradepool.domain.charge import Charge, CommissionPaid
from tradepool.domain.deed import Deed
from tradepool.domain.deployment import Deployment, Kind, Scope, ScopeKind
from tradepool.domain.event import OrderFilled
from tradepool.domain.fill import Fill
from tradepool.domain.ids import (
    AccountId,
    ClientOrderId,
    FillId,
    MandateId,
    MarketId,
    Naming,
    StrategyId,
    client_order_id,
)
from tradepool.domain.ledger import LedgerEntry
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import Market
from tradepool.domain.order import OrderRequest

DEPLOYMENT = Deployment(id="house", kind=Kind.PRACTICE)


class Maker:
    """Makes things that are `user`'s, whoever has written them down (`by`)."""

    def __init__(self, user: str, by: str = "") -> None:
        """By himself, unless it is said."""
        self.user, self.by = user, by or user
        self._number = "abcdefghijklmnopqrstuvwxyz".index(user[0]) + 1

    def __call__(self, kind: Any, name: str = "", **changes: object) -> Any:
        """A thing of that type, which a field or parameter of that name holds. AssertionError for a type nobody has thought of:
        add it here."""
        made: Any
        if (sample := SAMPLES.get(kind)) is not None:
            made = sample(self)
        elif isinstance(kind, NewType):
            made = self.user if kind.__name__ == "UserId" else f"{self.user}-{kind.__name__}"
        elif kind in (str, int):
            made = self._text(name) if kind is str else {"wording": WORDING, "epoch": 0}.get(name, self._number)
        elif isinstance(kind, type) and issubclass(kind, Enum):
            made = next(iter(kind))
        elif isinstance(kind, type) and is_dataclass(kind):
            hints = get_type_hints(kind)
            return kind(
                **{each.name: self(hints[each.name], each.name) for each in fields(kind) if each.init} | changes
            )
        else:
            made = self._composed(kind, name)
        return replace(made, **changes) if changes else made

    def _text(self, name: str) -> str:
        plain = {"by": self.by, "user": self.user, "name": self.user, "key": f"user.{self.user}.exposure_max"}
        return plain.get(name, f"{self.user}-{name}")

    def _composed(self, kind: Any, name: str) -> Any:
        origin, inner = get_origin(kind), get_args(kind)
        if origin in (UnionType, Union):
            return self(OrderFilled if OrderFilled in inner else next(each for each in inner if each is not NoneType))
        if origin is type and isinstance(inner[0], TypeVar):
            return OrderFilled
        assert isinstance(origin, type), f"how is a {kind} made?"
        if issubclass(origin, Mapping):
            return {self(inner[0], name): self(inner[1], name)}
        if origin is tuple and inner[-1] is not Ellipsis:
            return tuple(self(each, name) for each in inner)
        assert issubclass(origin, Collection), f"how is a {kind} made?"
        return (origin if origin in (list, set) else tuple)([self(inner[0], name)])

    def filled(self) -> Fill:
        """A fill of his."""
        names = {"fill_id": FillId(self.user), "client_order_id": self(ClientOrderId)}
        return fill(account=self(AccountId), **names)

    def arguments(self, function: Any, **given: object) -> inspect.BoundArguments:
        """What a class or a method takes that is not given and may not be left out; numbers are 0, as times are before
        everything."""
        signature = inspect.signature(function)
        hints = get_type_hints(function if inspect.isroutine(function) else function.__init__)
        bound = signature.bind_partial(**given)
        for name, each in signature.parameters.items():
            if each.default is each.empty and name not in given:
                made = 0 if hints[name] is int else self(hints[name], name)
                bound.arguments[name] = (made,) if each.kind is each.VAR_POSITIONAL else made
        return bound


SAMPLES: Mapping[Any, Callable[[Maker], object]] = {
    AccountId: lambda made: f"{made.user}-main",
    MandateId: lambda made: f"{made.user}-first",
    StrategyId: lambda made: STRATEGY,
    Executable: lambda made: insert(tables.settlement).values(
        user=made.user, opened_ms=1, closes_ms=2, settled_ms=3, statement="a statement"
    ),
    MarketId: lambda made: f"binance:{made.user.upper()}/USDT",
    ClientOrderId: lambda made: client_order_id(made._number, 1),
    Decimal: lambda made: Decimal(1),
    bool: lambda made: True,
    float: lambda made: 1.0,
    bytes: lambda made: made.user.encode(),
    Scope: lambda made: Scope(ScopeKind.USER, made.user),
    Deployment: lambda made: DEPLOYMENT,
    Naming: lambda made: Naming(),
    Reserve: lambda made: Reserve(Path("none"), 0),
    Market: lambda made: BTC,
    Mandate: lambda made: replace(MANDATE, id=made(MandateId), account=made(AccountId)),
    Charge: lambda made: made(CommissionPaid),
    # What somebody did is about himself: he may read it.
    Deed: lambda made: Deed(time_ms=1, by=made.by, what="try", scope=f"user {made.by}", reason=""),
    Fill: Maker.filled,
    LedgerEntry: lambda made: fill_entry(made.filled(), BTC),
    OrderRequest: lambda made: request(account=made(AccountId), client_order_id=made(ClientOrderId)),
}
