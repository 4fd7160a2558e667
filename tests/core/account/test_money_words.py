"""The words of money: int64 step source, compiled, gives what Decimal gives, to the unit; what is too large has a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import settings

from tests.core.backtest.test_runners import market_of
from tests.core.graph.samples import bars_of
from tests.nouns import BTC
from tradepool.core.account import account_step as step
from tradepool.core.account import booking
from tradepool.core.account.terms import terms_of
from tradepool.core.backtest.run import Setting, run
from tradepool.core.compiler import native
from tradepool.core.compiler.program import Program
from tradepool.core.graph.expr import close
from tradepool.core.matching import bar_fill
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import MoneyTooLarge
from tradepool.domain.mandate import NO_LIMITS
from tradepool.domain.market import EXACT_MAX, FeeSchedule

# A million in the long form.
CASES = min(1_000_000, 500 * settings().max_examples)
D = Decimal


def whole(value: Decimal, rounding: str) -> int:
    return int(value.to_integral_value(rounding))


def any_size(dice: np.random.Generator, most: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Whole numbers from 0 to `most`, of every length alike, the ends among them."""
    values = np.exp(dice.uniform(0.0, np.log(most), CASES)).astype(np.int64)
    values[:4] = 0, 1, most - 1, most
    return values


WORDS: dict[str, tuple[int, Callable[[Decimal, Decimal], int]]] = {
    "fee_units": (1_000_000, lambda a, ppm: whole(a * ppm / 10**6, ROUND_HALF_UP)),
    "share_units": (1_000_000, lambda a, ppm: whole(a * ppm / 10**6, ROUND_FLOOR)),
    "market_buy_price": (1_000, lambda ticks, bp: whole(ticks * (10_000 + bp) / 10**4, ROUND_CEILING)),
    "market_sell_price": (1_000, lambda ticks, bp: max(1, whole(ticks * (10_000 - bp) / 10**4, ROUND_FLOOR))),
}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_money_is_exact(word: str) -> None:
    """Fees, shares and slipped prices of every size that is counted (prices: below 2^49), at every rate."""
    most, exact = WORDS[word]
    dice = np.random.default_rng(len(word))
    amounts = any_size(dice, EXACT_MAX - 1 if most > 1_000 else 2**49)
    rates = dice.integers(0, most + 1, CASES)
    found = np.empty(CASES, np.int64)
    text = (
        "def every(a: Ints, b: Ints, out: Ints, n: int) -> None:\n"
        f"    for k in range(n):\n        out[k] = {word}(a[k], b[k])"
    )
    native.load(Program.of(bar_fill) + Program.of_text(text), ["every"])["every"](amounts, rates, found, CASES)
    expected = [exact(D(a), D(b)) for a, b in zip(amounts.tolist(), rates.tolist(), strict=True)]
    assert found.tolist() == expected


def test_price_times_quantity_and_its_fees_are_exact() -> None:
    """What `book_entry` and `book_exit` do to cash and holding, for prices and quantities of every size."""
    dice = np.random.default_rng(11)
    market = replace(BTC, fees=FeeSchedule(maker_rate=D("0.0002"), taker_rate=D("0.00075")))
    terms = np.array(terms_of(market, D(1), NO_LIMITS), np.int64)
    load = native.load(Program.of(booking, bar_fill), ["book_entry", "book_exit", "fee_units"])
    for _ in range(CASES // 20):
        ticks = int(np.exp(dice.uniform(0.0, 25.0)))
        most = min(10**9, (EXACT_MAX - 1) // (ticks * market.units_per_tick_step))
        steps, out = int(dice.integers(2, most + 1)), int(np.exp(dice.uniform(0.0, 25.0)))
        out = min(out, (EXACT_MAX - 1) // (steps * market.units_per_tick_step))
        wallet, slot = np.zeros(step.WALLET_SIZE, np.int64), np.zeros(step.SLOT_SIZE, np.int64)
        slot[step.WISH_SIDE] = step.LONG
        fee = load["fee_units"](steps * market.units_per_step, int(terms[step.TAKER_PPM]))
        load["book_entry"](wallet, slot, terms, ticks, steps, fee, 1)
        quantity, price = market.quantity(steps), market.price(ticks)
        taken = (quantity * D("0.00075")).quantize(D("1e-8"), ROUND_HALF_UP)
        assert int(wallet[step.CASH]) * market.quote_unit == -quantity * price
        assert int(slot[step.HOLDING]) * market.base_unit == quantity - taken
        left = (quantity - taken) // market.quantity_step
        assert int(slot[step.STEPS]) == left
        worth = int(left) * out * market.units_per_tick_step
        fee = load["fee_units"](worth, int(terms[step.TAKER_PPM]))
        assert load["book_exit"](wallet, slot, terms, out, int(left), fee, 2, step.SIGNAL_EXIT)
        got = left * market.quantity_step * market.price(out)
        got -= (got * D("0.00075")).quantize(D("1e-8"), ROUND_HALF_UP)
        assert int(wallet[step.CASH]) * market.quote_unit == got - quantity * price
        assert int(slot[step.DUST]) * market.base_unit == quantity - taken - left * market.quantity_step


def test_the_short_cuts_of_an_entry_say_what_the_long_way_says() -> None:
    """Smallest entry and free cash near their borders, where a short cut must not say yes too early."""
    dice = np.random.default_rng(5)
    plain = terms_of(BTC, D(1), NO_LIMITS)
    load = native.load(Program.of(step), ["smallest_entry", "cash_is_there"])
    answers = set()
    for _ in range(CASES // 4):
        terms = np.array(plain, np.int64)
        rate = terms[step.TAKER_PPM] = int(dice.choice([0, 750, 1_000, 10_000, 99_999, 100_000, 100_001, 400_000]))
        in_quote = terms[step.FEE_IN_QUOTE] = int(dice.integers(0, 2))
        smallest = terms[step.SMALLEST_SELL] = int(dice.integers(0, 5)) if dice.random() < 0.2 else 1_003_000_000
        units, steps, at = (int(terms[step.UNITS_PER_STEP]), int(dice.integers(1, 40)), 0)
        at = max(1, int(smallest * dice.uniform(0.9, 2.6) / (steps * int(terms[step.UNITS_PER_TICK_STEP]))))
        least = terms[step.STEPS_MIN] = max(1, steps - int(dice.integers(0, 12)))
        slot, wallet = np.zeros(step.SLOT_SIZE, np.int64), np.zeros(step.WALLET_SIZE, np.int64)
        slot[step.DUST] = int(dice.integers(0, units)) * (1 - in_quote)
        bought = steps * units
        fee = 0 if in_quote else int(Fraction(bought * rate, 10**6) + Fraction(1, 2))
        left = (bought - fee + int(slot[step.DUST])) // units
        amount = left * at * int(terms[step.UNITS_PER_TICK_STEP])
        amount -= int(Fraction(amount * rate, 10**6) + Fraction(1, 2))
        enough = left >= least and 100 * amount >= 105 * smallest
        assert load["smallest_entry"](slot, terms, steps, at + 7, 7, step.LONG) == enough
        cost = slot[step.WISH_COST] = int(np.exp(dice.uniform(0.0, 36.0)))
        need = cost + -(-int(cost) * 5 // 1_000) + int(Fraction(int(cost) * rate, 10**6) + Fraction(1, 2))
        wallet[step.CASH] = max(0, need + int(dice.integers(-3, 4)))
        assert load["cash_is_there"](wallet, slot, terms) == (int(wallet[step.CASH]) >= need)
        answers.add((enough, bool(wallet[step.CASH] >= need)))
    assert len(answers) == 4


def test_what_is_too_large_to_be_counted_is_refused_by_name() -> None:
    with pytest.raises(MoneyTooLarge, match="USDT"):
        BTC.quote_units(EXACT_MAX * BTC.quote_unit)
    most = (EXACT_MAX - 1) * BTC.quote_unit
    assert BTC.quote_units(most) == EXACT_MAX - 1
    cheap, bars = market_of("0.0001", "1", "0.001"), bars_of(3, 50)
    tiny = replace(bars, open=bars.open / 1e5, high=bars.high / 1e5, low=bars.low / 1e5, close=bars.close / 1e5)
    always = Strategy("always", 1, close > 0, close < 0)
    shorts = Strategy("shorts", 1, close < 0, close < 0, enter_short=close > 0, exit_short=close < 0)
    for strategy in (always, shorts):
        (refusal,) = run(strategy, cheap, tiny, Setting(most)).refusals
        assert refusal.reason == "too_large"
