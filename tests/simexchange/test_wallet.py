"""Money that comes and goes without an order, and the law that none is made or lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.gate_kit import wallet_venue
from tests.simexchange.exchange_kit import START, Recorder, bars, market, small_venue
from tradepool.domain.errors import InvalidInput, MoneyTooLarge, OffGrid
from tradepool.simexchange.accounts import Account, FeePlan
from tradepool.simexchange.errors import InsufficientBalance, NoConversion, Refused
from tradepool.simexchange.events import BalanceMoved
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.records import Kind, NewOrder, Side
from tradepool.simexchange.venue import Venue
from tradepool.simexchange.wallet import WalletLog

SECOND = 1_000
ASSETS = ("BTC", "ETH", "BNB", "USDT")

assets = st.sampled_from(ASSETS)
amounts = st.integers(1, 3 * 10**8).map(lambda units: Decimal(units).scaleb(-8))
delays = st.integers(0, 90 * SECOND)
deeds = st.lists(
    st.one_of(
        st.tuples(st.just("deposit"), assets, amounts, delays, delays),
        st.tuples(st.just("withdraw"), assets, amounts, delays, st.booleans()),
        st.tuples(st.just("transfer"), assets, amounts, st.booleans()),
        st.tuples(st.just("dividend"), assets, amounts),
        st.tuples(st.just("dust"), st.lists(st.sampled_from(("BTC", "ETH", "USDT")), max_size=3)),
        st.tuples(st.just("order"), st.sampled_from(ASSETS[:3]), st.sampled_from(Side), st.integers(1, 2_000)),
        st.tuples(st.just("fees"), st.sampled_from(("BNB", None))),
        st.tuples(st.just("pass"), delays),
        st.tuples(st.just("step")),
    ),
    max_size=40,
)


def do(venue: Venue, deed: tuple[Any, ...]) -> None:
    """Carry out one deed; refusals and refused input leave everything as it was."""
    account, wallet, now_ms = venue.account("key"), venue.wallet, venue.now_ms
    name, *what = deed
    if name == "deposit":
        wallet.deposit(account, what[0], what[1], now_ms, credit_after_ms=what[2], unlock_after_ms=what[3])
    elif name == "withdraw":
        fee = what[1].scaleb(-1).quantize(Decimal("1e-8"))
        wallet.withdraw(account, what[0], what[1], now_ms, fee=fee, done_after_ms=what[2], rejected=what[3])
    elif name == "transfer":
        source, target = ("MAIN", "FUNDING") if what[2] else ("FUNDING", "MAIN")
        wallet.transfer(account, source, target, what[0], what[1], now_ms)
    elif name == "dividend":
        wallet.pay_dividend(account, what[0], what[1], now_ms)
    elif name == "dust":
        wallet.convert_dust(account, what[0], venue.markets, now_ms)
    elif name == "order":
        venue.place(account, NewOrder(f"{what[0]}USDT", "", what[1], Kind.MARKET, what[2]))
    elif name == "fees":
        account.fees = FeePlan(asset=what[0])
    elif name == "pass":
        venue.pass_time(now_ms + what[0])
    else:
        venue.step()


def units(venue: Venue) -> Counter[str]:
    """What the account owns anywhere at the venue."""
    account = venue.account("key")
    held: Counter[str] = Counter(account.free)
    held.update(account.locked)
    for (_, asset), count in venue.wallet.log(account).elsewhere.items():
        held[asset] += count
    return held


def flows(venue: Venue) -> Counter[str]:
    """What came less what went, by the lists alone."""
    log, now_ms, moved = venue.wallet.log(venue.account("key")), venue.now_ms, Counter[str]()
    for deposit in log.deposits:
        moved[deposit.asset] += deposit.units if now_ms >= deposit.credited_ms else 0
    for withdrawal in log.withdrawals:
        came_back = withdrawal.rejected and now_ms >= withdrawal.done_ms
        moved[withdrawal.asset] -= 0 if came_back else withdrawal.units + withdrawal.fee_units
    for dividend in log.dividends:
        moved[dividend.asset] += dividend.units
    for dust in log.dust:
        moved[dust.asset] -= dust.units
        moved["BNB"] += dust.received_units
    for trade in venue.trades("key"):
        sign = 1 if trade.side is Side.BUY else -1
        moved[trade.market.base] += sign * trade.steps * trade.market.units_per_step
        moved["USDT"] -= sign * trade.quote_units
        moved[trade.fee_asset] -= trade.fee_units
    return moved


@given(deeds)
def test_the_law_of_money(all_deeds: list[tuple[Any, ...]]) -> None:
    """Balances = opening + deposits + dividends - withdrawals - fees +- dust +- trades, after every deed."""
    venue = wallet_venue()
    recorder = Recorder()
    venue.listen(recorder)
    opening = units(venue)
    for deed in [("dividend", "BNB", Decimal(100)), *all_deeds]:
        with suppress(Refused, InvalidInput):
            do(venue, deed)
        now = units(venue)
        expected = Counter(opening)
        for asset, change in flows(venue).items():
            expected[asset] += change
        assert {asset: now[asset] for asset in ASSETS} == {asset: expected[asset] for asset in ASSETS}
        assert min(venue.account("key").free.values()) >= 0
    told = Counter[str]()
    for event in recorder.events:
        if isinstance(event, BalanceMoved):
            told[event.asset] += event.delta
    for trade in venue.trades("key"):
        sign = 1 if trade.side is Side.BUY else -1
        told[trade.market.base] += sign * trade.steps * trade.market.units_per_step
        told["USDT"] -= sign * trade.quote_units
        told[trade.fee_asset] -= trade.fee_units
    free = venue.account("key").free
    assert {asset: told[asset] for asset in ASSETS} == {asset: free[asset] - opening[asset] for asset in ASSETS}


@given(deeds)
def test_the_same_life_twice_is_the_same(all_deeds: list[tuple[Any, ...]]) -> None:
    """Ids, hashes, times and balances depend on nothing but what was asked."""
    lives = []
    for _ in range(2):
        venue = wallet_venue()
        for deed in all_deeds:
            with suppress(Refused, InvalidInput):
                do(venue, deed)
        lives.append((venue.wallet.log(venue.account("key")), units(venue)))
    assert lives[0] == lives[1]


def test_what_is_due_happens_at_its_time_between_phases() -> None:
    """A deposit due 20 s into a candle is credited before what happens 30 s into it, and carries its own time."""
    venue = small_venue([(100, 110, 90, 105)] * 3)
    recorder = Recorder()
    venue.listen(recorder)
    venue.wallet.deposit(venue.account("key"), "BTC", Decimal(1), START, credit_after_ms=20 * SECOND)
    while not recorder.events:
        venue.step()
    first = recorder.events[0]
    assert isinstance(first, BalanceMoved)
    assert (first.asset, first.time_ms, venue.now_ms) == ("BTC", START + 20 * SECOND, START + 30 * SECOND)
    assert recorder.flushes


REFUSED: list[tuple[type[Exception], Callable[[Venue], object]]] = [
    (InvalidInput, lambda venue: venue.wallet.deposit(venue.account("key"), "BTC", Decimal(0), START)),
    (InvalidInput, lambda venue: venue.wallet.deposit(venue.account("key"), "BTC", Decimal("NaN"), START)),
    (InvalidInput, lambda venue: venue.wallet.deposit(venue.account("key"), 'B"C', Decimal(1), START)),
    (OffGrid, lambda venue: venue.wallet.deposit(venue.account("key"), "BTC", Decimal("1e-9"), START)),
    (MoneyTooLarge, lambda venue: venue.wallet.deposit(venue.account("key"), "BTC", Decimal(10**8), START)),
    (MoneyTooLarge, lambda venue: venue.wallet.deposit(venue.account("key"), "BTC", Decimal(90_071_985), START)),
    (InvalidInput, lambda venue: venue.wallet.deposit(venue.account("key"), "BTC", Decimal(1), START, credit_after_ms=-1)),
    (InsufficientBalance, lambda venue: venue.wallet.withdraw(venue.account("key"), "BTC", Decimal(11), START)),
    (InvalidInput, lambda venue: venue.wallet.withdraw(venue.account("key"), "BTC", Decimal(1), START, fee=Decimal(1))),
    (InsufficientBalance, lambda venue: venue.wallet.transfer(
        venue.account("key"), "FUNDING", "MAIN", "BTC", Decimal(1), START)),
    (InvalidInput, lambda venue: venue.wallet.transfer(venue.account("key"), "MAIN", "MAIN", "BTC", Decimal(1), START)),
    (NoConversion, lambda venue: venue.wallet.convert_dust(venue.account("key"), ["BNB"], venue.markets, START)),
    (NoConversion, lambda venue: venue.wallet.convert_dust(venue.account("key"), ["BTC", "X"], venue.markets, START)),
]  # fmt: skip


@pytest.mark.parametrize(("error", "ask"), REFUSED)
def test_what_cannot_be_is_refused_by_name(error: type[Exception], ask: Callable[[Venue], object]) -> None:
    """And changes nothing."""
    venue = wallet_venue()
    venue.step()
    with pytest.raises(error):
        ask(venue)
    assert venue.balances("key")["BTC"] == (Decimal(10), Decimal(0))
    assert venue.wallet.log(venue.account("key")) in (WalletLog(), WalletLog(count=1))


FULL = Decimal(90_000_000)


def at_the_brim() -> tuple[Venue, Account]:
    """An account that has almost all that can be counted of USDT, all of it in one wallet."""
    venue = wallet_venue()
    return venue, venue.open_account("rich", "secret", {"USDT": FULL, "BTC": Decimal(1)})


def test_what_is_in_another_wallet_or_comes_back_has_its_room_kept() -> None:
    """Neither can come home to more than is counted exactly."""
    venue, account = at_the_brim()
    venue.wallet.transfer(account, "MAIN", "FUNDING", "USDT", FULL, START)
    with pytest.raises(MoneyTooLarge, match=r"90100000.* USDT"):
        venue.wallet.deposit(account, "USDT", Decimal(100_000), START)
    venue, account = at_the_brim()
    venue.wallet.withdraw(account, "USDT", FULL, START, done_after_ms=SECOND, rejected=True)
    with pytest.raises(MoneyTooLarge):
        venue.wallet.pay_dividend(account, "USDT", Decimal(100_000), START)
    venue.pass_time(START + SECOND)
    assert venue.balances("rich")["USDT"] == (FULL, Decimal(0))


def test_what_trading_brought_does_not_let_a_transfer_pass_what_is_counted() -> None:
    """Full in one wallet and traded rich in the other: the two do not go into one."""
    venue, account = at_the_brim()
    venue.step()
    venue.wallet.transfer(account, "MAIN", "FUNDING", "USDT", FULL, START)
    account.move("USDT", 2**53 - 1 - int(FULL) * 10**8)
    venue.place(account, NewOrder("BTCUSDT", "a", Side.SELL, Kind.MARKET, 1_000))
    before = venue.balances("rich")["USDT"]
    with pytest.raises(MoneyTooLarge):
        venue.wallet.transfer(account, "FUNDING", "MAIN", "USDT", FULL, START)
    assert venue.balances("rich")["USDT"] == before


def test_dust_needs_a_price() -> None:
    """Before the first candle opens there is none."""
    venue = Venue([Listing(market(base), bars([(5, 5, 5, 5)] * 2, [7, 8])) for base in ("BNB", "BTC")], 0)
    venue.markets[0].price = None
    venue.open_account("key", "secret", {"USDT": Decimal(1)})
    with pytest.raises(NoConversion, match="USDT has no price in BNB"):
        venue.wallet.convert_dust(venue.account("key"), ["USDT"], venue.markets, START)
