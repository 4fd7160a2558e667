"""A year of everybody's money: at each month's end the books of every user hold what his venue says, asset by asset."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.whole.year_kit import Year, live_through
from tradepool.domain.flow import FlowCause
from tradepool.simexchange.tls import TlsFiles, make_tls_files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """One authority for all."""
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a path short enough for a socket."""
    return tmp_path_factory.mktemp("y")


def test_a_year_of_money(place: Path, files: TlsFiles, *, long: bool) -> None:
    """C-1030: 50 users and 365 days with --long; no coin is lost, doubled or guessed at."""
    users, days = (50, 365) if long else (4, 40)

    async def story(year: Year) -> None:
        compared = 0

        async def compare() -> None:
            nonlocal compared
            compared += 1
            assert year.off() == {}
            assert year.platform.desk.halted == {}

        await year.live(days, 7, compare)
        assert compared >= days // 30
        assert all(year.done.values()), f"not all of it happened: {year.done}"
        causes = year.causes()
        assert causes.pop(FlowCause.UNEXPLAINED) == 0
        assert all(causes.values()), causes
        assert sum(len(year.platform.books.trades(seat.account.id)) for seat in year.seats) > users

    live_through(story, place, files, users=users, days=days, seed=7)


@pytest.mark.parametrize("seed", range(3))
def test_a_week_checked_every_day(place: Path, files: TlsFiles, seed: int) -> None:
    """C-1031: whatever happens in a week, the books are the venue's after each check."""

    async def story(year: Year) -> None:
        async def after_each_check() -> None:
            assert year.off() == {}

        await year.live(7, 1, after_each_check)
        assert year.causes()[FlowCause.UNEXPLAINED] == 0

    live_through(story, place, files, users=3, days=7, seed=100 + seed)
