"""`tradepool suspend`: markets and strategies on which nothing is entered for a while; exits and protections go on.

Rows of the database, as halts are: the trading process reads them before every entry, so nothing has to reach it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
from rich.table import Table

from tradepool.adapters.database.deployment import Deed
from tradepool.adapters.database.suspensions import DatabaseSuspensions
from tradepool.core.risk.symbols import likely
from tradepool.domain.errors import InvalidInput
from tradepool.domain.suspended import FOR_EVER_MS, Suspended, SuspendedKind
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.inputs import BadFlag
from tradepool.entrypoints.safety import suspension_rows
from tradepool.presentation.formats import iso
from tradepool.presentation.results import SCHEMA
from tradepool.presentation.status_page import SuspensionRow
from tradepool.runtime.clock import RealClock
from tradepool.runtime.config import nearest

UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_LENGTH = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
_SYMBOL = re.compile(r"[A-Z0-9]+/[A-Z0-9]+")


class BadLength(InvalidInput):
    """--for {given} is no length of time; write 30m, 12h, 7d, 2w, or ever."""


class NeitherMarketNorStrategy(InvalidInput):
    """{given} is no market, such as BTC/USDT, and no active mandate's strategy{hint}."""


class NoSuchMarket(InvalidInput):
    """Nothing was done: no mandate trades {given}, and [venue] symbols does not list it{hint}."""


class SuspensionsJson(msgspec.Struct, frozen=True):
    """`suspend list --json`."""

    suspensions: list[SuspensionRow]
    schema: int = SCHEMA


def length_ms(text: str) -> int:
    """How long, in ms. BadLength.

    >>> length_ms("7d"), length_ms("30m"), length_ms("ever") == FOR_EVER_MS
    (604800000, 1800000, True)
    """
    found = _LENGTH.fullmatch(text.strip())
    if text.strip() == "ever":
        return FOR_EVER_MS
    if found is None:
        raise BadLength(given=repr(text)[:20])
    return int(found[1]) * UNITS_MS[found[2]]


def meant(deployed: Deployed, what: str) -> tuple[SuspendedKind, str]:
    """The market or strategy that is named. NeitherMarketNorStrategy."""
    strategies = {seat.strategy.name for seat in deployed.seats}
    if what in strategies:
        return SuspendedKind.STRATEGY, what
    if _SYMBOL.fullmatch(what):
        return SuspendedKind.MARKET, f"{deployed.venue.id}:{what}"
    raise NeitherMarketNorStrategy(given=repr(what)[:40], hint=nearest(what, strategies))


def suspend(deployed: Deployed, what: str, length: str, reason: str) -> str:
    """Suspend it from now on; what holds, in words. NeitherMarketNorStrategy, NoSuchMarket, BadLength, BadFlag."""
    kind, name = meant(deployed, what)
    if kind is SuspendedKind.MARKET:
        _refuse_unknown(deployed, what)
    lasts_ms, now_ms = length_ms(length), RealClock().now_ms()
    deed = _deed("suspend", kind, name, reason, now_ms)
    until_ms = FOR_EVER_MS if lasts_ms == FOR_EVER_MS else now_ms + lasts_ms
    row = Suspended(kind=kind, name=name, since_ms=now_ms, until_ms=until_ms, by=deed.by, reason=deed.reason)
    with _rows(deployed) as rows:
        rows.suspend(row, deed)
    return f"{kind} {name} is suspended {_until(row)}. Exits and protections go on."


def _refuse_unknown(deployed: Deployed, symbol: str) -> None:
    """Raise NoSuchMarket for a market that nobody trades and the configuration does not list: a slip of the keys."""
    traded = {each for mandate in deployed.settings.mandates.values() for each in mandate.markets}
    known = sorted(traded | set(deployed.venue.symbols))
    if symbol not in known:
        near = " or ".join(likely(symbol, known))
        raise NoSuchMarket(
            given=repr(symbol)[:40], hint=f"; did you mean {near}?" if near else f" ({', '.join(known)})"
        )


def lift(deployed: Deployed, what: str, reason: str) -> str:
    """Lift what was suspended, by whomever; whether there was any, in words. NeitherMarketNorStrategy, BadFlag."""
    kind, name = meant(deployed, what)
    deed = _deed("lift suspension", kind, name, reason, RealClock().now_ms())
    with _rows(deployed) as rows:
        there = rows.lift(kind, name, deed)
    return f"{kind} {name} {'may be entered again' if there else 'was not suspended'}."


def listed(deployed: Deployed) -> list[SuspensionRow]:
    """What is suspended now."""
    with _rows(deployed) as rows:
        return suspension_rows(rows.all(RealClock().now_ms()))


def suspension_table(rows: Sequence[SuspensionRow]) -> Table:
    """For people."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("suspended", "name", "until", "by", "reason"):
        table.add_column(title)
    for row in rows:
        table.add_row(row.kind, row.name, row.until or "lifted", row.by, row.reason)
    return table


@contextmanager
def _rows(deployed: Deployed) -> Iterator[DatabaseSuspensions]:
    with books_open(deployed) as connection:
        yield DatabaseSuspensions(connection)


def _until(row: Suspended) -> str:
    return "until it is lifted" if row.for_ever else f"until {iso(row.until_ms)}"


def _deed(what: str, kind: SuspendedKind, name: str, reason: str, now_ms: int) -> Deed:
    if not reason.strip():
        raise BadFlag(flag="--reason", value="nothing", wanted="a reason, in words")
    return Deed(time_ms=now_ms, by=me(), what=what, scope=f"{kind} {name}", reason=reason.strip())
