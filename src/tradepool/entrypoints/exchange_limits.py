"""`tradepool exchange limits`: what a venue lets through, how much of it is used, and what so many users would take."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import msgspec

from tradepool.adapters.exchanges.rate_limits import LIMITS, cost_of, limits_of, stream_cost
from tradepool.adapters.valkey.broker import SharedThrottle
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.entrypoints.deployment import deployed_from
from tradepool.entrypoints.emergency import ANSWER_S, Hangs, answers
from tradepool.entrypoints.running import running_pid
from tradepool.ports.weights import Limit, Measure, Priority, Snapshot
from tradepool.presentation.limits_page import LimitRow, LimitsJson, Plan, PlanRow, WaitRow
from tradepool.presentation.results import SCHEMA
from tradepool.runtime.clock import RealClock
from tradepool.runtime.command_socket import ask
from tradepool.runtime.config import nearest
from tradepool.services.account_reads import EVERY_MS, MINUTE_MS, Exposure

USERS_MAX = 1_000_000
NAMES = {
    Priority.EXIT: "cancels and exits",
    Priority.ENTRY: "entries",
    Priority.READ: "account reads",
    Priority.DATA: "market data",
}
SHARES = {Exposure.OPEN_ORDERS: Fraction(20, 100), Exposure.POSITION: Fraction(30, 100), Exposure.IDLE: Fraction(1, 2)}
SAID = {Exposure.OPEN_ORDERS: "open orders", Exposure.POSITION: "a position only", Exposure.IDLE: "neither"}
# A user's trades a day: each is an entry, its resting stop, a cancel of that and the exit.
TRADES_A_DAY = 10
DAY_MINUTES = 1_440
# Binance ends every user stream after a day; we assume that each breaks twice as often.
RECONNECTS_A_DAY = 2
# 40 markets' candles and 20 books of 500 levels fetched again every five minutes, tickers of all markets twice a minute.
DATA_WEIGHT = (40 * 2 + 20 * 25) // 5 + 2 * 80


class UnknownLimits(InvalidInput):
    """The limits of {venue} are not known here{hint}."""


class NoPlatform(InvalidInput):
    """No Valkey answers at {socket}; name the socket of a running platform, or leave --socket away."""


def limits_found(venue: str, users: int | None, config: Path | None, socket: Path | None) -> LimitsJson:
    """Everything the command shows. UnknownLimits, NoPlatform; what reading the configuration raises; Hangs."""
    if venue not in LIMITS:
        raise UnknownLimits(venue=venue, hint=nearest(venue, LIMITS))
    limits = limits_of(venue)
    snapshot = _told(venue, config) if socket is None else asyncio.run(_asked(limits, socket, venue))
    weight = next(limit for limit in limits if limit.measure is Measure.WEIGHT)
    return LimitsJson(
        schema=SCHEMA,
        venue=venue,
        live=snapshot is not None,
        closed_for_s=0 if snapshot is None else max(0, snapshot.closed_until_ms - snapshot.now_ms) // 1_000,
        limits=[_limit_row(n, limit, snapshot) for n, limit in enumerate(limits)],
        priorities=[_wait_row(priority, weight, snapshot) for priority in Priority],
        plan=None if users is None else plan_for(venue, users),
    )


def _told(venue: str, config: Path | None) -> Snapshot | None:
    """What the trading process of the deployment knows, of the one of this folder where none is named; None where none runs,
    or on another venue, or what is in this folder can't be read."""
    try:
        deployed = deployed_from(config)
    except TradepoolError:
        if config is not None:
            raise
        return None
    if deployed.venue.id != venue or running_pid(deployed) is None or not answers(deployed):
        return None
    told = ask(deployed.socket, {"do": "limits"}, ANSWER_S)
    if told is None:
        raise Hangs(pid=running_pid(deployed))
    return msgspec.json.decode(told, type=Snapshot)


async def _asked(limits: Sequence[Limit], socket: Path, address: str) -> Snapshot:
    broker = SharedThrottle(limits, RealClock(), socket, address)
    try:
        if not await broker.answers():
            raise NoPlatform(socket=socket)
        return await broker.snapshot()
    finally:
        await broker.close()


def _limit_row(n: int, limit: Limit, snapshot: Snapshot | None) -> LimitRow:
    used = None if snapshot is None else snapshot.uses[n].used
    return LimitRow(
        name=limit.name,
        measure=limit.measure,
        amount=limit.amount,
        window_s=limit.length_ms / 1_000,
        of="key" if limit.per_key else "address",
        used=used,
        headroom=None if used is None else limit.amount - used,
    )


def _wait_row(priority: Priority, weight: Limit, snapshot: Snapshot | None) -> WaitRow:
    name, sure = NAMES[priority], weight.kept[priority]
    if snapshot is None:
        return WaitRow(name, sure, granted=None, waiting=None, p50_below_ms=None, p99_below_ms=None)
    waits = snapshot.waits[priority]
    half, most = waits.below_ms(50), waits.below_ms(99)
    return WaitRow(name, sure, granted=waits.granted, waiting=waits.waiting, p50_below_ms=half, p99_below_ms=most)


# ---- the plan


def plan_for(venue: str, users: int) -> Plan:
    """What so many users take a minute of the limits of one address, and which limit is too small first.

    >>> plan = plan_for("binance", 1_000)
    >>> plan.binds_first, plan.addresses, round(plan.streams_up_minutes)
    ('account reads', 1, 18)
    """
    limits = {limit.measure: limit for limit in limits_of(venue)}
    weight, connections = limits[Measure.WEIGHT], limits.get(Measure.CONNECTIONS)
    read = cost_of(venue, "a", "private", "GET", "account", {}, 4 if venue == "binance" else 10).weight
    stream = stream_cost(venue, private=True)
    trades, reconnects = Fraction(TRADES_A_DAY, DAY_MINUTES), Fraction(RECONNECTS_A_DAY, DAY_MINUTES)
    reads = sum(share * Fraction(MINUTE_MS, EVERY_MS[exposure]) for exposure, share in SHARES.items())
    reads_weight = reads * read + reconnects * (2 * read + stream.weight)
    rows = [
        _row(NAMES[Priority.EXIT], weight, Priority.EXIT, 3 * trades, users),
        _row(NAMES[Priority.ENTRY], weight, Priority.ENTRY, trades, users),
        _row(NAMES[Priority.READ], weight, Priority.READ, reads_weight, users),
        _row(NAMES[Priority.DATA], weight, Priority.DATA, Fraction(0), users, fixed=DATA_WEIGHT),
        _all_out(weight, users),
    ]
    if connections is not None:
        rows.append(_row("streams that reconnect", connections, Priority.READ, reconnects, users))
    tightest = min((row for row in rows if row.users_max is not None), key=lambda row: row.users_max or 0)
    most = tightest.users_max or 1
    return Plan(
        users=users,
        assumed=_assumed(read),
        rows=rows,
        binds_first=tightest.what,
        users_max_per_address=most,
        addresses=-(-users // most),
        streams_up_minutes=float(users / _room(connections, Priority.READ)) if connections else 0.0,
    )


def _room(limit: Limit, priority: Priority) -> Fraction:
    return Fraction(limit.room(priority) * MINUTE_MS, limit.length_ms)


def _row(what: str, limit: Limit, priority: Priority, each: Fraction, users: int, fixed: int = 0) -> PlanRow:
    room = _room(limit, priority)
    return PlanRow(
        what=what,
        limit=limit.name,
        per_minute=float(each * users + fixed),
        room_per_minute=float(room),
        users_max=int((room - fixed) / each) if each else None,
    )


def _all_out(weight: Limit, users: int) -> PlanRow:
    """Everybody cancels a stop and sells within one minute, in which reads and market data take all they may."""
    room = weight.amount * MINUTE_MS // weight.length_ms - int(_room(weight, Priority.READ)) - DATA_WEIGHT
    return PlanRow(
        what="all out in one minute",
        limit=weight.name,
        per_minute=2.0 * users,
        room_per_minute=float(room),
        users_max=room // 2,
    )


def _assumed(read: int) -> list[str]:
    often = [
        f"{100 * SHARES[e]} % of users with {SAID[e]}, read every {EVERY_MS[e] // MINUTE_MS} min" for e in Exposure
    ]
    return [
        f"{', '.join(often)}; a read weighs {read}.",
        f"{TRADES_A_DAY} trades a day and user, four requests each; a user stream breaks {RECONNECTS_A_DAY} times a day.",
        f"Market data for all users together: {DATA_WEIGHT} a minute over REST, the rest by stream.",
        "All out in one minute: a cancel and a sale for everybody, beside the most that reads may take.",
    ]
