from tradepool.core.graph.expr import close, parameter
from tradepool.core.indicators.exponential_moving_average import ema
from tradepool.core.indicators.relative_strength_index import rsi
from tradepool.core.strategies.exits import stop_percent
from tradepool.core.strategies.strategy import Strategy


def strategy() -> Strategy:
    dip = rsi(length=14) < parameter("oversold", 35, 5, 50, 1)
    uptrend = close > ema(length=parameter("trend", 200, 20, 400, 1))
    return Strategy("dip_buyer", 1, enter=dip & uptrend, exit=rsi(length=14) > 55, exits=stop_percent(3.0))
