"""What can be traded: one instrument on one venue, its grid of prices and quantities, and its fees."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from tradepool.domain.errors import MoneyTooLarge, OffGrid
from tradepool.domain.ids import MarketId

UNIT = Decimal("1e-8")
EXACT_MAX = 2**53
USD_COINS = frozenset({"USD", "USDT", "USDC", "BUSD", "TUSD", "FDUSD", "USDP", "DAI"})
SMALLEST_SELL_USD = Decimal("10.03")


def unit_for(quantity_step: Decimal) -> Decimal:
    """The unit a base asset is counted in: 1e-8, or 1e-8 steps where a step is more than one coin.

    So a step is at most 1e8 units, and a holding of many cheap coins stays below 2^53.

    >>> unit_for(Decimal("0.001")), unit_for(Decimal(1000))
    (Decimal('1E-8'), Decimal('0.00001000'))
    """
    return UNIT if quantity_step <= 1 else quantity_step * UNIT


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSchedule:
    """Shares of the traded amount a venue keeps: on spot of what is received, on a perpetual in quote."""

    maker_rate: Decimal
    taker_rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One instrument on one venue; all its money is whole numbers of ticks, steps and units.

    `kind` is "spot", or "perpetual" where positions are long or short and all fees are paid in quote. Prices are whole
    `price_tick`s, order quantities whole `quantity_step`s, holdings and cash whole `base_unit`s and `quote_unit`s. The
    derived integers are what the account step and the venues compute with. `pairs`: the venue holds a stop and a target
    for the same coins, as two orders of which one trades.

    >>> btc = Market(venue="binance", base="BTC", quote="USDT", price_tick=Decimal("0.01"),
    ...              quantity_step=Decimal("0.00001"), quantity_min=Decimal("0.00001"), notional_min=Decimal(5),
    ...              fees=FeeSchedule(maker_rate=Decimal("0.001"), taker_rate=Decimal("0.001")))
    >>> btc.symbol, btc.ticks(Decimal("60000.01")), btc.units_per_step, btc.units_per_tick_step
    ('BTC/USDT', 6000001, 1000, 10)
    >>> btc.notional(6000001, 100)
    Decimal('60.00001000')
    """

    venue: str
    base: str
    quote: str
    kind: str = "spot"
    price_tick: Decimal
    quantity_step: Decimal
    quantity_min: Decimal
    notional_min: Decimal
    fees: FeeSchedule
    base_unit: Decimal = UNIT
    quote_unit: Decimal = UNIT
    pairs: bool = True
    units_per_step: int = field(init=False)
    units_per_tick_step: int = field(init=False)

    def __post_init__(self) -> None:
        """Derive the integers; a grid finer than the unit of money is refused by name."""
        object.__setattr__(self, "units_per_step", self._whole("quantity_step", self.quantity_step, self.base_unit))
        worth = self.price_tick * self.quantity_step
        object.__setattr__(
            self, "units_per_tick_step", self._whole("price_tick x quantity_step", worth, self.quote_unit)
        )

    @property
    def symbol(self) -> str:
        """The pair as traders write it."""
        return f"{self.base}/{self.quote}"

    @property
    def id(self) -> MarketId:
        """The pair and its venue, unique in a deployment."""
        return MarketId(f"{self.venue}:{self.base}/{self.quote}")

    @property
    def fee_in_quote(self) -> bool:
        """Whether a buy's fee is paid in quote on top, as on perpetuals and margin; only there a short can be held."""
        return self.kind != "spot"

    @property
    def entry_fee_asset(self) -> str:
        """The asset an entry's fee is paid in; an exit's is always paid in quote."""
        return self.quote if self.fee_in_quote else self.base

    @property
    def entry_fee_unit(self) -> Decimal:
        """The unit an entry's fee is counted in."""
        return self.quote_unit if self.fee_in_quote else self.base_unit

    @property
    def smallest_sell(self) -> Decimal:
        """Least worth of a sell: 10.03 where the quote is a USD coin, and never below the venue's filter."""
        return max(SMALLEST_SELL_USD, self.notional_min) if self.quote in USD_COINS else self.notional_min

    def ticks(self, price: Decimal) -> int:
        """Whole ticks of a price that is on the grid (else OffGrid)."""
        return self._whole("price", price, self.price_tick)

    def price(self, ticks: int) -> Decimal:
        """The price of so many ticks."""
        return ticks * self.price_tick

    def steps(self, quantity: Decimal) -> int:
        """Whole steps of a quantity that is on the grid (else OffGrid)."""
        return self._whole("quantity", quantity, self.quantity_step)

    def quantity(self, steps: int) -> Decimal:
        """The quantity of so many steps."""
        return steps * self.quantity_step

    def base_units(self, amount: Decimal) -> int:
        """Whole units of the base asset (else OffGrid)."""
        return self._units(self.base, amount, self.base_unit)

    def quote_units(self, amount: Decimal) -> int:
        """Whole units of the quote asset (else OffGrid)."""
        return self._units(self.quote, amount, self.quote_unit)

    def notional(self, ticks: int, steps: int) -> Decimal:
        """Worth of so many steps at a price of so many ticks, in the quote asset."""
        return ticks * steps * self.units_per_tick_step * self.quote_unit

    def _whole(self, what: str, value: Decimal, step: Decimal) -> int:
        count, rest = divmod(value, step)
        if rest:
            raise OffGrid(what=what, value=value, step=step, market=f"{self.venue}:{self.base}/{self.quote}")
        return int(count)

    def _units(self, asset: str, amount: Decimal, unit: Decimal) -> int:
        if abs(amount) >= EXACT_MAX * unit:
            raise MoneyTooLarge(asset=asset, value=amount, unit=unit)
        return self._whole(asset, amount, unit)
