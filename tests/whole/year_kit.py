"""A stretch of virtual days in the life of a deployment's money, through unmodified ccxt.pro, before a simulated venue.

Users deposit, withdraw, send coins to one another, move them between wallets, get gifts, sweep dust, pay fees in a third
asset, and trade. Once in a while each account is checked, as the platform does it every five minutes; nothing else watches,
so that a year takes minutes. Everything follows from the seed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from tests.nouns import signal
from tests.simexchange.exchange_kit import market
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.core.commission.statement import READY_MS
from tradepool.core.ledger.trial_balance import ledger_minus_venue, trial_balance
from tradepool.core.market.bars import Bars
from tradepool.core.strategies import catalog
from tradepool.domain.balance import Balance
from tradepool.domain.deployment import Mode, Promotion
from tradepool.domain.event import CandlesClosed, MandateChanged
from tradepool.domain.flow import FlowCause, FlowSeen
from tradepool.domain.ids import MandateId, Naming, StrategyId
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import Market
from tradepool.domain.trade import Origin
from tradepool.entrypoints import cli
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.books import accounts_of
from tradepool.entrypoints.deployment import Deployed, deployed_from
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.entrypoints.replay import VENUE, connection_of
from tradepool.entrypoints.wiring import Seat, Wiring
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.flow_desk import FlowDesk
from tradepool.simexchange.accounts import Account, FeePlan
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.errors import Refused
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.venue import Venue

HOUR, DAY = 3_600_000, 86_400_000
NEW_YEAR = 1_735_689_600_000  # 2025-01-01
MARKETS = (market("BTC"), market("ETH"), market("BNB"))
PRICES = {"BTC": 100.0, "ETH": 10.0, "BNB": 5.0}
TRADED = MARKETS[:2]
CENT = Decimal("0.01")

# What a user may do on a day, and how often in a hundred days.
CHANCES = {
    "deposit": 6,
    "withdraw": 5,
    "send": 2,
    "shift": 4,
    "gift": 3,
    "sweep": 3,
    "trade": 40,
    "give": 4,
}
# What a mandate may be given: below, on and above the edges of the tiers.
CAPITALS = [Decimal(amount) for amount in (600, 1_000, 2_500, 5_000, 5_500, 6_500)]


def _nothing(month: str) -> None:
    """Nobody minds."""


def _day(day: int) -> datetime:
    return datetime.fromtimestamp(NEW_YEAR / 1_000, UTC) + timedelta(days=day - 1)


class Year:
    """A venue, a platform and their clocks. `users` are numbers from 0; what happens is drawn from the seed."""

    def __init__(
        self,
        selector: IdleSelector,
        venue: Venue,
        listings: Sequence[Listing],
        platform: Platform,
        clock: VirtualClock,
        seed: int,
    ) -> None:
        self.listings = listings
        self.selector, self.venue, self.platform, self.clock = selector, venue, platform, clock
        self.seats: list[Seat] = list(platform._wiring.seats)
        self.dice = random.Random(seed)
        self.flows = FlowDesk(
            platform.desk.feed, platform.books.transfers, [each.market.id for each in listings], clock
        )
        for seat in self.seats:
            self.flows.admit(platform.actor(seat.account.id))
        self.done = dict.fromkeys(CHANCES, 0)

    # ---- time

    async def settle(self) -> None:
        """Until nobody has anything to do at this moment; who sleeps goes on sleeping."""
        idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_idle() -> bool:
            if not idle.done():
                idle.set_result(None)
                return True
            return False

        self.selector.on_idle = on_idle
        try:
            await idle
        finally:
            self.selector.on_idle = None

    async def pass_to(self, time_ms: int) -> None:
        """Prices move, orders rest or fill, coins arrive; the platform hears of it."""
        while (next_ms := self.venue.next_time_ms()) is not None and next_ms <= time_ms:
            self.venue.run_until(next_ms)
            self.clock.advance_to(next_ms)
            await self.settle()
        self.venue.pass_time(time_ms)
        self.clock.advance_to(time_ms)
        await self.settle()

    async def live(
        self,
        days: int,
        check_every: int,
        checked: Callable[[], Awaitable[None]],
        over: Callable[[str], None] = _nothing,
    ) -> None:
        """So many days; accounts are checked every so many, on every thirtieth and on the last one, and `checked` is told.
        Six hours after a month they are, too, and `over` is told which month that was."""
        # As the platform does right after its start: what the opening balances hold is known before anything happens.
        await self.check()
        for day in range(1, days + 1):
            for number in range(len(self.seats)):
                self.act(number)
            await self.pass_to(NEW_YEAR + (day - 1) * DAY + READY_MS)
            if day > 1 and _day(day).day == 1:
                await self.check()
                over(f"{_day(day - 1):%Y-%m}")
            await self.pass_to(NEW_YEAR + day * DAY - HOUR)
            if day % check_every == 0 or day % 30 == 0 or day == days:
                await self.check()
                await checked()

    async def check(self) -> None:
        """Look at every account until its histories tell nothing new."""
        for seat in self.seats:
            for _ in range(2):
                await self._drive(self.flows.check(seat.account.id))

    async def _drive(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        await self.settle()
        await task
        await self.settle()

    # ---- what users do

    def act(self, number: int) -> None:
        """One user's day."""
        for what, chance in CHANCES.items():
            if self.dice.randrange(100) < chance:
                try:
                    getattr(self, f"_{what}")(number)
                    self.done[what] += 1
                except Refused:
                    pass  # too little is free: another day

    def _deposit(self, number: int) -> None:
        asset, later = self.dice.choice(["USDT", "USDT", "BTC", "BNB"]), self.dice.randrange(20)
        self.venue.wallet.deposit(
            self._at(number), asset, self._amount(1, 500), self.venue.now_ms,
            credit_after_ms=later * HOUR, shown_after_ms=self.dice.randrange(22) * HOUR,
        )  # fmt: skip

    def _withdraw(self, number: int) -> None:
        asset = self.dice.choice(["USDT", "BNB", "BTC"])
        self.venue.wallet.withdraw(
            self._at(number), asset, self._share(number, asset), self.venue.now_ms, fee=CENT,
            done_after_ms=self.dice.randrange(15) * DAY // 2, rejected=self.dice.randrange(4) == 0,
        )  # fmt: skip

    def _send(self, number: int) -> None:
        """Coins go to another user's account, over the chain: less a fee, and an hour or two later."""
        to = self._at(self.dice.randrange(len(self.seats)))
        now_ms, wallet = self.venue.now_ms, self.venue.wallet
        sent = wallet.withdraw(self._at(number), "USDT", self._share(number, "USDT"), now_ms, fee=CENT)
        amount = sent.units * self.venue.unit("USDT")
        wallet.deposit(to, "USDT", amount, now_ms, credit_after_ms=2 * HOUR, tx_id=sent.tx_id)

    def _shift(self, number: int) -> None:
        """Between the user's own wallets, there or back."""
        ways = ("MAIN", "FUNDING") if self.dice.randrange(2) else ("FUNDING", "MAIN")
        self.venue.wallet.transfer(self._at(number), *ways, "USDT", self._amount(1, 20), self.venue.now_ms)

    def _gift(self, number: int) -> None:
        asset = self.dice.choice(["NEWCOIN", "BNB", "BTC"])
        self.venue.wallet.pay_dividend(self._at(number), asset, self._amount(1, 3), self.venue.now_ms)

    def _sweep(self, number: int) -> None:
        """What is free of the coins that are traded becomes BNB, dust and all."""
        held = {slot.market.base for slot in self.actor(number).account.slots.values() if slot.held or slot.busy}
        assets = [each.base for each in TRADED if each.base not in held]
        self.venue.wallet.convert_dust(self._at(number), assets, self.venue.markets, self.venue.now_ms)

    def _trade(self, number: int) -> None:
        """An entry with a stop where nothing is held, else an exit."""
        traded, actor = self.dice.choice(TRADED), self.actor(number)
        close = self.price(traded)
        wish = signal(
            traded,
            time_ms=self.venue.now_ms,
            close=close,
            high=close,
            stop_distance=close * 0.1,
            exposure=0.0 if actor.account.slots[traded.id].held else 1.0,
        )
        actor.post(CandlesClosed(time_ms=self.venue.now_ms, signals=(wish,)))

    def _give(self, number: int) -> None:
        """The user gives his mandate more of what he has, or takes some back."""
        mandate = replace(self.actor(number).account.mandate, capital=self.dice.choice(CAPITALS))
        self.actor(number).post(MandateChanged(time_ms=self.venue.now_ms, mandate=mandate))

    def price(self, traded: Market) -> float:
        """Where a market stands."""
        return float(traded.price(self.venue.market(f"{traded.base}{traded.quote}").price or 0))

    def _amount(self, least: int, most: int) -> Decimal:
        return Decimal(self.dice.randrange(least * 10_000, most * 10_000)) / 10_000

    def _share(self, number: int, asset: str) -> Decimal:
        """Up to a tenth of what is free; too little is refused by the venue."""
        free = self._at(number).free.get(asset, 0) * self.venue.unit(asset)
        share = (free * self.dice.randrange(1, 10) / 100).quantize(CENT, ROUND_FLOOR)
        return max(share, 2 * CENT)

    def _at(self, number: int) -> Account:
        return self.venue.account(self.seats[number].credentials.key)

    # ---- what came of it

    def actor(self, number: int) -> AccountActor:
        """A user's account at work."""
        return self.platform.actor(self.seats[number].account.id)

    def off(self) -> dict[int, dict[str, Decimal]]:
        """Ledger less venue by user, where it is not zero."""
        return {number: off for number in range(len(self.seats)) if (off := self._off(number))}

    def _off(self, number: int) -> dict[str, Decimal]:
        name = self.seats[number].account.id
        held = self.venue.balances(self.seats[number].credentials.key)
        balances = [Balance(account=name, asset=a, free=free, locked=locked) for a, (free, locked) in held.items()]
        totals = trial_balance(self.platform.books.transfers(name))
        return {asset: amount for asset, amount in ledger_minus_venue(totals, balances).items() if amount}

    def causes(self) -> dict[FlowCause, int]:
        """How many flows of each cause are journaled."""
        found = dict.fromkeys(FlowCause, 0)
        for seat in self.seats:
            for _, _, event in self.platform.journal.read(seat.account.id):
                if isinstance(event, FlowSeen):
                    found[event.cause] += 1
        return found


def walks(days: int, seed: int) -> list[Listing]:
    """Daily candles of each market, up and down, and up in the long run."""
    dice = np.random.default_rng(seed)
    return [Listing(each, _bars(days + 2, PRICES[each.base], dice)) for each in MARKETS]


def _bars(days: int, price: float, dice: np.random.Generator) -> Bars:
    close = np.round(price * np.exp(np.cumsum(dice.normal(0.002, 0.03, days))), 2)
    opened = np.concatenate([[price], close[:-1]])
    high, low = np.round(np.maximum(opened, close) * 1.02, 2), np.round(np.minimum(opened, close) * 0.98, 2)
    times = NEW_YEAR + np.arange(days, dtype=np.int64) * DAY
    return Bars(DAY, times, opened, high, low, close, np.full(days, 10.0))


Story = Callable[[Year, Deployed], Awaitable[None]]


def deployed_in(folder: Path, users: int) -> Deployed:
    """A live deployment's configuration: each user has an account (`u0-main`), and every fourth one a second one."""
    file = folder / "t.toml"
    assert cli.run(["init", "--yes", "--file", str(file), "--folder", str(folder / "d"), "--users", "u0"]) == 0
    text = file.read_text().replace('kind = "practice"', 'kind = "live"').replace('mode = "practice"', 'mode = "live"')
    for number in range(users):
        text += f'\n[users.u{number}]\n\n[accounts.u{number}-main]\nuser = "u{number}"\n' if number else ""
        text += f'\n[accounts.u{number}-two]\nuser = "u{number}"\n' if number % 4 == 0 else ""
    file.write_text(text)
    return deployed_from(file)


def _seats(deployed: Deployed, connection: Connection, strategy: StrategyId) -> list[Seat]:
    """Everybody trades the same strategy, with real money from the beginning on."""
    rows, promotions, seats = DatabaseDeployment(connection, deployed.deployment), DatabasePromotions(connection), []
    users = {name: user for user in deployed.users for name in accounts_of(deployed, connection, user.id)}
    for name, user in users.items():
        account = rows.account(user, name, VENUE)
        mandate = Mandate(
            id=MandateId(account.id),
            account=account.id,
            strategy_id=strategy,
            markets=tuple(each.id for each in TRADED),
            capital=Decimal(1_000),
            weight=Decimal("0.3"),
        )
        promotion = Promotion(
            time_ms=NEW_YEAR - 1, by="eva", mandate=mandate.id, strategy_id=strategy,
            before=Mode.SHADOW, after=Mode.LIVE, reason="",
        )  # fmt: skip
        promotions.promote(promotion)
        seats.append(Seat(account=account, mandate=mandate, credentials=Credentials(key=name, secret=name)))
    return seats


def live_through(story: Story, folder: Path, files: TlsFiles, *, users: int, days: int, seed: int) -> Deployed:
    """A venue with prices for so many days, a live deployment with so many users, and what happens with them; its books."""
    deployed = deployed_in(folder, users)

    async def main(selector: IdleSelector) -> None:
        strategy, listings = catalog.named("moving_average_cross"), walks(days, seed)
        venue = Venue(listings)
        strategy_id = strategy.strategy_id(DAY)
        clock, connection = VirtualClock(venue.now_ms), open_store(deployed.database, "NORMAL")
        seats = _seats(deployed, connection, strategy_id)
        for number, seat in enumerate(seats):
            held = {"USDT": Decimal(7_000), "BNB": Decimal(10)}
            account = venue.open_account(seat.credentials.key, seat.credentials.secret, held)
            if number % 2:
                account.fees = FeePlan(asset="BNB")
        server = Server(venue, UnixSocket(str(folder / "v")), files.server_context())
        place = await server.start()
        platform = Platform(
            Wiring(
                venue=VENUE,
                timeframe_ms=DAY,
                transport=connection_of(place, files),
                clock=clock,
                connection=connection,
                strategies={strategy_id: strategy},
                seats=seats,
                origin=Origin.REAL,
                keep_alive_ms=10**12,
                entries_off=lambda: True,
                naming=Naming(deployed.deployment.mark, 1),
            )
        )
        try:
            await platform.start()
            year = Year(selector, venue, listings, platform, clock, seed)
            await year.settle()
            await story(year, deployed)
        finally:
            await platform.close()
            await server.stop()
            dispose(connection)

    run_in_lock_step(main)
    return deployed
