"""A user's year at the level of ledger entries: trades, fees in three kinds of coins, flows, transfers, deeds by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from zlib import crc32

from tests.nouns import BTC, fill
from tradepool.core.commission.from_ledger import Given
from tradepool.core.commission.recorded import MINUTE_MS, Minute, Recorded
from tradepool.core.commission.schedule import DAY_MS
from tradepool.core.ledger.posting import adopted_entry, fill_entry, opening_entry, outside_entry, released_entry
from tradepool.domain.balance import Balance
from tradepool.domain.by_hand import PositionAdopted
from tradepool.domain.command import RecordRelease
from tradepool.domain.fill import Fill
from tradepool.domain.flow import RETURNED, FlowCause, Move
from tradepool.domain.ids import AccountId, ClientOrderId, FillId, LedgerEntryId
from tradepool.domain.ledger import LedgerCode, LedgerEntry, Transfer, TransferCode
from tradepool.domain.market import Market
from tradepool.domain.order import Side

WORTH = {"BTC": 60_000, "ETH": 3_000, "BNB": 600, "USDC": 1}
CAPITALS = [Decimal(c) for c in (300, 500, 900, 2_500, 4_500)]
CODES = {
    FlowCause.DEPOSIT: TransferCode.DEPOSIT,
    FlowCause.WITHDRAWAL: TransferCode.WITHDRAWAL,
    FlowCause.TRANSFER: TransferCode.MOVED,
    FlowCause.DIVIDEND: TransferCode.DIVIDEND,
    FlowCause.DUST: TransferCode.DUST,
    FlowCause.UNEXPLAINED: TransferCode.UNEXPLAINED,
}


def close_at(minute: Minute) -> Recorded:
    """What a market closed at in a minute, for ever the same: within a per cent of a round price, USDC within a tenth."""
    market, at = minute
    base = market.partition(":")[2].partition("/")[0]
    drift = Decimal(crc32(f"{market} {at}".encode()) % 2_001 - 1_000) / (1_000_000 if base == "USDC" else 100_000)
    return Recorded((WORTH[base] * (1 + drift)).quantize(Decimal("0.0001")))


def flow_entry(account: AccountId, time_ms: int, cause: FlowCause, moves: list[Move], name: str) -> LedgerEntry:
    """What a venue's history tells, as it is booked; `name` is its reference there, `:` and the chain's id."""
    transfers = list[Transfer]()
    for move in moves:
        for amount, code in ((move.amount + move.fee, CODES[cause]), (-move.fee, TransferCode.NETWORK_FEE)):
            debit, credit = LedgerCode.VENUE, LedgerCode.CAPITAL
            if amount < 0:
                debit, credit = credit, debit
            if amount:
                t = Transfer(debit=debit, credit=credit, asset=move.asset, amount=abs(amount), code=code)
                transfers.append(t)
    reference = f"flow:{cause.value}:{name}"
    return LedgerEntry(
        id=LedgerEntryId(f"{account}:{reference}"),
        account=account,
        time_ms=time_ms,
        transfers=tuple(transfers),
        reference=reference,
    )


@dataclass
class Life:
    """Two accounts of one user, the second one in USDC, and what happens to them, moment by moment."""

    user: str
    seed: int
    since_ms: int
    days: int

    def __post_init__(self) -> None:
        """Nothing is held yet."""
        self.random, self.number = Random(self.seed), 0
        self.accounts = {AccountId(f"{self.user}-main"): "USDT", AccountId(f"{self.user}-two"): "USDC"}
        self.held: dict[tuple[str, str], Decimal] = {}
        self.lots: dict[tuple[str, str], Decimal] = {}

    def told(self) -> Iterator[LedgerEntry | tuple[AccountId, Given]]:
        """Everything, in the order of time; each account is opened first."""
        for account, quote in self.accounts.items():
            coins = {quote: Decimal(20_000), "BNB": Decimal(5), "BTC": Decimal("0.02"), "USDT": Decimal(20_000)}
            held = [Balance(account=account, asset=a, free=q, locked=Decimal(0)) for a, q in coins.items()]
            yield account, Given(self.since_ms, self.random.choice(CAPITALS), quote)
            yield self.booked(opening_entry(account, self.since_ms, tuple(held)))
        for day in range(1, self.days):
            for account, quote in self.accounts.items():
                at = self.since_ms + day * DAY_MS - self.random.randrange(DAY_MS // 2)
                yield from self.moment(account, quote, at)

    def moment(self, account: AccountId, quote: str, at: int) -> Iterator[LedgerEntry | tuple[AccountId, Given]]:
        """What happens that day, if anything."""
        draw = self.random.random()
        market = replace(BTC, base=self.random.choice(["BTC", "ETH"]), quote=quote)
        lot = self.lots.get((account, market.base), Decimal(0))
        if draw < 0.45:
            yield self.booked(fill_entry(self.traded(account, market, at, lot), market))
        elif draw < 0.50:
            yield account, Given(at, self.random.choice(CAPITALS), quote)
        elif draw < 0.56 and lot > market.quantity_step:
            yield from self.by_hand(account, market, at, lot)
        elif draw < 0.66:
            yield from self.flow(account, quote, at)

    def traded(self, account: AccountId, market: Market, at: int, lot: Decimal) -> Fill:
        """A buy, or a sale of some of the lot; its fee in what is received, in quote or in BNB."""
        self.number += 1
        close = close_at((market.id, at // MINUTE_MS * MINUTE_MS)).close
        assert close is not None
        price = market.price(int(close * Decimal(self.random.randrange(95, 108)) / 100 / market.price_tick))
        steps = int(lot / market.quantity_step)
        buys = steps == 0 or self.random.random() < 0.5
        worth = self.random.randrange(50, 400)
        quantity = market.quantity(int(worth / price / market.quantity_step) if buys else self.random.randint(1, steps))
        fee_asset = self.random.choice(["BNB", market.base if buys else market.quote])
        fee = {"BNB": Decimal("0.0005"), market.base: quantity / 1_000}.get(fee_asset, Decimal("0.2"))
        return fill(
            account=account,
            fill_id=FillId(str(self.number)),
            market=market.id,
            side=Side.BUY if buys else Side.SELL,
            price=price,
            quantity=quantity,
            fee=fee.quantize(Decimal("0.00000001")),
            fee_asset=fee_asset,
            time_ms=at,
        )

    def by_hand(self, account: AccountId, market: Market, at: int, lot: Decimal) -> Iterator[LedgerEntry]:
        """The owner sells some of ours and the platform hears it later, takes a lot over, gives one, or withdraws one,
        which may come back."""
        own = self.held[account, market.base] - lot
        match self.random.randrange(4):
            case 0:
                sale = self.traded(account, market, at, lot)
                ours = market.quantity(max(1, int(lot / market.quantity_step / 2)))
                sale = replace(sale, side=Side.SELL, client_order_id=ClientOrderId("web"), fee_asset=market.quote)
                quantity = market.quantity(int((own + ours) / market.quantity_step))
                entry = outside_entry(replace(sale, quantity=quantity, fee=Decimal("0.1")), market)
                yield self.booked(entry, market.base, -max(Decimal(0), quantity - own))
                release = RecordRelease(market.id, quantity - own, at + 5_000)
                if quantity > own:
                    yield released_entry(account, release, market)
            case 1:
                release = RecordRelease(market.id, market.quantity(int(lot / market.quantity_step)), at)
                yield self.booked(released_entry(account, release, market), market.base, -release.quantity)
            case 2 if own > market.quantity_step:
                quantity = market.quantity(max(1, int(own / market.quantity_step / 3)))
                one = Decimal(1)
                event = PositionAdopted(time_ms=at, market=market.id, quantity=quantity, price=one, stop_price=one)
                yield self.booked(adopted_entry(account, event, market), market.base, quantity)
            case _:
                gone = own + lot / 2
                move = Move(asset=market.base, amount=-gone, fee=gone / 100)
                entry = flow_entry(account, at, FlowCause.WITHDRAWAL, [move], f"w{at}:")
                yield self.booked(entry, market.base, -lot / 2)
                if at % 3 == 0:
                    back = [Move(asset=market.base, amount=gone)]
                    entry = flow_entry(account, at, FlowCause.WITHDRAWAL, back, f"w{at}{RETURNED}:")
                    yield self.booked(entry, market.base, lot / 2)
                else:
                    yield released_entry(account, RecordRelease(market.id, lot / 2, at + 5_000), market)

    def flow(self, account: AccountId, quote: str, at: int) -> Iterator[LedgerEntry]:
        """A deposit, a withdrawal, a transfer to the other account and its arrival, a gift, dust, what nobody explains."""
        amount, name = Decimal(self.random.randrange(10, 3_000)), f"f{at}"
        cause = self.random.choice(list(FlowCause))
        out = min(amount, self.held[account, quote] / 2)
        match cause:
            case FlowCause.DEPOSIT:
                moves = [Move(asset=quote, amount=amount)]
            case FlowCause.TRANSFER:
                (other,) = [each for each in self.accounts if each != account]
                move = Move(asset="USDT", amount=-min(amount, self.held[account, "USDT"] / 2), fee=Decimal(1))
                tx_id = name if self.random.random() < 0.5 else ""
                yield self.booked(flow_entry(account, at, cause, [move], f"{name}:{tx_id}"))
                if self.random.random() < 0.8:
                    came = [Move(asset="USDT", amount=-move.amount - 1)]
                    entry = flow_entry(other, at + 600_000, FlowCause.DEPOSIT, came, f"{name}:{tx_id}")
                    yield self.booked(entry)
                return
            case FlowCause.DIVIDEND:
                moves = [Move(asset="BNB", amount=Decimal("0.01"))]
            case FlowCause.DUST:
                dust = self.held[account, "BTC"] - self.lots.get((account, "BTC"), Decimal(0))
                if dust <= 0:
                    return
                moves = [Move(asset="BTC", amount=-dust), Move(asset="BNB", amount=Decimal("0.02"))]
            case _:
                moves = [Move(asset=quote, amount=-out)]
        yield self.booked(flow_entry(account, at, cause, moves, f"{name}:"))

    def booked(self, entry: LedgerEntry, asset: str = "", lot: Decimal = Decimal(0)) -> LedgerEntry:
        """What the account holds by then, and how much of it is ours."""
        for t in entry.transfers:
            for code, amount in ((t.debit, t.amount), (t.credit, -t.amount)):
                if code is LedgerCode.VENUE:
                    key = entry.account, t.asset
                    self.held[key] = self.held.get(key, Decimal(0)) + amount
                    if entry.reference.startswith("fill:") and t.asset in ("BTC", "ETH") and not asset:
                        self.lots[key] = self.lots.get(key, Decimal(0)) + amount
        if asset:
            self.lots[entry.account, asset] = self.lots.get((entry.account, asset), Decimal(0)) + lot
        return entry
