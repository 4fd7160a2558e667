"""Rules of a universe: what they measure is what a plain computation of the candles gives, and by how much each fails."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from tradepool.core.market.bars import Bars
from tradepool.core.market.resample import resample
from tradepool.core.universe.rules import Candidate, Rules, WrongRule, judged, measure
from tradepool.simexchange.market_model import model_listings

HOUR_MS = 3_600_000
(LISTING,) = model_listings(["BTC/USDT"], HOUR_MS, 0, 24 * 60, seed=5)
MARKET, HOURS = LISTING.market, LISTING.bars
DAYS = resample(HOURS, "1d", np.array([], np.int64), HOURS.close_time(-1))


def candidate(bars: Bars = HOURS, spread_percent: float | None = None, status: str | None = None) -> Candidate:
    """The modelled market."""
    return Candidate(market=MARKET, bars=bars, spread_percent=spread_percent, status=status)


@pytest.mark.parametrize("bars", [HOURS, DAYS], ids=["hours", "days"])
def test_what_is_measured_over_days(bars: Bars) -> None:
    found = measure(candidate(bars))
    # Hours close the last day only with the next one's first bar; then it counts to the day before.
    days = DAYS if bars is DAYS or DAYS.close_time(-1) == HOURS.close_time(-1) else DAYS.slice(0, len(DAYS) - 1)
    turnover, share = days.close * days.volume, (days.high - days.low) / days.close
    assert found["volume"] == pytest.approx(turnover[-30:].mean(), rel=1e-9)
    assert found["range"] == pytest.approx(100 * share[-30:].mean(), rel=1e-9)
    assert found["volatility"] == pytest.approx(100 * np.diff(np.log(days.close))[-30:].std(), rel=1e-6)
    assert found["age"] == 60.0
    assert found["step"] == 100.0 * float(MARKET.price_tick) / float(bars.close[-1])
    assert "spread" not in found


@pytest.mark.parametrize(
    ("bounds", "rule", "sign"),
    [
        ({"volume": (1e15, None)}, "volume", 1.0),
        ({"volatility": (None, 0.1)}, "volatility", -1.0),
        ({"range": (0.0, 0.1)}, "range", -1.0),
        ({"age": (365.0, None)}, "age", 1.0),
        ({"step": (None, 1e-9)}, "step", -1.0),
    ],
)
def test_it_says_by_how_much(bounds: Mapping[str, tuple[float | None, float | None]], rule: str, sign: float) -> None:
    verdict = judged(candidate(), Rules(bounds=bounds))
    (removal,) = verdict.removals
    limit = next(item for item in reversed(bounds[rule]) if item is not None)
    assert (removal.rule, removal.limit, removal.value) == (rule, limit, verdict.measured[rule])
    assert removal.by == sign * (limit - verdict.measured[rule])
    assert removal.by > 0.0
    assert not verdict.is_in
    loose = {rule: (verdict.measured[rule], verdict.measured[rule])}
    assert judged(candidate(), Rules(bounds=loose)).is_in


def test_what_nobody_knows_removes() -> None:
    asks = Rules(bounds={"spread": (None, 0.1)}, statuses=["trading"])
    assert [item.text for item in judged(candidate(), asks).removals] == [
        "status not known, wanted trading",
        "spread not known",
    ]
    assert judged(candidate(spread_percent=0.05, status="trading"), asks).is_in
    over = judged(candidate(spread_percent=0.3, status="halted"), asks).removals
    assert [(item.rule, item.value) for item in over] == [("status", None), ("spread", 0.3)]
    nothing = Bars(HOUR_MS, *np.empty((6, 0)))
    removed = judged(candidate(nothing), Rules(bounds={"volume": (1.0, None)}, conditions=["close > 1"])).removals
    assert [item.text for item in removed] == ["volume not known", "close > 1: no candles"]


def test_lists_win_and_quotes_count() -> None:
    hard = {"volume": (1e15, None)}
    assert judged(candidate(), Rules(bounds=hard, allow=["BTC/USDT"])).is_in
    assert [item.rule for item in judged(candidate(), Rules(allow=["BTC"], deny=["BTC"])).removals] == ["deny"]
    assert judged(candidate(), Rules(quotes=["USDT"])).is_in
    assert [item.rule for item in judged(candidate(), Rules(quotes=["USDC", "EUR"])).removals] == ["quote"]


def test_a_condition_says_what_is_missing() -> None:
    close, mean = HOURS.close[-1], HOURS.close[-200:].mean()
    holds, fails = (
        ("close > sma(200)", "close < sma(200)") if close > mean else ("close < sma(200)", "close > sma(200)")
    )
    assert judged(candidate(), Rules(conditions=[holds])).is_in
    (removal,) = judged(candidate(), Rules(conditions=[f"{fails} and volume >= 0"])).removals
    assert (removal.rule, removal.value) == ("condition", close)
    assert removal.by == pytest.approx(abs(close - mean), rel=1e-9)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ({"bounds": {"volumes": (1.0, None)}}, "Rule volumes of the universe is not known; use one of volume,"),
        ({"bounds": {"range": (2.0, 1.0)}}, "wants 2 to 1"),
        ({"conditions": ["close >"]}, "'close >' of the universe cannot be read"),
        ({"conditions": ["rsi(14)"]}, "cannot be read"),
        ({"conditions": ["close > 1\nexit: close > 2"]}, "has several lines"),
    ],
)
def test_a_rule_that_makes_no_sense_is_named(make: dict[str, object], words: str) -> None:
    with pytest.raises(WrongRule, match=words):
        Rules(**make)  # type: ignore[arg-type]


def test_longer_candles_than_days_are_refused() -> None:
    weeks = resample(HOURS, "1w", np.array([], np.int64), HOURS.close_time(-1))
    with pytest.raises(WrongRule, match="candles of 10080 min"):
        measure(candidate(weeks))
