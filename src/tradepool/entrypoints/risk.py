"""Limits beside the trading process: show them, set one, let a scope trade on. What is set holds within a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation

import msgspec

from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import UserId
from tradepool.domain.limit import BadLimit, Limit, LimitScope, Override, Trip, read_key
from tradepool.domain.policy import Action, refuse_unless
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.running import running_pid
from tradepool.entrypoints.two_people import OFFERED, agreed
from tradepool.presentation.formats import iso, plain
from tradepool.presentation.risk_page import RiskJson, RiskRow
from tradepool.runtime.clock import RealClock
from tradepool.runtime.command_socket import ask
from tradepool.services.trading.risk_desk import RiskDesk, in_force

ANSWER_S = 30.0
CONFIGURED = "configured"


class NoSuchScope(InvalidInput):
    """Nothing was done: {scope} has no limit; with limits are {known}."""


def rows_of_desk(desk: RiskDesk | None) -> list[RiskRow]:
    """Every limit of a running platform."""
    uses = desk.uses() if desk is not None else []
    return [_row(use.limit, use.in_use, use.trip, use.override) for use in uses]


def show(deployed: Deployed, user: str | None = None) -> RiskJson:
    """Every limit as it stands, by the trading process; where none answers, by the database alone. NoSuchUser."""
    deployed.refuse_unknown_user(user)
    told = ask(deployed.socket, {"do": "risk"}, ANSWER_S) if running_pid(deployed) is not None else None
    rows = list(_by_the_books(deployed)) if told is None else msgspec.json.decode(told, type=list[RiskRow])
    if user is not None:
        rows = [row for row in rows if _concerns(deployed, row, user)]
    return RiskJson(deployment=deployed.deployment.id, process="stopped" if told is None else "trading", limits=rows)


def set_limit(deployed: Deployed, key: str, value: str, reason: str) -> str:
    """Let a limit be `value` ("none": there is none; "configured": what the configuration says) from now on; what was
    done, in words. What allows more than before takes two people. BadLimit."""
    wanted, now_ms = None if value == CONFIGURED else _value(key, value), RealClock().now_ms()
    scope, name, word = read_key(key)
    _check_name(deployed, key, scope, name)
    owners = {
        LimitScope.USER: name,
        LimitScope.MANDATE: next((s.user.id for s in deployed.seats if s.mandate.id == name), ""),
    }
    refuse_unless(deployed.actor, Action.LIMITS, UserId(owners.get(scope, "")))
    with books_open(deployed) as connection:
        store, rows = DatabaseRisk(connection), DatabaseDeployment(connection, deployed.deployment)
        if wanted is not None:
            Limit(scope=scope, name=name, word=word, value=wanted)
            _check_market(deployed, key, scope, name, word)
        overrides = store.overrides()
        before = _of(in_force(deployed.risk, overrides), key)
        configured = _of(in_force(deployed.risk, [each for each in overrides if each.key != key]), key)
        after = configured if value == CONFIGURED else wanted
        names: tuple[str, ...] = (me(),)
        told = value if value in (CONFIGURED, "none") else wanted
        change = f"{key}: {'none' if before is None else before} -> {told}"
        if before is not None and (after is None or after > before):
            names = agreed(rows, "risk set", change, reason)
        if not names:
            return OFFERED
        by = " and ".join(names)
        if value == CONFIGURED:
            store.forget(key, Deed(time_ms=now_ms, by=by, what="risk set", scope=change, reason=reason))
            return f"{key} is what the configuration says again."
        store.override(Override(key=key, value=wanted, since_ms=now_ms, by=by, reason=reason), before)
    was = "none" if before is None else plain(before)
    holds = "in force within a second" if running_pid(deployed) is not None else "the next start will find it"
    return f"{key}: {was} -> {'none' if wanted is None else plain(wanted)}; {holds}."


def resume(deployed: Deployed, scope: str, reason: str) -> str:
    """Let a scope trade on after a limit was reached: losses are measured anew. A halt is lifted by `resume`.

    NoSuchScope, BadLimit."""
    read_key(f"{scope}.any")
    with _store(deployed) as store:
        limits = in_force(deployed.risk, store.overrides())
        keys = [limit.key for limit in limits if limit.key == f"{scope}.{limit.word}"]
        if not keys:
            known = sorted({limit.key.removesuffix(f".{limit.word}") for limit in limits})
            raise NoSuchScope(scope=repr(scope)[:60], known=", ".join(known) or "none")
        now_ms = RealClock().now_ms()
        deed = Deed(time_ms=now_ms, by=me(), what="risk resume", scope=scope, reason=reason)
        reached = [trip.key for trip in store.trips() if trip.key in keys]
        store.resume(scope, keys, deed)
    return f"{scope} trades on; had been reached: {', '.join(reached) or 'nothing'}."


def _of(limits: Sequence[Limit], key: str) -> Decimal | None:
    return next((limit.value for limit in limits if limit.key == key), None)


def _value(key: str, value: str) -> Decimal | None:
    if value == "none":
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise BadLimit(key=key, value=f" = {value!r:.40}", why="it is no number", remedy="give a number, or none")
    return found


def _check_name(deployed: Deployed, key: str, scope: LimitScope, name: str) -> None:
    """Raise BadLimit for a limit of nobody."""
    known = {
        LimitScope.USER: {str(user.id) for user in deployed.users},
        LimitScope.MANDATE: {str(seat.mandate.id) for seat in deployed.seats},
        LimitScope.STRATEGY: {seat.strategy.name for seat in deployed.seats},
        LimitScope.MARKET: {m.partition(":")[2] for seat in deployed.seats for m in seat.mandate.markets},
        LimitScope.CLUSTER: set(deployed.risk.clusters),
    }.get(scope)
    if known is not None and name not in known:
        raise BadLimit(
            key=key,
            value="",
            why=f"there is no such {scope}",
            remedy=f"name one of {', '.join(sorted(known)) or 'none'}",
        )


def _check_market(deployed: Deployed, key: str, scope: LimitScope, name: str, word: str) -> None:
    """Raise BadLimit for a mandate's limit on a market that it does not trade."""
    symbol = word.partition(".")[2]
    traded = {m.partition(":")[2] for s in deployed.seats if s.mandate.id == name for m in s.mandate.markets}
    if scope is LimitScope.MANDATE and symbol and symbol not in traded:
        raise BadLimit(
            key=key,
            value="",
            why=f"mandate {name} does not trade {symbol}",
            remedy=f"name one of {', '.join(sorted(traded)) or 'none'}",
        )


def _concerns(deployed: Deployed, row: RiskRow, user: str) -> bool:
    scope, name, _ = read_key(row.limit)
    if scope is LimitScope.USER:
        return name == user
    if scope is LimitScope.MANDATE:
        return any(seat.mandate.id == name and seat.user.id == user for seat in deployed.seats)
    return True


@contextmanager
def _store(deployed: Deployed) -> Iterator[DatabaseRisk]:
    with books_open(deployed) as connection:
        yield DatabaseRisk(connection)


def _by_the_books(deployed: Deployed) -> Iterator[RiskRow]:
    now_ms = RealClock().now_ms()
    with _store(deployed) as store:
        overrides = {each.key: each for each in store.overrides()}
        trips = {trip.key: trip for trip in store.trips() if trip.until_ms > now_ms}
        limits: Sequence[Limit] = in_force(deployed.risk, list(overrides.values()))
    for limit in limits:
        yield _row(limit, None, trips.get(limit.key), overrides.get(limit.key))


def _row(limit: Limit, in_use: Decimal | None, trip: Trip | None, override: Override | None) -> RiskRow:
    left = None if in_use is None else limit.value - in_use
    return RiskRow(
        limit=limit.key,
        value=plain(limit.value),
        unit=limit.meaning.unit.value,
        action=limit.action.value,
        in_use=None if in_use is None else _short(in_use),
        headroom=None if left is None else _short(left),
        since="" if trip is None else iso(trip.since_ms),
        note="" if trip is None else trip.note,
        denial=limit.denial.value,
        sentence=limit.denial.sentence,
        set_by="" if override is None else override.by,
        reason="" if override is None else override.reason,
    )


def _short(figure: Decimal) -> str:
    """Six digits are enough for a figure that changes with every candle.

    >>> _short(Decimal("0E+8")), _short(Decimal("1234567.89")), _short(Decimal("-0.12345678"))
    ('0', '1234570', '-0.123457')
    """
    return plain(Decimal(f"{figure:.6g}")) if figure.is_finite() else "never"
