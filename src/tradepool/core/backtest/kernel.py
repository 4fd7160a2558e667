"""The backtest's own part of the fused loop: the clock of a bar for one position, in the step vocabulary.

Bar i: what was decided at the close before is done at this open, then resting stops and targets meet the bar, worst
case first (long: open, low, high; short: open, high, low), then the market part sees bar i, then the account part
decides at its close. A bar after which none follows decides nothing: there is no open to act on.

The usual bar, flat without an edge or held with nothing reached, is a few comparisons; all else is behind them.
"""

from __future__ import annotations

from tradepool.core.account.account_step import (
    BUY,
    CASH,
    HOLDING,
    INSUFFICIENT_CASH,
    LONG,
    NOTHING,
    REFUSAL,
    RELEVEL,
    RESTING,
    SELL,
    SHORT,
    SHORTS,
    SIDE,
    SIGNAL_EXIT,
    STOP,
    STOP_HIT,
    TARGET,
    TARGETS,
    TIME_HIT,
    TIME_UP,
    TIMED,
    TRAILED,
    TRAILING_HIT,
    TURN,
    WISH,
    WISH_STEPS,
    WISH_TIME,
    cash_is_there,
    decide_entry,
    decide_held,
    first_distance,
    relevel,
    side_of,
    size_entry,
    worth,
)
from tradepool.core.account.booking import decide_levels, decide_targets
from tradepool.core.account.limit_step import (
    LOSS_STREAK,
    NOW,
    WATCHED,
    asked_before_cooling,
    cooling,
    note_equity,
    to_be_noted,
)
from tradepool.core.backtest.fills import close_all, enter, fill_stop, fill_target, place_stop, refuse
from tradepool.core.compiler.vocabulary import Ints, floor_div


def leave(wallet: Ints, slot: Ints, terms: Ints, trades: Ints, refusals: Ints, counts: Ints, price: int) -> None:
    """The part of a wish that concerns what is held: move its stop, or close it at this price."""
    time_ms = slot[WISH_TIME]
    if slot[WISH] == RELEVEL:
        reason = relevel(slot)
        place_stop(wallet, slot, terms, trades, refusals, counts, price, time_ms, reason)
    elif slot[WISH] != BUY:
        slot[RESTING] = 0
        reason = TIME_HIT if TIMED == 1 and slot[WISH] == TIME_UP else SIGNAL_EXIT
        close_all(wallet, slot, terms, trades, refusals, counts, price, time_ms, reason)


def act_at_open(wallet: Ints, slot: Ints, terms: Ints, trades: Ints, refusals: Ints, counts: Ints, price: int) -> None:
    """Do what was decided at the close before, at its T; its orders fill at this open. A turn is an exit, then an entry."""
    wish = slot[WISH]
    time_ms = slot[WISH_TIME]
    leave(wallet, slot, terms, trades, refusals, counts, price)
    slot[WISH] = NOTHING
    if wish == BUY:
        enter(wallet, slot, terms, trades, refusals, counts, price, time_ms)
    if SHORTS == 1 and wish == TURN and slot[HOLDING] == 0:
        # What the exit changed: its loss may begin a cool-down, and the cash is another.
        refused = slot[REFUSAL] if slot[WISH_STEPS] == 0 else 0
        if cooling(wallet, terms) and not asked_before_cooling(refused):
            refuse(terms, refusals, counts, time_ms, LOSS_STREAK)
        elif refused != 0:
            refuse(terms, refusals, counts, time_ms, refused)
        elif cash_is_there(wallet, slot, terms):
            enter(wallet, slot, terms, trades, refusals, counts, price, time_ms)
        else:
            refuse(terms, refusals, counts, time_ms, INSUFFICIENT_CASH)


def meet_stop(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    trades: Ints,
    counts: Ints,
    open_: int,
    worst: int,
    open_time: int,
    later: int,
) -> None:
    """A resting stop meets the bar: already passed at the open it fills there, else at its own level on the way."""
    side = side_of(slot)
    if slot[RESTING] == 1 and side * (worst - slot[STOP]) <= 0:
        reason = TRAILING_HIT if slot[TRAILED] == 1 else STOP_HIT
        passed = side * (open_ - slot[STOP]) <= 0
        price = open_ if passed else slot[STOP]
        fill_stop(wallet, slot, terms, trades, counts, price, open_time if passed else later, reason)


def meet_target(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    reached: int,
    time_ms: int,
) -> None:
    """A target that was reached fills at its level."""
    level = slot[TARGET]
    if level > 0 and side_of(slot) * (reached - level) >= 0:
        fill_target(wallet, slot, terms, trades, refusals, counts, time_ms)


def meet_bar(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    open_: int,
    worst: int,
    best: int,
    open_time: int,
    timeframe_ms: int,
) -> None:
    """The stop and the targets of a position meet a bar: at its open, on its way to the worst price, then to the best."""
    if TARGETS == 1:
        meet_target(wallet, slot, terms, trades, refusals, counts, open_, open_time)
        meet_target(wallet, slot, terms, trades, refusals, counts, open_, open_time)
    meet_stop(wallet, slot, terms, trades, counts, open_, worst, open_time, open_time + floor_div(timeframe_ms, 4))
    if TARGETS == 1:
        later = open_time + floor_div(timeframe_ms, 2)
        meet_target(wallet, slot, terms, trades, refusals, counts, best, later)
        meet_target(wallet, slot, terms, trades, refusals, counts, best, later)


def open_bar(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    trades: Ints,
    refusals: Ints,
    counts: Ints,
    open_ticks: int,
    high_ticks: int,
    low_ticks: int,
    open_time: int,
    timeframe_ms: int,
) -> None:
    """Everything that happens to the position from this bar's open on, before the market part sees the bar."""
    if slot[WISH] != NOTHING:
        act_at_open(wallet, slot, terms, trades, refusals, counts, open_ticks)
    if slot[RESTING] == 1 or (TARGETS == 1 and slot[TARGET] > 0):
        short = SHORTS == 1 and slot[SIDE] == SHORT
        worst = high_ticks if short else low_ticks
        best = low_ticks if short else high_ticks
        side = side_of(slot)
        stopped = slot[RESTING] == 1 and side * (worst - slot[STOP]) <= 0
        if stopped or (TARGETS == 1 and slot[TARGET] > 0 and side * (best - slot[TARGET]) >= 0):
            meet_bar(wallet, slot, terms, trades, refusals, counts, open_ticks, worst, best, open_time, timeframe_ms)


def equity_at(wallet: Ints, slot: Ints, terms: Ints, close_ticks: int) -> int:
    """Cash and the position's worth at a close, in quote units."""
    return wallet[CASH] + worth(slot[HOLDING], close_ticks, terms) if slot[HOLDING] != 0 else wallet[CASH]


def size_wish(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    refusals: Ints,
    counts: Ints,
    scale: float,
    equity: int,
    exposure: float,
    stop: float,
    first_target: float,
    second_target: float,
    target_share: float,
    break_even: float,
    hold_ms: float,
    close_ticks: int,
    time_ms: int,
) -> None:
    """Size an entry from the mandate's equity: of a flat slot, whose cash is asked for now, or of one that turns, whose
    cash is asked for after its exit."""
    side = SHORT if SHORTS == 1 and exposure < 0.0 else LONG
    turns = SHORTS == 1 and slot[HOLDING] != 0
    wallet[NOW] = time_ms
    if turns:
        steps = size_entry(wallet, slot, terms, scale, equity, close_ticks, stop, side)
    else:
        steps = decide_entry(wallet, slot, terms, scale, equity, close_ticks, stop, side)
    if steps > 0 or turns:
        # What refuses a turn is said after its exit.
        slot[WISH] = TURN if turns else BUY
        slot[WISH_TIME] = time_ms
        slot[WISH_STEPS] = steps
    if steps > 0:
        decide_levels(slot, scale, close_ticks, time_ms, break_even, hold_ms)
        if TARGETS == 1:
            decide_targets(slot, scale, close_ticks, first_target, second_target, target_share)
    elif not turns:
        refuse(terms, refusals, counts, time_ms, slot[REFUSAL])


def wish_entry(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    refusals: Ints,
    counts: Ints,
    scale: float,
    exposure: float,
    stop: float,
    first_target: float,
    second_target: float,
    target_share: float,
    break_even: float,
    hold_ms: float,
    close_ticks: int,
    time_ms: int,
) -> None:
    """The same for an only market, whose equity is known here; seldom called, so no usual bar pays for counting it."""
    size_wish(
        wallet,
        slot,
        terms,
        refusals,
        counts,
        scale,
        equity_at(wallet, slot, terms, close_ticks),
        exposure,
        stop,
        first_target,
        second_target,
        target_share,
        break_even,
        hold_ms,
        close_ticks,
        time_ms,
    )


def wish_for_held(
    slot: Ints,
    terms: Ints,
    scale: float,
    exposure: float,
    trail_distance: float,
    trail_step: float,
    high_ticks: int,
    low_ticks: int,
    close_ticks: int,
    time_ms: int,
) -> None:
    """What to do with an open position at the close of a bar."""
    best = low_ticks if SHORTS == 1 and slot[SIDE] == SHORT else high_ticks
    wish = decide_held(slot, terms, scale, exposure, best, close_ticks, trail_distance, trail_step, time_ms)
    if wish != NOTHING:
        slot[WISH] = wish
        slot[WISH_TIME] = time_ms


def is_entry(slot: Ints, exposure: float, previous_exposure: float) -> bool:
    """Whether the level has an edge here that a flat slot, or one about to be closed for it, acts on."""
    enters = exposure != previous_exposure and exposure != 0.0
    return enters and (slot[HOLDING] == 0 or (SHORTS == 1 and slot[WISH] == SELL))


def decide(
    wallet: Ints,
    slot: Ints,
    terms: Ints,
    refusals: Ints,
    counts: Ints,
    scale: float,
    exposure: float,
    previous_exposure: float,
    stop_distance: float,
    trail_distance: float,
    trail_step: float,
    first_target: float,
    second_target: float,
    target_share: float,
    break_even: float,
    hold_ms: float,
    high_ticks: int,
    low_ticks: int,
    close_ticks: int,
    time_ms: int,
) -> None:
    """The account part at the close of a bar: what to do at the next open."""
    if terms[WATCHED] > 0 and to_be_noted(wallet, terms, time_ms):
        note_equity(wallet, terms, equity_at(wallet, slot, terms, close_ticks), time_ms)
    if slot[HOLDING] != 0:
        wish_for_held(
            slot, terms, scale, exposure, trail_distance, trail_step, high_ticks, low_ticks, close_ticks, time_ms
        )
    if is_entry(slot, exposure, previous_exposure):
        wish_entry(
            wallet,
            slot,
            terms,
            refusals,
            counts,
            scale,
            exposure,
            first_distance(stop_distance, trail_distance),
            first_target,
            second_target,
            target_share,
            break_even,
            hold_ms,
            close_ticks,
            time_ms,
        )
