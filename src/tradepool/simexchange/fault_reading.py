"""Faults as people write them: a table of words becomes a `Fault`, or an error that names the word and the known ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from difflib import get_close_matches

import msgspec

from tradepool.domain.errors import InvalidInput
from tradepool.simexchange.bodies import DELAY_MAX_MS, Uncountable, check_numbers
from tradepool.simexchange.fault_kinds import CODES, CUT_CODES, HOW_OFTEN, KINDS, STATES, WHEN, WHERE, Fault, Strikes

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,15}(?:\.\d{1,15})?) ?(ms|s|m|h|d)")
# A field in ms is written as a duration, under a name of its own.
DURATIONS = {
    "from": "from_ms",
    "until": "until_ms",
    "delay": "delay_ms",
    "offset": "offset_ms",
}
_WRITTEN = {field: word for word, field in DURATIONS.items()}
SPREAD_MAX, MULTIPLE_MAX, MILLION = 1_000.0, 1_000_000, 1_000_000


class BrokenFault(InvalidInput):
    """{where} is not usable: {why}."""


def read_fault(words: Mapping[str, object], where: str = "The fault") -> Fault:
    """A fault from its words; BrokenFault says which word is wrong, in `where`.

    >>> read_fault({"kind": "late", "delay": "1.5s", "route": "POST *"}).delay_ms
    1500
    >>> read_fault({"kind": "lat"})
    Traceback (most recent call last):
    tradepool.simexchange.fault_reading.BrokenFault: The fault is not usable: no kind is called 'lat'; did you mean late?...
    """
    kind = words.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BrokenFault(where=where, why=unknown("kind", kind, KINDS))
    known = _words_of(kind)
    for word in words:
        if word not in known:
            raise BrokenFault(where=where, why=f"{kind}: {unknown('word', word, known)}")
    fields = {DURATIONS.get(word, word): _value(word, value, where) for word, value in words.items()}
    try:
        fault = msgspec.convert(fields, Fault)
        check_numbers(fault)
    except (Uncountable, msgspec.ValidationError) as error:
        raise BrokenFault(where=where, why=f"{kind}: {error}") from error
    if why := _wrong(fault, fields):
        raise BrokenFault(where=where, why=f"{kind}: {why}")
    return fault


def unknown(what: str, word: object, known: Iterable[str]) -> str:
    """Say that a word is not known, which is nearest, and which there are."""
    names = list(known)
    near = get_close_matches(str(word), names, 1)
    guess = f"did you mean {near[0]}? " if near else ""
    return f"no {what} is called {word!r}; {guess}there are {', '.join(names)}"


def milliseconds(text: str) -> int | None:
    """A duration such as 90s, 1.5m or 2h in ms; None when it is none.

    >>> milliseconds("1.5m"), milliseconds("-500ms"), milliseconds("soon")
    (90000, -500, None)
    """
    found = _DURATION.fullmatch(text.removeprefix("-").strip())
    if found is None:
        return None
    length = round(float(found[1]) * _UNITS[found[2]])
    return -length if text.startswith("-") else length


def _words_of(kind: str) -> list[str]:
    row = KINDS[kind]
    fields = {*WHERE[row.strikes], *WHEN, *row.needs, *row.takes}
    if row.strikes is not Strikes.TIME:
        fields |= HOW_OFTEN
    return ["kind", *sorted(_WRITTEN.get(field, field) for field in fields)]


def _value(word: str, value: object, where: str) -> object:
    if word not in DURATIONS:
        return value
    length = milliseconds(value) if isinstance(value, str) else None
    if length is None or abs(length) > DELAY_MAX_MS or (length < 0 and word != "offset"):
        raise BrokenFault(where=where, why=f"{word} is {value!r}; write a duration such as 90s, 30m or 2h")
    return length


def _grid(fault: Fault) -> list[tuple[str, Decimal | None]]:
    names = ("price_tick", "quantity_step", "quantity_min")
    least = fault.notional_min
    return [*((name, getattr(fault, name)) for name in names), ("notional_min", least or None)]


def _wrong(fault: Fault, given: Mapping[str, object]) -> str:
    """What does not fit together; empty when all does."""
    missing = [_WRITTEN.get(field, field) for field in sorted(KINDS[fault.kind].needs - given.keys())]
    states = STATES.get(fault.kind, ())
    checks = (
        (not missing, f"{', '.join(missing)} is missing"),
        (0.0 <= fault.share <= 1.0, f"share is {fault.share}; give 0 to 1"),
        (fault.first >= 1 and (fault.last is None or fault.last >= fault.first), "first and last count from 1 upwards"),
        (fault.until_ms is None or fault.until_ms > fault.from_ms, "until must be later than from"),
        (1.0 <= fault.spread <= SPREAD_MAX, f"spread is {fault.spread}; give 1 or more"),
        (fault.kind != "status" or 400 <= fault.status <= 599, f"status is {fault.status}; give 400 to 599"),
        (fault.kind != "code" or fault.code in CODES, f"code is {fault.code}; there are {', '.join(map(str, CODES))}"),
        (fault.kind != "cut" or fault.code in (0, *CUT_CODES), f"code is {fault.code}; give 1001 or 1006"),
        (not states or fault.state in states, f"state is {fault.state!r}; there are {', '.join(states)}"),
        (1 <= fault.multiple <= MULTIPLE_MAX, f"multiple is {fault.multiple}; give 1 to {MULTIPLE_MAX:,}"),
        (0 <= fault.retry_after_s <= DELAY_MAX_MS // 1_000, f"retry_after_s is {fault.retry_after_s}; give 0 or more"),
        (abs(fault.drift_ppm) < MILLION, f"drift_ppm is {fault.drift_ppm}; give less than {MILLION:,}"),
        *((given is None or given > 0, f"{name} is {given}; give more than 0") for name, given in _grid(fault)),
    )
    return next((why for fits, why in checks if not fits), "")
