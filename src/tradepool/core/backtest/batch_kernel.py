"""The clock of a bar for several markets with one wallet, in the step vocabulary: the kernel's words, batch by batch.

All candles that close at one T are one batch. First each of these bars is walked, then every market is marked at its
last close and the mandate's equity is known. From it positions decide; then stops are moved and exits done, in symbol
order; then entries are sized, beside what the other markets of the mandate hold by then, and their cash is set aside, in
the mandate's order of markets; then they fill, and then their stops are placed. Everything a batch does happens at its
T, at each market's next open; a market whose series has ended is marked at the last close that had one. Rows are those of
`batch_bars`.
"""

from __future__ import annotations

from tradepool.core.account.account_step import (
    BUY,
    HOLDING,
    NOTHING,
    RESERVED,
    SLOT_SIZE,
    TERMS_SIZE,
    TURN,
    WISH,
    WISH_COST,
    entry_cash,
    first_distance,
)
from tradepool.core.account.limit_step import (
    WATCHED,
    nobody_else,
    note_equity,
    note_other,
    to_be_noted,
)
from tradepool.core.backtest.batch_bars import (
    CLOSED,
    PLACE_SIZE,
    QUIET,
    REFUSALS_AT,
    TRADES_AT,
    WISHES,
    close_bars,
    equity_of,
    worth_of,
)
from tradepool.core.backtest.fills import COUNTS_SIZE, fill_entry, place_first_stop
from tradepool.core.backtest.kernel import is_entry, leave, size_wish, wish_for_held
from tradepool.core.compiler.vocabulary import Floats, Ints

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
from tradepool.core.graph.step import WIDE as LEVELS_SIZE


def note_others(wallet: Ints, slots: Ints, terms: Ints, places: Ints, markets: int, entered: int) -> None:
    """Tell the limits what stands beside an entry: positions, and entries before it whose cash is set aside."""
    nobody_else(wallet)
    for m in range(markets):
        if m < entered and slots[m * SLOT_SIZE + WISH] == BUY:
            note_other(wallet, slots[m * SLOT_SIZE + WISH_COST])
        elif m != entered:
            note_other(wallet, worth_of(slots, terms, places, m))


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
    """What one market's position wishes, and whether it, or a flat slot, is to be entered when exits are done."""
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
        slot[WISH] = BUY if slot[HOLDING] == 0 else TURN


def wide(level: Floats, column: int) -> float:
    """A column that only wide rows have."""
    return level[column] if column < LEVELS_SIZE else 0.0


def ask_to_enter(
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
    """Size an entry and set aside what it may cost, or refuse it; a turn whose exit the venue refused is dropped."""
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
        wide(level, FIRST_AWAY),
        wide(level, SECOND_AWAY),
        wide(level, FIRST_SHARE),
        wide(level, EVEN_AWAY),
        wide(level, HELD_MS),
        close_ticks,
        time_ms,
    )
    if slot[WISH] == BUY:
        wallet[RESERVED] += entry_cash(slot[WISH_COST], terms)
    else:
        slot[WISH] = NOTHING


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


def size_all(
    wallet: Ints,
    slots: Ints,
    terms: Ints,
    places: Ints,
    scales: Floats,
    refusals: Ints,
    counts: Ints,
    levels: Floats,
    close_ticks: Ints,
    markets: int,
    equity: int,
    time_ms: int,
) -> None:
    """Ask for every entry, in the mandate's order; those that may be made stay wishes."""
    for m in range(markets):
        if slots[m * SLOT_SIZE + WISH] != NOTHING:
            note_others(wallet, slots, terms, places, markets, m)
            ask_to_enter(
                wallet,
                slots[m * SLOT_SIZE :],
                terms[m * TERMS_SIZE :],
                refusals[places[m * PLACE_SIZE + REFUSALS_AT] :],
                counts[m * COUNTS_SIZE :],
                levels[places[m * PLACE_SIZE + CLOSED] * LEVELS_SIZE :],
                scales[m],
                equity,
                close_ticks[places[m * PLACE_SIZE + CLOSED]],
                time_ms,
            )
    wallet[RESERVED] = 0


def enter_all(
    wallet: Ints,
    slots: Ints,
    terms: Ints,
    places: Ints,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    open_ticks: Ints,
    markets: int,
    time_ms: int,
) -> None:
    """The fills of all entries, then their stops: as one message after the other reaches a venue."""
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
                levels[bar * LEVELS_SIZE :],
                scales[m],
                high_ticks[bar],
                low_ticks[bar],
                close_ticks[bar],
                time_ms,
            )
    leave_all(wallet, slots, terms, places, order, trades, refusals, counts, open_ticks, markets)
    size_all(wallet, slots, terms, places, scales, refusals, counts, levels, close_ticks, markets, equity, time_ms)
    enter_all(wallet, slots, terms, places, trades, refusals, counts, open_ticks, markets, time_ms)


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

    What limits remember of the equity is noted only where one asks for it; of all markets' terms, by the first's.
    """
    for k in range(steps):
        time_ms = first_ms + k * timeframe_ms
        found = close_bars(
            wallet, slots, terms, places, trades, refusals, counts, levels, open_time, open_ticks, high_ticks,
            low_ticks, close_ticks, stride, markets, time_ms, timeframe_ms,
        )  # fmt: skip
        noted = found != QUIET and terms[WATCHED] > 0 and to_be_noted(wallet, terms, time_ms)
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
