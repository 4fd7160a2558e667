"""What a user has at his venues, coin by coin, and what came and went without an order: as JSON and as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.core.account.prices import prices_of
from tradepool.core.ledger.explaining import HeldBooks, worth
from tradepool.domain.balance import Balance
from tradepool.domain.ledger import LedgerCode, LedgerEntry, TransferCode
from tradepool.presentation.formats import iso, money, plain
from tradepool.presentation.results import SCHEMA

# What comes and goes without an order, in the order it is shown.
FLOWS = (
    TransferCode.OPENING,
    TransferCode.DEPOSIT,
    TransferCode.WITHDRAWAL,
    TransferCode.NETWORK_FEE,
    TransferCode.MOVED,
    TransferCode.DIVIDEND,
    TransferCode.DUST,
    TransferCode.UNEXPLAINED,
)
NONE = Decimal(0)


class CoinRow(msgspec.Struct, frozen=True):
    """One asset: of all of it (`free`, `locked` by orders), `mandate` is what the mandate trades with, the rest is the
    user's `own` (None: nobody could look); `price` and `value` are in the quote asset, None where no price is known."""

    asset: str
    free: str
    locked: str
    mandate: str | None
    own: str | None
    price: str | None
    value: str | None


class AccountRow(msgspec.Struct, frozen=True):
    """An account as of a moment; `mandate` is "" where none trades it. `stale` says why that is not the venue's word of the last
    minutes, "" where it is: what is shown then was recorded last, and nothing is entered because of it. `equity` counts what
    has a price, in `quote`. `flows` is what came less what left so far, by cause and asset; `off` why nothing is entered until
    a person looks."""

    account: str
    user: str
    mandate: str
    quote: str
    equity: str
    as_of: str | None
    coins: list[CoinRow]
    flows: dict[str, dict[str, str]]
    stale: str = ""
    off: str = ""


class BalancesJson(msgspec.Struct, frozen=True):
    """The accounts of one user, or of all."""

    accounts: list[AccountRow]
    schema: int = SCHEMA


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Whose account it is, and in what it is counted."""

    account: str
    user: str
    mandate: str
    quote: str


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue said an account holds, and when; `stale` why that is not fresh."""

    balances: Sequence[Balance]
    as_of_ms: int | None
    stale: str = ""


def recorded(entries: Sequence[LedgerEntry], why: str) -> Said:
    """In place of the venue's word: what the ledger says it holds, as of its last entry."""
    books = HeldBooks()
    books.add(transfer for entry in entries for transfer in entry.transfers)
    held = [
        Balance(account=entries[0].account, asset=asset, free=amount, locked=NONE)
        for asset, amount in sorted(books.held.items())
    ]
    return Said(balances=held, as_of_ms=max((entry.time_ms for entry in entries), default=None), stale=why)


def account_row(holder: Holder, account: Account | None, entries: Sequence[LedgerEntry], said: Said) -> AccountRow:
    """One account, by its own state (None: nobody could look), its ledger, and what its venue said."""
    prices = {holder.quote: Decimal(1)} if account is None else prices_of(account)
    lots = {} if account is None else _lots(account)
    found = [each for each in said.balances if each.total or lots.get(each.asset)]
    held = {balance.asset: balance.total for balance in found}
    return AccountRow(
        account=holder.account,
        user=holder.user,
        mandate=holder.mandate,
        quote=holder.quote,
        equity=plain(worth(held, prices)),
        as_of=None if said.as_of_ms is None else iso(said.as_of_ms),
        coins=[
            _coin(each, None if account is None else lots.get(each.asset, NONE), prices.get(each.asset))
            for each in found
        ],
        flows=flows_so_far(entries),
        stale=said.stale,
        off="" if account is None else account.flows.quarantine,
    )


def _lots(account: Account) -> dict[str, Decimal]:
    """What the mandate trades with: its cash, its positions, and what they left over."""
    lots = {account.quote: account.cash}
    for slot in account.slots.values():
        units = slot.row[step.HOLDING] + max(slot.row[step.DUST], 0)
        lots[slot.market.base] = lots.get(slot.market.base, NONE) + units * slot.market.base_unit
    return lots


def _coin(balance: Balance, lot: Decimal | None, price: Decimal | None) -> CoinRow:
    return CoinRow(
        asset=balance.asset,
        free=plain(balance.free),
        locked=plain(balance.locked),
        mandate=None if lot is None else plain(lot),
        own=None if lot is None else plain(balance.total - lot),
        price=None if price is None else plain(price),
        value=None if price is None else plain(price * balance.total),
    )


def flows_so_far(entries: Iterable[LedgerEntry]) -> dict[str, dict[str, str]]:
    """What came less what left, by cause and asset, without causes that never were."""
    totals: dict[TransferCode, dict[str, Decimal]] = {}
    for transfer in (each for entry in entries for each in entry.transfers if each.code in FLOWS):
        amount = transfer.amount if transfer.debit is LedgerCode.VENUE else -transfer.amount
        of = totals.setdefault(transfer.code, {})
        of[transfer.asset] = of.get(transfer.asset, NONE) + amount
    return {
        code.value: {asset: plain(amount) for asset, amount in sorted(totals[code].items())}
        for code in FLOWS
        if code in totals
    }


def balances_page(found: Sequence[AccountRow]) -> Group:
    """A table an account, and under it what came and went; what to do where there is none."""
    if not found:
        return Group(Text("There is no account yet; next: tradepool accounts add USER"))
    return Group(*(part for row in found for part in _account_page(row)))


def _account_page(row: AccountRow) -> list[Text | Table]:
    mandate = f"mandate {row.mandate}" if row.mandate else "no mandate"
    title = f"{row.account} of {row.user}, {mandate}: worth {money(Decimal(row.equity))} {row.quote}"
    table = Table(title=f"{title}, as of {row.as_of or 'never'}", title_justify="left", box=None, header_style="bold")
    for name in ("asset", "free", "locked", "the mandate's", "own", f"price in {row.quote}", "value"):
        table.add_column(name, justify="left" if name == "asset" else "right")
    for coin in row.coins:
        value = "" if coin.value is None else money(Decimal(coin.value))
        known = (coin.mandate or "unknown", coin.own or "unknown", coin.price or "unknown", value)
        table.add_row(coin.asset, coin.free, coin.locked, *known)
    lines = (
        [Text(f"STALE: {row.stale.rstrip('.')}; shown is what was recorded last", style="yellow")] if row.stale else []
    )
    lines += [Text(f"QUARANTINED: {row.off}; look, then tradepool resume", style="red")] if row.off else []
    flows = [
        Text(f"  {cause.replace('_', ' ')}: " + ", ".join(f"{amount} {asset}" for asset, amount in of.items()))
        for cause, of in row.flows.items()
    ]
    return [*lines, table, *flows]
