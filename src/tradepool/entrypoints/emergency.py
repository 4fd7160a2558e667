"""Commands beside the trading process: is it safe, stop it, halt, resume, flatten. They work while it hangs, too.

What changes something is confirmed by typing a name, has a reason, and is audited. A halt is a row in the database: the
trading process reads it before every entry, so nothing has to reach it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.core.risk.symbols import likely
from tradepool.domain.deployment import Halt, Scope, ScopeKind
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import MarketId, UserId
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deeds import ENDING
from tradepool.entrypoints.deployment import Deployed, deployed_from
from tradepool.entrypoints.dunning import listed as unpaid_listed
from tradepool.entrypoints.inputs import say_if_not_compiled
from tradepool.entrypoints.key_watch import KeysTried
from tradepool.entrypoints.keys import KeyOf, keys_of
from tradepool.entrypoints.left import markets_of_books, with_left
from tradepool.entrypoints.mistakes import Mistakes
from tradepool.entrypoints.own_hands import OwnHands, own_hands
from tradepool.entrypoints.practice import end_exchange
from tradepool.entrypoints.running import STARTED, STOPPED, reserve_of, running_pid
from tradepool.entrypoints.safety import halt_rows, may_fill, not_seen
from tradepool.entrypoints.suspending import listed as suspensions_listed
from tradepool.entrypoints.venue_way import Way, way_to
from tradepool.ports.clock import Clock
from tradepool.presentation.formats import iso
from tradepool.presentation.status_page import AccountSafety, StatusJson
from tradepool.runtime.clock import RealClock
from tradepool.runtime.command_socket import NotDone, ask
from tradepool.runtime.config import nearest

# A process that says nothing for so long hangs; one that answers may take longer over a question.
PING_S, ANSWER_S = 5.0, 120.0
ENDING_S, FLAT_S, LOOK_S = 60.0, 60.0, 0.5


class NotConfirmed(InvalidInput):
    """Nothing was done: {typed} is not {name}; type it as it is shown."""


class NoReason(InvalidInput):
    """Nothing was done: there is no reason; say --reason "why"."""


class WrongScope(InvalidInput):
    """Nothing was done: {why}; name one of --all, --user NAME, --market SYMBOL{hint}."""


class NotSafe(TradepoolError):
    """Not safe, {count} to look at: {first}."""


class NotRunning(TradepoolError):
    """Nobody trades this deployment now; tradepool start does."""


class Hangs(TradepoolError):
    """The trading process {pid} does not answer; end it with kill -9 {pid}: protections rest at the venue, and start goes on from the journal."""


class NotFlat(TradepoolError):
    """Not flat: {left}; look with tradepool status, and at the venue."""


class StillThere(TradepoolError):
    """Accounts {accounts} are stopped inside the trading process and can't sell there; run tradepool stop, then flatten again."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants done to which part of a deployment, and why."""

    what: str
    scope: Scope
    reason: str


# ---- saying what is meant


def deployed_anyhow(config: Path | None) -> Deployed:
    """The deployment for what has to work whatever one section says: with accounts that only their books still name, and
    without what is wrong with one user, account or mandate. Raises what `deployed_from` does about all else."""
    return with_left(deployed_from(config, mistakes=Mistakes.SET_ASIDE))


def scope_of(deployed: Deployed, *, everything: bool, user: str | None, market: str | None) -> Scope:
    """The scope that flags name. WrongScope."""
    given = [flag for flag in (everything, user, market) if flag]
    if len(given) != 1:
        raise WrongScope(why=f"{len(given)} scopes are given", hint="")
    if user:
        users = [each.id for each in deployed.users]
        if user not in users:
            raise WrongScope(why=f"no user is called {user!r:.40}", hint=nearest(user, users))
        return Scope(ScopeKind.USER, user)
    if market:
        traded = sorted({str(each).partition(":")[2] for seat in deployed.seats for each in seat.mandate.markets})
        if market not in traded and market not in markets_of_books(deployed):
            meant = " or ".join(likely(market, traded)) or ", ".join(traded)
            raise WrongScope(why=f"no active mandate trades {market!r:.40}", hint=f" (traded: {meant})")
        return Scope(ScopeKind.MARKET, MarketId(f"{deployed.venue.id}:{market}"))
    return Scope(ScopeKind.PLATFORM, deployed.deployment.id)


def confirmed(what: str, scope: Scope, reason: str | None) -> Wish:
    """Have the name typed back, on standard input, and a reason given. NoReason, NotConfirmed."""
    name = scope.name.partition(":")[2] or scope.name
    return Wish(what, scope, typed_back(f"{what} {scope.kind} {name}", name, reason))


def typed_back(what: str, name: str, reason: str | None) -> str:
    """The reason, once the name was typed as it is shown. NoReason, NotConfirmed."""
    print(f"{what}. Type {name} to go on: ", end="", file=sys.stderr, flush=True)
    typed = sys.stdin.readline().strip()
    if typed != name:
        raise NotConfirmed(typed=repr(typed)[:40], name=name)
    if not reason and sys.stdin.isatty():
        print("Reason: ", end="", file=sys.stderr, flush=True)
        reason = sys.stdin.readline()
    if not (reason or "").strip():
        raise NoReason
    return (reason or "").strip()


# ---- looking


def status(deployed: Deployed) -> StatusJson:
    """How the deployment stands: by the trading process, or, where it does not answer, by own looking."""
    pid = running_pid(deployed)
    if pid is not None and answers(deployed):
        told = ask(deployed.socket, {"do": "status"}, ANSWER_S)
        if told is not None:
            return msgspec.json.decode(told, type=StatusJson)
    with rows_of(deployed) as rows:
        halts = halt_rows(rows.halts())
    clock, accounts = _looked(deployed)
    return StatusJson(
        deployment=deployed.deployment.id,
        kind=deployed.deployment.kind,
        process=_process(deployed) if pid is None else "hangs",
        time=iso(clock.now_ms()),
        accounts=accounts,
        aside=[str(each) for each in deployed.aside],
        halts=halts,
        suspensions=suspensions_listed(deployed),
        disk=reserve_of(deployed).words,
        unpaid=unpaid_listed(deployed),
        pid=pid,
    )


def _process(deployed: Deployed) -> str:
    """Of a process that is not there: whether it stopped, or died before it was told to."""
    connection = open_store(deployed.database)
    try:
        deeds = DatabaseDeployment(connection, deployed.deployment).deeds()
    finally:
        dispose(connection)
    # In the order in which they were written: a clock may have been set back between two of them.
    newest = next((deed.what for deed in reversed(deeds) if deed.what in (STARTED, STOPPED)), STOPPED)
    return "died" if newest == STARTED else "stopped"


def refuse_unless_safe(found: StatusJson) -> None:
    """Raise NotSafe when there is something a person has to look at."""
    if worries := found.worries:
        raise NotSafe(count=len(worries), first=worries[0].rstrip("."))


def _looked(deployed: Deployed) -> tuple[Clock, list[AccountSafety]]:
    """Every account by own looking; where that is not possible, why."""
    try:
        way, key_of = way_to(deployed), keys_of(deployed)
    except TradepoolError as error:
        return RealClock(), [not_seen(seat, seat.ceiling, str(error)) for seat in deployed.seats]

    async def look(hands: OwnHands) -> list[AccountSafety]:
        return [await hands.look(seat) for seat in deployed.seats]

    try:
        return way[0], by_own_hands(deployed, look, way, key_of)
    except TradepoolError as error:
        return way[0], [not_seen(seat, seat.ceiling, str(error)) for seat in deployed.seats]


Found = TypeVar("Found")


def by_own_hands(
    deployed: Deployed,
    work: Callable[[OwnHands], Awaitable[Found]],
    way: Way | None = None,
    key_of: KeyOf | None = None,
) -> Found:
    """What comes of some work with a connection of its own. ExchangeAway, NoKey, and what the work raises."""
    way = way or way_to(deployed)
    key_of = key_of or keys_of(deployed)

    async def act() -> Found:
        async with own_hands(deployed, connection, way, key_of) as hands:
            return await work(hands)

    say_if_not_compiled()
    reserve_of(deployed).give_if_full()
    # Taking an account over is the platform's own work, whoever asked for it.
    connection = open_store(deployed.database)
    try:
        return asyncio.run(act())
    finally:
        dispose(connection)


def answers(deployed: Deployed) -> bool:
    """Whether the trading process answers at all."""
    return ask(deployed.socket, {"do": "ping"}, PING_S) is not None


def ends(deployed: Deployed) -> bool:
    """Whether the trading process has been told to stop, and is about to have gone."""
    return ask(deployed.socket, {"do": "ping"}, PING_S) == ENDING


@contextmanager
def rows_of(deployed: Deployed) -> Iterator[DatabaseDeployment]:
    """What people decided, and its database meanwhile. WrongDatabase."""
    with books_open(deployed, urgent=True) as connection:
        yield DatabaseDeployment(connection, deployed.deployment)


# ---- doing


def stop(deployed: Deployed, *, exchange: bool) -> None:
    """End the trading process, and wait for it; the practice exchange too if asked. NotRunning, Hangs."""
    pid = running_pid(deployed)
    if pid is None and not exchange:
        raise NotRunning
    if pid is not None:
        if ask(deployed.socket, {"do": "stop"}, PING_S) is None or not asyncio.run(_gone(deployed)):
            raise Hangs(pid=pid)
        print("Trading has stopped; protections rest at the venue.")
    if exchange and end_exchange(deployed):
        print("The practice exchange has ended, and with it its play money.")


async def _gone(deployed: Deployed) -> bool:
    clock = RealClock()
    until_ms = clock.now_ms() + int(ENDING_S * 1_000)
    while running_pid(deployed) is not None and clock.now_ms() < until_ms:
        await clock.sleep(LOOK_S / 5)
    return running_pid(deployed) is None


def halt(deployed: Deployed, wish: Wish) -> str:
    """Nothing is entered in scope from now on, until `resume`; how that came to be, in words."""
    with rows_of(deployed) as rows:
        rows.halt(_halt(wish))
    return f"{wish.scope} is halted: {_in_force(deployed)}. Exits and protections go on."


def resume(deployed: Deployed, wish: Wish) -> str:
    """Lift a halt; whether there was one, in words."""
    with rows_of(deployed) as rows:
        deed = Deed(time_ms=now_ms(), by=me(), what="resume", scope=str(wish.scope), reason=wish.reason)
        lifted = rows.lift(wish.scope, deed)
        others = [str(each.scope) for each in rows.halts()]
    word = f"{wish.scope} trades again" if lifted else f"{wish.scope} was not halted"
    asked = {"do": "resume", "kind": wish.scope.kind.value, "name": wish.scope.name}
    there = running_pid(deployed) is not None and answers(deployed) and not ends(deployed)
    told = ask(deployed.socket, asked, ANSWER_S) if there else None
    resumed = f" On {told} somebody else had ordered: they enter again." if told else ""
    tried = ask(deployed.socket, {**asked, "do": "keys"}, ANSWER_S) if there else None
    keys = msgspec.json.decode(tried, type=KeysTried) if tried else KeysTried()
    return f"{word}; still halted: {', '.join(others) or 'nothing'}.{resumed}{keys.words}"


def flatten(deployed: Deployed, wish: Wish) -> str:
    """Halt the scope and sell everything in it, by the trading process, or by own hands where it does not answer.

    NotFlat says what is left, entries included that may still fill; StillThere what only another instance can sell.
    """
    with rows_of(deployed) as rows:
        rows.halt(_halt(wish), "flatten")
    pid = running_pid(deployed)
    if pid is not None and answers(deployed):
        try:
            asyncio.run(_flatten_there(deployed, wish.scope))
            return f"{wish.scope} is flat and halted; tradepool resume lets it trade again."
        except (NotDone, Hangs):
            # One that is being stopped begins nothing: it is waited for.
            if not (ends(deployed) and asyncio.run(_gone(deployed))) and running_pid(deployed) is not None:
                raise
            pid = None
    left = _flatten_here(deployed, wish.scope)
    if left:
        raise NotFlat(left="; ".join(f"{account}: {', '.join(what)}" for account, what in left.items()))
    note = "" if pid is None else f" {Hangs(pid=pid)}"
    return f"{wish.scope} is flat and halted, by own hands.{note}"


async def _flatten_there(deployed: Deployed, scope: Scope) -> None:
    clock, asked = RealClock(), {"do": "flatten", "kind": scope.kind.value, "name": scope.name}
    until_ms = clock.now_ms() + int(FLAT_S * 1_000)
    while True:
        told = ask(deployed.socket, asked, ANSWER_S)
        if told is None:
            raise Hangs(pid=running_pid(deployed))
        if deaf := msgspec.json.decode(told, type=_Told).deaf:
            raise StillThere(accounts=", ".join(deaf))
        now = msgspec.json.decode(ask(deployed.socket, {"do": "status"}, ANSWER_S) or "null", type=StatusJson | None)
        if now is None:
            raise Hangs(pid=running_pid(deployed))
        held = _held(now, scope, lambda row: row.positions)
        entering = _entering(now, scope)
        if not held and not entering:
            return
        if not entering and held == _held(now, scope, lambda row: row.unsellable):
            raise NotFlat(left=f"the venue refuses to sell (too small, or not traded there): {', '.join(held)}")
        if clock.now_ms() > until_ms:
            raise NotFlat(left=", ".join([*held, *entering]))
        # Asked again: what an entry on its way has bought meanwhile is sold too.
        await clock.sleep(LOOK_S)


class _Told(msgspec.Struct):
    told: list[str]
    deaf: list[str]


def _held(now: StatusJson, scope: Scope, markets: Callable[[AccountSafety], Sequence[str]]) -> list[str]:
    return [
        f"{row.account} {market}"
        for row in now.accounts
        for market in markets(row)
        if scope.covers(UserId(row.user), MarketId(market))
    ]


def _entering(now: StatusJson, scope: Scope) -> list[str]:
    return [
        f"{row.account} {may_fill(market, entry)}"
        for row in now.accounts
        for market, entry in row.entries.items()
        if scope.covers(UserId(row.user), MarketId(market))
    ]


def _flatten_here(deployed: Deployed, scope: Scope) -> dict[str, list[str]]:
    """By own hands; what is left, by account. ExchangeAway, NoKey."""

    async def act(hands: OwnHands) -> dict[str, list[str]]:
        return {str(account): what for account, what in (await hands.flatten(scope)).items() if what}

    return by_own_hands(deployed, act)


def _halt(wish: Wish) -> Halt:
    return Halt(scope=wish.scope, since_ms=now_ms(), by=me(), reason=wish.reason)


def _in_force(deployed: Deployed) -> str:
    pid = running_pid(deployed)
    if pid is None:
        return "nobody trades now, and the next start will find it"
    return "in force" if answers(deployed) else f"process {pid} does not answer, and finds it when it wakes"


def now_ms() -> int:
    """This machine's time: people live in it, whatever an exchange's does."""
    return RealClock().now_ms()
