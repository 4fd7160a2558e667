"""Keys while a live deployment trades: the real trading process on virtual time, before a venue that changes its mind."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.contract.watch_kit import BTC, ETH, SAFE
from tests.entrypoints.test_rungs import KEY, Live, tell
from tests.simexchange.exchange_kit import MINUTE
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.key_looks import DatabaseKeyLooks
from tradepool.core.risk.key_rights import DAY_MS
from tradepool.domain.denial import Denial
from tradepool.domain.deployment import Mode
from tradepool.domain.errors import KeyRefused
from tradepool.domain.ids import AccountId
from tradepool.domain.key import KeyLook
from tradepool.entrypoints.key_watch import KeysTried
from tradepool.entrypoints.lookout import Lookout
from tradepool.presentation.status_page import StatusJson
from tradepool.services.alarms import AlarmBook
from tradepool.services.alarms import Kind as Alarm
from tradepool.simexchange.fault_kinds import KEY_STATES, Fault
from tradepool.simexchange.keys import Permissions

ANN = AccountId("ann-main")


def written(live: Live) -> KeyLook:
    """What the database holds of Ann's key, as another process reads it."""
    connection = open_store(live.deployed.database)
    try:
        return DatabaseKeyLooks(connection).all()[ANN]
    finally:
        dispose(connection)


async def trading_live(live: Live) -> None:
    """On the last rung, with a position and its stop."""
    live.stood(Mode.LIVE, 1)
    await live.enter(BTC, 100.0)
    assert live.world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]


async def resumed(live: Live, user: str = "ann") -> KeysTried:
    """What comes of `tradepool resume --user`."""
    return msgspec.json.decode(await live.asks(do="keys", kind="user", name=user), type=KeysTried)


@pytest.mark.parametrize("state", KEY_STATES)
def test_a_key_taken_away_or_changed_stops_entries_until_it_is_good_and_a_person_says_so(
    tmp_path: Path, state: str
) -> None:
    """Within 60 s; the stop rests, it is alarmed of, said in the status and written down; a person is told no while the
    key is bad."""

    async def story(live: Live) -> None:
        world, halted = live.world, live.trading._platform.desk.halted
        await trading_live(live)
        fault = world.server.faults.add(Fault(kind="key", account=KEY.key, state=state), world.venue.now_ms)
        assert await world.until(lambda: halted, MINUTE) <= MINUTE
        assert isinstance(halted[ANN], KeyRefused)
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]
        await live.enter(BTC, 110.0)
        assert len(live.bought()) == 1
        trading = live.trading
        lookout = Lookout(
            live.deployed, trading._platform, trading._rows, trading._reserve, (world.clock, trading._real)
        )
        found = [each for each in trading._keys.beside(lookout.look)() if each.kind in (Alarm.KEY, Alarm.STOPPED)]
        assert [(each.kind, each.user) for each in found] == [(Alarm.STOPPED, "ann")]
        assert str(halted[ANN]) in found[0].text
        assert written(live).refused == str(halted[ANN])
        status = msgspec.json.decode(await live.asks(do="status"), type=StatusJson)
        assert str(halted[ANN]) in status.accounts[0].stopped
        assert await resumed(live, "ben") == KeysTried()
        tried = await resumed(live)
        assert (tried.again, list(tried.still)) == ([], [ANN])
        assert ANN in halted
        world.server.faults.remove(fault.number)
        await world.until(lambda: world.venue.keys.find(KEY.key) and world.actor().account.listening, 10 * MINUTE)
        assert ANN in halted
        assert await resumed(live) == KeysTried(again=[ANN])
        assert halted == {}
        live.trading._keys.look()
        assert written(live).refused == ""
        await trades_again(live)
        # And it is watched as before.
        world.venue.keys.revoke(KEY.key)
        assert await world.until(lambda: halted, MINUTE) <= MINUTE

    tell(tmp_path, story)


async def trades_again(live: Live) -> None:
    """It sells what it holds, and enters anew."""
    said = await live.asks(do="close", account=ANN, market=BTC.id, share="1")
    assert "sold" in said
    await live.enter(BTC, 100.0)
    assert len(live.bought()) == 2
    assert live.world.orders()[-1] == "STOP_LOSS NEW"


def test_a_key_from_any_address_risks_little_until_it_has_a_list(tmp_path: Path) -> None:
    """Entries are sized for the cap, and refused beyond it; with the list, all is allowed at the next look."""

    async def story(live: Live) -> None:
        world, most = live.world, Decimal(500)
        live.stood(Mode.LIVE, 1)
        await live.capped(most)
        await live.enter(BTC, 100.0)
        (bought,) = live.bought()
        assert most - 1 < bought * 100 <= most
        (said,) = live.trading._keys.look()
        assert "any address" in said.text
        assert "at most 500 is at stake" in said.text
        await live.enter(ETH, 10.0)
        assert world.refusals() == [Denial.NO_ADDRESS_LIST]
        account, seat = world.actor().account, live.trading._seats[ANN]
        world.venue.keys.allow(KEY.key, SAFE)
        await world.until(lambda: live.trading._keys.most(seat) is None, MINUTE)
        await live.capped(None)
        assert account.order_cap is None
        assert live.trading._keys.look() == []
        # Widened again, it is capped again.
        world.venue.keys.allow(KEY.key, Permissions())
        await world.until(lambda: live.trading._keys.most(seat) == most, MINUTE)

    tell(tmp_path, story, Permissions())


def test_the_end_of_a_key_is_said_at_14_7_3_and_1_days(tmp_path: Path) -> None:
    """Once each, as an alarm that neither repeats itself nor ends with a word; looks are written down once a day."""

    async def story(live: Live) -> None:
        world, book, said = live.world, AlarmBook(), list[str]()
        end_ms = world.venue.now_ms + 20 * DAY_MS
        key = live.trading._platform.keys[ANN]
        for day in (0, 5, 7, 10, 13.5, 17, 17.5, 19.5):
            assert key.rights is not None
            key.rights = replace(key.rights, trading_until_ms=end_ms)
            live.trading._keys._clock = At(world.clock.now_ms() + int(day * DAY_MS))
            for _ in range(2):
                said += [each.line for each in book.hear(live.trading._keys.look(), int(day * DAY_MS))]
        words = [line.partition("within ")[2].partition(":")[0] for line in said]
        assert words == ["14 days", "7 days", "3 days", "1 day"]
        assert book.safe

    tell(tmp_path, story)


class At:
    """A clock that stands."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


def test_looks_are_kept_whole(tmp_path: Path) -> None:
    """Rights, times and reasons come back as they were; one that was never told stays so."""

    async def story(live: Live) -> None:
        look = written_after_look(live)
        assert look.rights is not None
        assert (look.rights.trading, look.rights.withdrawals, look.rights.listed_addresses) == (True, False, True)
        assert look.rights == live.trading._platform.keys[ANN].rights
        connection = open_store(live.deployed.database)
        rows = DatabaseKeyLooks(connection)
        never = KeyLook(account=ANN, looked_ms=5, rights=None, refused="no")
        rows.save([never])
        assert rows.all() == {ANN: never}
        rows.forget(ANN)
        assert rows.all() == {}
        dispose(connection)

    tell(tmp_path, story)


def written_after_look(live: Live) -> KeyLook:
    """Looked at now, and read as another process does."""
    live.trading._keys.look()
    return written(live)
