"""An entry that takes what the book offers up to its limit and rests with the rest: through a whole platform and ccxt.pro."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.contract.test_new_terms_ccxt import stops
from tests.contract.watch_kit import BTC, World, tell
from tests.nouns import signal
from tradepool.core.account import account_step as step
from tradepool.domain.event import CandlesClosed, OrderFilled
from tradepool.domain.fill import Liquidity
from tradepool.domain.mandate import EntryKind, EntryOrder
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.safety import unprotected
from tradepool.simexchange.liquidity import Depth
from tradepool.simexchange.records import Order
from tradepool.simexchange.tls import TlsFiles

LIMIT = EntryOrder(kind=EntryKind.LIMIT, slippage_max=Decimal("0.001"))
THIN = Depth(spread_bp=2, level_notional=Decimal(200), levels=3)


async def enter(world: World) -> Order:
    """Three levels are bought, and the rest of the entry rests at the limit; the order."""
    market = world.venue.market("BTCUSDT")
    market.liquidity = THIN.book(market)
    market.liquidity.move(BTC.ticks(Decimal(100)))
    world.enters_by(LIMIT)
    await world.enter()
    entry = entry_of(world)
    assert (entry.limit_ticks, 0 < entry.filled_steps < entry.steps, entry.is_open) == (10_010, True, True)
    assert {fill for fill, _ in fills(world)} == {Liquidity.TAKER}
    protected(world)
    return entry


async def close(world: World) -> None:
    """A candle closes, and the strategy wants to go on."""
    world.tick(world.clock.now_ms() + 60_000)
    now = world.clock.now_ms()
    wish = signal(BTC, time_ms=now, close=100.0, high=100.0, previous_exposure=1.0)
    world.actor().post(CandlesClosed(time_ms=now, signals=(wish,)))
    await world.settle()


def entry_of(world: World) -> Order:
    """The first order of the first account."""
    return world.venue.orders(world.key())[0]


def fills(world: World) -> list[tuple[Liquidity, Decimal]]:
    """How each part was bought, and at what price."""
    return [(each.fill.liquidity, each.fill.price) for each in world.events() if isinstance(each, OrderFilled)]


def protected(world: World) -> None:
    """All that was bought is under its stop."""
    account = world.actor().account
    slot = account.slots[BTC.id]
    assert (unprotected(account), slot.covered(account.orders)) == ([], slot.steps())
    assert len(stops(world)) == 1


def test_what_rests_is_bought_by_price_as_a_maker_and_protected(place: Path, files: TlsFiles) -> None:
    async def story(world: World) -> None:
        entry = await enter(world)
        taken = len(fills(world))
        world.venue._desk.walk(entry.market, BTC.ticks(Decimal(99)), jumped=False)
        world.venue._teller.flush()
        await world.settle()
        assert entry_of(world).left_steps == 0
        assert set(fills(world)[taken:]) == {(Liquidity.MAKER, Decimal("100.10"))}
        protected(world)
        await close(world)
        assert (world.refusals(), world.platform.desk.halted) == ([], {})

    tell(story, place, files)


@pytest.mark.parametrize("restarted", [False, True])
def test_what_still_rests_at_the_next_close_is_taken_back(place: Path, files: TlsFiles, restarted: bool) -> None:
    """What was bought stays, under its stop; after a crash, too, in between."""

    async def story(world: World) -> None:
        entry = await enter(world)
        if restarted:
            await world.platform.close()
            world.platform = Platform(world.platform._wiring)
            await world.platform.start()
            await world.settle()
            assert entry_of(world).is_open
        await close(world)
        assert (entry_of(world).status.name, entry_of(world).filled_steps) == ("CANCELED", entry.filled_steps)
        account = world.actor().account
        assert (account.slots[BTC.id].entry, account.wallet[step.RESERVED], world.refusals()) == (None, 0, [])
        protected(world)

    tell(story, place, files)
