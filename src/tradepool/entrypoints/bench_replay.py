"""Speed of the live stack against the simulated exchange in one process: candles a CPU second, and what each thing costs.

Three markets of 5m candles, five users, HTTPS and WSS. CPU time between the first and the last step of the venue, and
beside it the wall-clock time of the same run. Cost of a quiet candle: two loads in which nobody trades, one twice as
long. Cost of an order request: a load that trades much, less the quiet candles in it, over its requests. The row at a
fixed share of requests is computed from these two costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tradepool.core.graph.expr import close, constant
from tradepool.core.strategies import catalog
from tradepool.core.strategies.strategy import Strategy
from tradepool.entrypoints.bench import Figure, Measure
from tradepool.entrypoints.bench_backtest import MINUTES_5_MS, START_MS
from tradepool.entrypoints.demo import MODEL_SYMBOLS
from tradepool.entrypoints.replay import Door, Outcome, Plan, Player, Replay, replay
from tradepool.entrypoints.single_run import refuse_halted
from tradepool.simexchange.market_model import model_listings

BARS = 1_000
USERS = 5
REACH_CANDLES_S, REACH_QUIET_MS, REACH_REQUEST_MS = 2_000.0, 0.2, 0.9
REQUESTS_A_CANDLE = 0.2
SEED = 7
# Seldom enough for about 0.2 requests a candle with five users on three markets.
SELDOM = {"fast": 60, "slow": 240, "stop_atrs": 12.0, "trail_atrs": 20.0}
OFTEN = {"fast": 5, "slow": 13, "stop_atrs": 3.0, "trail_atrs": 3.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What one replay cost: CPU and wall seconds of its steps, candles, requests."""

    cpu_s: float
    wall_s: float
    candles: int
    requests: int


def never() -> Strategy:
    """A strategy that watches and never trades."""
    return Strategy("bench_never", 1, enter=close > constant(1e15), exit=close < constant(0.0))


def crossing(values: dict[str, float]) -> Strategy:
    """The moving-average cross with these parameters."""
    return catalog.named("moving_average_cross").with_parameters(values)


def plan(strategy: Strategy, bars: int, door: Door = "unix") -> Plan:
    """Five users, each on all three markets."""
    listings = model_listings(MODEL_SYMBOLS, MINUTES_5_MS, START_MS, bars, SEED)
    markets = tuple(listing.market.id for listing in listings)
    players = [
        Player(name=f"user-{n}", strategy=strategy, markets=markets, capital=Decimal(10_000), weight=Decimal("0.3"))
        for n in range(USERS)
    ]
    return Plan(listings=listings, players=players, door=door, seed=SEED)


def cost(planned: Plan) -> Load:
    """Run it once. The requests before the first step (markets, balances, keys) are not counted."""
    spent = Spent()
    outcome: Outcome = replay(planned, spent)
    refuse_halted(outcome)
    return Load(spent.last_s - spent.first_s, spent.last_wall_s - spent.first_wall_s, outcome.candles, outcome.requests)


class Spent:
    """A `before_step` that notes the CPU and the wall time of the first and the last step."""

    def __init__(self) -> None:
        """Nothing noted yet."""
        self.first_s = self.last_s = 0.0
        self.first_wall_s = self.last_wall_s = 0.0

    def __call__(self, run: Replay) -> bool:
        """Never holds a step back."""
        self.last_s, self.last_wall_s = time.process_time(), time.perf_counter()
        self.first_s, self.first_wall_s = self.first_s or self.last_s, self.first_wall_s or self.last_wall_s
        return True


def rounds() -> Measure:
    """Warm everything up (imports, machine code), find what starting asks for, then measure."""
    at_start = cost(plan(never(), 50)).requests
    loads: dict[str, Callable[[], Plan]] = {
        "unix": lambda: plan(crossing(SELDOM), BARS),
        "tcp": lambda: plan(crossing(SELDOM), BARS, "tcp"),
        "quiet": lambda: plan(never(), BARS),
        "quiet twice": lambda: plan(never(), 2 * BARS),
        "often": lambda: plan(crossing(OFTEN), BARS),
    }

    def once() -> list[Figure]:
        found = {name: cost(planned()) for name, planned in loads.items()}
        return figures(found, at_start)

    return once


def figures(found: dict[str, Load], at_start: int) -> list[Figure]:
    """What the loads say."""
    quiet, twice, often = found["quiet"], found["quiet twice"], found["often"]
    quiet_ms = 1000 * (twice.cpu_s - quiet.cpu_s) / (twice.candles - quiet.candles)
    request_ms = 1000 * (often.cpu_s - quiet.cpu_s) / (often.requests - quiet.requests)
    at_reach = 1000 / (quiet_ms + REQUESTS_A_CANDLE * request_ms)
    rows = []
    for door in ("unix", "tcp"):
        load = found[door]
        name = f"replay, {USERS} users, {door}"
        rows.append(Figure(name, "candles/CPU s", load.candles / load.cpu_s, smaller=False))
        rows.append(Figure(f"{name}: wall clock", "candles/wall s", load.candles / load.wall_s, smaller=False))
        rows.append(Figure(f"{name}: requests", "requests/candle", (load.requests - at_start) / load.candles))
    at_share = f"replay at {REQUESTS_A_CANDLE} requests/candle, computed from the two rows below"
    reach = {"reach": REACH_CANDLES_S}
    return [
        *rows,
        Figure(at_share, "candles/CPU s (computed)", at_reach, smaller=False, peers=reach),
        Figure("quiet candle", "ms CPU", quiet_ms, peers={"reach": REACH_QUIET_MS}),
        Figure("order request", "ms CPU", request_ms, peers={"reach": REACH_REQUEST_MS}),
    ]
