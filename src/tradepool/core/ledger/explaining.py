"""What the venue holds and the books do not: how much, since when, and when it is booked although nobody can say why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tradepool.domain.balance import Balance
from tradepool.domain.flow import Move
from tradepool.domain.ledger import LedgerCode, Transfer, TransferCode

NONE = Decimal(0)


@dataclass(slots=True)
class HeldBooks:
    """An account's ledger, transfer by transfer: what the venue holds by it, how much of that is unexplained, what was traded,
    and in what fees were paid."""

    held: dict[str, Decimal] = field(default_factory=dict)
    unexplained: dict[str, Decimal] = field(default_factory=dict)
    traded: set[str] = field(default_factory=set)
    fees: set[str] = field(default_factory=set)

    def add(self, transfers: Iterable[Transfer]) -> None:
        """Take in what was booked since."""
        for each in transfers:
            came = each.debit is LedgerCode.VENUE
            if came == (each.credit is LedgerCode.VENUE):
                continue
            if each.code is TransferCode.FEE:
                self.fees.add(each.asset)
            elif each.code in (TransferCode.BOUGHT, TransferCode.SOLD):
                self.traded.add(each.asset)
            for books in (self.held, *((self.unexplained,) if each.code is TransferCode.UNEXPLAINED else ())):
                books[each.asset] = books.get(each.asset, NONE) + (each.amount if came else -each.amount)

    @property
    def third_fees(self) -> set[str]:
        """Coins that fees were paid in and that no trade was in: only their price tells what they cost."""
        return self.fees - self.traded

    def lacking(self, balances: Iterable[Balance]) -> dict[str, Decimal]:
        """What the venue holds more than the books say, by asset; below zero: less. Assets that agree are left out.

        >>> from tradepool.domain.ids import AccountId
        >>> btc = Balance(account=AccountId("ann"), asset="BTC", free=Decimal(2), locked=Decimal(1))
        >>> HeldBooks(held={"BTC": Decimal(2), "BNB": Decimal(1)}).lacking([btc])
        {'BNB': Decimal('-1'), 'BTC': Decimal('1')}
        """
        there = {balance.asset: balance.total for balance in balances}
        off = {asset: there.get(asset, NONE) - self.held.get(asset, NONE) for asset in {*there, *self.held}}
        return {asset: amount for asset, amount in sorted(off.items()) if amount}


@dataclass(slots=True)
class Gaps:
    """By asset: what the books lack, and since when it is exactly that much."""

    seen: dict[str, tuple[Decimal, int]] = field(default_factory=dict)

    def see(self, lacking: Mapping[str, Decimal], now_ms: int) -> None:
        """The difference now; one that has changed counts from now."""
        before = self.seen
        self.seen = {
            asset: before[asset] if asset in before and before[asset][0] == amount else (amount, now_ms)
            for asset, amount in lacking.items()
        }

    def ripe(self, now_ms: int, patience_ms: int) -> dict[str, Decimal]:
        """What has lasted long enough to be booked without an explanation.

        >>> gaps = Gaps()
        >>> gaps.see({"BTC": Decimal(1), "BNB": Decimal(-2)}, 0)
        >>> gaps.see({"BTC": Decimal(1), "BNB": Decimal(-3)}, 5)
        >>> gaps.ripe(899, 900), gaps.ripe(900, 900)
        ({}, {'BTC': Decimal('1')})
        """
        return {asset: n for asset, (n, since_ms) in self.seen.items() if now_ms - since_ms >= patience_ms}


def takes_back(amount: Decimal, unexplained: Decimal) -> bool:
    """Whether an amount is the other way round than what was unexplained, and no more than it.

    >>> [takes_back(Decimal(n), Decimal(2)) for n in (-3, -2, -1, 1)]
    [False, True, True, False]
    """
    return amount * unexplained < 0 and abs(amount) <= abs(unexplained)


def explained_late(
    news: Collection[Move], lacking: Mapping[str, Decimal], unexplained: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """What is taken back of earlier guesses now that a history has told these moves, which the books did not lack (any
    more).

    >>> came = [Move(asset="BTC", amount=Decimal(2))]
    >>> explained_late(came, {}, {"BTC": Decimal(2)}), explained_late(came, {"BTC": Decimal(2)}, {"BTC": Decimal(2)})
    ({'BTC': Decimal('-2')}, {})
    """
    left = dict(lacking)
    for move in news:
        left[move.asset] = left.get(move.asset, NONE) - move.amount
    moved = {move.asset for move in news}
    return {asset: left[asset] for asset in sorted(moved) if takes_back(left[asset], unexplained.get(asset, NONE))}


def worth(amounts: Mapping[str, Decimal], prices: Mapping[str, Decimal]) -> Decimal:
    """What amounts are worth at the prices that are known; the rest counts nothing."""
    return sum((amount * prices[asset] for asset, amount in amounts.items() if asset in prices), NONE)


def is_jump(
    moved: Mapping[str, Decimal], held: Mapping[str, Decimal], prices: Mapping[str, Decimal], share: Decimal
) -> bool:
    """Whether any one asset moved by more than this share of all that the books hold, as far as prices are known.

    An asset without a price is a jump where more than this share of itself has left. What came of it is none: nobody
    trades with it, and anybody can send some.

    >>> held, prices = {"USDT": Decimal(100), "ODD": Decimal(100)}, {"USDT": Decimal(1)}
    >>> [is_jump({"USDT": Decimal(n)}, held, prices, Decimal("0.2")) for n in (-21, 20, 21)]
    [True, False, True]
    >>> [is_jump({"ODD": Decimal(n)}, held, prices, Decimal("0.2")) for n in (-21, -20, 900)]
    [True, False, False]
    """
    limit = share * worth(held, prices)
    return any(
        abs(amount * prices[asset]) > limit if asset in prices else -amount > share * held.get(asset, NONE)
        for asset, amount in moved.items()
    )
