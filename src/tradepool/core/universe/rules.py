"""Rules of a universe, and what each of them says of a market: how far it is inside, or by how much it is out.

What is measured over candles is an expression over days, like any other; what the venue says of a market is a fact. A
rule that asks for something nobody knows removes the market: what cannot be measured is not traded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tradepool.core.compiler.runners import Runner
from tradepool.core.graph.expr import Number, close, high, log, low, square_root, volume
from tradepool.core.graph.primitives import lag, sma, variance
from tradepool.core.graph.scope import on
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import series
from tradepool.core.strategies.explain import Explainer
from tradepool.core.strategies.strategy import Strategy
from tradepool.core.strategies.text import strategy_of
from tradepool.core.strategies.text_errors import TextRefused
from tradepool.domain.errors import InvalidInput
from tradepool.domain.market import Market

DAY_MS = 86_400_000
DAYS = 30


class WrongRule(InvalidInput):
    """Rule {rule} of the universe {why}; {remedy}."""


def _daily() -> Mapping[str, Number]:
    """What is measured over daily candles, by the rule it is for; shares in percent."""
    moved = log(close / lag(close))
    return {
        "volume": sma(close * volume, DAYS),
        "range": 100.0 * sma((high - low) / close, DAYS),
        "volatility": 100.0 * square_root(variance(moved, DAYS)),
        "price": sma(close, 1),
    }


UNITS = {
    "volume": "quote a day",
    "range": "% a day",
    "volatility": "% a day",
    "age": "days",
    "step": "%",
    "spread": "%",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A market that asks to be let in. `bars` are its candles; the venue's facts are None where nobody has asked it.

    `spread_percent` is the distance of best ask and best bid in percent of the price.
    """

    market: Market
    bars: Bars
    status: str | None = None
    spread_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a market has to be; None and empty ask for nothing. `deny` wins over `allow`, and both over all else.

    `bounds` are least and most of volume, range, volatility, age, step (the price step's share of the price) and
    spread. `conditions` are written as in a strategy text and have to hold at the last candle.
    """

    quotes: Sequence[str] = ()
    statuses: Sequence[str] = ()
    bounds: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    conditions: Sequence[str] = ()
    allow: Sequence[str] = ()
    deny: Sequence[str] = ()

    @property
    def asks_venue(self) -> bool:
        """Whether a rule is about what only the venue knows."""
        return bool(self.statuses) or self.bounds.get("spread", (None, None)) != (None, None)

    def __post_init__(self) -> None:
        """Refuse a bound of nothing, bounds that nothing lies between, and what cannot be read."""
        for name, (least, most) in self.bounds.items():
            if name not in UNITS:
                raise WrongRule(rule=name, why="is not known", remedy=f"use one of {', '.join(UNITS)}")
            if least is not None and most is not None and not least <= most:
                raise WrongRule(rule=name, why=f"wants {least:g} to {most:g}", remedy="give the smaller one first")
        for text in self.conditions:
            _as_strategy(text)


@dataclass(frozen=True, slots=True)
class Removal:
    """A rule that a market fails: what it has, the limit it misses, and by how much; None where that is no number."""

    rule: str
    value: float | None
    limit: float | None
    by: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of a market: in, or out by these; `measured` is everything that was measured."""

    market: Market
    removals: Sequence[Removal]
    measured: Mapping[str, float]
    allowed: bool

    @property
    def is_in(self) -> bool:
        """Whether it may be traded."""
        return not self.removals


def judged(candidate: Candidate, rules: Rules, runner: Runner = "any") -> Verdict:
    """Every rule that removes a market, not only the first. Candles longer than a day are no use here: WrongRule."""
    market = candidate.market
    measured = measure(candidate, runner)
    names = (market.symbol, market.id, market.base)
    allowed = any(name in rules.allow for name in names)
    if any(name in rules.deny for name in names):
        return Verdict(market, [Removal("deny", None, None, None, "it is on the deny list")], measured, allowed=False)
    if allowed:
        return Verdict(market, [], measured, allowed=True)
    found = [*_facts(candidate, rules)]
    for name, (least, most) in rules.bounds.items():
        found += _bound(name, measured.get(name), least, most)
    for text in rules.conditions:
        found += _condition(text, candidate.bars, runner)
    return Verdict(market, found, measured, allowed=False)


def measure(candidate: Candidate, runner: Runner = "any") -> dict[str, float]:
    """What is known of a market: age, price step, spread, and what its candles say; what is not known is left out."""
    bars, market = candidate.bars, candidate.market
    if not len(bars):
        return {} if candidate.spread_percent is None else {"spread": candidate.spread_percent}
    if bars.timeframe_ms > DAY_MS or DAY_MS % bars.timeframe_ms:
        why = f"cannot be measured over candles of {bars.timeframe_ms // 60_000} min"
        raise WrongRule(rule="volume", why=why, remedy="give candles that whole days are made of")
    daily = _daily()
    expressions = [item if bars.timeframe_ms == DAY_MS else on("1d", item) for item in daily.values()]
    found = dict(zip(daily, series(expressions, bars, runner)[-1].tolist(), strict=True))
    price = float(bars.close[-1])
    found |= {
        "age": (bars.close_time(-1) - int(bars.open_time[0])) / DAY_MS,
        "step": 100.0 * float(market.price_tick) / price,
        "price": price,
        "spread": np.nan if candidate.spread_percent is None else candidate.spread_percent,
    }
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _facts(candidate: Candidate, rules: Rules) -> list[Removal]:
    found, market = [], candidate.market
    if rules.quotes and market.quote not in rules.quotes:
        found.append(Removal("quote", None, None, None, f"quoted in {market.quote}, wanted {', '.join(rules.quotes)}"))
    if rules.statuses and candidate.status not in rules.statuses:
        text = f"status {candidate.status or 'not known'}, wanted {', '.join(rules.statuses)}"
        found.append(Removal("status", None, None, None, text))
    return found


def _bound(name: str, value: float | None, least: float | None, most: float | None) -> list[Removal]:
    if least is None and most is None:
        return []
    unit = UNITS[name]
    if value is None:
        return [Removal(name, None, most if least is None else least, None, f"{name} not known")]
    if least is not None and value < least:
        text = f"{name} {_short(value)} {unit}, at least {_short(least)}: short by {_short(least - value)}"
        return [Removal(name, value, least, least - value, text)]
    if most is not None and value > most:
        text = f"{name} {_short(value)} {unit}, at most {_short(most)}: over by {_short(value - most)}"
        return [Removal(name, value, most, value - most, text)]
    return []


def _condition(text: str, bars: Bars, runner: Runner) -> list[Removal]:
    """Nothing where it holds; else the first single condition in it that does not."""
    if not len(bars):
        return [Removal("condition", None, None, None, f"{text}: no candles")]
    found = Explainer(_as_strategy(text), bars, None, runner).at(-1)
    if found.holds:
        return []
    row = next((row for row in found.rows if not row.holds and row.value is not None), found.rows[0])
    short = "" if row.missing is None else f": {row.value:.6g}, missing {row.missing:.4g}"
    return [Removal("condition", row.value, row.limit, row.missing, f"{text}{short}")]


def _as_strategy(text: str) -> Strategy:
    """A condition, read by the grammar of strategy texts. Raises WrongRule."""
    if "\n" in text or "\r" in text:
        raise WrongRule(rule=repr(text)[:80], why="has several lines", remedy="write one condition a rule")
    try:
        return strategy_of(f"name: rule\nenter: {text}\nexit: not ({text})\n")
    except TextRefused as error:
        raise WrongRule(rule=repr(text)[:80], why=f"cannot be read: {error}", remedy="see guides/strategies") from error


def _short(value: float) -> str:
    """Four digits, and no exponent above a thousand.

    >>> _short(12_345_678.0), _short(0.0123)
    ('12,345,678', '0.0123')
    """
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.4g}"
