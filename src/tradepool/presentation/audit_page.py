"""Who did what, and what is wrong with the books: for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.table import Table

from tradepool.domain.deed import Deed
from tradepool.presentation.formats import iso


class DeedJson(msgspec.Struct, kw_only=True):
    """One row of the audit."""

    time: str
    by: str
    what: str
    scope: str
    reason: str


class AuditJson(msgspec.Struct, kw_only=True):
    """Deeds, the oldest first."""

    schema: int = 1
    deeds: list[DeedJson]


class FaultJson(msgspec.Struct, kw_only=True):
    """A row that is not what was written."""

    table: str
    row: str
    why: str


class HeadJson(msgspec.Struct, kw_only=True):
    """The newest link of a chain, to be noted elsewhere."""

    chain: str
    length: int
    digest: str


class VerifiedJson(msgspec.Struct, kw_only=True):
    """What verifying found; no fault, and all is as it was written."""

    schema: int = 1
    faults: list[FaultJson]
    heads: list[HeadJson]


def audit_json(deeds: Sequence[Deed]) -> AuditJson:
    """As they were written down."""
    return AuditJson(
        deeds=[DeedJson(time=iso(d.time_ms), by=d.by, what=d.what, scope=d.scope, reason=d.reason) for d in deeds]
    )


def audit_page(deeds: Sequence[Deed]) -> Table:
    """A row a deed."""
    table = Table("time", "by", "what", "scope", "reason", title=f"{len(deeds):,} deeds")
    for each in deeds:
        table.add_row(iso(each.time_ms), each.by, each.what, each.scope, each.reason)
    return table


def verified_page(found: VerifiedJson) -> Table:
    """The faults, or, where there are none, the newest link of each chain."""
    if found.faults:
        table = Table("table", "row", "what is wrong", title=f"{len(found.faults):,} rows are not as they were written")
        for fault in found.faults:
            table.add_row(fault.table, fault.row, fault.why)
        return table
    table = Table("chain", "rows", "newest digest", title="All as it was written")
    for head in found.heads:
        table.add_row(head.chain, f"{head.length:,}", head.digest)
    return table
