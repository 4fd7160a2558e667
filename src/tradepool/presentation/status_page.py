"""The answer to "am I safe?": as JSON, as a page, and as the one line that is drawn while trading runs."""

from __future__ import annotations

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tradepool.presentation.formats import minute
from tradepool.presentation.results import SCHEMA

# Most streams that break are back much sooner.
STREAMLESS_S = 60


class AccountSafety(msgspec.Struct, frozen=True):
    """One account. `positions`, `unprotected` and `unsellable` name markets, `unknown_orders` orders; `difference` is ledger minus venue by
    asset where it is not zero; None where the venue was not asked, or did not answer (`why`). `stopped` says why
    nothing is decided for it any more, "" while it trades, `quarantine` why nothing is entered until a person resumes it.
    `off` says why nothing is entered for it, though what it holds is looked after. `watched_targets` names markets where the
    venue holds the stop only, and the price of the target is watched here, `stopless` those of positions without any stop
    level, `foreign` whose order keeps entries off, `streamless_s` how long the venue has not streamed the account's orders,
    `entries` markets with an entry that may still fill, and its name, `unpriced` which costs nobody can value."""

    account: str
    user: str
    mandate: str
    mode: str
    positions: list[str]
    unprotected: list[str]
    unsellable: list[str]
    unknown_orders: list[str]
    difference: dict[str, str] | None
    stopped: str = ""
    why: str = ""
    quarantine: str = ""
    watched_targets: list[str] = []
    stopless: list[str] = []
    foreign: str = ""
    streamless_s: int = 0
    off: str = ""
    entries: dict[str, str] = {}
    unpriced: str = ""

    @property
    def worries(self) -> list[str]:
        """What a person has to look at."""
        found = [f"{self.account}: {market} has no stop in the book" for market in self.unprotected]
        found += [f"{self.account}: order {name} is not answered" for name in self.unknown_orders]
        if self.streamless_s >= STREAMLESS_S:
            found.append(
                f"{self.account}: its orders are asked for, the venue has not streamed them for {self.streamless_s} s"
            )
        if self.difference is None:
            found.append(f"{self.account}: its venue could not be compared: {self.why}")
        else:
            found += [f"{self.account}: the books hold {amount} {a} more" for a, amount in self.difference.items()]
        found += [f"{self.account} is quarantined, resume it when you know why: {self.quarantine}"] * bool(
            self.quarantine
        )
        return [*found, f"{self.account} is stopped: {self.stopped}"] if self.stopped else found


class HaltRow(msgspec.Struct, frozen=True):
    """A halt in force."""

    scope: str
    since: str
    by: str
    reason: str


class SuspensionRow(msgspec.Struct, frozen=True):
    """A suspension in force; `until` is null when it has no end, `by` is "tradepool" for the platform's own."""

    kind: str
    name: str
    since: str
    until: str | None
    by: str
    reason: str


class StatusJson(msgspec.Struct, frozen=True):
    """A deployment at a moment. `process` is starting, trading, stopped (as it was told to), died (it was not), or hangs;
    `data_age_s` is of the market that is furthest behind of those that have candles (one that stands still is among the
    suspensions), None where nobody trades; `limits` are those that were reached, in words, `unpaid` what unpaid bills keep
    off, `aside` what is wrong in sections of the configuration that were left out; `safe` means that there is no worry."""

    deployment: str
    kind: str
    process: str
    time: str
    accounts: list[AccountSafety]
    halts: list[HaltRow]
    data_age_s: float | None = None
    data_age_max_s: float | None = None
    pid: int | None = None
    candles: int = 0
    limits: list[str] = []
    suspensions: list[SuspensionRow] = []
    disk: str = ""
    unpaid: list[str] = []
    aside: list[str] = []
    schema: int = SCHEMA

    @property
    def worries(self) -> list[str]:
        """Everything a person has to look at, in words; safe is none of it."""
        found = [worry for account in self.accounts for worry in account.worries]
        if self.data_age_s is not None and self.data_age_max_s is not None and self.data_age_s > self.data_age_max_s:
            found.insert(0, f"market data is {self.data_age_s:.0f} s old")
        found += self.aside
        if self.disk:
            found.insert(0, self.disk)
        if self.process == "hangs":
            found.insert(0, f"the trading process {self.pid or ''} does not answer")
        if self.process == "died" and self.held:
            found.insert(0, f"the trading process has died and nobody trades: {self.held} held, run tradepool start")
        return found

    @property
    def held(self) -> str:
        """How many positions there are, in words; "" where there is none."""
        count = sum(len(account.positions) for account in self.accounts)
        return f"{count} position{'s' * (count > 1)}" if count else ""


def status_json(status: StatusJson) -> str:
    """The one line of --json: the status, and what follows from it."""
    unprotected = sum(len(account.unprotected) for account in status.accounts)
    unknown = sum(len(account.unknown_orders) for account in status.accounts)
    off = sum(bool(account.difference) for account in status.accounts)
    told = {"safe": not status.worries, "unprotected": unprotected, "unknown_orders": unknown, "venue_differences": off}
    return msgspec.json.encode({**told, "worries": status.worries, **msgspec.to_builtins(status)}).decode()


def status_page(status: StatusJson) -> Group:
    """For people: the verdict first."""
    worries = status.worries
    verdict = Text("NOT SAFE" if worries else "SAFE", style="bold red" if worries else "bold green")
    age = "" if status.data_age_s is None else f", data {status.data_age_s:.0f} s old"
    head = Text(f"   {status.kind} {status.deployment}, {status.process}{age}, {status.time}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("account", "user", "mandate", "mode", "positions", "unprotected", "unknown", "ledger - venue"):
        table.add_column(title)
    for row in status.accounts:
        off = "not asked" if row.difference is None else ", ".join(f"{v} {a}" for a, v in row.difference.items()) or "0"
        figures = (str(len(row.positions)), str(len(row.unprotected)), str(len(row.unknown_orders)), off)
        table.add_row(row.account, row.user, row.mandate, row.mode, *figures)
    if status.process == "stopped" and status.held:
        head.append(f"   nobody trades, {status.held} held; stops rest at the venue", style="dim")
    halts = [Text(f"halted: {h.scope}, since {h.since}, by {h.by}: {h.reason}", style="yellow") for h in status.halts]
    halts += [
        Text(f"suspended: {s.kind} {s.name}, until {s.until or 'lifted'}, by {s.by}: {s.reason}", style="yellow")
        for s in status.suspensions
    ]
    halts += [Text(f"unpaid: {line}", style="yellow") for line in status.unpaid]
    watched = [
        Text(f"{row.account}: target of {', '.join(row.watched_targets)} is watched here, its stop rests", style="dim")
        for row in status.accounts
        if row.watched_targets
    ]
    halts += [
        Text(f"{row.account}: the position on {market} has no stop level, so none rests", style="yellow")
        for row in status.accounts
        for market in row.stopless
    ]
    halts += [Text(f"{row.account}: {row.foreign}", style="yellow") for row in status.accounts if row.foreign]
    halts += [Text(row.unpriced, style="yellow") for row in status.accounts if row.unpriced]
    watched += [
        Text(f"{row.account}: {row.off}; nothing is entered, exits and protections go on", style="dim")
        for row in status.accounts
        if row.off and not row.stopped
    ]
    limits = [Text(f"limit reached: {line}", style="yellow") for line in status.limits]
    return Group(
        verdict + head, *(Text(f"  {worry}", style="red") for worry in worries), *halts, *limits, *watched, table
    )


class Now(msgspec.Struct, frozen=True):
    """Trading at a moment, as its own process knows it."""

    kind: str
    deployment: str
    time_ms: int
    accounts: int
    stopped: int
    positions: int
    unprotected: int
    candles: int
    data_age_s: float
    halts: int


def live_line(now: Now) -> Text:
    """One line, drawn again and again."""
    words = (
        f"{now.kind.upper()} {now.deployment}   {minute(now.time_ms)}   accounts {now.accounts}"
        f"   positions {now.positions}, unprotected {now.unprotected}   candles {now.candles:,}   data {now.data_age_s:.0f} s"
    )
    more = [f"   {n} {what}" for n, what in ((now.stopped, "STOPPED"), (now.halts, "halts")) if n]
    return Text(words + "".join(more), style="red" if now.unprotected or now.stopped else "")
