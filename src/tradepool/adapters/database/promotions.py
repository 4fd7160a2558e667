"""How far each mandate goes: the promotions of a deployment, appended and never edited; the newest one holds."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from tradepool.adapters.database import tables
from tradepool.adapters.database.chain import PROMOTION, audited, linked
from tradepool.adapters.database.engine import transaction
from tradepool.adapters.database.remembered import Remembered, asked_again, wrote
from tradepool.domain.deed import Deed
from tradepool.domain.deployment import Mode, Promotion
from tradepool.domain.ids import MandateId, StrategyId


class DatabasePromotions:
    """Read by the trading process before each entry, written by `mandates promote` beside it. StoreUnusable."""

    def __init__(self, connection: Connection) -> None:
        """`connection` comes from `engine.open_store`."""
        self._connection = connection
        self._newest: dict[MandateId, Remembered[tuple[Promotion | None]]] = {}

    def of(self, mandate: MandateId) -> list[Promotion]:
        """All of a mandate, the oldest first."""
        t = tables.promotion.c
        query = select(t.time_ms, t.by, t.strategy_id, t.before, t.after, t.reason)
        query = query.where(t.mandate == mandate).order_by(t.id)
        rows = asked_again(self._connection, lambda: self._connection.execute(query).all())
        self._connection.rollback()
        return [
            Promotion(
                time_ms=time_ms,
                by=by,
                mandate=mandate,
                strategy_id=StrategyId(strategy_id),
                before=Mode(before),
                after=Mode(after),
                reason=reason,
            )
            for time_ms, by, strategy_id, before, after, reason in rows
        ]

    def newest(self, mandate: MandateId) -> Promotion | None:
        """The one that holds; None before the first. Kept until something was written."""

        def load() -> tuple[Promotion | None]:
            return (next(reversed(self.of(mandate)), None),)

        return self._newest.setdefault(mandate, Remembered(self._connection, load))()[0]

    def last(self) -> int:
        """The number of the newest promotion of any mandate; it rises with each."""
        newest = select(func.coalesce(func.max(tables.promotion.c.id), 0))
        found = asked_again(self._connection, lambda: self._connection.execute(newest).scalar_one())
        self._connection.rollback()
        return int(found)

    def reached(self, strategy_id: StrategyId, mode: Mode) -> Promotion | None:
        """The newest promotion of a strategy to a mode, whosever mandate it was; None where there is none."""
        t = tables.promotion.c
        query = select(t.mandate).where(t.strategy_id == strategy_id, t.after == mode.value).order_by(t.id.desc())
        mandate = self._connection.execute(query.limit(1)).scalar_one_or_none()
        self._connection.rollback()
        if mandate is None:
            return None
        found = [each for each in self.of(MandateId(mandate)) if (each.strategy_id, each.after) == (strategy_id, mode)]
        return found[-1]

    def promote(self, promotion: Promotion) -> None:
        """Write one down, and in the audit who did it: from now on the mandate goes so far."""
        row = {
            "time_ms": promotion.time_ms,
            "by": promotion.by,
            "mandate": promotion.mandate,
            "strategy_id": promotion.strategy_id,
            "before": promotion.before.value,
            "after": promotion.after.value,
            "reason": promotion.reason,
        }
        deed = Deed(
            time_ms=promotion.time_ms,
            by=promotion.by,
            what="mandates promote",
            scope=f"mandate {promotion.mandate}: {promotion.before} -> {promotion.after}",
            reason=promotion.reason,
        )
        with transaction(self._connection):
            self._connection.execute(linked(PROMOTION, row))
            self._connection.execute(audited(deed))
        wrote(self._connection)
