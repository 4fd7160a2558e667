"""What goes wrong and what happens in one run of the venue, as a TOML file.

    name = "storm"
    seed = 7                    # the same file with the same seed strikes the same
    about = "Answers get lost."

    [[faults]]                  # the words of simexchange.fault_kinds; times are written 90s, 30m, 2h
    kind = "reset"
    route = "POST /api/v3/order"
    share = 0.1
    from = "10m"

    [[wallet]]                  # deposit, withdrawal, transfer, dividend, dust
    event = "deposit"
    at = "1h"
    account = "1"               # an account's number from 1, or its first key
    asset = "USDT"
    amount = "100"

    [[shocks]]                  # prices fall by a share of theirs and come back
    at = "30m"
    market = "BTCUSDT"          # left out: all
    depth = 0.3
    recovers = "20m"

All times count from the venue's start. A few scenarios come with the package (`shipped`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tradepool.domain.errors import InvalidInput
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.fault_reading import BrokenFault, milliseconds, read_fault, unknown

TOP = ("name", "seed", "about", "faults", "wallet", "shocks")
SHOCK = ("at", "market", "depth", "recovers")
# A wallet event: the control door's route that makes it, the words it needs, and those it may have.
WALLET = {
    "deposit": ("/deposits", ("asset", "amount"), ("credit_after_ms", "unlock_after_ms", "network")),
    "withdrawal": ("/withdrawals", ("asset", "amount"), ("fee", "address", "network", "done_after_ms", "rejected")),
    "transfer": ("/transfers", ("source", "target", "asset", "amount"), ()),
    "dividend": ("/dividends", ("asset", "amount"), ("why",)),
    "dust": ("/dust", ("assets",), ()),
}
SEED_MAX = 2**63


class BrokenScenario(InvalidInput):
    """Scenario {file}{line}: {why}."""


class Moment(NamedTuple):
    """Something the control door does at a time (virtual ms from the start): a route and the words of its body."""

    at_ms: int
    route: str
    words: Mapping[str, object]


class Shock(NamedTuple):
    """Prices of a market (empty: of all) fall by a share of theirs at a time and come back in even steps."""

    at_ms: int
    market: str
    depth: float
    recovers_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A run's faults and events; the default is a run in which nothing goes wrong."""

    name: str = "calm"
    seed: int = 0
    about: str = ""
    faults: tuple[Fault, ...] = ()
    moments: tuple[Moment, ...] = ()
    shocks: tuple[Shock, ...] = ()


CALM = Scenario()


def shipped() -> dict[str, Path]:
    """The scenarios that come with the package, by name."""
    return {file.stem: file for file in sorted((Path(__file__).parent / "scenarios").glob("*.toml"))}


def find_scenario(name_or_file: str) -> Scenario:
    """A shipped scenario by its name, or one from a file. BrokenScenario."""
    file = shipped().get(name_or_file, Path(name_or_file))
    if not file.exists():
        why = f"there is no such file; {unknown('scenario', name_or_file, shipped())}"
        raise BrokenScenario(file=name_or_file, line="", why=why)
    return read_scenario(file)


def read_scenario(file: Path) -> Scenario:
    """A scenario from its file; BrokenScenario names the line, the word, and the words there are."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenScenario(file=file, line="", why=f"it can't be read: {error}") from error
    return scenario_of(text, str(file))


def scenario_of(text: str, file: str) -> Scenario:
    """A scenario from its text.

    >>> scenario_of('name = "dark"\\n[[faults]]\\nkind = "dark"\\nform = "1m"', "dark.toml")
    Traceback (most recent call last):
    tradepool.simexchange.scenario.BrokenScenario: Scenario dark.toml, line 4: dark: no word is called 'form'; did you...
    """
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BrokenScenario(file=file, line="", why=f"it is not TOML: {error}") from error
    for word in said:
        if word not in TOP:
            raise BrokenScenario(file=file, line=_line(text, "", 0, word), why=unknown("word", word, TOP))
    name, seed = said.get("name"), said.get("seed", 0)
    if not isinstance(name, str) or not name:
        raise BrokenScenario(file=file, line=_line(text, "", 0, "name"), why='it needs a name, such as name = "storm"')
    if not isinstance(seed, int) or not 0 <= seed < SEED_MAX:
        raise BrokenScenario(file=file, line=_line(text, "", 0, "seed"), why=f"seed is {seed!r}; give a whole number")
    return Scenario(
        name=name,
        seed=seed,
        about=str(said.get("about", "")),
        faults=tuple(_faults(said, text, file)),
        moments=tuple(_moments(said, text, file)),
        shocks=tuple(_shocks(said, text, file)),
    )


def _faults(said: Mapping[str, object], text: str, file: str) -> list[Fault]:
    faults = []
    for index, words in enumerate(_tables(said, "faults", file)):
        try:
            faults.append(read_fault(words))
        except BrokenFault as error:
            why = str(error.facts["why"])
            wrong = next((word for word in words if f"{word!r};" in why or f"{word} is " in why), "kind")
            raise BrokenScenario(file=file, line=_line(text, "faults", index, wrong), why=why) from error
    return faults


def _moments(said: Mapping[str, object], text: str, file: str) -> list[Moment]:
    moments = []
    for index, words in enumerate(_tables(said, "wallet", file)):
        why, wrong = _wrong_event(words)
        if why:
            raise BrokenScenario(file=file, line=_line(text, "wallet", index, wrong), why=why)
        route = WALLET[str(words["event"])][0]
        body = {word: value for word, value in words.items() if word not in ("event", "at")}
        moments.append(Moment(milliseconds(str(words["at"])) or 0, route, body))
    return moments


def _shocks(said: Mapping[str, object], text: str, file: str) -> list[Shock]:
    shocks = []
    for index, words in enumerate(_tables(said, "shocks", file)):
        why, wrong = _wrong_shock(words)
        if why:
            raise BrokenScenario(file=file, line=_line(text, "shocks", index, wrong), why=f"shock: {why}")
        at_ms, recovers_ms = (milliseconds(str(words[word])) or 0 for word in ("at", "recovers"))
        shocks.append(Shock(at_ms, str(words.get("market", "")), float(str(words["depth"])), recovers_ms))
    return shocks


def _wrong_shock(words: Mapping[str, object]) -> tuple[str, str]:
    """What is wrong with a shock, and at which word; empty when nothing is."""
    for word in words:
        if word not in SHOCK:
            return unknown("word", word, SHOCK), word
    for word in ("at", "recovers"):
        if milliseconds(str(words.get(word))) is None:
            return f"{word} is {words.get(word)!r}; write a duration such as 90s, 30m or 2h", word
    depth = words.get("depth")
    if not isinstance(depth, float) or not 0.0 < depth < 1.0:
        return f"depth is {depth!r}; give a share above 0 and below 1, such as 0.3", "depth"
    return "", ""


def _wrong_event(words: Mapping[str, object]) -> tuple[str, str]:
    """What is wrong with a wallet event, and at which word; empty when nothing is."""
    event = words.get("event")
    if not isinstance(event, str) or event not in WALLET:
        return unknown("event", event, WALLET), "event"
    _, needs, takes = WALLET[event]
    known = ("event", "at", "account", *needs, *takes)
    for word in words:
        if word not in known:
            return f"{event}: {unknown('word', word, known)}", word
    missing = [word for word in ("at", "account", *needs) if word not in words]
    if missing:
        return f"{event}: {', '.join(missing)} is missing", "event"
    if milliseconds(str(words["at"])) is None:
        return f"{event}: at is {words['at']!r}; write a duration such as 90s, 30m or 2h", "at"
    return "", ""


def _tables(said: Mapping[str, object], name: str, file: str) -> list[dict[str, object]]:
    tables = said.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BrokenScenario(file=file, line="", why=f"{name} is not a list of tables; write [[{name}]] above each")
    return tables


def _line(text: str, table: str, index: int, word: str) -> str:
    """Where a word stands, as `, line N`: in the index-th table of that name, or at the top."""
    at, seen = table == "", -1
    begin = 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?\s*([\w.]+)", line)
        if header:
            seen += header[1] == table
            at = header[1] == table and seen == index
            begin = number if at else begin
        elif at and re.match(rf"""\s*["']?{re.escape(word)}["']?\s*=""", line):
            return f", line {number}"
    return f", line {begin}" if begin else ""
