"""What the configuration says of people, accounts, mandates and the limits above them, audited: a change of the file is seen
by nobody, so each start writes down what is otherwise than at the last one, and who started by it.

The audit itself holds what was said before. Each deed is a section with its values, from and to; None where there is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from pydantic import BaseModel

from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.domain.deed import Deed
from tradepool.domain.register import Thing
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.changing import flat
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.inputs import settings_from
from tradepool.entrypoints.settings import Settings
from tradepool.runtime.clock import RealClock

WHAT, SECTION, THERE = "configuration", "section", "there"
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")

Values = Mapping[str, str]


def audit_file(found: Deployed, rows: DatabaseDeployment) -> None:
    """Write down what the configuration says otherwise than at the last start, a deed a section. StoreUnusable."""
    said, says = said_before(rows.deeds(WHAT)), sections_of(settings_from(found.file))
    now_ms, file = RealClock().now_ms(), str(found.file.resolve())
    rows.audit(
        *(
            Deed(time_ms=now_ms, by=me(), what=WHAT, scope=f"{name}: {json.dumps(changed)}", reason=f"start by {file}")
            for name in {**said, **says}
            if (changed := differences(said.get(name, {}), says.get(name, {})))
        )
    )


def differences(old: Values, new: Values) -> dict[str, tuple[str | None, str | None]]:
    """What is otherwise: from, to.

    >>> differences({"capital": "5000", "weight": "1"}, {"capital": "9000", "mode": "live"})
    {'capital': ('5000', '9000'), 'weight': ('1', None), 'mode': (None, 'live')}
    """
    return {key: (old.get(key), new.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)}


def said_before(deeds: Iterable[Deed]) -> dict[str, Values]:
    """What each section said, by the deeds that are audited of it.

    >>> told = [f'mandates.a: {{"capital": {change}}}' for change in ('[null, "5"]', '["5", "9"]')]
    >>> said_before(Deed(time_ms=1, by="me", what=WHAT, scope=each, reason="") for each in told)
    {'mandates.a': {'capital': '9'}}
    """
    found = dict[str, dict[str, str]]()
    for deed in deeds:
        name, _, told = deed.scope.partition(": ")
        section = found.setdefault(name, {})
        for key, (_, new) in json.loads(told).items():
            section[key] = new
        found[name] = {key: value for key, value in section.items() if value is not None}
    return dict(found)


def sections_of(settings: Settings) -> dict[str, Values]:
    """What each section of people, accounts and mandates says of itself, and [risk] as a whole; nothing that it leaves out."""
    named = {
        f"{thing.section}.{name}": {SECTION: THERE, **dict(_values(section))}
        for thing in Thing
        for name, section in _of(settings, thing).items()
    }
    return {**named, "risk": dict(_values(settings.risk))}


def _of(settings: Settings, thing: Thing) -> Mapping[str, BaseModel]:
    found: Mapping[str, BaseModel] = getattr(settings, thing.section)
    return found


def _values(section: BaseModel) -> Iterator[tuple[str, str]]:
    for key, value in flat(section.model_dump(mode="json", exclude_unset=True)):
        yield key, _shown(value) if key.endswith("_env") else value


def _shown(variable: str) -> str:
    """The name of a variable; of what may be a key that somebody wrote in its place, no more than whether it is the same.

    >>> _shown("ANN_SECRET"), _shown("aB3aB3aB3aB3")
    ('ANN_SECRET', 'not shown, 776c3e38')
    """
    if not variable or _VARIABLE.fullmatch(variable):
        return variable
    return f"not shown, {sha256(variable.encode()).hexdigest()[:8]}"
