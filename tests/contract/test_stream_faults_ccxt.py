"""What our feed and gateway hear when streams break: a loss is told as a loss, and REST has the truth, each thing once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.contract.gateway_kit import Desk, Story, order, play
from tests.simexchange.exchange_kit import MINUTE, START, Row
from tradepool.domain.errors import KeyRefused
from tradepool.domain.event import OrderAccepted, OrderFilled, OrderRejected
from tradepool.domain.order import OrderType, Purpose, Side
from tradepool.ports.exchange import NotPlaced, OutcomeUnknown
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.tls import TlsFiles

TARGET: dict[str, Any] = {
    "side": Side.SELL,
    "type": OrderType.LIMIT,
    "price": Decimal(110),
    "purpose": Purpose.TARGET,
}
ROWS: list[Row] = [(100.0 + n, 102.0 + n, 99.0 + n, 101.0 + n) for n in range(30)]


def tell(files: TlsFiles, story: Story) -> None:
    """A story on a venue whose price rises by one a minute, with both streams open."""

    async def listening(at: Desk) -> None:
        await at.listen()
        await story(at)

    play(files, listening, ROWS)


def strike(at: Desk, kind: str, **words: Any) -> None:
    """From now on."""
    at.faults.add(Fault(kind=kind, **words), at.venue.now_ms)


def heard(at: Desk) -> list[str]:
    """Kinds of events of the account's stream."""
    return [type(event).__name__ for event in at.events]


async def check_once(at: Desk, fills: int = 1) -> None:
    """Asked over REST, the account has so many fills, each once."""
    found = await at.gateway.fills(at.markets[0], None)
    assert len({fill.fill_id for fill in found}) == len(found) == fills == len(at.venue.trades("key"))


async def history(at: Desk) -> list[float]:
    """The closes of every candle since the start, over REST."""
    return [candle.close for candle in await at.feed.history(at.markets[0], MINUTE, START)]


def test_lost_frames(files: TlsFiles) -> None:
    """C-430: frames that never come are not known to be lost; REST has the fill and the candle, once."""

    async def story(at: Desk) -> None:
        strike(at, "lost", last=3)
        await at.submit()
        at.venue.step_bars(3)
        await at.settle()
        assert (at.events, at.lost) == ([], [])
        assert at.candles == []
        at.venue.step_bars(1)
        await at.until(lambda: at.candles)
        await check_once(at)
        assert await history(at) == [101.0, 102.0, 103.0, 104.0]

    tell(files, story)


def test_delayed_frames(files: TlsFiles) -> None:
    """C-431: a report that comes late comes once; its time is the event's, not the arrival's."""

    async def story(at: Desk) -> None:
        strike(at, "delayed", stream="user", delay_ms=90_000)
        await at.submit()
        at.venue.step_bars(1)
        await at.settle()
        assert heard(at) == []
        at.venue.step_bars(1)
        await at.until(lambda: len(at.events) == 2)
        (fill,) = [event.fill for event in at.events if isinstance(event, OrderFilled)]
        assert fill.time_ms == START
        await check_once(at)

    tell(files, story)


def test_doubled_frames(files: TlsFiles) -> None:
    """C-432: a report that comes twice is the same report twice, by its trade id; REST has the fill once."""

    async def story(at: Desk) -> None:
        strike(at, "doubled")
        await at.submit()
        at.venue.step_bars(1)
        await at.until(lambda: len(at.events) == 4 and at.candles)
        fills = {event.fill.fill_id for event in at.events if isinstance(event, OrderFilled)}
        assert (len(fills), len({candle.open_time_ms for candle in at.candles})) == (1, 1)
        await check_once(at)

    tell(files, story)


def test_reordered_frames(files: TlsFiles) -> None:
    """C-433: the fill comes before the news that the order was taken: both are heard."""

    async def story(at: Desk) -> None:
        strike(at, "reordered", stream="user", last=1)
        await at.submit()
        await at.until(lambda: len(at.events) == 2)
        assert heard(at) == ["OrderFilled", "OrderAccepted"]
        await check_once(at)

    tell(files, story)


@pytest.mark.parametrize("code", [1001, 1006])
def test_cut_connection(files: TlsFiles, code: int) -> None:
    """C-434: the connection ends, with a goodbye or a reset, in place of a fill: told as lost, once; REST has the fill."""

    async def story(at: Desk) -> None:
        strike(at, "cut", stream="user", first=2, last=2, code=code)
        await at.submit()
        await at.until(lambda: at.lost)
        assert [why.partition(":")[0] for why in at.lost] == ["account"]
        await at.gateway.open(at.events.append, at.lost.append)
        await check_once(at)
        await at.submit(2)
        await at.until(lambda: "OrderFilled" in heard(at))
        await check_once(at, 2)

    tell(files, story)


def test_cut_candles(files: TlsFiles) -> None:
    """C-435: the candles' connection ends: told as lost; after the next look every candle is there once."""

    async def story(at: Desk) -> None:
        strike(at, "cut", stream="*@kline_*", first=2, last=2, code=1006)
        at.venue.step_bars(4)
        await at.until(lambda: at.lost)
        assert [why.partition(":")[0] for why in at.lost] == ["candles"]
        await at.subscribe()
        assert await history(at) == [101.0, 102.0, 103.0, 104.0]
        at.venue.step_bars(1)
        await at.until(lambda: at.candles and at.candles[-1].close == 105.0)

    tell(files, story)


def test_forced_reconnect(files: TlsFiles) -> None:
    """C-436: the venue disconnects everybody, as it does every 24 hours: both streams are told as lost, both reopen."""

    async def story(at: Desk) -> None:
        strike(at, "reconnect", from_ms=MINUTE)
        at.venue.step_bars(1)
        await at.until(lambda: len(at.lost) == 2)
        assert sorted(why.partition(":")[0] for why in at.lost) == ["account", "candles"]
        await at.listen()
        at.venue.step_bars(1)
        await at.submit()
        await at.until(lambda: len(at.events) == 2)
        await check_once(at)

    tell(files, story)


def test_silent_connection(files: TlsFiles) -> None:
    """C-437: the connection stands and says nothing: no loss is told, REST goes on; when it speaks again it is heard."""

    async def story(at: Desk) -> None:
        strike(at, "silent", until_ms=3 * MINUTE)
        await at.submit()
        at.venue.step_bars(2)
        await at.settle()
        assert (at.events, at.candles, at.lost) == ([], [], [])
        await check_once(at)
        at.venue.step_bars(2)
        await at.submit(2)
        await at.until(lambda: len(at.events) == 2 and at.candles)
        await check_once(at, 2)

    tell(files, story)


def test_stale_market_data(files: TlsFiles) -> None:
    """C-438: candles stop while their connection stands and the account's goes on; REST has the candles."""

    async def story(at: Desk) -> None:
        strike(at, "stale")
        at.venue.step_bars(2)
        await at.submit()
        await at.until(lambda: len(at.events) == 2)
        assert (at.candles, at.lost) == ([], [])
        assert await history(at) == [101.0, 102.0]

    tell(files, story)


def test_terminated_events(files: TlsFiles) -> None:
    """C-439: the venue ends an account's events and lets the connection stand: told as lost; candles go on."""

    async def story(at: Desk) -> None:
        strike(at, "terminated", stream="user", last=1)
        await at.submit()
        at.venue.step_bars(1)
        await at.until(lambda: at.lost and at.candles)
        assert at.lost == ["account: the venue ended it"]
        assert heard(at) == []
        await at.gateway.open(at.events.append, at.lost.append)
        await check_once(at)

    tell(files, story)


def test_dark_minutes(files: TlsFiles) -> None:
    """C-440: twenty dark minutes: both streams are lost, nothing is accepted, time goes on; then all that was is there."""

    async def story(at: Desk) -> None:
        await at.submit(**TARGET)
        strike(at, "dark", until_ms=20 * MINUTE)
        await at.until(lambda: len(at.lost) == 2)
        at.venue.run_until(START + 19 * MINUTE)
        with pytest.raises(NotPlaced):
            await at.feed.time_ms()
        at.venue.run_until(START + 20 * MINUTE)
        await at.until(lambda: at.server.is_open)
        await at.feed.time_ms()
        await at.listen()
        await check_once(at)
        assert len(await history(at)) == 20

    tell(files, story)


def test_ten_times_the_price(files: TlsFiles) -> None:
    """C-441: one candle is told at ten times its prices: it is heard as told; the venue's history never had it."""

    async def story(at: Desk) -> None:
        strike(at, "spike", stream="*@kline_1m", first=2, last=2)
        at.venue.step_bars(3)
        await at.until(lambda: len(at.candles) == 3)
        assert [candle.close for candle in at.candles] == [101.0, 1020.0, 103.0]
        assert await history(at) == [101.0, 102.0, 103.0]

    tell(files, story)


@pytest.mark.parametrize("state", ["order", "fill"])
def test_ghost_fill(files: TlsFiles, state: str) -> None:
    """C-442: a fill is told that never was: it has a trade id that the venue's own list does not have."""

    async def story(at: Desk) -> None:
        strike(at, "ghost", state=state, stream="user", first=2, last=2)
        await at.submit()
        await at.until(lambda: len(at.events) == 3)
        told = [event.fill for event in at.events if isinstance(event, OrderFilled)]
        true = await at.gateway.fills(at.markets[0], None)
        assert [fill.fill_id in {each.fill_id for each in true} for fill in told] == [True, False]
        ours = order().request.client_order_id
        assert told[1].client_order_id == (ours if state == "fill" else "ghost")
        await check_once(at)

    tell(files, story)


def test_negative_balance(files: TlsFiles) -> None:
    """C-443: a balance below zero is no balance: named, and never handed on."""

    async def story(at: Desk) -> None:
        strike(at, "negative_balance", route="GET /api/v3/account", last=1)
        with pytest.raises(OutcomeUnknown):
            await at.gateway.balances()
        assert min(balance.free for balance in await at.gateway.balances()) >= 0

    tell(files, story)


def test_histories_in_another_order(files: TlsFiles) -> None:
    """C-444: trades and candles whose rows come in another order are put in theirs, and none is asked for twice."""

    async def story(at: Desk) -> None:
        for number in range(1, 6):
            assert isinstance(await at.submit(number), OrderAccepted)
            at.venue.step_bars(1)
        await at.feed.time_ms()
        strike(at, "shuffled")
        fills = await at.gateway.fills(at.markets[0], None)
        assert [int(fill.fill_id) for fill in fills] == [1, 2, 3, 4, 5]
        assert await history(at) == [101.0, 102.0, 103.0, 104.0, 105.0]

    tell(files, story)


def test_widened_key(files: TlsFiles) -> None:
    """C-445: a key that may withdraw from now on says so of itself; when that is over, it does no more."""

    async def story(at: Desk) -> None:
        said = []
        for _ in range(3):
            answer = await at.gateway._client.sapiGetAccountApiRestrictions({})
            said.append(answer["enableWithdrawals"])
            if len(said) == 1:
                strike(at, "key", account="1", state="widened", until_ms=MINUTE)
            elif len(said) == 2:
                at.venue.step_bars(1)
                await at.feed.time_ms()
        assert said == [False, True, False]

    tell(files, story)


def test_revoked_key_ends_its_stream(files: TlsFiles) -> None:
    """C-446: a key is revoked while its stream is open: told as lost, and not to be opened again; given back, it is."""

    async def story(at: Desk) -> None:
        strike(at, "key", account="key", state="revoked", until_ms=MINUTE)
        await at.until(lambda: at.lost)
        with pytest.raises(KeyRefused):
            await at.gateway.open(at.events.append, at.lost.append)
        at.venue.step_bars(1)
        await at.feed.time_ms()
        await at.gateway.open(at.events.append, at.lost.append)

    tell(files, story)


async def rules(at: Desk) -> dict[str, tuple[str, str]]:
    """Status and least worth of every market, as the venue tells them now."""
    told = await at.feed.client.publicGetExchangeInfo({})
    least = {row["symbol"]: {each["filterType"]: each for each in row["filters"]} for row in told["symbols"]}
    return {row["symbol"]: (row["status"], least[row["symbol"]]["NOTIONAL"]["minNotional"]) for row in told["symbols"]}


def test_halted_market(files: TlsFiles) -> None:
    """C-447: a market stands still with an order open in it: nothing new is taken, the order stays; then it trades on."""

    async def story(at: Desk) -> None:
        await at.submit(**TARGET)
        strike(at, "market", market="BTCUSDT", state="halted", until_ms=3 * MINUTE)
        refused = await at.submit(2)
        assert isinstance(refused, OrderRejected)
        assert [order.status.name for order in at.venue.orders("key")] == ["NEW"]
        assert await rules(at) == {"BTCUSDT": ("HALT", "5.00000000")}
        at.venue.step_bars(3)
        assert isinstance(await at.submit(3), OrderAccepted)
        assert await rules(at) == {"BTCUSDT": ("TRADING", "5.00000000")}

    tell(files, story)


def test_delisted_market(files: TlsFiles) -> None:
    """C-448: a market is delisted with a position in it: its orders expire, the holding stays, nothing can be sold."""

    async def story(at: Desk) -> None:
        await at.submit()
        await at.submit(2, **TARGET)
        strike(at, "market", market="BTCUSDT", state="delisted")
        await at.until(lambda: "OrderCancelled" in heard(at))
        assert isinstance(await at.submit(3), OrderRejected)
        (held,) = [balance for balance in await at.gateway.balances() if balance.asset == "BTC"]
        assert (held.free, held.locked) == (Decimal("10.0999"), Decimal(0))
        assert await rules(at) == {}
        # Who follows it learns that there are no candles; who asks for a page of them is told why.
        assert await history(at) == []
        with pytest.raises(OutcomeUnknown, match="-1121"):
            await at.feed.page(at.markets[0], MINUTE, START, at.venue.now_ms)

    tell(files, story)


def test_changed_filters(files: TlsFiles) -> None:
    """C-449: the least order becomes worth more: what was enough is refused by name, and the new rule can be read."""

    async def story(at: Desk) -> None:
        strike(at, "filters", market="BTCUSDT", notional_min=Decimal(50))
        refused = await at.submit()
        assert isinstance(refused, OrderRejected)
        assert refused.reason == "below_minimum"
        assert await rules(at) == {"BTCUSDT": ("TRADING", "50.00000000")}

    tell(files, story)
