"""A whole platform whose users move money beside trading, through unmodified ccxt.pro: the books follow. C-1020 ff."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.contract.watch_kit import CASH, World
from tests.contract.watch_kit import tell as tell_all
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.verify import verify_books
from tradepool.adapters.exchanges import ccxt_flows
from tradepool.core.account.flows import entries_off
from tradepool.core.commission.late_facts import as_known
from tradepool.core.ledger.trial_balance import ledger_minus_venue, trial_balance
from tradepool.domain.balance import Balance
from tradepool.domain.event import EntriesResumed
from tradepool.domain.flow import FlowCause, FlowNamed, FlowSeen, FlowsKnown, Quarantined
from tradepool.domain.ledger import TransferCode
from tradepool.entrypoints.app import Platform
from tradepool.simexchange.accounts import Account
from tradepool.simexchange.codecs.binance.account_routes import AccountRoutes
from tradepool.simexchange.codecs.binance.wallet_routes import WalletRoutes
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.tls import TlsFiles
from tradepool.simexchange.wallet import Deposit, Wallet

MINUTE_MS = 60_000
HUNDRED = Decimal(100)


def tell(
    story: Callable[[World], Awaitable[None]],
    place: Path,
    files: TlsFiles,
    before: Callable[[World], None] = lambda world: None,
) -> None:
    """A story, after which the journal gives every entry of the ledger again."""

    async def verified(world: World) -> None:
        await story(world)
        await world.settle()
        assert verify_books(world.platform._wiring.connection) == []

    tell_all(verified, place, files, before=before)


def wallet_of(world: World, number: int = 0) -> tuple[Wallet, Account]:
    """The venue's wallets, and a user's account there."""
    return world.venue.wallet, world.venue.account(world.key(number))


def off(world: World, number: int = 0) -> dict[str, Decimal]:
    """Ledger less venue, where that is not zero."""
    name = world.seats[number].account.id
    balances = [
        Balance(account=name, asset=asset, free=free, locked=locked)
        for asset, (free, locked) in world.venue.balances(world.key(number)).items()
    ]
    totals = trial_balance(world.platform.books.transfers(name))
    return {asset: amount for asset, amount in ledger_minus_venue(totals, balances).items() if amount}


def flows(world: World, number: int = 0) -> list[FlowSeen]:
    """What is journaled."""
    return [event for event in world.events(number) if isinstance(event, FlowSeen)]


def causes(world: World, number: int = 0) -> list[str]:
    """Why coins moved, as it is journaled."""
    return [flow.cause.value for flow in flows(world, number)]


def booked(world: World, number: int = 0) -> Callable[[], bool]:
    """Whether the first look is done, and the books agree."""
    return lambda: world.actor(number).account.flows.begun and not off(world, number)


def test_deposits_withdrawals_and_the_rest_are_booked(place: Path, files: TlsFiles) -> None:
    """C-1020: each once, within half a minute of the frame; who had none has none; the mandate's cash stays. A coin of the
    venue's that no market here trades is booked as any other, and stops nobody."""

    async def story(world: World) -> None:
        await world.until(booked(world), MINUTE_MS)
        wallet, account = wallet_of(world)
        cash = world.actor().account.cash
        wallet.deposit(account, "USDT", HUNDRED, world.venue.now_ms, tx_id="abc")
        wallet.withdraw(account, "BTC", Decimal("0.5"), world.venue.now_ms, fee=Decimal("0.001"))
        wallet.transfer(account, "MAIN", "FUNDING", "USDT", Decimal(7), world.venue.now_ms)
        wallet.pay_dividend(account, "NEWCOIN", Decimal(3), world.venue.now_ms)
        assert off(world) != {}
        assert await world.until(booked(world), 2 * MINUTE_MS) <= MINUTE_MS // 2
        assert sorted(causes(world)) == ["deposit", "dividend", "transfer", "withdrawal"]
        assert causes(world, 1) == []
        assert world.actor().account.cash == cash
        gifts = [
            each.amount for each in world.platform.books.transfers(world.seats[0].account.id) if each.asset == "NEWCOIN"
        ]
        assert (gifts, entries_off(world.actor().account)) == ([Decimal(3)], None)
        codes = [each.code for each in world.platform.books.transfers(world.seats[0].account.id)]
        assert TransferCode.NETWORK_FEE in codes
        assert TransferCode.UNEXPLAINED not in codes
        # Told again by every look: booked once.
        start_ms = world.clock.now_ms()
        await world.until(lambda: world.clock.now_ms() > start_ms + 20 * MINUTE_MS, 30 * MINUTE_MS)
        wallet.deposit(account, "USDT", HUNDRED, world.venue.now_ms)
        await world.until(booked(world), 2 * MINUTE_MS)
        assert len(flows(world)) == 5

    tell(story, place, files)


def test_a_withdrawal_is_booked_at_once_and_named_when_the_chain_has_it(place: Path, files: TlsFiles) -> None:
    """C-1028: the entry stays as it was booked; as it is known for commission it has the id."""

    async def story(world: World) -> None:
        await world.until(booked(world), MINUTE_MS)
        wallet, account = wallet_of(world)
        sent = wallet.withdraw(account, "USDT", HUNDRED, world.venue.now_ms, done_after_ms=10 * MINUTE_MS)
        await world.until(booked(world), 2 * MINUTE_MS)
        name, books = world.seats[0].account.id, DatabaseBooks(world.platform._wiring.connection)

        def told() -> list[str]:
            known = as_known(books.entries(name), books.events(name, FlowNamed))
            return [each.reference for each in known if each.reference.startswith("flow:")]

        [booked_as] = told()
        assert booked_as.endswith(":")
        await world.until(lambda: any(isinstance(each, FlowNamed) for each in world.events()), 80 * MINUTE_MS)
        assert told() == [f"{booked_as}{sent.tx_id}"]
        assert off(world) == {}

    tell(story, place, files)


def test_a_fill_is_no_flow(place: Path, files: TlsFiles) -> None:
    """C-1021: what orders move is theirs, a deposit between them is a deposit."""

    async def story(world: World) -> None:
        await world.enter()
        wallet, account = wallet_of(world)
        wallet.deposit(account, "BTC", Decimal("0.1"), world.venue.now_ms)
        await world.until(booked(world), 2 * MINUTE_MS)
        await world.enter(1)
        await world.until(booked(world, 1), 2 * MINUTE_MS)
        assert (causes(world), causes(world, 1)) == (["deposit"], [])

    tell(story, place, files)


def test_a_balance_below_zero_is_named_and_not_booked(place: Path, files: TlsFiles) -> None:
    """C-1027: nothing of such an answer is believed; what really came is booked when the venue makes sense again."""

    async def story(world: World) -> None:
        await world.until(booked(world), MINUTE_MS)
        wallet, account = wallet_of(world)
        fault = Fault(kind="negative_balance", route="GET /api/v3/account", account=world.key())
        number = world.server.faults.add(fault, world.venue.now_ms).number
        silent = Fault(kind="silent", stream="user", account=world.key())
        world.server.faults.add(silent, world.venue.now_ms)
        world.platform.desk.feed.lost(world.actor())
        wallet.deposit(account, "USDT", HUNDRED, world.venue.now_ms)
        start_ms = world.clock.now_ms()
        await world.until(lambda: world.clock.now_ms() - start_ms > 20 * MINUTE_MS, 30 * MINUTE_MS)
        assert world.platform.flows is not None
        assert "BalanceBelowZero" in world.platform.flows.trouble(world.seats[0].account.id)
        assert causes(world) == []
        assert entries_off(world.actor().account) == "quarantined"
        world.server.faults.remove(number)
        await world.until(booked(world), 10 * MINUTE_MS)
        assert causes(world) == ["deposit"]

    tell(story, place, files)


def test_a_deposit_below_zero_is_named_and_stops_the_account(
    place: Path, files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-1029: nothing of such a history is booked; said once it is a slip, said for a quarter of an hour it stops entries,
    by name. What really came is booked when the venue makes sense again, and a person lets the account go on."""
    told = WalletRoutes._deposit

    def below_zero(routes: WalletRoutes, row: Deposit, now_ms: int) -> dict[str, object]:
        truth = told(routes, row, now_ms)
        return truth | {"amount": f"-{truth['amount']}"}

    async def story(world: World) -> None:
        await world.until(booked(world), MINUTE_MS)
        await world.enter()
        name, desk = world.seats[0].account.id, world.platform.flows
        assert desk is not None
        with monkeypatch.context() as absurd:
            absurd.setattr(WalletRoutes, "_deposit", below_zero)
            wallet, account = wallet_of(world)
            wallet.deposit(account, "USDT", HUNDRED, world.venue.now_ms)
            await world.until(lambda: "-100 USDT" in desk.trouble(name), MINUTE_MS)
            assert entries_off(world.actor().account) is None
            await world.until(lambda: entries_off(world.actor().account), 20 * MINUTE_MS)
            assert (causes(world), off(world)) == ([], {"USDT": -HUNDRED})
        [why] = [event.why for event in world.events() if isinstance(event, Quarantined)]
        assert "a deposit of -100 USDT (FlowBelowZero)" in why
        assert entries_off(world.actor(1).account) is None
        # What is held keeps its stop, and nothing else is bought.
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]
        await world.until(booked(world), 5 * MINUTE_MS)
        assert causes(world) == ["deposit"]
        world.platform.desk.resume(name)
        await world.settle()
        assert entries_off(world.actor().account) is None

    tell(story, place, files)


@pytest.mark.parametrize("told", ["deposit", "unexplained"])
def test_an_asset_that_the_venue_does_not_list_stops_the_account_once(
    place: Path, files: TlsFiles, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    """C-1032: by name, be it in a history or in the balances alone; it is in the books and in no other account's way. A
    restart lifts nothing, a person does, and then nobody stops the account by sending more."""
    monkeypatch.setattr(AccountRoutes, "_coins", lambda *_: b'[{"coin": "BTC"}]')
    if told == "unexplained":
        monkeypatch.setattr(ccxt_flows, "HISTORIES", {})

    def stops(world: World) -> list[str]:
        return [event.why for event in world.events() if isinstance(event, Quarantined)]

    async def story(world: World) -> None:
        await world.until(booked(world), MINUTE_MS)
        await world.enter()
        name = world.seats[0].account.id
        wallet, account = wallet_of(world)
        wallet.deposit(account, "ODDCOIN", Decimal(3), world.venue.now_ms)
        await world.until(lambda: entries_off(world.actor().account), 20 * MINUTE_MS)
        await world.settle()
        [why] = stops(world)
        assert f"told of +3 ODDCOIN on account {name}, and lists no such coin" in why
        assert (causes(world), off(world)) == ([told], {})
        assert entries_off(world.actor(1).account) is None
        # What is held keeps its stop, and nothing else is bought.
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]
        await world.platform.close()
        world.platform = Platform(replace(world.platform._wiring))
        await world.platform.start()
        await world.settle()
        assert world.actor().account.flows.quarantine == why
        world.platform.desk.resume(name)
        await world.settle()
        wallet.deposit(account, "ODDCOIN", Decimal(5), world.venue.now_ms)
        await world.until(booked(world), 20 * MINUTE_MS)
        assert (causes(world), stops(world)) == ([told, told], [why])
        assert entries_off(world.actor().account) is None

    tell(story, place, files)


def test_what_was_there_before_is_not_booked_again(place: Path, files: TlsFiles) -> None:
    """C-1022: the opening balances hold it; what was on its way then is booked when it comes."""

    def before(world: World) -> None:
        wallet, account = wallet_of(world)
        wallet.deposit(account, "USDT", HUNDRED, world.venue.now_ms)
        wallet.withdraw(account, "BTC", Decimal("0.25"), world.venue.now_ms)
        wallet.deposit(account, "BTC", Decimal("0.125"), world.venue.now_ms, credit_after_ms=30 * MINUTE_MS)

    async def story(world: World) -> None:
        await world.until(booked(world), MINUTE_MS)
        [known] = [event for event in world.events() if isinstance(event, FlowsKnown)]
        assert [key.split(":")[0] for key in known.keys] == ["deposit", "withdrawal"]
        assert flows(world) == []
        world.tick(world.clock.now_ms() + 31 * MINUTE_MS)
        world.venue.pass_time(world.venue.now_ms)
        await world.until(lambda: causes(world) == ["deposit"], 2 * MINUTE_MS)
        assert off(world) == {}

    tell(story, place, files, before=before)


def test_a_late_history_explains_in_time_or_takes_the_guess_back(place: Path, files: TlsFiles) -> None:
    """C-1023: within the patience nothing is guessed; after it, the late row is booked and the guess with its opposite."""

    async def story(world: World) -> None:
        await world.until(booked(world), MINUTE_MS)
        wallet, account = wallet_of(world)
        wallet.deposit(account, "USDT", HUNDRED, world.venue.now_ms, shown_after_ms=10 * MINUTE_MS)
        took_ms = await world.until(booked(world), 20 * MINUTE_MS)
        assert 9 * MINUTE_MS < took_ms < 12 * MINUTE_MS
        assert causes(world) == ["deposit"]
        wallet.deposit(account, "USDT", HUNDRED, world.venue.now_ms, shown_after_ms=40 * MINUTE_MS)
        took_ms = await world.until(booked(world), 20 * MINUTE_MS)
        assert 14 * MINUTE_MS < took_ms < 18 * MINUTE_MS
        assert causes(world) == ["deposit", "unexplained"]
        assert world.platform.flows is not None
        assert "+100 USDT" in world.platform.flows.trouble(world.seats[0].account.id)
        await world.until(lambda: len(flows(world)) == 4, 120 * MINUTE_MS)
        assert causes(world) == ["deposit", "unexplained", "deposit", "unexplained"]
        assert [flows(world)[at].moves[0].amount for at in (1, 3)] == [HUNDRED, -HUNDRED]
        assert off(world) == {}
        assert entries_off(world.actor().account) is None, "a hundred in ten thousand is no jump"

    tell(story, place, files)


def test_a_jump_that_nobody_explains_is_a_quarantine(
    place: Path, files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-1024: a venue without histories: booked after the patience; a large one stops entries until a person resumes."""
    monkeypatch.setattr(ccxt_flows, "HISTORIES", {})

    async def story(world: World) -> None:
        wallet, account = wallet_of(world)
        await world.until(booked(world), MINUTE_MS)
        wallet.deposit(account, "USDT", HUNDRED, world.venue.now_ms)
        await world.until(booked(world), 20 * MINUTE_MS)
        assert (causes(world), entries_off(world.actor().account)) == (["unexplained"], None)
        wallet.withdraw(account, "USDT", CASH / 2, world.venue.now_ms)
        await world.until(booked(world), 20 * MINUTE_MS)
        await world.settle()
        assert entries_off(world.actor().account) == "quarantined"
        [why] = [event.why for event in world.events() if isinstance(event, Quarantined)]
        assert "-5000 USDT" in why
        await world.enter()
        assert world.refusals() == ["quarantined"]
        world.platform.desk.resume(world.seats[0].account.id)
        await world.settle()
        assert isinstance(world.events()[-1], EntriesResumed)
        await world.enter()
        assert world.orders() == ["MARKET FILLED", "STOP_LOSS NEW"]
        assert off(world) == off(world, 1) == {}

    tell(story, place, files)


def test_histories_that_do_not_answer_are_no_reason_to_guess(place: Path, files: TlsFiles) -> None:
    """C-1025: the difference stays, and is said; it is booked for what it is when they answer."""

    async def story(world: World) -> None:
        await world.until(booked(world), MINUTE_MS)
        wallet, account = wallet_of(world)
        fault = Fault(kind="status", status=500, route="GET /sapi/v1/capital/deposit/hisrec")
        number = world.server.faults.add(fault, world.venue.now_ms).number
        wallet.deposit(account, "USDT", CASH, world.venue.now_ms)
        start_ms = world.clock.now_ms()
        await world.until(lambda: world.clock.now_ms() - start_ms > 30 * MINUTE_MS, 40 * MINUTE_MS)
        assert (causes(world), off(world)) == ([], {"USDT": -CASH})
        assert world.platform.flows is not None
        assert "history of flows" in world.platform.flows.trouble(world.seats[0].account.id)
        world.server.faults.remove(number)
        await world.until(booked(world), 5 * MINUTE_MS)
        assert causes(world) == ["deposit"]

    tell(story, place, files)


def test_a_restart_in_the_middle_books_what_is_missing_and_nothing_twice(place: Path, files: TlsFiles) -> None:
    """C-1026: flows before, during and after a time without a platform; and a silent stream."""

    async def story(world: World) -> None:
        await world.until(booked(world), MINUTE_MS)
        wallet, account = wallet_of(world)
        wallet.deposit(account, "USDT", HUNDRED, world.venue.now_ms)
        await world.until(booked(world), 2 * MINUTE_MS)
        await world.platform.close()
        wallet.deposit(account, "USDT", HUNDRED, world.venue.now_ms)
        wallet.withdraw(account, "USDT", Decimal(30), world.venue.now_ms, rejected=True, done_after_ms=MINUTE_MS)
        world.tick(world.clock.now_ms() + 5_000)
        world.platform = Platform(replace(world.platform._wiring))
        await world.platform.start()
        await world.until(booked(world), 2 * MINUTE_MS)
        assert causes(world) == ["deposit", "deposit", "withdrawal"]
        world.tick(world.clock.now_ms() + MINUTE_MS)
        world.venue.pass_time(world.venue.now_ms)
        assert off(world) == {"USDT": Decimal(-30)}
        await world.until(booked(world), 10 * MINUTE_MS)
        assert [flow.reference.endswith(":returned") for flow in flows(world)] == [False, False, False, True]
        fault = Fault(kind="silent", stream="user", account=world.key())
        world.server.faults.add(fault, world.venue.now_ms)
        wallet.deposit(account, "USDT", HUNDRED, world.venue.now_ms)
        await world.until(booked(world), 60 * MINUTE_MS)
        assert all(flow.cause is not FlowCause.UNEXPLAINED for flow in flows(world))

    tell(story, place, files)
