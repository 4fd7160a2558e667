"""The clock of a bar for several markets with one wallet, in the step vocabulary: the kernel's words, batch by batch.

All candles that close at one T are one batch. First each of these bars is walked, then every market is marked at its
last close and the mandate's equity is known. All decide; then stops are moved and exits done, in symbol order, then
entries are sized from that equity and their cash is set aside, in the mandate's order of markets, then they fill, then
their stops are placed. Everything a batch does happens at its T, at each market's next open; a market whose series has ended is
marked at the last close that had one.

`slots`, `terms`, `counts` and `places` are rows of each market, `levels` the market part's rows. Bars and levels are
those of one block of time, `stride` rows for each market; so no more than a block is ever in memory.
"""

from __future__ import annotations

from tradepool.core.account.account_step import (
    BUY,
    CASH,
    HOLDING,
    INSUFFICIENT_CASH,
    NOTHING,
    RESERVED,
    SLOT_SIZE,
    TERMS_SIZE,
    TURN,
    WISH,
    WISH_COST,
    WISH_TIME,
    cash_is_there,
    entry_cash,
    first_distance,
    worth,
)
from tradepool.core.account.limit_step import (
    DAY,
    DAY_MS,
    DRAWDOWN_MAX_PPM,
    EXPOSURE_MAX,
    OTHER_EXPOSURE,
    OTHER_POSITIONS,
    POSITIONS_MAX,
    WATCHED,
    note_equity,
)
from tradepool.core.backtest.fills import COUNTS_SIZE, fill_entry, place_first_stop, refuse
from tradepool.core.backtest.kernel import is_entry, leave, open_bar, size_wish, wish_for_held
from tradepool.core.compiler.vocabulary import Floats, Ints, absolute, floor_div

# By names of their own: some of theirs mean something else in the account part.
from tradepool.core.graph.step import BREAK_EVEN as EVEN_AWAY
from tradepool.core.graph.step import EXPOSURE as LEVEL
from tradepool.core.graph.step import FIRST_TARGET as FIRST_AWAY
from tradepool.core.graph.step import HOLD_MS as HELD_MS
from tradepool.core.graph.step import PREVIOUS_EXPOSURE as LEVEL_BEFORE
from tradepool.core.graph.step import SECOND_TARGET as SECOND_AWAY
from tradepool.core.graph.step import STOP_DISTANCE as STOP_AWAY
from tradepool.core.graph.step import TARGET_SHARE as FIRST_SHARE
from tradepool.core.graph.step import TRAIL_DISTANCE as TRAIL_AWAY
from tradepool.core.graph.step import TRAIL_STEP as TRAIL_LEAST

# Columns of the strategy's market rows; its program has its own number here.
WIDTH = 10

# places: where a market is in its block. BAR is the next bar to close there, BARS how many close, ENDS the first one
# after which none follows in the whole series; CLOSED is the row of the bar of this batch, -1 without one; MARK the last
# close. TRADES_AT and REFUSALS_AT are where its records begin.
BAR, BARS, ENDS, CLOSED, MARK, TRADES_AT, REFUSALS_AT, PLACE_SIZE = range(8)

# what a T brought
QUIET, CANDLES, WISHES = range(3)


def equity_of(wallet: Ints, slots: Ints, terms: Ints, places: Ints, markets: int) -> int:
    """Cash and what every position is worth at its market's last close, in quote units."""
    equity = wallet[CASH]
    for m in range(markets):
        holding = slots[m * SLOT_SIZE + HOLDING]
        if holding != 0:
            equity += worth(holding, places[m * PLACE_SIZE + MARK], terms[m * TERMS_SIZE :])
    return equity


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
    for m in range(markets):
        place = m * PLACE_SIZE
        at = places[place + BAR]
        places[place + CLOSED] = -1
        if at < places[place + BARS] and open_time[m * stride + at] + timeframe_ms == time_ms:
            bar = m * stride + at
            places[place + BAR] = at + 1
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
            if at < places[place + ENDS]:
                places[place + CLOSED] = bar
                places[place + MARK] = close_ticks[bar]
                found = CANDLES if found == QUIET else found
                level = levels[bar * WIDTH + LEVEL]
                enters = level != levels[bar * WIDTH + LEVEL_BEFORE] and level != 0.0
                if enters or slots[m * SLOT_SIZE + HOLDING] != 0:
                    found = WISHES
    return found


def decide_market(
    slot: Ints,
    terms: Ints,
    level: Floats,
    scale: float,
    high_ticks: int,
    low_ticks: int,
    close_ticks: int,
    time_ms: int,
) -> None:
    """What one market's position, or a flat slot, wishes; an entry is sized when exits are done."""
    if slot[HOLDING] != 0:
        wish_for_held(
            slot,
            terms,
            scale,
            level[LEVEL],
            level[TRAIL_AWAY],
            level[TRAIL_LEAST],
            high_ticks,
            low_ticks,
            close_ticks,
            time_ms,
        )
    if is_entry(slot, level[LEVEL], level[LEVEL_BEFORE]):
        slot[WISH] = TURN if slot[HOLDING] != 0 else BUY
        slot[WISH_TIME] = time_ms


def note_others(wallet: Ints, slots: Ints, terms: Ints, places: Ints, entered: int, markets: int) -> None:
    """Tell the limits what stands beside an entry: positions, and entries of this batch that come before it."""
    wallet[OTHER_POSITIONS] = 0
    wallet[OTHER_EXPOSURE] = 0
    for m in range(markets):
        slot = m * SLOT_SIZE
        if m != entered:
            stake = absolute(worth(slots[slot + HOLDING], places[m * PLACE_SIZE + MARK], terms[m * TERMS_SIZE :]))
            if m < entered and slots[slot + WISH] == BUY:
                stake = slots[slot + WISH_COST]
            wallet[OTHER_POSITIONS] += 1 if stake > 0 else 0
            wallet[OTHER_EXPOSURE] += stake


def ask_for_entry(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    refusals: Ints,
    counts: Ints,
    level: Floats,
    scale: float,
    equity: int,
    close_ticks: int,
    time_ms: int,
) -> None:
    """Size a wished entry and set its cash aside, or refuse it; a turn whose exit the venue refused is dropped."""
    slot[WISH] = NOTHING
    size_wish(
        wallet,
        slot,
        terms,
        refusals,
        counts,
        scale,
        equity,
        level[LEVEL],
        first_distance(level[STOP_AWAY], level[TRAIL_AWAY]),
        level[FIRST_AWAY] if WIDTH > FIRST_AWAY else 0.0,
        level[SECOND_AWAY] if WIDTH > SECOND_AWAY else 0.0,
        level[FIRST_SHARE] if WIDTH > FIRST_SHARE else 0.0,
        level[EVEN_AWAY] if WIDTH > EVEN_AWAY else 0.0,
        level[HELD_MS] if WIDTH > HELD_MS else 0.0,
        close_ticks,
        time_ms,
    )
    if slot[WISH] == TURN:
        slot[WISH] = NOTHING
    elif slot[WISH] == BUY and cash_is_there(wallet, slot, terms):
        wallet[RESERVED] += entry_cash(slot[WISH_COST], terms)
    elif slot[WISH] == BUY:
        slot[WISH] = NOTHING
        refuse(terms, refusals, counts, time_ms, INSUFFICIENT_CASH)


def leave_all(
    wallet: Ints,
    slots: Ints,
    terms: Ints,
    places: Ints,
    order: Ints,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    open_ticks: Ints,
    markets: int,
) -> None:
    """Stops are moved and exits done; afterwards only entries are wished for."""
    for rank in range(markets):
        m = order[rank]
        wish = slots[m * SLOT_SIZE + WISH]
        bar = places[m * PLACE_SIZE + CLOSED]
        if bar >= 0 and wish != NOTHING and wish != BUY:
            leave(
                wallet,
                slots[m * SLOT_SIZE :],
                terms[m * TERMS_SIZE :],
                trades[places[m * PLACE_SIZE + TRADES_AT] :],
                refusals[places[m * PLACE_SIZE + REFUSALS_AT] :],
                counts[m * COUNTS_SIZE :],
                open_ticks[bar + 1],
            )
            slots[m * SLOT_SIZE + WISH] = TURN if wish == TURN else NOTHING


def enter_all(
    wallet: Ints,
    slots: Ints,
    terms: Ints,
    places: Ints,
    scales: Floats,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    levels: Floats,
    open_ticks: Ints,
    close_ticks: Ints,
    markets: int,
    equity: int,
    time_ms: int,
) -> None:
    """Size and cash of every entry, then their fills, then their stops: as one message after the other reaches a venue."""
    for m in range(markets):
        if slots[m * SLOT_SIZE + WISH] != NOTHING:
            if terms[POSITIONS_MAX] > 0 or terms[EXPOSURE_MAX] > 0:
                note_others(wallet, slots, terms, places, m, markets)
            bar = places[m * PLACE_SIZE + CLOSED]
            ask_for_entry(
                wallet,
                slots[m * SLOT_SIZE :],
                terms[m * TERMS_SIZE :],
                refusals[places[m * PLACE_SIZE + REFUSALS_AT] :],
                counts[m * COUNTS_SIZE :],
                levels[bar * WIDTH :],
                scales[m],
                equity,
                close_ticks[bar],
                time_ms,
            )
    wallet[RESERVED] = 0
    for m in range(markets):
        if slots[m * SLOT_SIZE + WISH] == BUY:
            fill_entry(
                wallet,
                slots[m * SLOT_SIZE :],
                terms[m * TERMS_SIZE :],
                refusals[places[m * PLACE_SIZE + REFUSALS_AT] :],
                counts[m * COUNTS_SIZE :],
                open_ticks[places[m * PLACE_SIZE + CLOSED] + 1],
                time_ms,
            )
    for m in range(markets):
        if slots[m * SLOT_SIZE + WISH] == BUY:
            slots[m * SLOT_SIZE + WISH] = NOTHING
            place_first_stop(
                wallet,
                slots[m * SLOT_SIZE :],
                terms[m * TERMS_SIZE :],
                trades[places[m * PLACE_SIZE + TRADES_AT] :],
                refusals[places[m * PLACE_SIZE + REFUSALS_AT] :],
                counts[m * COUNTS_SIZE :],
                open_ticks[places[m * PLACE_SIZE + CLOSED] + 1],
                time_ms,
            )


def act(
    wallet: Ints,
    slots: Ints,
    terms: Ints,
    places: Ints,
    order: Ints,
    scales: Floats,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    levels: Floats,
    open_ticks: Ints,
    high_ticks: Ints,
    low_ticks: Ints,
    close_ticks: Ints,
    markets: int,
    equity: int,
    time_ms: int,
) -> None:
    """Everything a batch decides, and all that comes of it at this T."""
    for m in range(markets):
        bar = places[m * PLACE_SIZE + CLOSED]
        if bar >= 0:
            decide_market(
                slots[m * SLOT_SIZE :],
                terms[m * TERMS_SIZE :],
                levels[bar * WIDTH :],
                scales[m],
                high_ticks[bar],
                low_ticks[bar],
                close_ticks[bar],
                time_ms,
            )
    leave_all(wallet, slots, terms, places, order, trades, refusals, counts, open_ticks, markets)
    enter_all(
        wallet, slots, terms, places, scales, trades, refusals, counts, levels, open_ticks, close_ticks, markets, equity,
        time_ms,
    )  # fmt: skip


def run_block(
    wallet: Ints,
    slots: Ints,
    terms: Ints,
    places: Ints,
    order: Ints,
    scales: Floats,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    levels: Floats,
    open_time: Ints,
    open_ticks: Ints,
    high_ticks: Ints,
    low_ticks: Ints,
    close_ticks: Ints,
    equity: Ints,
    stride: int,
    markets: int,
    first_ms: int,
    steps: int,
    timeframe_ms: int,
    record: bool,
) -> None:
    """So many Ts from `first_ms` on, one timeframe apart; `equity` gets what the mandate is worth at each.

    The day's loss is looked at only where a limit asks for it; a mandate's limits are the same on all its markets.
    """
    for k in range(steps):
        time_ms = first_ms + k * timeframe_ms
        found = close_bars(
            wallet, slots, terms, places, trades, refusals, counts, levels, open_time, open_ticks, high_ticks, low_ticks,
            close_ticks, stride, markets, time_ms, timeframe_ms,
        )  # fmt: skip
        noted = terms[DRAWDOWN_MAX_PPM] > 0 or floor_div(time_ms, DAY_MS) != wallet[DAY]
        noted = noted and found != QUIET and terms[WATCHED] > 0
        if record or noted or found == WISHES:
            now = equity_of(wallet, slots, terms, places, markets)
            if record:
                equity[k] = now
            if noted:
                note_equity(wallet, terms, now, time_ms)
            if found == WISHES:
                act(
                    wallet, slots, terms, places, order, scales, trades, refusals, counts, levels, open_ticks, high_ticks,
                    low_ticks, close_ticks, markets, now, time_ms,
                )  # fmt: skip
