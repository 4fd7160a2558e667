"""Money in lanes: every function of the account and of the simulated venue gives each column what it gives it alone."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.core.graph.samples import bits, examples
from tradepool.core.account import account_step, limit_step
from tradepool.core.account.account_step import SLOT_SIZE, TERMS_SIZE, WALLET_SIZE
from tradepool.core.compiler import native
from tradepool.core.compiler.dialect import check
from tradepool.core.compiler.kinds import ELEMENT, Kind, Signature
from tradepool.core.compiler.native import to_blocks
from tradepool.core.compiler.program import Program
from tradepool.core.compiler.vocabulary import floor_div, multiply_divide, remainder, round_to_int
from tradepool.core.matching import bar_fill

BLOCKS = range(examples(2).max_examples)
CASES = 50_000
# Of what moves a whole position.
CASES_OF_ROWS = 25_000
LANES = (4, 8, 16)
MOST = 2**53
ROWS = {"wallet": WALLET_SIZE, "slot": SLOT_SIZE, "terms": TERMS_SIZE}
MONEY = Program.of(account_step, limit_step, bar_fill)
WORDS = Program.of_text(
    "\n\n".join(
        f"def word_{word.__name__}({', '.join(f'{name}: int' for name in names)}) -> int:\n"
        f"    return {word.__name__}({', '.join(names)})"
        for word, names in (
            (floor_div, ("amount", "units")),
            (remainder, ("amount", "units")),
            (multiply_divide, ("amount", "ticks", "units")),
        )
    )
    + f"\n\ndef word_round(price: float, scale: float) -> int:\n    return {round_to_int.__name__}(price * scale)"
)
SIGNATURES = {name: item.signature for name, item in check(MONEY + WORDS).items()}
RATES = {"rate_ppm": 20_000, "share_ppm": 1_000_000, "slippage_bp": 1_000, "reason": 4, "steps": 2**31, "ticks": 2**31}
Array = NDArray[Any]


def amounts(random: np.random.Generator, count: int, most: int) -> NDArray[np.int64]:
    """Whole numbers of every size: around powers of two and ten, around where a rounding turns, and up to the most."""
    plain = np.exp(random.random(count) * np.log(float(most))).astype(np.int64)
    edges = [2**power for power in range(most.bit_length())] + [10**power for power in range(len(str(most)))]
    beside = random.choice(np.array(edges), count) + random.integers(-2, 3, count)
    halves = 500_000 * random.integers(0, 2 * max(most // 10**6, 1), count) + random.integers(-1, 2, count)
    top = most - random.integers(0, 3, count)
    chosen = np.choose(random.integers(0, 4, count), [plain, beside, halves, top])
    clipped: NDArray[np.int64] = np.clip(chosen, 0, most)
    return clipped


def prices(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Prices, distances and scales: also halves, nothing, and what is no price at all."""
    plain = 10.0 ** random.uniform(-6.0, 7.0, count)
    halves = random.integers(0, 2**24, count) + 0.5
    odd = random.choice(np.array([0.0, -0.0, 1.0, 5e-324, 1e300, np.inf, -np.inf, np.nan, -3.5]), count)
    return np.choose(random.choice(4, count, p=(0.6, 0.2, 0.15, 0.05)), [plain, halves, np.ones(count), odd])


def inputs_of(signature: Signature, random: np.random.Generator, count: int) -> list[Array]:
    """Rows of random values for each parameter, shape [rows, count]."""
    found: list[Array] = []
    for name, kind in signature.parameters:
        if kind is Kind.FLOAT:
            found.append(prices(random, count)[None])
            continue
        rows = np.array([amounts(random, count, RATES.get(name, MOST)) for _ in range(ROWS.get(name, 1))])
        if name == "terms":
            rows[[account_step.UNITS_PER_STEP, account_step.UNITS_PER_TICK_STEP]] = 10 ** random.integers(
                0, 9, (2, count)
            )
            shares = [limit_step.DAILY_LOSS_PPM, limit_step.WEEKLY_LOSS_PPM, limit_step.DRAWDOWN_MAX_PPM]
            rows[[account_step.TAKER_PPM, limit_step.TRADE_RISK_PPM, *shares]] %= 20_000
            rows[account_step.WEIGHT_PPM] %= 1_000_001
        elif name == "slot":
            # Flags are mostly off: what they guard is deeper.
            flags = [account_step.RESTING, account_step.TRAILED, account_step.UNSELLABLE]
            rows[flags] = random.integers(0, 2, (3, count))
        found.append(rows)
    return found


@cache
def kernel(name: str) -> Program:
    """A function with every value in an array of one row, and its result too."""
    signature, takes, gives = SIGNATURES[name], [], []
    for parameter, kind in signature.parameters:
        takes.append(f"{parameter}_: {kind.value if kind in ELEMENT else 'Floats' if kind is Kind.FLOAT else 'Ints'}")
        gives.append(f"{parameter}_" if kind in ELEMENT else f"{parameter}_[0]")
    call = f"{name}({', '.join(gives)})"
    line = {Kind.NONE: call, Kind.BOOL: f"out[0] = where({call}, 1, 0)", Kind.FLOAT: f"real[0] = {call}"}
    text = f"def each({', '.join((*takes, 'out: Ints', 'real: Floats'))}) -> None:\n    "
    return MONEY + WORDS + Program.of_text(text + line.get(signature.result, f"out[0] = {call}"))


def lanes_of(name: str, inputs: list[Array], lanes: int) -> list[Array]:
    """All arrays after the call, shape [rows, count]."""
    count = inputs[0].shape[1]
    everything = [*inputs, np.zeros((1, count), np.int64), np.zeros((1, count))]
    program = kernel(name)
    names = [parameter for parameter, _ in check(program)["each"].signature.parameters]
    blocks = [to_blocks(rows, lanes) for rows in everything]
    native.load_columns(program, "each", names, lanes)(*blocks, groups=len(blocks[0]))
    return [native.from_blocks(block, count) for block in blocks]


def alike(a: Array, b: Array) -> bool:
    """Whether all bits are the same."""
    return bool((bits(a) == bits(b)).all() if a.dtype == np.float64 else (a == b).all())


@pytest.mark.parametrize("name", SIGNATURES)
def test_money_in_lanes_is_money_alone(name: str) -> None:
    signature = SIGNATURES[name]
    count = CASES_OF_ROWS if {"wallet", "slot"} & {parameter for parameter, _ in signature.parameters} else CASES
    for block in BLOCKS:
        inputs = inputs_of(signature, np.random.default_rng(block), count)
        alone = lanes_of(name, inputs, 1)
        for lanes in LANES:
            for held, got in zip(alone, lanes_of(name, inputs, lanes), strict=True):
                assert alike(held, got), (name, block, lanes)
