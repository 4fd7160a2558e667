"""`demo`: several users with different mandates trade on a simulated exchange, with the live stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import cycle, islice
from pathlib import Path

from tradepool.adapters.candle_files.name import series_name
from tradepool.adapters.candle_files.read import open_candles
from tradepool.core.strategies import catalog
from tradepool.domain.candle import timeframe_name
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import MarketId
from tradepool.domain.mandate import Limits
from tradepool.domain.market import Market
from tradepool.entrypoints.replay import Plan, Player, on_our_venue
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.market_model import model_listings

MODEL_SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
MODEL_TIMEFRAME_MS = 300_000
MODEL_START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
DAY_MS = 86_400_000
USERS_MAX = 1_000
DAYS_MAX = 3_650
NO_LIMITS = Limits()
SHARE_OF_CASH = Decimal("0.9")
NAMES = ("ann", "ben", "cleo", "dan", "eva", "finn", "gina", "hugo", "iris", "jon")


class TimeframesDiffer(InvalidInput):
    """{file} has candles of {timeframe} and {first} of {other}; give files of one timeframe to a demo."""


class MarketTwice(InvalidInput):
    """{file} is the market {symbol} of {venue} again; give each file once."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a demo user trades; `share` is the part of the affordable weight that is used."""

    strategy: str
    values: dict[str, float]
    capital: int
    share: Decimal
    limits: Limits = NO_LIMITS


# Each trades often enough for a demo, and seldom enough that fees do not decide everything.
STYLES = (
    Style("moving_average_cross", {"fast": 24, "slow": 72, "trail_atrs": 6.0}, 10_000, Decimal(1)),
    Style("bollinger_breakout", {"length": 48, "width": 2.0}, 5_000, Decimal("0.8"), Limits(order_notional_max=Decimal(500))),
    Style("moving_average_cross", {"fast": 12, "slow": 48}, 1_000, Decimal(1), Limits(daily_loss_max=Decimal("0.02"))),
    Style("bollinger_breakout", {"length": 96, "width": 2.0, "stop_percent": 1.5}, 20_000, Decimal("0.5")),
    Style("moving_average_cross", {"fast": 20, "slow": 100, "stop_atrs": 2.0}, 2_500, Decimal("0.9")),
    Style("bollinger_breakout", {"length": 30, "width": 2.5, "trail_percent": 2.0}, 7_500, Decimal(1)),
    Style("supertrend", {"length": 48, "ranges": 5.0}, 10_000, Decimal(1)),
    Style("donchian_turtle", {"length": 144, "exit_length": 72, "stop_atrs": 6.0}, 5_000, Decimal(1)),
    Style("macd_trend", {"fast": 24, "slow": 72, "trend": 288}, 3_000, Decimal("0.9")),
    Style("rsi_divergence", {"neighbours": 3, "within": 120}, 8_000, Decimal(1)),
    Style("support_resistance", {"neighbours": 6, "stop_atrs": 4.0, "trail_atrs": 6.0}, 4_000, Decimal("0.8")),
    Style("volume_breakout", {"range": 48, "average": 48, "sigma": 1.5}, 6_000, Decimal(1)),
)  # fmt: skip


def demo_plan(users: int, candles: Sequence[Path], days: int, seed: int) -> Plan:
    """Who trades what. Raises a BadCandleFile, or one of ours, before anything is started."""
    listings = recorded(candles, days) if candles else modelled(days, seed)
    return Plan(listings=listings, players=players(users, [listing.market for listing in listings]), seed=seed)


def modelled(days: int, seed: int) -> list[Listing]:
    """Markets of the model."""
    count = days * DAY_MS // MODEL_TIMEFRAME_MS
    return model_listings(MODEL_SYMBOLS, MODEL_TIMEFRAME_MS, MODEL_START_MS, count, seed)


def recorded(files: Sequence[Path], days: int) -> list[Listing]:
    """The last days of the files, as markets of one venue."""
    opened = [(file, *open_candles(file)) for file in files]
    first, first_ms = files[0], opened[0][2].timeframe_ms
    for file, _, bars in opened:
        if bars.timeframe_ms != first_ms:
            names = timeframe_name(bars.timeframe_ms), timeframe_name(first_ms)
            raise TimeframesDiffer(file=file, timeframe=names[0], first=first, other=names[1])
    listings = _side_by_side([(file, Listing(market, bars)) for file, market, bars in opened])
    return _last_days(listings, days * DAY_MS)


def _side_by_side(found: Sequence[tuple[Path, Listing]]) -> list[Listing]:
    """Several venues' BTC/USDT become BTC/USDT, BYBITBTC/USDT ...: one venue lists a symbol once.

    What an asset is called decides its unit too, so a base that comes twice in another quote gets its venue's name.
    """
    seen: set[MarketId] = set()
    bases: set[str] = set()
    listings: list[Listing] = []
    for file, listing in found:
        market, base = listing.market, listing.market.base
        if base in bases:
            base = f"{series_name(file).venue.upper()}{base}"
        if base in bases or market.id in seen:
            raise MarketTwice(file=file, symbol=market.symbol, venue=market.venue)
        bases.add(base)
        seen.add(market.id)
        listings.append(on_our_venue(replace(listing, market=replace(market, base=base))))
    return listings


def _last_days(listings: Sequence[Listing], length_ms: int) -> list[Listing]:
    """The last days that all share; where they share less than half of what was asked for, each one's own last days.

    Then the venue lists one period after another, and a user's markets take turns.
    """
    ends = [listing.bars.close_time(-1) for listing in listings]
    starts = [int(listing.bars.open_time[0]) for listing in listings]
    end, start = min(ends), max(starts)
    wanted_ms = min(length_ms, *(own_end - own_start for own_end, own_start in zip(ends, starts, strict=True)))
    if 2 * (end - start) >= wanted_ms:
        return [_within(listing, max(start, end - length_ms), end) for listing in listings]
    return [_within(each, own_end - length_ms, own_end) for each, own_end in zip(listings, ends, strict=True)]


def _within(listing: Listing, start_ms: int, end_ms: int) -> Listing:
    i0, i1 = (int(listing.bars.open_time.searchsorted(edge)) for edge in (start_ms, end_ms))
    return replace(listing, bars=listing.bars.slice(i0, i1))


def players(count: int, markets: Sequence[Market]) -> list[Player]:
    """Users in turn: another style each, on one, two ... all markets of one quote asset."""
    by_quote: dict[str, list[Market]] = {}
    for market in markets:
        by_quote.setdefault(market.quote, []).append(market)
    turns = islice(zip(cycle(STYLES), cycle(by_quote.values())), count)
    return [_player(number, style, group) for number, (style, group) in enumerate(turns)]


def _player(number: int, style: Style, group: Sequence[Market]) -> Player:
    chosen = _some(number, [market.id for market in group])
    weight = (SHARE_OF_CASH * style.share / len(chosen)).quantize(Decimal("0.0001"))
    lap = number // len(NAMES)
    return Player(
        name=NAMES[number % len(NAMES)] + (f"-{lap + 1}" if lap else ""),
        strategy=catalog.named(style.strategy).with_parameters(style.values),
        markets=chosen,
        capital=Decimal(style.capital),
        weight=weight,
        limits=style.limits,
    )


def _some(number: int, ids: Sequence[MarketId]) -> tuple[MarketId, ...]:
    """All markets for the first user, then one, two ... of them, beginning elsewhere each time."""
    width = (number + len(ids) - 1) % len(ids) + 1
    return tuple(ids[(number + offset) % len(ids)] for offset in range(width))
