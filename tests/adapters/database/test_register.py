"""The register: versions are appended, what is another's is not there, an invitation is good once and for a day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tradepool.adapters.database.carry import carry_newer, carry_settings, decided_in, void_invitations
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.register import (
    INVITED_MS,
    ChangedMeanwhile,
    DatabaseRegister,
    NoInvitation,
    NotThere,
)
from tradepool.domain.actor import Actor
from tradepool.domain.ids import UserId
from tradepool.domain.register import Entry, Thing
from tradepool.domain.user import Role, Status

ANN, BEN = UserId("ann"), UserId("ben")


def entry(user: UserId, name: str, thing: Thing = Thing.MANDATE, version: int = 1) -> Entry:
    """A version of somebody's thing."""
    return Entry(
        thing=thing,
        name=name,
        version=version,
        user=user,
        status=Status.ACTIVE,
        body=f'{{"capital": "{version}"}}',
        time_ms=version,
        by="me",
        reason="",
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where it is."""
    return tmp_path / "t.sqlite"


@pytest.fixture
def platform(file: Path) -> Iterator[Connection]:
    """The platform's own connection."""
    opened = open_store(file, "NORMAL")
    yield opened
    dispose(opened)


@pytest.fixture
def anns(file: Path, platform: Connection) -> Iterator[Connection]:
    """The same on ann's behalf."""
    opened = open_store(file, "NORMAL", Actor(ANN, Role.USER))
    yield opened
    dispose(opened)


def test_the_newest_version_counts_and_the_older_ones_stay(platform: Connection) -> None:
    register = DatabaseRegister(platform)
    first, other = entry(ANN, "a"), entry(BEN, "b")
    second = replace(first, version=2, status=Status.PAUSED, body='{"capital": "2"}')
    for each in (first, other, second):
        register.write(each)
    assert register.newest() == [second, other]
    assert register.versions(Thing.MANDATE, "a") == [first, second]
    with pytest.raises(ChangedMeanwhile, match="mandate a was changed by somebody else"):
        register.write(replace(second, status=Status.CLOSED))
    assert register.newest() == [second, other]


def test_what_was_checked_is_written_only_while_nothing_was_written_beside_it(place: Place) -> None:
    """Of the same user: what others write keeps nobody from anything."""
    house, own = open_store(place, "NORMAL"), open_store(place, "NORMAL", Actor(ANN, Role.USER))
    platform, anns = DatabaseRegister(house), DatabaseRegister(own)
    assert platform.last(ANN) == anns.last(ANN) == 0
    platform.write(entry(BEN, "b"))
    anns.write(entry(ANN, "a"), 0)
    checked = anns.last(ANN)
    assert checked == platform.last(ANN) == 2
    platform.write(entry(BEN, "b", version=2))
    anns.write(entry(ANN, "a2"), checked)
    for register in (anns, platform):
        with pytest.raises(ChangedMeanwhile, match="something beside it"):
            register.write(entry(ANN, "a3"), checked)
    assert [each.name for each in platform.newest()] == ["b", "a", "a2"]
    platform.write(entry(ANN, "a3"), platform.last(ANN))
    for connection in (house, own):
        dispose(connection)


def test_anothers_is_as_if_it_were_not_there(platform: Connection, anns: Connection) -> None:
    DatabaseRegister(platform).write(entry(BEN, "ben-1"))
    register = DatabaseRegister(anns)
    mine = entry(ANN, "ann-1")
    register.write(mine)
    assert (register.newest(), list(register.statuses())) == ([mine], [(Thing.MANDATE, "ann-1")])
    said = set()
    for name in ("ben-1", "ban-1"):
        with pytest.raises(NotThere) as refused:
            register.versions(Thing.MANDATE, name)
        said.add(str(refused.value).replace(name, "NAME"))
        with pytest.raises(NotThere) as refused:
            register.write(entry(BEN, name, version=2))
        said.add(str(refused.value).replace(name, "NAME"))
    assert len(said) == 1
    assert len(DatabaseRegister(platform).newest()) == 2


def test_a_pause_is_seen_at_once_by_another_connection(file: Path, platform: Connection) -> None:
    other = open_store(file, "NORMAL")
    theirs, ours = DatabaseRegister(other), DatabaseRegister(platform)
    assert theirs.statuses() == {}
    ours.write(entry(ANN, "a"))
    assert theirs.statuses() == {(Thing.MANDATE, "a"): Status.ACTIVE}
    ours.write(replace(entry(ANN, "a", version=2), status=Status.PAUSED))
    assert theirs.statuses() == ours.statuses() == {(Thing.MANDATE, "a"): Status.PAUSED}
    dispose(other)


def test_an_invitation_is_good_once_for_a_day_and_the_newest_only(platform: Connection) -> None:
    register = DatabaseRegister(platform)
    with pytest.raises(NotThere):
        register.invite(ANN, "hash", 0)
    register.write(entry(ANN, "ann", Thing.USER))
    register.invite(ANN, "old", 0)
    assert register.invite(ANN, "new", 5) == 5 + INVITED_MS
    for code, now_ms in (("old", 6), ("never", 6)):
        with pytest.raises(NoInvitation):
            register.accept(code, now_ms)
        with pytest.raises(NoInvitation):
            register.invited(code, now_ms)
    assert register.invited("new", 5 + INVITED_MS - 1) == ANN
    with pytest.raises(NoInvitation):
        register.invited("new", 5 + INVITED_MS)
    assert register.accept("new", 5 + INVITED_MS - 1) == ANN
    with pytest.raises(NoInvitation):
        register.accept("new", 6)
    register.invite(ANN, "late", 0)
    with pytest.raises(NoInvitation):
        register.accept("late", INVITED_MS)


def test_people_go_with_the_deployment_into_other_books(file: Path, platform: Connection) -> None:
    """Into books that begin anew, and into a backup, whose invitations may have been used since."""
    register = DatabaseRegister(platform)
    register.write(entry(ANN, "ann", Thing.USER))
    backup = open_store(file.with_name("backup.sqlite"), "NORMAL")
    carry_settings(backup, decided_in(platform))
    DatabaseRegister(backup).invite(ANN, "code", 0)
    register.write(replace(entry(ANN, "ann", Thing.USER, 2), status=Status.CLOSED))
    void_invitations(backup)
    carry_newer(backup, decided_in(platform))
    restored = DatabaseRegister(backup)
    assert restored.versions(Thing.USER, "ann") == register.versions(Thing.USER, "ann")
    assert restored.newest()[0].status is Status.CLOSED
    with pytest.raises(NoInvitation):
        restored.accept("code", 1)
    dispose(backup)
