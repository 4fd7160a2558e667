"""`tradepool audit`: who did what, and whether that is what was written down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.entrypoints.deployment_commands import Json
from tradepool.entrypoints.inputs import Config, read_whole

if TYPE_CHECKING:
    from tradepool.adapters.database.verify import Fault, Head

audit_app = App(name="audit", help="Who did what to the deployment: show, verify.")


class NotAsWritten(TradepoolError):
    """{count} rows are not as they were written, the first: {first}; somebody has written to the database past tradepool: stop trading, keep the file as evidence, and restore a backup that verifies (tradepool store restore)."""


class NothingNoted(InvalidInput):
    """{file} is not what ledger verify --json said: {why}; name a file that it was written to."""


@audit_app.command(name="show")
def audit_show(
    *,
    last: Annotated[int, Parameter(converter=read_whole, help="So many of the newest; 0: all.")] = 50,
    what: Annotated[str | None, Parameter(help="Only such deeds, as halt or risk set.")] = None,
    by: Annotated[str | None, Parameter(help="Only what this person did.")] = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """What people did to the deployment, and the platform by itself: when, to what, and why; the newest last."""
    from tradepool.adapters.database.deployment import DatabaseDeployment
    from tradepool.entrypoints.books import books_open
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.audit_page import audit_json, audit_page

    deployed = deployed_from(config)
    with books_open(deployed) as connection:
        deeds = DatabaseDeployment(connection, deployed.deployment).deeds()
    wanted = [each for each in deeds if what in (None, each.what) and by in (None, each.by)][-last:]
    if json:
        say(audit_json(wanted))
    else:
        show(audit_page(wanted))


@audit_app.command(name="verify")
def audit_verify(*, json: Json = False, config: Config = None) -> None:
    """Whether every deed is as it was written down: none edited, removed or added by SQL. Exit code 1 with their rows."""
    from tradepool.adapters.database.verify import heads, verify_audit
    from tradepool.entrypoints.books import books_open
    from tradepool.entrypoints.deployment import deployed_from

    with books_open(deployed_from(config)) as connection:
        faults, links = verify_audit(connection), heads(connection, [], audit=True)
    tell(faults, links, json=json)


def noted_heads(file: Path) -> list[Head]:
    """The links in what an earlier verify said. NothingNoted."""
    import msgspec

    from tradepool.adapters.database.verify import Head
    from tradepool.presentation.audit_page import VerifiedJson

    try:
        told = msgspec.json.decode(file.read_bytes(), type=VerifiedJson)
    except (OSError, msgspec.MsgspecError) as error:
        raise NothingNoted(file=file, why=error) from error
    return [Head(each.chain, each.length, each.digest) for each in told.heads]


def tell(faults: Sequence[Fault], links: Sequence[Head], *, json: bool) -> None:
    """Say what verifying found. NotAsWritten when that is something."""
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.audit_page import FaultJson, HeadJson, VerifiedJson, verified_page

    found = VerifiedJson(
        faults=[FaultJson(table=each.table, row=each.row, why=each.why) for each in faults],
        heads=[HeadJson(chain=each.chain, length=each.length, digest=each.digest) for each in links],
    )
    if json:
        say(found)
    else:
        show(verified_page(found))
    if faults:
        first = faults[0]
        raise NotAsWritten(count=len(faults), first=f"{first.table} {first.row} {first.why}")
