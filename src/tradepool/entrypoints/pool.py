"""The trade pool of a deployment: who consents, how it stands, what is in it, and a copy of it for other programs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sqlalchemy import Connection

from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.pool import WORDING, Consent, DatabasePool
from tradepool.adapters.pool_file.pool_file import PoolFile, export
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import UserId
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.key_vault import master_of
from tradepool.entrypoints.pool_daily import FILE, next_ms
from tradepool.learning.pool import Pool
from tradepool.presentation.formats import iso
from tradepool.presentation.pool_page import ConsentRow, GroupRow, PoolShowJson, PoolStatusJson
from tradepool.presentation.results import SCHEMA
from tradepool.runtime.clock import RealClock


class NothingToWithdraw(InvalidInput):
    """{user} does not consent to the trade pool; there is nothing to withdraw."""


def file_of(deployed: Deployed) -> PoolFile:
    """Where the deployment's pool is."""
    return PoolFile(deployed.folder / FILE)


def consent(deployed: Deployed, user: str, *, given: bool) -> bool:
    """Write down that a user consents, or does so no more; whether that is news. Withdrawn trades are out at once.

    NoSuchUser, NothingToWithdraw, and what reading the master key raises: without it there are no pseudonyms. To withdraw
    takes neither: somebody who is in the configuration no more may do it too. A person does either for himself alone.
    """
    if given or deployed.only is not None:
        deployed.refuse_unknown_user(user)
    if given:
        master_of(deployed)
    with books_open(deployed) as connection:
        rows, now_ms = DatabasePool(connection), RealClock().now_ms()
        last = rows.consents().get(UserId(user))
        if not given and (last is None or not last.given):
            raise NothingToWithdraw(user=user)
        if given and last is not None and last.holds:
            return False
        rows.say(Consent(user=UserId(user), time_ms=now_ms, given=given, by=me()))
        what = "pool consent" if given else "pool withdraw"
        deed = Deed(time_ms=now_ms, by=me(), what=what, scope=user, reason=f"wording {WORDING}")
        DatabaseDeployment(connection, deployed.deployment).audit(deed)
    return True


def seen(deployed: Deployed, connection: Connection) -> Pool:
    """The pool as it may be shown: what was withdrawn is not in it, whatever its file still holds. PoolDamaged."""
    rows = DatabasePool(connection)
    # Meanwhile a gathering may forget what it left out of the next file, and somebody may withdraw.
    gone, pool = rows.tombstones(), file_of(deployed).read()
    return pool.without(gone | rows.tombstones())


def status(deployed: Deployed) -> PoolStatusJson:
    """How the pool stands. PoolDamaged."""
    with books_open(deployed) as connection:
        rows = DatabasePool(connection)
        pool, lists = seen(deployed, connection), Counter(each.user for each in rows.listed())
        secret, written_ms = rows.secret(), file_of(deployed).written_ms()
        return PoolStatusJson(
            schema=SCHEMA,
            trades=len(pool),
            origins={group.value: group.trades for group in pool.grouped("origin")},
            consents=[
                ConsentRow(user=user, consents=each.holds, since=iso(each.time_ms), by=each.by, listed=lists[user])
                for user, each in sorted(rows.consents().items())
            ],
            to_compact=len(rows.tombstones()),
            gathered=None if written_ms is None else iso(written_ms),
            next=None if written_ms is None else iso(next_ms(deployed)),
            secret_since=None if secret is None else iso(secret.made_ms),
        )


def show(deployed: Deployed, by: str, origin: str | None) -> PoolShowJson:
    """Trades of the pool, grouped. NoSuchColumn, PoolDamaged."""
    with books_open(deployed) as connection:
        pool = seen(deployed, connection)
        chosen = pool if origin is None else pool.where(origin=origin)
        groups = [GroupRow(g.value, g.trades, round(g.mean_bp, 2), round(g.won, 4)) for g in chosen.grouped(by)]
    return PoolShowJson(
        schema=SCHEMA, by=by, origin=origin, trades=sum(group.trades for group in groups), groups=groups
    )


def exported(deployed: Deployed, file: Path) -> int:
    """Write the pool to a Parquet file; how many trades. The ids stay here: nobody else has a use for them. FileThere."""
    with books_open(deployed) as connection:
        frame = seen(deployed, connection).frame.drop("id")
    export(frame, file)
    return len(frame)
