"""Mandates and their rungs: list them, preview the next one, promote.

A promotion is a row, never an edit of a file. Up, it goes one rung at a time, with a checklist; down, at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.register import DatabaseRegister
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.domain import policy
from tradepool.domain.deployment import Kind, Mode, Promotion
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.register import Thing
from tradepool.domain.user import Status
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.changing import changes, entry_of
from tradepool.entrypoints.checklist import Facts, Past, checklist
from tradepool.entrypoints.deployment import Deployed, Seated, deployed_from
from tradepool.entrypoints.emergency import ANSWER_S, Hangs, answers, by_own_hands, now_ms, typed_back
from tradepool.entrypoints.register_rows import entries_off
from tradepool.entrypoints.rungs import Rungs
from tradepool.entrypoints.running import running_pid
from tradepool.entrypoints.why import would
from tradepool.presentation.formats import iso, plain
from tradepool.presentation.mandates_page import CheckRow, MandateRow, PreviewJson, PromotionRow
from tradepool.runtime.command_socket import ask
from tradepool.runtime.config import nearest
from tradepool.services.trading.risk_desk import with_overrides

Unexplained = Callable[[Deployed, Seated, int], list[str]]


class NoMandate(InvalidInput):
    """No active mandate is called {name}{hint}."""


class NotARung(InvalidInput):
    """Nothing was done: mandate {mandate} is {mode} and can't go to {wanted}: {why}."""


class NotReady(TradepoolError):
    """Nothing was done: {mandate} is not ready for {wanted}: {line} ({found}; wanted: {needed}){more}."""


def seat_named(deployed: Deployed, name: str) -> Seated:
    """An active mandate. NoMandate."""
    for seat in deployed.seats:
        if seat.mandate.id == name:
            return seat
    raise NoMandate(name=repr(name)[:40], hint=nearest(name, [seat.mandate.id for seat in deployed.seats]))


def mandates(deployed: Deployed) -> list[MandateRow]:
    """Every active mandate. WrongDatabase, StoreUnusable."""
    with _books(deployed) as books:
        return [books.row(seat) for seat in deployed.seats]


class _Books:
    """The deployment's rungs and books, while a command looks at them."""

    def __init__(self, deployed: Deployed, connection: Connection) -> None:
        self.deployed, self._connection = deployed, connection
        self.rungs, self._register = Rungs(connection), DatabaseRegister(connection)
        self.rows = DatabaseDeployment(connection, deployed.deployment)

    def in_force(self, seat: Seated) -> Seated:
        """With the limits that hold now, not those of the file."""
        return replace(seat, mandate=with_overrides(seat.mandate, DatabaseRisk(self._connection).overrides()))

    def row(self, seat: Seated) -> MandateRow:
        seat = self.in_force(seat)
        mode, mandate = self.rungs.of(seat), seat.mandate
        off = entries_off(self._register.statuses(), seat.user.id, seat.account_id, mandate.id)
        entry = entry_of(self.deployed, Thing.MANDATE, mandate.id)
        limits = {name: plain(Decimal(value)) for name, value in mandate.limits.named()}
        return MandateRow(
            mandate=mandate.id,
            user=seat.user.id,
            account=seat.account_id,
            strategy=seat.strategy.name,
            strategy_id=mandate.strategy_id,
            markets=[str(market).partition(":")[2] for market in mandate.markets],
            capital=plain(mandate.capital),
            mode=mode,
            ceiling=seat.ceiling,
            next=mode.next if mode.height < seat.ceiling.height or mode is Mode.PRACTICE else None,
            limits=limits,
            canary={
                "order": plain(seat.cap.order_notional_max),
                "exposure": plain(seat.cap.exposure_max),
                "positions": str(seat.cap.positions_max),
                "hours": str(seat.cap.hours_min),
            },
            promotions=[
                PromotionRow(iso(p.time_ms), p.by, p.before, p.after, p.reason)
                for p in self.rungs.promotions.of(mandate.id)
            ],
            status=Status.PAUSED if off else Status.ACTIVE,
            version=0 if entry is None else entry.version,
            changes=changes(self.deployed, self._register, Thing.MANDATE, mandate.id),
            entry=mandate.entry.kind.value,
            entry_slippage_max=plain(mandate.entry.slippage_max),
        )

    def past(self, seat: Seated, practised: Path | None, unexplained: Unexplained) -> Past:
        mine, since_ms = DatabaseBooks(self._connection).trades(seat.account_id), self._since_ms(seat)
        shadow = self.rungs.of(seat) is Mode.SHADOW and since_ms is not None
        return Past(
            now_ms=now_ms(),
            since_ms=since_ms,
            trades=[trade for trade in mine if trade.strategy_id == seat.mandate.strategy_id],
            halts=self.rows.halts(),
            practised=_practised(seat, practised),
            unexplained=unexplained(self.deployed, seat, since_ms) if shadow and since_ms is not None else (),
        )

    def _since_ms(self, seat: Seated) -> int | None:
        """Since when the strategy stands on its rung: since it was put there, else since its first wish to trade."""
        newest, strategy_id = self.rungs.promotions.newest(seat.mandate.id), seat.mandate.strategy_id
        if newest is not None and newest.strategy_id == strategy_id:
            return newest.time_ms
        wishes = DatabaseJournal(self._connection).intents(seat.account_id)
        return next((wish.time_ms for wish in wishes if wish.strategy_id == strategy_id), None)


def _practised(seat: Seated, config: Path | None) -> Promotion | None:
    """Where the same strategy was promoted in practice; None where the deployment is not named, or has not."""
    if config is None:
        return None
    deployed = deployed_from(config)
    if deployed.deployment.kind is not Kind.PRACTICE or not deployed.database.exists():
        return None
    with books_open(deployed) as connection:
        return DatabasePromotions(connection).reached(seat.mandate.strategy_id, Mode.SHADOW)


@contextmanager
def _books(deployed: Deployed) -> Iterator[_Books]:
    with books_open(deployed) as connection:
        yield _Books(deployed, connection)


# ---- what stands before a rung


def facts_of(deployed: Deployed, seat: Seated) -> Facts:
    """What venue and account say: by the trading process, else by own looking. Hangs, and what looking raises."""
    if running_pid(deployed) is not None and answers(deployed):
        told = ask(deployed.socket, {"do": "facts", "account": seat.account_id}, ANSWER_S)
        if told is None:
            raise Hangs(pid=running_pid(deployed))
        return msgspec.json.decode(told, type=Facts)
    return by_own_hands(deployed, lambda hands: hands.facts(seat))


def preview(
    deployed: Deployed, name: str, practised: Path | None, unexplained: Unexplained, *, facts: Facts | None = None
) -> PreviewJson:
    """What a mandate may have at stake, and the checklist of its next rung. NoMandate."""
    seat = seat_named(deployed, name)
    with _books(deployed) as books:
        seat = books.in_force(seat)
        row = books.row(seat)
        rows: list[CheckRow] = []
        if row.next is not None:
            rows = _lines(deployed, seat, Mode(row.next), facts, books.past(seat, practised, unexplained))
    mandate, canary = seat.mandate, Mode(row.mode) is Mode.CANARY
    sizes = [mandate.capital * mandate.weight, mandate.limits.order_notional_max]
    order = min(s for s in (*sizes, seat.cap.order_notional_max if canary else None) if s is not None)
    most = min(len(mandate.markets), seat.cap.positions_max) if canary else len(mandate.markets)
    stake = min(order * most, mandate.capital, seat.cap.exposure_max if canary else mandate.capital)
    loss, risk = mandate.limits.daily_loss_max, mandate.limits.trade_risk_max
    # Without both limits, all that is at stake may be gone in a day.
    bounded = None if loss is None or risk is None else (loss + most * risk) * mandate.capital
    return PreviewJson(
        mandate=row,
        order_max=plain(order),
        positions_max=most,
        exposure_max=plain(stake),
        loss_a_day=None if loss is None else plain((loss * mandate.capital).quantize(Decimal("0.01"))),
        ready=bool(rows) and all(line.ok for line in rows),
        checklist=rows,
        worst_day=plain(min(stake, bounded or stake).quantize(Decimal("0.01"))),
        now=would(deployed, seat),
    )


def _lines(deployed: Deployed, seat: Seated, wanted: Mode, facts: Facts | None, past: Past) -> list[CheckRow]:
    try:
        return checklist(seat, wanted, facts or facts_of(deployed, seat), past)
    except TradepoolError as error:
        # What it may have at stake is known without the venue.
        return [CheckRow("venue", False, str(error).rstrip("."), "it answers")]


def refuse_unless(deployed: Deployed, name: str, wanted: Mode) -> bool:
    """Raise NotARung unless a mandate may be asked to go there; whether that is a rung up. NoMandate, NotAllowed."""
    seat = seat_named(deployed, name)
    with _books(deployed) as books:
        row = books.row(seat)
    mode = Mode(row.mode)
    why = ""
    if wanted is mode:
        why = "it stands there already"
    elif wanted is Mode.PRACTICE or (wanted.kind is not mode.kind and wanted is not Mode.SHADOW):
        why = "practice and real money are two deployments"
    elif wanted.height > mode.height + 1:
        why = f"the next rung is {mode.next}"
    elif wanted.height > seat.ceiling.height and mode is not Mode.PRACTICE:
        why = f"mode = {seat.ceiling.value!r} in {deployed.file} is its ceiling"
    if why:
        raise NotARung(mandate=name, mode=mode, wanted=wanted, why=why)
    if wanted.height > mode.height:
        policy.refuse_unless(deployed.actor, policy.Action.PROMOTE, seat.user.id)
    return wanted.height > mode.height


def refuse_unready(shown: PreviewJson, wanted: Mode) -> None:
    """Raise NotReady with the first line that fails."""
    failing = [line for line in shown.checklist if not line.ok]
    if failing:
        first, name = failing[0], shown.mandate.mandate
        more = f", and {len(failing) - 1} more" if len(failing) > 1 else ""
        raise NotReady(mandate=name, wanted=wanted, line=first.name, found=first.found, needed=first.wanted, more=more)


def promote(deployed: Deployed, name: str, wanted: Mode, reason: str | None) -> str:
    """Have the name typed back, then let it go there; what that means, in words. NotConfirmed, NoReason."""
    seat = seat_named(deployed, name)
    with _books(deployed) as books:
        before = books.rungs.of(seat)
        why = typed_back(f"{name}: {before} -> {wanted}", name, reason)
        books.rungs.promotions.promote(
            Promotion(
                time_ms=now_ms(),
                by=me(),
                mandate=seat.mandate.id,
                strategy_id=seat.mandate.strategy_id,
                before=before,
                after=wanted,
                reason=why,
            )
        )
    return (
        {
            Mode.SHADOW: f"{name} is a shadow: entries are written down, none is sent; what is held stays protected.",
            Mode.CANARY: f"{name} is a canary: orders of at most {plain(seat.cap.order_notional_max)}.",
            Mode.LIVE: f"{name} is live.",
        }[wanted]
        if before is not Mode.PRACTICE
        else (
            f"{name} has practised enough. In a live deployment (tradepool init --kind live) it begins as a shadow; "
            f"there: tradepool mandates promote NAME --to canary --practised {deployed.file}"
        )
    )
