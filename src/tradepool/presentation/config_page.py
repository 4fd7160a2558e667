"""The configuration in force, as the TOML file that would say the same; and where each value of it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from rich.table import Table

from tradepool.runtime.config import Origin


def config_text(sections: Mapping[str, Mapping[str, object]]) -> str:
    """Sections and values as TOML; what is not set is left out, as TOML has no word for it.

    >>> print(config_text({"log": {"level": "info"}, "users": {"ann": {"name": "Ann"}}}))
    [log]
    level = "info"
    <BLANKLINE>
    [users.ann]
    name = "Ann"
    """
    return "\n\n".join(text for name, values in sections.items() for text in _sections(name, values))


def _sections(name: str, values: Mapping[str, object]) -> Iterator[str]:
    inner = {key: value for key, value in values.items() if isinstance(value, Mapping)}
    lines = [f"{key} = {json.dumps(v)}" for key, v in values.items() if key not in inner and v is not None]
    if lines:
        yield "\n".join([f"[{name}]", *lines])
    for key, value in inner.items():
        yield from _sections(f"{name}.{key}", value)


def origin_table(rows: list[Origin]) -> Table:
    """One line a setting: its value, and who said so."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("setting", "value", "from"):
        table.add_column(title)
    for row in rows:
        table.add_row(row.key, json.dumps(row.value), row.source)
    return table
