"""What `exchange serve` is asked for: prices, users, limits and a scenario, checked before anything is opened.

Prices come from a source chosen by name (`SOURCES`); whichever it is, its candles are moved in time as if they were
happening now, the first part of them as history, so that clients keep their own clocks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from tradepool.core.market.bars import Bars
from tradepool.domain.errors import InvalidInput
from tradepool.entrypoints.demo import recorded
from tradepool.entrypoints.exchange_mirror import listings_of, wire_of
from tradepool.entrypoints.inputs import BadFlag, decimal_of, whole
from tradepool.simexchange.limits import Limiter, Limits
from tradepool.simexchange.liquidity import Depth
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.market_model import model_listings
from tradepool.simexchange.mirror_feed import Wire
from tradepool.simexchange.rules import BINANCE_RULES, DEFAULT_RULES
from tradepool.simexchange.scenario import CALM, Scenario, find_scenario
from tradepool.simexchange.shocks import shocked
from tradepool.simexchange.venue import Venue

SYMBOLS = ("BTC/USDT", "ETH/USDT")
MODEL_TIMEFRAME_MS, MODEL_DAYS, DAY_MS = 60_000, 90, 86_400_000
FILE_DAYS = 3_650
HISTORY_BARS = 1_000
USERS_MAX, PORT_MAX = 10_000, 65_535
SPEED_MIN, SPEED_MAX = 0.01, 100.0
CASH = Decimal(10_000)
LIMITS: Mapping[str, Limits | None] = {"none": None, "binance": Limits()}
RULES = {"binance": BINANCE_RULES, "none": DEFAULT_RULES}
# A book as deep as a large market's: the spread is one basis point, twenty levels a side are worth about a million.
SPREAD_BP, LEVEL_NOTIONAL = 1, "50000"
LEVEL_NOTIONAL_MAX = Decimal(1_000_000_000)
ENDLESS = "endless"
SPREAD_BP_MAX = 1_000


class TwoSources(InvalidInput):
    """Prices come from one source: give {given}, not several of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedExchange:
    """The flags as they were typed; at most one of `candles`, `model` and `mirror` is not None."""

    candles: Sequence[Path] | None = None
    model: Sequence[str] | None = None
    mirror: str | None = None
    symbols: Sequence[str] | None = None
    scenario: str | None = None
    port: int = 8443
    control_port: int = 0
    speed: str = "1"
    users: int = 2
    limits: str = "none"
    seed: int = 7
    slippage_bp: int = 1
    rules: str | None = None
    spread_bp: int | None = None
    level_notional: str | None = None
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class User:
    """An account that is open: what its owner signs with."""

    name: str
    key: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServePlan:
    """A venue about to be served. `venue` stands at `start_ms`, which is now; `end_ms` is when its candles are over."""

    venue: Venue
    users: Sequence[User]
    scenario: Scenario
    start_ms: int
    end_ms: int | None
    speed: float
    port: int
    control_port: int
    folder: Path | None
    wire: Wire | None = None
    rules: str
    depth: Depth | None


Source = Callable[[AskedExchange, int], list[Listing]]


def _recorded(asked: AskedExchange, now_ms: int) -> list[Listing]:
    return recorded(asked.candles or (), FILE_DAYS)


def _modelled(asked: AskedExchange, now_ms: int) -> list[Listing]:
    count = MODEL_DAYS * DAY_MS // MODEL_TIMEFRAME_MS
    start_ms = now_ms // MODEL_TIMEFRAME_MS * MODEL_TIMEFRAME_MS
    return model_listings(asked.model or SYMBOLS, MODEL_TIMEFRAME_MS, start_ms, count, asked.seed)


def _mirrored(asked: AskedExchange, now_ms: int) -> list[Listing]:
    return listings_of(wire_of(asked.mirror or ""), asked.symbols or SYMBOLS)


SOURCES: Mapping[str, Source] = {"candles": _recorded, "model": _modelled, "mirror": _mirrored}


def serve_plan(asked: AskedExchange, now_ms: int) -> ServePlan:
    """Everything opened but the doors; `now_ms` is the machine's time. BadFlag, TwoSources, BrokenScenario,
    and what reading candles, making the model or asking the real venue for its rules raises."""
    source = SOURCES[_source_of(asked)]
    if asked.symbols is not None and asked.mirror is None:
        raise BadFlag(flag="--symbols", value="given", wanted="it with --mirror only")
    speed = _speed_of(asked.speed)
    whole("--seed", asked.seed, 0, 2**31)
    users = [_user(asked.seed, n) for n in range(1, whole("--users", asked.users, 1, USERS_MAX) + 1)]
    port = whole("--port", asked.port, 0, PORT_MAX)
    control_port = whole("--control-port", asked.control_port, 0, PORT_MAX)
    if asked.limits not in LIMITS:
        raise BadFlag(flag="--limits", value=repr(asked.limits), wanted=" or ".join(LIMITS))
    scenario = find_scenario(asked.scenario) if asked.scenario else CALM
    rules, depth, slippage_bp = _rules_of(asked), _depth_of(asked), whole("--slippage-bp", asked.slippage_bp, 0, 1_000)
    if asked.mirror is None:
        listings = shocked(as_if_now(source(asked, now_ms), now_ms), scenario.shocks, now_ms)
        listings = [replace(listing, rules=RULES[rules]) for listing in listings]
    else:
        _check_mirror(asked, speed, scenario)
        listings = source(asked, now_ms)
    venue = Venue(listings, slippage_bp, show_forming=True, depth=depth)
    chosen = LIMITS[asked.limits]
    venue.limiter = Limiter(chosen) if chosen else None
    venue.run_until(now_ms)
    cash = dict.fromkeys((market.quote for market in venue.markets), CASH)
    for user in users:
        venue.open_account(user.key, user.secret, cash)
    return ServePlan(
        venue=venue,
        users=users,
        scenario=scenario,
        start_ms=now_ms,
        end_ms=None if asked.mirror else max(listing.bars.close_time(-1) for listing in listings),
        speed=speed,
        port=port,
        control_port=control_port,
        folder=asked.folder,
        wire=wire_of(asked.mirror) if asked.mirror else None,
        rules=f"of {asked.mirror}, live" if asked.mirror else rules,
        depth=depth,
    )


def _rules_of(asked: AskedExchange) -> str:
    rules = asked.rules or "binance"
    if rules not in RULES:
        raise BadFlag(flag="--rules", value=repr(rules)[:40], wanted=" or ".join(RULES))
    return rules


def _depth_of(asked: AskedExchange) -> Depth | None:
    """The book around the candles' price; None where it has no end."""
    if asked.mirror is not None:
        return None
    if asked.level_notional == ENDLESS:
        if asked.spread_bp is not None:
            raise BadFlag(flag="--spread-bp", value=asked.spread_bp, wanted="--slippage-bp where the book is endless")
        return None
    level = decimal_of("--level-notional", asked.level_notional or LEVEL_NOTIONAL)
    if not 1 <= level <= LEVEL_NOTIONAL_MAX:
        wanted = f"an amount of quote from 1 to {LEVEL_NOTIONAL_MAX:,}, or {ENDLESS}"
        raise BadFlag(flag="--level-notional", value=repr(asked.level_notional)[:40], wanted=wanted)
    spread_bp = SPREAD_BP if asked.spread_bp is None else asked.spread_bp
    return Depth(whole("--spread-bp", spread_bp, 0, SPREAD_BP_MAX), level, seed=asked.seed)


def _check_mirror(asked: AskedExchange, speed: float, scenario: Scenario) -> None:
    """Live prices and books are as they are: they pass in real time, and nothing of ours or a scenario's moves them."""
    for name in ("rules", "spread_bp", "level_notional"):
        if getattr(asked, name) is not None:
            raise BadFlag(
                flag=f"--{name.replace('_', '-')}",
                value=repr(getattr(asked, name))[:40],
                wanted="it without --mirror: there the real venue decides",
            )
    if speed != 1:
        raise BadFlag(
            flag="--speed", value=repr(asked.speed)[:40], wanted="1 with --mirror: live prices have their own"
        )
    if scenario.shocks:
        raise BadFlag(flag="--scenario", value=repr(asked.scenario)[:40], wanted="one without shocks with --mirror")


def as_if_now(listings: Sequence[Listing], now_ms: int) -> list[Listing]:
    """The same candles at another time: HISTORY_BARS of them, or half, are over, and the next one has just begun.

    All listings are moved by the same whole number of their candles.
    """
    length = listings[0].bars.timeframe_ms
    begin = max(int(listing.bars.open_time[0]) for listing in listings)
    end = min(listing.bars.close_time(-1) for listing in listings)
    if begin >= end:
        begin, end = min(int(each.bars.open_time[0]) for each in listings), end
    history = min(HISTORY_BARS, (end - begin) // length // 2)
    shift = now_ms // length * length - (begin + history * length) // length * length
    return [replace(listing, bars=_moved(listing.bars, shift)) for listing in listings]


def _moved(bars: Bars, shift_ms: int) -> Bars:
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return Bars(bars.timeframe_ms, bars.open_time + shift_ms, *columns)


def _source_of(asked: AskedExchange) -> str:
    given = [name for name in SOURCES if getattr(asked, name) is not None]
    if len(given) > 1:
        raise TwoSources(given=" or ".join(f"--{name}" for name in given))
    if (given == ["candles"] and not asked.candles) or (given == ["model"] and not asked.model):
        raise BadFlag(flag=f"--{given[0]}", value="empty", wanted="one or more")
    return given[0] if given else "model"


def _speed_of(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not SPEED_MIN <= speed <= SPEED_MAX:
        raise BadFlag(flag="--speed", value=repr(text)[:40], wanted=f"a number from {SPEED_MIN} to {SPEED_MAX:.0f}")
    return speed


def _user(seed: int, number: int) -> User:
    """Keys that look like the venue's and follow from the seed: play money needs no secrecy."""
    key, secret = (hashlib.sha256(f"{kind} {seed} {number}".encode()).hexdigest() for kind in ("key", "secret"))
    return User(f"user {number}", key, secret)
