"""Money that comes and goes without an order: deposits, withdrawals, transfers, dividends, dust.

Everything is asked for at a time and happens on the venue's virtual clock, some of it later. Amounts are whole units
of their asset. What was done stays listed, oldest first; a record tells its state at any time.

    deposit     PENDING ──credit──> CREDITED ──unlock──> SUCCESS          free money from CREDITED on
    withdrawal  PROCESSING ──done──> COMPLETED | REJECTED (money back)    taken when asked for

Nothing here rolls dice: ids count up per account and transaction ids are hashes of them.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from tradepool.domain.errors import InvalidInput, MoneyTooLarge
from tradepool.domain.market import EXACT_MAX
from tradepool.simexchange.accounts import Account, whole_units
from tradepool.simexchange.errors import InsufficientBalance, NoConversion
from tradepool.simexchange.history import ACCOUNT_SPAN
from tradepool.simexchange.listing import ListedMarket

SPOT = "MAIN"
DUST_ASSET = "BNB"
DUST_CHARGE = Fraction(2, 100)
ASSET = re.compile(r"[A-Z0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money that came from outside; `credited_ms` makes it usable, `unlocked_ms` lets it be withdrawn again, and the
    history shows it from `shown_ms` on."""

    id: int
    asset: str
    units: int
    network: str
    address: str
    tx_id: str
    inserted_ms: int
    credited_ms: int
    unlocked_ms: int
    shown_ms: int = 0


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Money that left: `units` reach the address, `fee_units` stay with the venue. `request_id` is the user's name."""

    id: int
    asset: str
    units: int
    fee_units: int
    network: str
    address: str
    tx_id: str
    applied_ms: int
    done_ms: int
    rejected: bool
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class WalletTransfer:
    """Money between two wallets of one account, such as MAIN (spot) and FUNDING."""

    id: int
    source: str
    target: str
    asset: str
    units: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Dividend:
    """Money the venue gave; `why` is its reason in words."""

    id: int
    asset: str
    units: int
    why: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class DustConversion:
    """One asset's remainder turned into DUST_ASSET: `charge_units` of the `received_units` stayed with the venue."""

    id: int
    batch: int
    asset: str
    units: int
    received_units: int
    charge_units: int
    time_ms: int


@dataclass(slots=True)
class WalletLog:
    """Everything that happened to one account's wallets, and what its other wallets hold (wallet, asset: units)."""

    deposits: list[Deposit] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    transfers: list[WalletTransfer] = field(default_factory=list)
    dividends: list[Dividend] = field(default_factory=list)
    dust: list[DustConversion] = field(default_factory=list)
    elsewhere: dict[tuple[str, str], int] = field(default_factory=dict)
    count: int = 0


Move = Callable[[Account, str, int, int], None]


def deposit_address(account: Account, asset: str) -> str:
    """Where an account's deposits of an asset go; one per asset, whatever the network."""
    return f"sim-{account.index + 1}-{asset}"


class Wallet:
    """The wallets of all accounts of a venue."""

    def __init__(self, move: Move, unit: Callable[[str], Decimal]) -> None:
        """`move(account, asset, units, time_ms)` changes what is free and tells it; `unit` is an asset's smallest."""
        self._move, self._unit = move, unit
        self._logs: dict[int, WalletLog] = {}
        self._agenda: list[tuple[int, int, Account, str, int]] = []
        self._order = itertools.count()

    def log(self, account: Account) -> WalletLog:
        """What happened to an account so far, and what is under way."""
        return self._logs.setdefault(account.index, WalletLog())

    def settle(self, now_ms: int) -> None:
        """Let everything happen that is due by then, each at its own time."""
        while self._agenda and self._agenda[0][0] <= now_ms:
            time_ms, _, account, asset, units = heapq.heappop(self._agenda)
            self._move(account, asset, units, time_ms)

    def deposit(
        self,
        account: Account,
        asset: str,
        amount: Decimal,
        now_ms: int,
        *,
        credit_after_ms: int = 0,
        unlock_after_ms: int = 0,
        network: str = "",
        shown_after_ms: int = 0,
        tx_id: str = "",
    ) -> Deposit:
        """Send money to an account: pending now, free after one delay, withdrawable after the longer other, and in the
        history after a third. `tx_id` is that of the withdrawal elsewhere it comes from."""
        units = self._units(asset, amount)
        self._check_room(account, asset, units)
        number, own_tx_id = self._next(account, "deposit")
        credited_ms = now_ms + _delay(credit_after_ms)
        unlocked_ms = max(credited_ms, now_ms + _delay(unlock_after_ms))
        made = Deposit(
            number, asset, units, network or asset, deposit_address(account, asset), tx_id or own_tx_id, now_ms,
            credited_ms, unlocked_ms, now_ms + _delay(shown_after_ms),
        )  # fmt: skip
        self.log(account).deposits.append(made)
        self._plan(credited_ms, account, asset, units, now_ms)
        return made

    def withdraw(
        self,
        account: Account,
        asset: str,
        amount: Decimal,
        now_ms: int,
        *,
        fee: Decimal = Decimal(0),
        address: str = "elsewhere",
        network: str = "",
        done_after_ms: int = 0,
        rejected: bool = False,
        request_id: str = "",
    ) -> Withdrawal:
        """Take `amount`, fee included, off an account now; a rejected one comes back when it is done."""
        units, fee_units = self._units(asset, amount), self._units(asset, fee, zero_is_fine=True)
        if fee_units >= units:
            raise InvalidInput(what=f"withdrawal of {asset}", why=f"{amount} does not pay the fee", remedy="take more")
        self._move(account, asset, -units, now_ms)
        number, tx_id = self._next(account, "withdrawal")
        done_ms = now_ms + _delay(done_after_ms)
        made = Withdrawal(
            number, asset, units - fee_units, fee_units, network or asset, address, tx_id, now_ms, done_ms, rejected,
            request_id,
        )  # fmt: skip
        self.log(account).withdrawals.append(made)
        if rejected:
            self._plan(done_ms, account, asset, units, now_ms)
        return made

    def transfer(
        self, account: Account, source: str, target: str, asset: str, amount: Decimal, now_ms: int
    ) -> WalletTransfer:
        """Move money between two wallets of an account at once; InsufficientBalance when the source lacks it."""
        units = self._units(asset, amount)
        if source == target:
            raise InvalidInput(what="transfer", why=f"{source} is both its wallets", remedy="name two")
        log = self.log(account)
        self._check_room(account, asset, 0)
        self._shift(account, source, asset, -units, now_ms)
        self._shift(account, target, asset, units, now_ms)
        number, _ = self._next(account, "transfer")
        made = WalletTransfer(number, source, target, asset, units, now_ms)
        log.transfers.append(made)
        return made

    def pay_dividend(
        self, account: Account, asset: str, amount: Decimal, now_ms: int, why: str = "Airdrop"
    ) -> Dividend:
        """Give an account money of the venue's."""
        units = self._units(asset, amount)
        self._check_room(account, asset, units)
        self._move(account, asset, units, now_ms)
        number, _ = self._next(account, "dividend")
        made = Dividend(number, asset, units, why, now_ms)
        self.log(account).dividends.append(made)
        return made

    def convert_dust(
        self, account: Account, assets: Iterable[str], markets: Iterable[ListedMarket], now_ms: int
    ) -> list[DustConversion]:
        """Turn all that is free of these assets into DUST_ASSET at the markets' prices, less DUST_CHARGE.

        NoConversion when an asset has no price in it. What is worth less than a unit of it stays.
        """
        markets = tuple(markets)
        rates = {asset: _rate(asset, DUST_ASSET, markets) for asset in dict.fromkeys(assets)}
        batch, _ = self._next(account, "dust")
        made = []
        for asset, rate in rates.items():
            units = account.free.get(asset, 0)
            gross = int(units * rate)
            if gross < 1:
                continue
            charge = -int(-gross * DUST_CHARGE // 1)
            number, _ = self._next(account, "dust")
            made.append(DustConversion(number, batch, asset, units, gross - charge, charge, now_ms))
            self._move(account, asset, -units, now_ms)
            self._move(account, DUST_ASSET, gross - charge, now_ms)
        self.log(account).dust.extend(made)
        return made

    def _shift(self, account: Account, wallet: str, asset: str, units: int, now_ms: int) -> None:
        if wallet == SPOT:
            self._move(account, asset, units, now_ms)
            return
        held = self.log(account).elsewhere
        left = held.get((wallet, asset), 0) + units
        if left < 0:
            raise InsufficientBalance(asset=asset, needed=-units, free=left - units)
        held[wallet, asset] = left

    def _check_room(self, account: Account, asset: str, units: int) -> None:
        """MoneyTooLarge when the account would come to have more than is counted exactly, wherever it has it.

        That is what is in every wallet, and what is under way: deposits and rejected withdrawals.
        """
        here = account.free.get(asset, 0) + account.locked.get(asset, 0)
        elsewhere = sum(held for (_, of), held in self.log(account).elsewhere.items() if of == asset)
        coming = sum(row[4] for row in self._agenda if row[2] is account and row[3] == asset)
        total = here + elsewhere + coming + units
        if total >= EXACT_MAX:
            raise MoneyTooLarge(asset=asset, value=total * self._unit(asset), unit=self._unit(asset))

    def _plan(self, time_ms: int, account: Account, asset: str, units: int, now_ms: int) -> None:
        heapq.heappush(self._agenda, (time_ms, next(self._order), account, asset, units))
        self.settle(now_ms)

    def _next(self, account: Account, kind: str) -> tuple[int, str]:
        log = self.log(account)
        log.count += 1
        number = account.index * ACCOUNT_SPAN + log.count
        return number, hashlib.sha256(f"{kind}/{number}".encode()).hexdigest()

    def _units(self, asset: str, amount: Decimal, *, zero_is_fine: bool = False) -> int:
        if not ASSET.fullmatch(asset):
            raise InvalidInput(what=f"asset {asset!r}", why="it is no name", remedy="use capital letters and digits")
        units = whole_units(asset, amount, self._unit(asset))
        if not units and not zero_is_fine:
            raise InvalidInput(what=f"amount of {asset}", why=f"{amount} is not above zero", remedy="give more")
        return units


def _delay(delay_ms: int) -> int:
    if delay_ms < 0:
        raise InvalidInput(what="delay", why=f"{delay_ms} ms is negative", remedy="give zero or more")
    return delay_ms


def _rate(asset: str, into: str, markets: tuple[ListedMarket, ...]) -> Fraction:
    """Units of `into` for one unit of `asset`, over a quote asset that both have; NoConversion."""
    if asset == into:
        raise NoConversion(asset=asset, into=into)
    worth = {market.quote: Fraction(1) for market in markets if market.quote == asset}
    worth |= {market.quote: value for market in markets if market.base == asset and (value := _price(market))}
    for market in markets:
        price = _price(market)
        if market.base == into and price and market.quote in worth:
            return worth[market.quote] / price
    raise NoConversion(asset=asset, into=into)


def _price(market: ListedMarket) -> Fraction:
    """Quote units for one base unit; 0 before the market's first price."""
    return Fraction((market.price or 0) * market.units_per_tick_step, market.units_per_step)
