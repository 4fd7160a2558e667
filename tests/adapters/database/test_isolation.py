"""Whatever a store is asked about another's things, it answers as if nobody had them: every method of every store there is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from types import NoneType
from typing import Any, get_type_hints

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tests.adapters.database.made import DEPLOYMENT, Maker
from tradepool.adapters import database
from tradepool.adapters.database import tables
from tradepool.adapters.database.chain import Chains
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store, reason_of
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.key_looks import DatabaseKeyLooks
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.pool import Consent, DatabasePool, HeldSecret, Listed
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.database.register import DatabaseRegister
from tradepool.adapters.database.remembered import Remembered
from tradepool.adapters.database.risk import DatabaseRisk
from tradepool.adapters.database.secrets import DatabaseSecrets
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.adapters.database.suspensions import DatabaseSuspensions
from tradepool.adapters.database.tables import METADATA
from tradepool.adapters.database.users import DatabaseUsers
from tradepool.adapters.database.verify import verify_audit
from tradepool.domain.actor import Actor
from tradepool.domain.charge import PeriodSettled
from tradepool.domain.deed import Deed
from tradepool.domain.deployment import Halt, Promotion
from tradepool.domain.errors import TradepoolError
from tradepool.domain.event import MandateChanged
from tradepool.domain.ids import AccountId, MandateId, UserId
from tradepool.domain.key import KeyLook
from tradepool.domain.limit import Override, Trip
from tradepool.domain.mandate import Mandate
from tradepool.domain.register import Entry
from tradepool.domain.suspended import Suspended
from tradepool.domain.user import Account, Role, User
from tradepool.ports.journal import Checkpoint, Record
from tradepool.ports.secrets import SealedSecret, WrappedKey

ANN = Actor(UserId("ann"), Role.USER)
ANNS, BOBS = Maker("ann"), Maker("bob")
# What others are made of: they read what they are given.
PARTS = {Chains, Remembered}
# What is the same for all, or tells of nobody.
SHARED = {
    *(f"DatabaseDeployment.{name}" for name in ("world", "epoch")),
    *(f"DatabaseSuspensions.{name}" for name in ("all", "lift", "why_not")),
    *(f"DatabasePrices.{name}" for name in ("last", "of")),
    *("DatabaseJournal.checkpoints", "DatabasePromotions.last", "DatabaseSecrets.changing"),
}
Method = tuple[type[Any], str, Callable[..., object] | property]


def methods() -> Iterator[Method]:
    """Every public method and property of every class of the package that is given a connection."""
    for module in pkgutil.iter_modules(database.__path__, f"{database.__name__}."):
        for kind in vars(importlib.import_module(module.name)).values():
            ours = inspect.isclass(kind) and kind.__module__ == module.name and kind not in PARTS
            if ours and "Connection" in str(getattr(kind.__init__, "__annotations__", "")):
                for name, held in vars(kind).items():
                    if not name.startswith("_") and (inspect.isfunction(held) or isinstance(held, property)):
                        yield kind, name, held


def answer(connection: Connection, method: Method, made: Maker) -> str:
    """What a method says of a user's things, who is called WHO in it; or the error that it raises."""
    kind, name, held = method
    given = made.arguments(kind, connection=connection)
    store = kind(*given.args, **given.kwargs)
    # A secret is replaced or forgotten within a change only.
    changes = kind is DatabaseSecrets and name in ("replace", "forget_pool_secret")
    within = store.changing() if changes else nullcontext()
    try:
        with within:
            found = getattr(store, name)
            if not isinstance(held, property):
                given = made.arguments(found)
                found = found(*given.args, **given.kwargs)
            if isinstance(found, AbstractContextManager):
                with found:
                    found = None
            elif isinstance(found, Iterator):
                found = list(found)
    except DBAPIError as error:
        found = reason_of(error)
    except (TradepoolError, SQLAlchemyError) as error:
        found = f"{type(error).__name__}: {error}"
    connection.rollback()
    return repr(found).replace(made.user, "WHO").replace(made.user.upper(), "WHO")


def fill(connection: Connection) -> None:
    """Something of everything there is, of Ann and of Bob; what is the same for all is Ann's."""
    deployment, journal, settlements = (
        DatabaseDeployment(connection, DEPLOYMENT),
        DatabaseJournal(connection),
        DatabaseSettlements(connection),
    )
    looks, register, secrets = DatabaseKeyLooks(connection), DatabaseRegister(connection), DatabaseSecrets(connection)
    for made in (ANNS, BOBS):
        DatabaseUsers(connection).add(made(User), made(Account), made(Mandate))
        journal.write(Record(account=made(AccountId), sequence=1, as_of_ms=1, event=made(MandateChanged)))
        journal.write(made(Record, sequence=2))
        settlements.settle(made(UserId), made(PeriodSettled), "a statement", after=0)
        looks.save([made(KeyLook)])
        register.write(made(Entry))
        register.invite(made(UserId), f"{made.user}-code_hash", 1)
        deployment.halt(made(Halt))
        DatabasePromotions(connection).promote(made(Promotion))
        fill_risk(DatabaseRisk(connection), made)
        fill_pool(DatabasePool(connection), made)
    with secrets.changing():
        secrets.replace(*([made(kind) for made in (ANNS, BOBS)] for kind in (WrappedKey, SealedSecret)))
    journal.save_checkpoints([ANNS(Checkpoint)])
    DatabaseSuspensions(connection).suspend(ANNS(Suspended), ANNS(Deed))


def fill_risk(risk: DatabaseRisk, made: Maker) -> None:
    """What he may and what he reached."""
    risk.override(made(Override), None)
    risk.save_trip(made(Trip))
    risk.save_peaks({("drawdown_max", made(AccountId)): made(Decimal)})
    risk.resume(made.user, [], made(Deed))


def fill_pool(pool: DatabasePool, made: Maker) -> None:
    """One of his trades is on his list, another was withdrawn."""
    pool.say(made(Consent))
    pool.add([made(Listed)])
    pool.say(made(Consent, given=False))
    pool.say(made(Consent))
    pool.add([made(Listed, id=f"{made.user}-again")])
    pool.keep_secret(made(HeldSecret))


def rows(connection: Connection) -> set[tuple[str, str]]:
    """Everything there is, but for how many deeds were counted."""
    found = set()
    for table in METADATA.sorted_tables:
        columns = [column for column in table.c if column.name != "audited"]
        found |= {(table.name, repr(tuple(row))) for row in connection.execute(select(*columns))}
    connection.rollback()
    return found


@pytest.fixture
def house(place: Place) -> Iterator[Connection]:
    """The platform's own connection to a store that has something of everything."""
    opened = open_store(place, "NORMAL")
    fill(opened)
    yield opened
    dispose(opened)


@pytest.fixture
def anns(house: Connection, place: Place) -> Iterator[Connection]:
    """Ann's connection to it."""
    opened = open_store(place, "NORMAL", ANN)
    yield opened
    dispose(opened)


def test_whatever_is_anothers_is_answered_as_nobodys_and_stays_as_it_is(house: Connection, anns: Connection) -> None:
    before, wrong = rows(house), list[str]()
    for method in methods():
        bobs, nobodys = (answer(anns, method, Maker(user, by="ann")) for user in ("bob", "zed"))
        if bobs != nobodys or "bob" in nobodys.lower():
            wrong.append(f"{method[0].__name__}.{method[1]}: {bobs} of bob, {nobodys} of nobody")
    assert wrong == []
    after = rows(house)
    assert before - after == set()
    # She may say what she did, and what a price was.
    assert {table for table, _ in after - before} == {"audit", "recorded_price"}
    assert verify_audit(house) == []
    counted = house.execute(select(tables.deployment.c.audited)).scalar_one()
    assert counted == len([table for table, _ in after if table == "audit"])


def test_whatever_is_her_own_is_answered_as_the_house_is(house: Connection, anns: Connection) -> None:
    for method in methods():
        hints = {} if isinstance(method[2], property) else get_type_hints(method[2])
        if hints.pop("return", NoneType) is not NoneType and {UserId, AccountId, MandateId} & set(hints.values()):
            assert answer(anns, method, ANNS) == answer(house, method, ANNS), method


def test_of_everything_that_is_asked_the_house_hears_of_bob(house: Connection) -> None:
    """So that none of these answers is the same because there is nothing to tell: whoever adds a method adds to `fill`."""
    silent = set[str]()
    for number, method in enumerate(methods()):
        asked = method[2].fget if isinstance(method[2], property) else method[2]
        if get_type_hints(asked)["return"] is not NoneType:
            bobs, nobodys = (answer(house, method, Maker(user)) for user in ("bob", f"zed{number}"))
            if bobs == nobodys and "bob" not in nobodys.lower():
                silent.add(f"{method[0].__name__}.{method[1]}")
    assert silent == SHARED
