"""Looking after the data plane: markets that stand still are suspended, and a stream that says nothing is opened anew."""

from __future__ import annotations

from tradepool.core.risk.suspension import Suspensions, Trouble
from tradepool.ports.clock import Clock
from tradepool.ports.market_state import PlaneState
from tradepool.runtime import telemetry
from tradepool.services.market_data import MarketData

LOOK_S = 15.0
STALE_BARS = 3
# After a bar's end; candles come within a second, and what was missed is asked for after two.
SILENT_MS = 10_000

log = telemetry.logger(__name__)


async def look_at_data(data: MarketData, suspensions: Suspensions, clock: Clock) -> None:
    """Look every LOOK_S, until cancelled."""
    while True:
        await clock.sleep(LOOK_S)
        state = data.state()
        judge(state, suspensions)
        if silent(state):
            data.reopen("no candle of any market came")


def judge(state: PlaneState, suspensions: Suspensions) -> None:
    """Suspend the markets that have had no candle for STALE_BARS while others have; lift what is over."""
    stale = {each.market: each for each in state.behind(STALE_BARS)}
    for market, each in stale.items():
        note = f"no candle since {(state.now_ms - each.newest_ms) // 1_000} s"
        suspensions.suspend(market, Trouble.STALE, state.now_ms, note)
    for held in suspensions.all(state.now_ms):
        if held.trouble is Trouble.STALE and held.market not in stale:
            log.info("a market's candles are back", market=held.market)
            suspensions.lift(held.market)


def silent(state: PlaneState) -> bool:
    """Whether a bar ended SILENT_MS ago of which nothing is known, of any market, though the stream stands."""
    over_ms = state.now_ms - SILENT_MS
    ended_ms = over_ms - over_ms % state.timeframe_ms
    return not state.lost and bool(state.markets) and all(0 <= each.known_ms < ended_ms for each in state.markets)
