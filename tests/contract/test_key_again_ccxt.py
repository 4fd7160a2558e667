"""A key that is good again ends what it alone has stopped, and nothing else; through a whole platform and real ccxt."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.contract.watch_kit import SAFE, World, tell
from tests.simexchange.exchange_kit import MINUTE
from tradepool.domain.errors import BrokenLaw, KeyRefused
from tradepool.services.trading.desk import NotStarted
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.keys import Permissions
from tradepool.simexchange.tls import TlsFiles


def test_an_account_that_is_stopped_for_more_than_its_key_stays_stopped(place: Path, files: TlsFiles) -> None:
    """C-905: whichever came first; and a key that is still bad is refused by its own name."""

    async def story(world: World) -> None:
        desk, law = world.platform.desk, BrokenLaw(law="a law", facts="broken")
        for number, first in enumerate((True, False)):
            account = world.seats[number].account.id
            if first:
                desk.halt(account, law)
            world.venue.keys.allow(world.key(number), Permissions(withdrawals=True, addresses=SAFE.addresses))
            with pytest.raises(KeyRefused, match="may withdraw"):
                await world.platform.try_key(account)
            await world.until(partial(desk.halted.__contains__, account), MINUTE)
            if not first:
                assert isinstance(desk.halted[account], KeyRefused)
                desk.halt(account, law)
            world.venue.keys.allow(world.key(number), SAFE)
            with pytest.raises(BrokenLaw):
                await world.platform.try_key(account)
            assert desk.halted[account] is law

    tell(story, place, files)


def test_an_account_whose_key_was_refused_at_the_start_trades_from_the_next_one_on(
    place: Path, files: TlsFiles
) -> None:
    """C-906: it has no stream and no books yet; that is said."""

    async def story(world: World) -> None:
        account = world.seats[0].account.id
        world.venue.keys.allow(world.key(), SAFE)
        with pytest.raises(NotStarted, match="tradepool start"):
            await world.platform.try_key(account)
        assert isinstance(world.platform.desk.halted[account], KeyRefused)

    tell(story, place, files, rights={0: Permissions(withdrawals=True)})


def test_an_account_whose_start_its_key_cut_short_stays_stopped_and_that_is_said(place: Path, files: TlsFiles) -> None:
    """The key was good when the start began, and refused while it went on: nobody goes on with that start."""

    def before(world: World) -> None:
        slow = Fault(kind="latency", delay_ms=1_000, route="GET /api/v3/myTrades", account=world.key())
        world.server.faults.add(slow, world.venue.now_ms)

    async def story(world: World) -> None:
        desk, account, other = world.platform.desk, world.seats[0].account.id, world.seats[1].account.id
        assert not {account, other} & set(desk.halted)
        assert account not in desk.up
        world.venue.keys.allow(world.key(), Permissions(reading=False, addresses=SAFE.addresses))
        await world.until(partial(desk.halted.__contains__, account), MINUTE)
        world.venue.keys.allow(world.key(), SAFE)
        for _ in range(2):
            with pytest.raises(NotStarted, match="tradepool start"):
                await world.platform.try_key(account)
            assert isinstance(desk.halted[account], KeyRefused)
        assert (account in desk.up, other in desk.up) == (False, True)

    tell(story, place, files, before=before, beside=True)
