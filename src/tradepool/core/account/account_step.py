"""The account part of the one step: sizing, protections, fees, minimum sells, dust and limits, in whole numbers.

Written in the step vocabulary: plain Python runs it, the compiler makes it native, the backtest kernel and the live
account call the same functions. Rows are int64 arrays. `wallet` is a mandate's money, `slot` one position of it,
`terms` what its market and mandate fix. Prices are ticks, quantities steps, money units of its asset, rates parts per
million, times milliseconds UTC. A float enters only as a candle price or a distance of the market part.
"""

from __future__ import annotations

from tradepool.core.graph.vocabulary import (
    Ints,
    ceil_to_int,
    floor_div,
    floor_to_int,
    maximum,
    minimum,
    multiply_divide,
    remainder,
    round_to_int,
)
from tradepool.core.matching.bar_fill import fee_units, share_units

# wallet: the mandate's money
CASH = 0
RESERVED = 1
DAY = 2
DAY_EQUITY = 3
WALLET_SIZE = 4

# slot: one position; the ENTRY_* and EXIT_* fields are its round trip and stay readable until the next entry
HOLDING = 0
DUST = 1
STOP = 2
RESTING = 3
TRAILED = 4
STOP_DISTANCE = 5
UNSELLABLE = 6
WISH = 7
WISH_STEPS = 8
NEXT_STOP = 9
REFUSAL = 10
ENTRY_TIME = 11
ENTRY_STEPS = 12
ENTRY_COST = 13
ENTRY_FEE = 14
EXIT_TIME = 15
EXIT_STEPS = 16
EXIT_PROCEEDS = 17
EXIT_FEE = 18
EXIT_REASON = 19
WISH_TIME = 20
SLOT_SIZE = 21

# terms: what the market and the mandate fix
UNITS_PER_STEP = 0
UNITS_PER_TICK_STEP = 1
TAKER_PPM = 2
STEPS_MIN = 3
NOTIONAL_MIN = 4
SMALLEST_SELL = 5
WEIGHT_PPM = 6
ORDER_NOTIONAL_MAX = 7
DAILY_LOSS_PPM = 8
SLIPPAGE_BP = 9
STEPS_MAX = 10
MONEY_MAX = 11
TERMS_SIZE = 12

# wishes
NOTHING = 0
BUY = 1
SELL = 2
RELEVEL = 3

# refusals
NOT_REFUSED = 0
BELOW_MINIMUM = 1
INSUFFICIENT_CASH = 2
DAILY_LOSS = 3
TOO_LARGE = 4

# exit reasons
SIGNAL_EXIT = 1
STOP_HIT = 2
TRAILING_HIT = 3

DAY_MS = 86_400_000


def worth(holding: int, ticks: int, terms: Ints) -> int:
    """Worth of a holding (base units) at a price, in quote units, rounded down."""
    return multiply_divide(holding, ticks * terms[UNITS_PER_TICK_STEP], terms[UNITS_PER_STEP])


def sellable_steps(slot: Ints, terms: Ints) -> int:
    """Whole steps that can be sold of the holding."""
    return floor_div(slot[HOLDING], terms[UNITS_PER_STEP])


def start_of_day(wallet: Ints, equity: int, time_ms: int) -> None:
    """Remember the equity a UTC day starts with; a T at midnight belongs to the new day."""
    day = floor_div(time_ms, DAY_MS)
    if day != wallet[DAY]:
        wallet[DAY] = day
        wallet[DAY_EQUITY] = equity


def decide_held(
    slot: Ints, terms: Ints, scale: float, exposure: float, high: float, close: float, trail: float, trail_step: float
) -> int:
    """Decide about an open position at a close: NOTHING, SELL or RELEVEL (to slot[NEXT_STOP]).

    `scale` is ticks per unit of price. The level sold at is known only to the venue; here only whether a sell of the
    holding at this close is large enough. A trailing level moves up only, and by at least `trail_step`.
    """
    steps = sellable_steps(slot, terms)
    if exposure == 0.0:
        amount = steps * round_to_int(close * scale) * terms[UNITS_PER_TICK_STEP]
        slot[UNSELLABLE] = 1 if amount < terms[SMALLEST_SELL] else 0
        return NOTHING if slot[UNSELLABLE] == 1 else SELL
    level = slot[STOP]
    if trail > 0.0:
        trailed = round_to_int(high * scale) - floor_to_int(trail * scale)
        if trailed >= level + maximum(1, ceil_to_int(trail_step * scale)):
            level = trailed
    if level > slot[STOP] or (slot[RESTING] == 0 and level > 0):
        fits = steps * level * terms[UNITS_PER_TICK_STEP] >= terms[SMALLEST_SELL]
        slot[UNSELLABLE] = 0 if fits or slot[RESTING] == 1 else 1
        slot[NEXT_STOP] = level
        return RELEVEL if fits else NOTHING
    return NOTHING


def relevel(slot: Ints) -> int:
    """Make slot[NEXT_STOP] the stop; the reason a sell at it will carry."""
    if slot[NEXT_STOP] > slot[STOP]:
        slot[TRAILED] = 1
    slot[STOP] = slot[NEXT_STOP]
    return TRAILING_HIT if slot[TRAILED] == 1 else STOP_HIT


def stop_rests(slot: Ints) -> None:
    """The venue has the stop."""
    slot[RESTING] = 1
    slot[UNSELLABLE] = 0


def smallest_entry(slot: Ints, terms: Ints, steps: int, close_ticks: int, distance_ticks: int) -> bool:
    """Whether a buy of so many steps could still be sold at its stop (or 20 % down) with 5 % to spare, after fees."""
    bought = steps * terms[UNITS_PER_STEP]
    held = bought - fee_units(bought, terms[TAKER_PPM]) + slot[DUST]
    at = close_ticks - distance_ticks if distance_ticks > 0 else floor_div(close_ticks * 8, 10)
    left = floor_div(held, terms[UNITS_PER_STEP])
    amount = left * maximum(at, 1) * terms[UNITS_PER_TICK_STEP]
    amount = amount - fee_units(amount, terms[TAKER_PPM])
    return left > 0 and amount * 100 >= terms[SMALLEST_SELL] * 105


def first_distance(stop_distance: float, trail_distance: float) -> float:
    """How far below its price a new position is protected: a strategy that only trails begins with that distance."""
    return stop_distance if stop_distance > 0.0 else trail_distance


def decide_entry(
    wallet: Ints, slot: Ints, terms: Ints, scale: float, equity: int, close: float, stop_distance: float
) -> int:
    """Size an entry at a close, from the mandate's equity there: steps to buy, or 0 with the why in slot[REFUSAL].

    Limits first, then the smallest sell, then what is still counted exactly, then cash: cost at close x 1.005 + fee must
    be free.
    """
    slot[REFUSAL] = NOT_REFUSED
    lost = wallet[DAY_EQUITY] - equity
    if terms[DAILY_LOSS_PPM] > 0 and lost >= share_units(wallet[DAY_EQUITY], terms[DAILY_LOSS_PPM]):
        slot[REFUSAL] = DAILY_LOSS
        return 0
    target = share_units(equity, terms[WEIGHT_PPM])
    if terms[ORDER_NOTIONAL_MAX] > 0:
        target = minimum(target, terms[ORDER_NOTIONAL_MAX])
    close_ticks = round_to_int(close * scale)
    step_cost = close_ticks * terms[UNITS_PER_TICK_STEP]
    steps = floor_div(target, step_cost)
    distance_ticks = floor_to_int(stop_distance * scale)
    if steps < terms[STEPS_MIN] or not smallest_entry(slot, terms, steps, close_ticks, distance_ticks):
        slot[REFUSAL] = BELOW_MINIMUM
        return 0
    if steps > terms[STEPS_MAX] or equity >= terms[MONEY_MAX]:
        slot[REFUSAL] = TOO_LARGE
        return 0
    cost = steps * step_cost
    if wallet[CASH] - wallet[RESERVED] < entry_cash(cost, terms):
        slot[REFUSAL] = INSUFFICIENT_CASH
        return 0
    slot[STOP_DISTANCE] = distance_ticks
    return steps


def entry_cash(cost: int, terms: Ints) -> int:
    """Cash an entry needs to be free: its cost at close x 1.005, rounded up, and the fee."""
    return cost + floor_div(cost * 5 + 999, 1_000) + fee_units(cost, terms[TAKER_PPM])


def open_slot(slot: Ints, time_ms: int) -> None:
    """Start a round trip: what an earlier one left over joins the holding."""
    slot[HOLDING] = slot[DUST]
    slot[DUST] = 0
    slot[STOP] = 0
    slot[RESTING] = 0
    slot[TRAILED] = 0
    slot[UNSELLABLE] = 0
    slot[ENTRY_TIME] = time_ms
    slot[ENTRY_STEPS] = 0
    slot[ENTRY_COST] = 0
    slot[ENTRY_FEE] = 0
    slot[EXIT_STEPS] = 0
    slot[EXIT_PROCEEDS] = 0
    slot[EXIT_FEE] = 0


def book_buy(wallet: Ints, slot: Ints, terms: Ints, ticks: int, steps: int, fee: int, time_ms: int) -> None:
    """Book a fill of an entry (fee in base units) and level its stop from the average entry price."""
    if slot[HOLDING] == 0:
        open_slot(slot, time_ms)
    cost = ticks * steps * terms[UNITS_PER_TICK_STEP]
    wallet[CASH] -= cost
    slot[HOLDING] += steps * terms[UNITS_PER_STEP] - fee
    slot[ENTRY_STEPS] += steps
    slot[ENTRY_COST] += cost
    slot[ENTRY_FEE] += fee
    if slot[STOP_DISTANCE] > 0:
        average = floor_div(slot[ENTRY_COST], slot[ENTRY_STEPS] * terms[UNITS_PER_TICK_STEP])
        slot[STOP] = maximum(average - slot[STOP_DISTANCE], 1)


def book_sell(
    wallet: Ints, slot: Ints, terms: Ints, ticks: int, steps: int, fee: int, time_ms: int, reason: int
) -> bool:
    """Book a fill of an exit (fee in quote units); True when the position is closed: what is left can't be sold."""
    amount = ticks * steps * terms[UNITS_PER_TICK_STEP]
    wallet[CASH] += amount - fee
    slot[HOLDING] -= steps * terms[UNITS_PER_STEP]
    slot[EXIT_STEPS] += steps
    slot[EXIT_PROCEEDS] += amount
    slot[EXIT_FEE] += fee
    slot[EXIT_TIME] = time_ms
    slot[EXIT_REASON] = reason
    if slot[HOLDING] >= terms[UNITS_PER_STEP]:
        return False
    slot[DUST] = remainder(slot[HOLDING], terms[UNITS_PER_STEP])
    slot[HOLDING] = 0
    slot[STOP] = 0
    slot[RESTING] = 0
    return True
