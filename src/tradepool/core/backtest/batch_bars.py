"""All bars that close at one T, of several markets with one wallet: walked, marked and valued, in the step vocabulary.

`slots`, `terms`, `counts` and `places` are rows of each market, `levels` the market part's rows. Bars and levels are
those of one block of time, `stride` rows for each market; so no more than a block is ever in memory.
"""

from __future__ import annotations

from tradepool.core.account.account_step import CASH, EXIT_TIME, HOLDING, SLOT_SIZE, TERMS_SIZE, worth
from tradepool.core.account.booking import profit
from tradepool.core.account.limit_step import COUNTS_LATER, LOSS_STREAK_MAX, note_result
from tradepool.core.backtest.fills import COUNTS_SIZE, TRADES
from tradepool.core.backtest.kernel import open_bar
from tradepool.core.compiler.vocabulary import Floats, Ints
from tradepool.core.graph.step import EXPOSURE as LEVEL
from tradepool.core.graph.step import PREVIOUS_EXPOSURE as LEVEL_BEFORE

# Of a program's own rows: NARROW ones end with the trailing distances.
from tradepool.core.graph.step import WIDE as LEVELS_SIZE

# places: where a market is in its block. BAR is the next bar to close there, BARS how many close, ENDS the first one
# after which none follows in the whole series; CLOSED is the row of the bar of this batch, -1 without one; MARK the last
# close. TRADES_AT and REFUSALS_AT are where its records begin. LEFT is 1 while a trade closed within the bar that was
# walked is not counted for a streak of losses yet.
BAR = 0
BARS = 1
ENDS = 2
CLOSED = 3
MARK = 4
TRADES_AT = 5
REFUSALS_AT = 6
LEFT = 7
PLACE_SIZE = 8

# what a T brought
QUIET = 0
CANDLES = 1
WISHES = 2


def worth_of(slots: Ints, terms: Ints, places: Ints, m: int) -> int:
    """What a market's position is worth at its last close, in quote units."""
    holding = slots[m * SLOT_SIZE + HOLDING]
    return worth(holding, places[m * PLACE_SIZE + MARK], terms[m * TERMS_SIZE :]) if holding != 0 else 0


def equity_of(wallet: Ints, slots: Ints, terms: Ints, places: Ints, markets: int) -> int:
    """Cash and what every position is worth at its market's last close, in quote units."""
    equity = wallet[CASH]
    for m in range(markets):
        equity += worth_of(slots, terms, places, m)
    return equity


def count_losses(wallet: Ints, slots: Ints, terms: Ints, places: Ints, markets: int, left: int) -> None:
    """Count the trades that closed within one bar, in the order of their times."""
    for _ in range(left):
        first = -1
        for m in range(markets):
            sooner = first < 0 or slots[m * SLOT_SIZE + EXIT_TIME] < slots[first * SLOT_SIZE + EXIT_TIME]
            if places[m * PLACE_SIZE + LEFT] == 1 and sooner:
                first = m
        gained = profit(slots[first * SLOT_SIZE :], terms[first * TERMS_SIZE :])
        note_result(wallet, terms, gained, slots[first * SLOT_SIZE + EXIT_TIME])
        places[first * PLACE_SIZE + LEFT] = 0


def close_bars(
    wallet: Ints,
    slots: Ints,
    terms: Ints,
    places: Ints,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    levels: Floats,
    open_time: Ints,
    open_ticks: Ints,
    high_ticks: Ints,
    low_ticks: Ints,
    close_ticks: Ints,
    stride: int,
    markets: int,
    time_ms: int,
    timeframe_ms: int,
) -> int:
    """Walk and mark the bars that close at this T: QUIET, CANDLES, or WISHES where somebody may have something to do."""
    found = QUIET
    left = 0
    wallet[COUNTS_LATER] = 1
    for m in range(markets):
        place = m * PLACE_SIZE
        at = places[place + BAR]
        places[place + CLOSED] = -1
        if at < places[place + BARS] and open_time[m * stride + at] + timeframe_ms == time_ms:
            bar = m * stride + at
            places[place + BAR] = at + 1
            trades_before = counts[m * COUNTS_SIZE + TRADES]
            open_bar(
                wallet,
                slots[m * SLOT_SIZE :],
                terms[m * TERMS_SIZE :],
                trades[places[place + TRADES_AT] :],
                refusals[places[place + REFUSALS_AT] :],
                counts[m * COUNTS_SIZE :],
                open_ticks[bar],
                high_ticks[bar],
                low_ticks[bar],
                open_time[bar],
                timeframe_ms,
            )
            places[place + LEFT] = counts[m * COUNTS_SIZE + TRADES] - trades_before
            left += places[place + LEFT]
            if at < places[place + ENDS]:
                places[place + CLOSED] = bar
                places[place + MARK] = close_ticks[bar]
                found = CANDLES if found == QUIET else found
                level = levels[bar * LEVELS_SIZE + LEVEL]
                enters = level != levels[bar * LEVELS_SIZE + LEVEL_BEFORE] and level != 0.0
                if enters or slots[m * SLOT_SIZE + HOLDING] != 0:
                    found = WISHES
    wallet[COUNTS_LATER] = 0
    if left > 0 and terms[LOSS_STREAK_MAX] > 0:
        count_losses(wallet, slots, terms, places, markets, left)
    return found
