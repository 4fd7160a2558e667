from tradepool.core.graph.expr import close, crosses_above, crosses_below, parameter
from tradepool.core.graph.primitives import sma
from tradepool.core.graph.scope import of
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.strategies.exits import stop_percent
from tradepool.core.strategies.strategy import Strategy


def strategy() -> Strategy:
    fast, slow = ema(length=12), ema(length=26)
    calm = of("BTC/USDT", close > sma(close, parameter("bitcoin_length", 200, 20, 1000, 1)))
    return Strategy(
        "with_bitcoin",
        1,
        enter=crosses_above(fast, slow) & calm,
        exit=crosses_below(fast, slow) | ~calm,
        exits=stop_percent(5.0),
    )
