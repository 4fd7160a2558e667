"""What an account's ledger tells of profit and capital: each fill an entry, each sale a gain against what its lot had cost.

Only what was bought here, or given, is a lot: other coins are the owner's own (R9). What leaves an account leaves out of his own coins
first; what goes beyond them is ours and counts as sold: at the fill where he sold it (R10), at that minute's close where it was
withdrawn (R11) or was a fee, at what the venue gave where it was swept (R14), and at the lower of the book and five closes where he took
it over (R8). What goes to another account of his is a lot there (R15). A fee in the coin that was bought lessens the lot, one in quote
the proceeds or raises the cost; one in a third asset does so at its price in the minute of the fill (R12). Prices are those on record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tradepool.core.commission.capital import Flow, FlowKind
from tradepool.core.commission.exact import ZERO, exact, share
from tradepool.core.commission.lots import Lot, fee_value, sold, worth_by_hand, worth_taken_over, worth_withdrawn
from tradepool.core.commission.mandate_money import MandateMoney
from tradepool.core.commission.parcels import Parcels
from tradepool.core.commission.prices import Priced, converted, unpriced
from tradepool.core.commission.recorded import Prices
from tradepool.core.commission.settlement import Gain
from tradepool.core.commission.transfers import Way, Ways
from tradepool.domain.ids import AccountId
from tradepool.domain.ledger import LedgerCode, LedgerEntry, Transfer, TransferCode

# What selling a lot would cost, where the venue's own rate is not in the books.
TAKER_RATE = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Given:
    """A mandate's capital from a moment on, in its quote asset; nothing while it trades no real money (R25)."""

    time_ms: int
    capital: Decimal
    quote: str


@dataclass(frozen=True, slots=True)
class Movement:
    """What came (above zero) or left without an order: never profit, and capital only as far as a flow says so (R14, R16).

    `value` is in the schedule's currency, None where nobody knows a price; `way` what became of it (R15)."""

    time_ms: int
    asset: str
    amount: Decimal
    value: Decimal | None
    cause: str
    way: Way = Way.ALONE


@dataclass(slots=True)
class Told:
    """Gains, flows and movements in order, open lots by market, all fees by asset, which costs have no price, and when one
    was used that was old or missing (R20)."""

    gains: list[Gain] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    lots: dict[str, Lot] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)
    unpriced: list[str] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)


# How much of a quote asset so much of a lot brought, when it went.
Worth = Callable[[str, Decimal], Priced]

# An account's entries, and what its mandates were given.
Booked = tuple[Iterable[LedgerEntry], Sequence[Given]]


def told_by(entries: Iterable[LedgerEntry], given: Sequence[Given], prices: Prices, ways: Ways, currency: str) -> Told:
    """Read one account alone.

    R14: what the venue gives (airdrop, staking, referral, rebate, interest, fork) is told at its value, and is no profit.

    >>> from tradepool.domain.ids import AccountId, LedgerEntryId
    >>> def entry(time_ms: int, reference: str, code: TransferCode, **moved: int) -> LedgerEntry:
    ...     came = (LedgerCode.VENUE, LedgerCode.CAPITAL)
    ...     transfers = [(came if n > 0 else came[::-1], asset, Decimal(abs(n))) for asset, n in moved.items()]
    ...     return LedgerEntry(id=LedgerEntryId(reference), account=AccountId("ann"), time_ms=time_ms, reference=reference,
    ...         transfers=tuple(Transfer(debit=to, credit=of, asset=asset, amount=n, code=code)
    ...             for (to, of), asset, n in transfers))
    >>> gift = entry(5, "flow:dividend:1:", TransferCode.DIVIDEND, USDT=7)
    >>> told = told_by([gift], [], Prices("binance", {}, 10), Ways(), "USDT")
    >>> told.gains, told.flows, told.movements[0].value
    ([], [], Decimal('7'))

    R1, R9: what was there at the start is the owner's own, whatever he had paid for it: his 1 BTC, sold for 66,000.

    >>> opening = entry(0, "opening", TransferCode.OPENING, BTC=1)
    >>> sale = entry(5, "fill:binance:BTC/USDT:1", TransferCode.OUTSIDE, BTC=-1, USDT=66_000)
    >>> told_by([opening, sale], [], Prices("binance", {}, 10), Ways(), "USDT").gains
    []

    And what nobody can value: no price of it is asked for, and no settlement waits for one.

    >>> strange, unknown = entry(0, "opening", TransferCode.OPENING, LDBTC=1), Prices("binance", {}, 10)
    >>> told_by([strange], [], unknown, Ways(), "USDT").unpriced, unknown.missing
    ([], set())
    """
    account = AccountId("")
    return told_of({account: (entries, given)}, prices, ways, currency)[account]


@exact
def told_of(accounts: Mapping[AccountId, Booked], prices: Prices, ways: Ways, currency: str) -> dict[AccountId, Told]:
    """Read a user's accounts, by the venue's times: a lot may go from one to another."""
    parcels, moments = Parcels(), list[tuple[int, int, AccountId, Given | LedgerEntry]]()
    readings = {account: _Reading(prices, ways, currency, parcels) for account in accounts}
    for account, (entries, given) in accounts.items():
        moments += [(each.time_ms, 0, account, each) for each in given]
        moments += [(entry.time_ms, 1, account, entry) for entry in entries]
    for _, _, account, each in sorted(moments, key=lambda moment: moment[:2]):
        if isinstance(each, Given):
            readings[account].give(each)
        else:
            readings[account].book(each)
    parcels.put_back()
    return {account: reading.told for account, reading in readings.items()}


def symbol_of(market: str) -> tuple[str, str]:
    """The base and the quote of a market's id.

    >>> symbol_of("binance:BTC/USDT")
    ('BTC', 'USDT')
    """
    base, _, quote = market.partition(":")[2].partition("/")
    return base, quote


class _Reading:
    """One account, entry by entry: `held` is what the venue holds of each coin, `ahead` what of a lot has left already
    when the platform hears that it is smaller."""

    def __init__(self, prices: Prices, ways: Ways, currency: str, parcels: Parcels) -> None:
        self.told, self.money = Told(), MandateMoney(currency)
        self.prices, self.ways, self.currency, self.parcels = prices, ways, currency, parcels
        self.held: dict[str, Decimal] = {}
        self.ahead: dict[str, Decimal] = {}

    # ---- capital

    def give(self, given: Given) -> None:
        if given.quote != self.money.quote:
            self.flow(given.time_ms, self.money.change(ZERO), self.money.quote, FlowKind.GIVEN)
            self.money = MandateMoney(given.quote)
        self.flow(given.time_ms, self.money.change(given.capital), given.quote, FlowKind.GIVEN)

    def flow(self, time_ms: int, amount: Decimal, quote: str, kind: FlowKind, note: str = "") -> None:
        if amount:
            rate = self.known(self.prices.money(quote, self.currency, time_ms), quote, time_ms)
            kind = FlowKind.TAKEN_BACK if kind is FlowKind.GIVEN and amount < 0 else kind
            self.told.flows.append(Flow(time_ms=time_ms, amount=amount * rate, kind=kind, note=note))

    def in_kind(self, time_ms: int, amount: Decimal, quote: str, kind: FlowKind, note: str) -> None:
        """Capital that came or left as coins."""
        if quote == self.money.quote:
            self.money.kind += amount
        self.flow(time_ms, amount, quote, kind, note)

    def known(self, price: Priced, asset: str, time_ms: int) -> Decimal:
        """A price that must not be missing: without it too much could be charged."""
        if not price.price:
            self.told.unpriced.append(unpriced(asset, time_ms))
        return self.noted(price, time_ms)

    def noted(self, price: Priced, time_ms: int) -> Decimal:
        self.told.stale += [time_ms] if price.provisional else []
        return price.price

    # ---- entries

    def book(self, entry: LedgerEntry) -> None:
        for t in entry.transfers:
            for code, amount in ((t.debit, t.amount), (t.credit, -t.amount)):
                if code is LedgerCode.VENUE:
                    self.held[t.asset] = self.held.get(t.asset, ZERO) + amount
        codes = {t.code for t in entry.transfers}
        market = entry.reference.partition(":")[2].rpartition(":")[0]
        if codes & {TransferCode.BOUGHT, TransferCode.SOLD}:
            self.fill(entry, market)
        elif TransferCode.OUTSIDE in codes:
            self.outside(entry, market)
        elif TransferCode.ADOPTED in codes:
            self.adopted(entry, market)
        elif TransferCode.RELEASED in codes:
            self.released(entry, market)
        elif TransferCode.OPENING not in codes:
            self.moved(entry)

    def fill(self, entry: LedgerEntry, market: str) -> None:
        base_asset, quote = symbol_of(market)
        base, money = (self.of(entry, asset) for asset in (base_asset, quote))
        in_base, in_quote, third = ZERO, ZERO, list[Transfer]()
        for fee in (t for t in entry.transfers if t.code is TransferCode.FEE):
            self.told.fees[fee.asset] = self.told.fees.get(fee.asset, ZERO) + fee.amount
            in_base += fee.amount if fee.asset == base_asset else ZERO
            in_quote += fee.amount if fee.asset == quote else ZERO
            third += [fee] if fee.asset not in (base_asset, quote) else []
        costs = in_quote + sum((self.third(entry, fee, quote) for fee in third), ZERO)
        lot = self.lot(market)
        if base.debit is LedgerCode.VENUE:
            quantity = lot.quantity + base.amount - in_base
            self.told.lots[market] = replace(lot, quantity=quantity, cost=lot.cost + money.amount + costs)
            self.spend(quote, -money.amount - in_quote)
        else:
            # What is sold beyond the lot, and a fee beyond it, are coins of the owner's own.
            ours = min(base.amount, lot.quantity)
            gone = ours + min(in_base, lot.quantity - ours)
            proceeds, fees = (share(each, ours, base.amount) for each in (money.amount, costs))
            self.told.lots[market], earned = sold(lot, gone, proceeds, fees)
            self.gain(entry.time_ms, earned, quote, f"{market} {base.amount} sold")
            self.spend(quote, proceeds - share(in_quote, ours, base.amount))
        for fee in third:
            self.beyond(entry, fee.asset, market, self.closing(entry.time_ms, fee.asset), "paid as a fee")

    @staticmethod
    def of(entry: LedgerEntry, asset: str) -> Transfer:
        return next(t for t in entry.transfers if t.asset == asset and t.code is not TransferCode.FEE)

    def third(self, entry: LedgerEntry, fee: Transfer, quote: str) -> Decimal:
        """R12: its price in that minute; a cost, and as much given by the user."""
        price = self.prices.close(fee.asset, quote, entry.time_ms)
        value = fee_value(fee.amount, self.known(price, fee.asset, entry.time_ms))
        self.in_kind(entry.time_ms, value, quote, FlowKind.THIRD_ASSET_FEE, f"{fee.amount} {fee.asset}")
        return value

    def lot(self, market: str) -> Lot:
        return self.told.lots.get(market, Lot(asset=symbol_of(market)[0], quantity=ZERO, cost=ZERO))

    def ours(self, asset: str) -> Decimal:
        return sum((lot.quantity for lot in self.told.lots.values() if lot.asset == asset), ZERO)

    def spend(self, quote: str, amount: Decimal) -> None:
        if quote == self.money.quote:
            self.money.cash += amount

    def gain(self, time_ms: int, earned: Decimal, quote: str, what: str) -> None:
        """R21: converted at the close of its minute, and frozen."""
        rate = self.known(self.prices.rate(quote, self.currency, time_ms), quote, time_ms)
        self.told.gains.append(Gain(time_ms=time_ms, amount=converted(earned, rate), what=what))

    # ---- by hand

    def outside(self, entry: LedgerEntry, market: str) -> None:
        """R10: the owner's own order. What he buys is his own; of what he sells, his own coins go first, and bring money."""
        base, money, *fees = entry.transfers
        quote, lots = symbol_of(market)[1], self.ours(base.asset)
        in_quote = sum((t.amount for t in fees if t.asset == quote), ZERO)
        if base.debit is LedgerCode.VENUE:
            self.capital_leaves(entry, quote, money.amount + in_quote)
            return

        def worth(lot_quote: str, part: Decimal) -> Priced:
            closes = {t: self.prices.close(t.asset, quote, entry.time_ms) for t in fees if t.asset != base.asset}
            costs = sum((t.amount * self.known(close, t.asset, entry.time_ms) for t, close in closes.items()), ZERO)
            brought = worth_by_hand(money.amount, costs, min(part, base.amount), base.amount)
            # R21: sold for other money than the lot had cost.
            rate = self.prices.rate(quote, lot_quote, entry.time_ms)
            return replace(rate, price=converted(brought, rate.price))

        self.beyond(entry, base.asset, market, worth, "sold by hand")
        own = max(ZERO, base.amount - (lots - self.ours(base.asset)))
        self.capital_comes(entry, quote, share(money.amount - in_quote, own, base.amount))

    def adopted(self, entry: LedgerEntry, market: str) -> None:
        """R16: a coin that is given counts at the median of the minutes around it, as cost and as capital; not what of it is
        a lot already, which came from another account (R15)."""
        (base,), quote = entry.transfers, symbol_of(market)[1]
        fresh = min(base.amount, max(ZERO, self.held.get(base.asset, ZERO) - self.ours(base.asset)))
        price = self.prices.given(base.asset, quote, entry.time_ms)
        value = fresh * self.known(price, base.asset, entry.time_ms)
        lot = self.lot(market)
        self.told.lots[market] = replace(lot, quantity=lot.quantity + fresh, cost=lot.cost + value)
        self.in_kind(entry.time_ms, value, quote, FlowKind.GIVEN, f"{fresh} {base.asset}")

    def released(self, entry: LedgerEntry, market: str) -> None:
        """R8: what the owner takes over. What had left before is only heard of now, and counts once."""
        (base,), quote = entry.transfers, symbol_of(market)[1]
        lot, early = self.lot(market), self.ahead.pop(market, ZERO)
        quantity = min(max(ZERO, base.amount - early), lot.quantity)
        if quantity:
            price = self.prices.taken(base.asset, quote, entry.time_ms)
            bid = self.prices.bid(base.asset, quote, base.amount, entry.time_ms)
            worth = worth_taken_over(quantity, bid, price.price, TAKER_RATE)
            self.leave(entry, market, quantity, Priced(price=worth, provisional=price.provisional), "taken over")

    def leave(self, entry: LedgerEntry, market: str, quantity: Decimal, worth: Priced, why: str) -> None:
        """A part of a lot is the owner's from now on, and counts as sold for so much."""
        (base, quote), time_ms = symbol_of(market), entry.time_ms
        self.told.lots[market], earned = sold(self.lot(market), quantity, worth.price, ZERO)
        self.gain(time_ms, earned, quote, f"{market} {quantity} {why}")
        self.noted(worth, time_ms)
        self.in_kind(time_ms, -worth.price, quote, FlowKind.WITHDRAWN_IN_KIND, f"{quantity} {base} {why}")

    def send(self, entry: LedgerEntry, market: str, quantity: Decimal) -> None:
        """R15: a part of a lot goes to another account of its owner's, with what it had cost."""
        lot = self.lot(market)
        self.told.lots[market] = left = lot.without(quantity)
        parcel = Lot(asset=lot.asset, quantity=quantity, cost=lot.cost - left.cost)
        self.carry(market, parcel.cost)
        self.parcels.leave(entry.id, market, parcel, self.take)

    def take(self, market: str, parcel: Lot) -> None:
        """It has come here, or has not gone."""
        lot = self.lot(market)
        self.told.lots[market] = replace(lot, quantity=lot.quantity + parcel.quantity, cost=lot.cost + parcel.cost)
        self.carry(market, -parcel.cost)

    def carry(self, market: str, cost: Decimal) -> None:
        if symbol_of(market)[1] == self.money.quote:
            self.money.away += cost

    def beyond(
        self, entry: LedgerEntry, asset: str, first: str, worth: Worth, why: str, arrives: Decimal = ZERO
    ) -> None:
        """What has left beyond the owner's own coins, out of the lots of that coin: the market's it was sold on first. So much
        of it `arrives` on another account of his, and is sold no more than that."""
        mine = sorted((m for m, lot in self.told.lots.items() if lot.asset == asset), key=lambda m: (m != first, m))
        short = self.ours(asset) - self.held.get(asset, ZERO)
        for market in mine:
            part = min(short, self.told.lots[market].quantity)
            if part > 0:
                goes_on = min(part, arrives)
                if goes_on:
                    self.send(entry, market, goes_on)
                if gone := part - goes_on:
                    self.leave(entry, market, gone, worth(symbol_of(market)[1], gone), why)
                self.ahead[market] = self.ahead.get(market, ZERO) + part
                short, arrives = short - part, arrives - goes_on

    def closing(self, time_ms: int, asset: str) -> Worth:
        """R11: the close of that minute, no fee."""

        def worth(quote: str, part: Decimal) -> Priced:
            close = self.prices.close(asset, quote, time_ms)
            return replace(close, price=worth_withdrawn(part, close.price))

        return worth

    # ---- what moves without an order

    def moved(self, entry: LedgerEntry) -> None:
        """Deposits, withdrawals, transfers, what the venue gives (R14, R16) and sweeps, and what nobody explains."""
        net = dict[str, Decimal]()
        for t in entry.transfers:
            sign = 1 if t.debit is LedgerCode.VENUE else -1 if t.credit is LedgerCode.VENUE else 0
            net[t.asset] = net.get(t.asset, ZERO) + sign * t.amount
        for asset, amount in net.items():
            self.movement(entry, asset, amount)
        swept = entry.transfers[0].code is TransferCode.DUST and sum(amount < 0 for amount in net.values()) == 1
        if entry.id in self.ways.departures:
            self.parcels.arrive(self.ways.departures[entry.id], self.take)
        for asset, amount in net.items():
            if amount < 0:
                worth = self.swept(entry, net, -amount) if swept else self.closing(entry.time_ms, asset)
                why = "swept as dust" if swept else "withdrawn"
                self.beyond(entry, asset, "", worth, why, self.ways.arriving(entry, -amount))
                self.capital_leaves(entry, asset, -amount)
            elif asset == self.money.quote and self.ways.of(entry) is Way.OWN:
                self.money.returns(amount)
            else:
                self.capital_comes(entry, asset, amount)

    def movement(self, entry: LedgerEntry, asset: str, amount: Decimal) -> None:
        """Write it down at its value on receipt."""
        find = self.prices.given if amount > 0 else self.prices.close
        price = find(asset, self.currency, entry.time_ms).price
        value = amount * price if price else None
        cause = next(t.code.value for t in entry.transfers)
        self.told.movements.append(Movement(entry.time_ms, asset, amount, value, cause, self.ways.of(entry)))

    def swept(self, entry: LedgerEntry, net: dict[str, Decimal], quantity: Decimal) -> Worth:
        """R14: dust of ours is sold for what the venue gave for it."""

        def worth(quote: str, part: Decimal) -> Priced:
            came = [(a, self.prices.given(a, quote, entry.time_ms)) for a, amount in net.items() if amount > 0]
            value = sum((net[asset] * price.price for asset, price in came), ZERO)
            return Priced(price=share(value, part, quantity), provisional=any(price.provisional for _, price in came))

        return worth

    def capital_comes(self, entry: LedgerEntry, asset: str, amount: Decimal) -> None:
        if asset == self.money.quote:
            self.flow(entry.time_ms, self.money.comes(amount), asset, FlowKind.GIVEN)

    def capital_leaves(self, entry: LedgerEntry, asset: str, amount: Decimal) -> None:
        """Money that leaves an account is capital only beyond what is idle; on the way to another account it stays so."""
        if asset != self.money.quote:
            return
        lots = sum((lot.cost for market, lot in self.told.lots.items() if symbol_of(market)[1] == asset), ZERO)
        capital = self.money.leaves(amount, self.held.get(asset, ZERO), lots, self.ways.arriving(entry, amount))
        kind = FlowKind.NETWORK_FEE if self.ways.stays(entry) else FlowKind.TAKEN_BACK
        self.flow(entry.time_ms, -capital, asset, kind)
