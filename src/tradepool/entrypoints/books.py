"""The deployment's books, open while a command reads or writes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.domain.actor import PLATFORM, Actor
from tradepool.domain.deed import Deed
from tradepool.domain.ids import AccountId
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.running import reserve_of
from tradepool.runtime.clock import RealClock


@contextmanager
def books_open(deployed: Deployed, *, urgent: bool = False) -> Iterator[Connection]:
    """The deployment's database, as whoever asks may see it; on a full disk too where it is urgent. WrongDatabase."""
    deployed.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if urgent:
        reserve_of(deployed).give_if_full()
    if not deployed.database.exists():
        # A person, who sees only his own, takes no database for the deployment.
        with _opened(deployed, PLATFORM):
            pass
    with _opened(deployed, deployed.actor) as connection:
        yield connection


@contextmanager
def _opened(deployed: Deployed, actor: Actor) -> Iterator[Connection]:
    connection = open_store(deployed.database, actor=actor)
    try:
        # Whose it is, before anything is read or written.
        DatabaseDeployment(connection, deployed.deployment)
        yield connection
    finally:
        dispose(connection)


def owners(deployed: Deployed, connection: Connection, user: str | None = None) -> dict[AccountId, str]:
    """Whose each account is, of one user or of all whom who asks may see: those that no mandate trades (any more) too, and
    those that were traded once and are in no configuration now. NoSuchUser."""
    deployed.refuse_unknown_user(user)
    found: dict[AccountId, str] = {**DatabaseDeployment(connection, deployed.deployment).owners()}
    found |= {AccountId(name): held.user for name, held in deployed.settings.accounts.items()}
    return {name: whose for name, whose in found.items() if user in (None, whose) and deployed.shows(whose)}


def accounts_of(deployed: Deployed, connection: Connection, user: str) -> list[AccountId]:
    """A user's accounts, in order. NoSuchUser."""
    return sorted(owners(deployed, connection, user))


def deed(what: str, scope: str) -> Deed:
    """What whoever asks did now, for the audit, where no reason is asked for."""
    return Deed(time_ms=RealClock().now_ms(), by=me(), what=what, scope=scope, reason="")
