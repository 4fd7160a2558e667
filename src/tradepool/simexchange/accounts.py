"""Who trades at the venue: keys, what is free and what open orders hold, and everything ever done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from tradepool.domain.errors import InvalidInput, MoneyTooLarge, OffGrid
from tradepool.domain.market import EXACT_MAX
from tradepool.simexchange.errors import InsufficientBalance
from tradepool.simexchange.history import History
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.records import Order, OrderList, Side


class FeePlan(NamedTuple):
    """What an account pays: rates in parts per million (None: the market's), and perhaps an asset it pays with.

    Paid in `asset` a fee is `discount_ppm` less, as long as enough of it is free; else it is taken from what is
    received.
    """

    maker_ppm: int | None = None
    taker_ppm: int | None = None
    asset: str | None = None
    discount_ppm: int = 250_000

    def rate_ppm(self, market: ListedMarket, *, is_maker: bool) -> int:
        """The rate of a trade in a market."""
        own = self.maker_ppm if is_maker else self.taker_ppm
        return own if own is not None else market.maker_ppm if is_maker else market.taker_ppm


class Account:
    """One user's account. Amounts are whole units of their asset and never negative."""

    def __init__(
        self, index: int, key: str, secret: str, balances: dict[str, int], markets: Sequence[ListedMarket]
    ) -> None:
        """Open the account with what it holds; every listed asset has a line."""
        self.index, self.key, self.secret = index, key, secret.encode()
        assets = dict.fromkeys(asset for market in markets for asset in (market.quote, market.base))
        self.free: dict[str, int] = dict.fromkeys(assets, 0) | balances
        self.locked: dict[str, int] = dict.fromkeys(self.free, 0)
        self.held: dict[int, int] = {}
        self.open: dict[int, Order] = {}
        self.open_ids: dict[str, int] = {}
        self.open_count: Counter[str] = Counter()
        self.history = History(index, markets)
        self.lists: list[OrderList] = []
        self.list_ids: dict[str, int] = {}
        self.fees = FeePlan()
        self.can_trade = self.can_withdraw = self.can_deposit = True

    def accept(self, order: Order, units: int) -> None:
        """Open an order, and let it hold all it may give away; InsufficientBalance when that is not free."""
        asset = given_asset(order)
        if self.free[asset] < units:
            raise InsufficientBalance(asset=asset, needed=units, free=self.free[asset])
        self.held[order.id] = 0
        self.hold(order, units)
        self.open[order.id] = order
        self.open_ids[order.client_id] = order.id
        self.open_count[order.market.symbol] += 1

    def hold(self, order: Order, units: int) -> None:
        """Let an open order hold so many units more, or give some back when they are negative."""
        asset = given_asset(order)
        self.held[order.id] += units
        self.free[asset] -= units
        self.locked[asset] += units

    def take_over(self, order: Order, other: Order, units: int) -> None:
        """What two open orders held together is one's own now: so many units, and the rest is free."""
        self.held[order.id] += self.held[other.id]
        self.held[other.id] = 0
        self.hold(order, units - self.held[order.id])

    def release(self, order: Order) -> None:
        """Give back what an open order held; it is no longer open."""
        self.hold(order, -self.held[order.id])
        del self.held[order.id], self.open[order.id], self.open_ids[order.client_id]
        self.open_count[order.market.symbol] -= 1

    def move(self, asset: str, units: int) -> None:
        """Change what is free by so many units; InsufficientBalance when more would leave than is free."""
        if self.free.get(asset, 0) + units < 0:
            raise InsufficientBalance(asset=asset, needed=-units, free=self.free.get(asset, 0))
        self.locked.setdefault(asset, 0)
        self.free[asset] = self.free.get(asset, 0) + units

    def add_list(self, order_list: OrderList) -> None:
        """Keep a new list, or what became of one."""
        row = order_list.id - self.history.base - 1
        self.lists[row : row + 1] = [order_list]
        self.list_ids[order_list.client_id] = order_list.id

    def order_list(self, list_id: int) -> OrderList | None:
        """A list by id; None when this account has none."""
        row = list_id - self.history.base - 1
        return self.lists[row] if 0 <= row < len(self.lists) else None

    def other_of(self, order: Order) -> Order | None:
        """The other order of an order's list, while it is open."""
        order_list = self.order_list(order.list_id) if order.list_id else None
        ids = order_list.order_ids if order_list else ()
        return next((self.open[each] for each in ids if each != order.id and each in self.open), None)

    def pay(self, order: Order, units: int, received: str, received_units: int) -> None:
        """An open order pays out of what it holds, and gets something for it that is free."""
        self.held[order.id] -= units
        self.locked[given_asset(order)] -= units
        self.free[received] += received_units


def given_asset(order: Order) -> str:
    """What an order gives away: quote for a buy, base for a sell."""
    return order.market.quote if order.side is Side.BUY else order.market.base


def whole_units(asset: str, amount: Decimal, unit: Decimal) -> int:
    """An amount as units of its asset; InvalidInput when negative, OffGrid between two units, MoneyTooLarge.

    >>> whole_units("BTC", Decimal("0.00000003"), Decimal("1e-8"))
    3
    """
    if not amount.is_finite() or amount < 0:
        raise InvalidInput(what=f"amount of {asset}", why=f"{amount} is no amount", remedy="give zero or more")
    if amount / unit >= EXACT_MAX:
        raise MoneyTooLarge(asset=asset, value=amount, unit=unit)
    units, rest = divmod(amount, unit)
    if rest:
        raise OffGrid(what=f"amount of {asset}", value=amount, step=unit, market="this venue")
    return int(units)
