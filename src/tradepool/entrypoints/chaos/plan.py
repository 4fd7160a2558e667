"""What a chaos run is: who trades what, when the platform dies, and for how long the venue goes on without it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import cycle

from tradepool.core.strategies import catalog
from tradepool.core.strategies.exits import Exits, break_even_atrs, targets_atrs, time_exit
from tradepool.entrypoints.chaos.points import POINTS
from tradepool.entrypoints.replay import Plan, Player
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.market_model import model_listings
from tradepool.simexchange.rules import Rules

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
# On one of them the venue holds a stop or a target, not both: it is watched.
UNPAIRED, NO_PAIRS = "SOL", Rules(pairs=False)
BAR_MS = 60_000
BARS_AN_HOUR = 60
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
CAPITAL = Decimal(10_000)
SHARE_OF_CASH = Decimal("0.9")
DEAD_BARS_MAX = 50
# Most restarts are quick, some are not: the mean is seven bars of at most fifty.
DEAD_POWER = 6
DEAD_SHARE_MAX = 0.5
# At the end nothing goes wrong and nobody dies, so that what must come to rest can.
CALM_BARS = 20
COUNT_MAX = 3

# Each trades often, and protects all it buys; some by pairs of a stop and a target, sold in parts.
LADDER = targets_atrs(1.0, 3.0, share=0.5) + break_even_atrs(1.5) + time_exit(40)
STYLES: Sequence[tuple[str, dict[str, float], Exits]] = (
    ("moving_average_cross", {"fast": 3, "slow": 9, "trail_atrs": 2.0}, Exits()),
    ("bollinger_breakout", {"length": 12, "width": 1.0, "stop_percent": 0.3, "trail_percent": 0.2}, LADDER),
    ("moving_average_cross", {"fast": 2, "slow": 5, "stop_atrs": 1.0}, targets_atrs(2.0)),
    ("bollinger_breakout", {"length": 20, "width": 1.5, "trail_percent": 0.3}, Exits()),
    ("donchian_turtle", {"length": 10, "exit_length": 5, "stop_atrs": 1.5}, LADDER),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """What was asked for. `kills` of the platform are spread over the time."""

    users: int
    hours: int
    seed: int
    kills: int = 100

    @property
    def bars(self) -> int:
        """How many there are, the calm ones at the end included."""
        return self.hours * BARS_AN_HOUR

    def plan(self) -> Plan:
        """Users of the market model; each market is there for all."""
        listings = [
            replace(each, rules=NO_PAIRS) if each.market.base == UNPAIRED else each
            for each in model_listings(SYMBOLS, BAR_MS, START_MS, self.bars, self.seed)
        ]
        turns = zip(cycle(STYLES), range(self.users), strict=False)
        return Plan(listings=listings, players=[_player(n, style, listings) for style, n in turns], seed=self.seed)

    def deaths(self) -> list[Death]:
        """Every point in turn, shuffled; counts and pauses by the seed."""
        dice = random.Random(self.seed)
        points = [point for point, _ in zip(cycle(POINTS), range(self.kills), strict=False)]
        dice.shuffle(points)
        pauses = [int((DEAD_BARS_MAX + 1) * dice.random() ** DEAD_POWER) for _ in points]
        most = int(self.bars * DEAD_SHARE_MAX)
        while sum(pauses) > most:
            pauses[pauses.index(max(pauses))] //= 2
        # A start asks as many questions as there are accounts, at least.
        counts = [dice.randint(1, self.users if point == "asked" else COUNT_MAX) for point in points]
        # A start's questions count from its beginning; all else from somewhere in the life's share of the time.
        befores = [0.0 if point == "asked" else dice.random() for point in points]
        return [Death(*each) for each in zip(points, counts, befores, pauses, strict=True)]


@dataclass(frozen=True, slots=True)
class Death:
    """At which passing of which point after which share of the life's time, and how many bars the venue then goes on."""

    point: str
    count: int
    after: float
    dead_bars: int


def _player(number: int, style: tuple[str, dict[str, float], Exits], listings: Sequence[Listing]) -> Player:
    name, values, exits = style
    strategy = catalog.named(name).with_parameters(values)
    width = number % len(listings) + 1
    chosen = tuple(listings[(number + offset) % len(listings)].market.id for offset in range(width))
    return Player(
        name=f"user-{number + 1}",
        strategy=replace(strategy, exits=strategy.exits + exits),
        markets=chosen,
        capital=CAPITAL,
        weight=(SHARE_OF_CASH / width).quantize(Decimal("0.0001")),
    )
