"""What each venue lets through from one address and one key, and what each request costs there.

Binance's table is complete for spot; of other venues little is documented, and a request every half second is what
nobody is known to refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tradepool.ports.weights import Cost, Limit, Measure

SECOND_MS, MINUTE_MS, DAY_MS = 1_000, 60_000, 86_400_000
# Exits: two requests each (cancel the stop, sell) for 600 accounts in one minute, whatever the others do, and far more
# as long as they do less than they may. Market data: 24 order books of 1,000 levels, or all candles of 600 markets.
KEPT = (20, 5, 10, 20)

BINANCE = (
    Limit(
        name="weight a minute",
        measure=Measure.WEIGHT,
        amount=6_000,
        length_ms=MINUTE_MS,
        kept=KEPT,
        head=10,
        header="x-mbx-used-weight-1m",
    ),
    Limit(name="requests in 5 minutes", measure=Measure.REQUESTS, amount=61_000, length_ms=5 * MINUTE_MS, kept=KEPT),
    Limit(
        name="orders of a key in 10 seconds",
        measure=Measure.ORDERS,
        amount=100,
        length_ms=10 * SECOND_MS,
        per_key=True,
        kept=(25, 0, 0, 0),
        header="x-mbx-order-count-10s",
    ),
    Limit(
        name="orders of a key in a day",
        measure=Measure.ORDERS,
        amount=200_000,
        length_ms=DAY_MS,
        per_key=True,
        kept=(5, 0, 0, 0),
        header="x-mbx-order-count-1d",
    ),
    # Evenly over the window, so that it holds for any five minutes and not only for those of our clock: nobody has
    # documented where the venue's begin.
    Limit(
        name="connections in 5 minutes",
        measure=Measure.CONNECTIONS,
        amount=290,
        length_ms=5 * MINUTE_MS,
        kept=(0, 0, 0, 2),
        head=1,
    ),
    # 18,000 of the account's 180,000 a minute, for each look into the withdrawals.
    Limit(
        name="withdrawal histories of a key in a minute",
        measure=Measure.HISTORIES,
        amount=10,
        length_ms=MINUTE_MS,
        per_key=True,
    ),
)
# Documented for an address; the venue sends no count, so this one is ours alone.
MEXC = (
    Limit(
        name="weight in 10 seconds", measure=Measure.WEIGHT, amount=300, length_ms=10 * SECOND_MS, kept=KEPT, head=20
    ),
)
BASE_PACE = (Limit(name="pace", measure=Measure.REQUESTS, amount=1, length_ms=500, slack_ms=0),)
LIMITS: Mapping[str, Sequence[Limit]] = {"binance": BINANCE, "mexc": MEXC}

# What one unit of ccxt's cost is worth in the venue's weight.
UNIT = {"binance": 5, "mexc": 1}
# Where ccxt's table is not Binance's: path -> weight.
CORRECTED = {"aggTrades": 4, "trades": 25, "historicalTrades": 25}
ORDERS = {
    "order": 1,
    "order/cancelReplace": 1,
    "sor/order": 1,
    "order/oco": 2,
    "orderList/oco": 2,
    "orderList/oto": 2,
    "orderList/otoco": 3,
}
TICKERS_SMALL, TICKERS_LARGE = 20, 100
# Opening a connection to the ws-api, and subscribing to the user stream on it.
CONNECT_WEIGHT, SUBSCRIBE_WEIGHT = 2, 2


def limits_of(venue: str) -> Sequence[Limit]:
    """A venue's limits.

    >>> [limit.name for limit in limits_of("kraken")]
    ['pace']
    """
    return LIMITS.get(venue, BASE_PACE)


def cost_of(
    venue: str, key: str, section: str, method: str, path: str, params: Mapping[str, Any], ccxt_cost: float
) -> Cost:
    """What one request costs; `section` is ccxt's name of the API's part, `ccxt_cost` what ccxt says.

    >>> cost_of("binance", "ann", "private", "POST", "order", {}, 0.2)
    Cost(weight=1, requests=1, orders=1, connections=0, key='ann', histories=0)
    """
    if venue == "binance" and section.startswith("sapi"):
        # Each of these has a pool of its own of 12,000 a minute, which we come nowhere near; but for one, which is dear.
        return Cost(weight=0, key=key, histories=int(path == "capital/withdraw/history"))
    weight = max(1, round(ccxt_cost * UNIT.get(venue, 1)))
    if venue == "binance":
        weight = CORRECTED.get(path, weight)
        symbols = params.get("symbols")
        if path == "ticker/24hr" and symbols:
            # As ccxt sends them: '["BTCUSDT","ETHUSDT"]'.
            count = str(symbols).count(",") + 1
            weight = 2 if count <= TICKERS_SMALL else 40 if count <= TICKERS_LARGE else 80
    return Cost(weight=weight, orders=ORDERS.get(path, 0) if method == "POST" else 0, key=key)


def stream_cost(venue: str, *, private: bool, connects: bool = True) -> Cost:
    """What opening a stream costs; on Binance a private one weighs too, on a connection that stands (not `connects`) less.

    >>> stream_cost("binance", private=True, connects=False)
    Cost(weight=2, requests=0, orders=0, connections=0, key='', histories=0)
    """
    weight = CONNECT_WEIGHT * connects + SUBSCRIBE_WEIGHT if private and venue == "binance" else 0
    return Cost(weight=weight, requests=0, connections=int(connects))
