"""A mandate's limits in the account step: what is remembered for them, which entries they refuse, and how they cut a size.

Written in the step vocabulary, called by the account step and the backtest kernel alike, so a limit binds in a backtest
as it does live. Zero in `terms` is no limit. Loss and drawdown are shares of an equity in the past, in parts per million.
"""

from __future__ import annotations

from tradepool.core.compiler.vocabulary import Ints, floor_div, maximum, minimum, multiply_divide
from tradepool.core.matching.bar_fill import share_units

# wallet: what the limits remember. DAY and WEEK count UTC days and Mondays; COOL_UNTIL is a time, in ms. NOW and what other
# markets of the mandate hold or are about to are set by whoever asks for an entry, just before. The last ones are about the
# moment at which the latest trade closed: losses then, and what stood before them. COUNTS_LATER: whoever walks several
# markets through one bar counts their trades afterwards.
DAY = 2
DAY_EQUITY = 3
WEEK = 8
WEEK_EQUITY = 9
PEAK_EQUITY = 10
LOSSES = 11
COOL_UNTIL = 12
NOW = 13
OTHER_POSITIONS = 14
OTHER_EXPOSURE = 15
CLOSED_AT = 16
LOST_THEN = 17
LOSSES_BEFORE = 18
COOL_BEFORE = 19
COUNTS_LATER = 20

# terms: the limits. WATCHED says that something has to be remembered at every bar.
ORDER_NOTIONAL_MAX = 7
DAILY_LOSS_PPM = 8
WATCHED = 24
MARKET_NOTIONAL_MAX = 25
EXPOSURE_MAX = 26
POSITIONS_MAX = 27
TRADE_RISK_PPM = 28
WEEKLY_LOSS_PPM = 29
DRAWDOWN_MAX_PPM = 30
LOSS_STREAK_MAX = 31
COOL_DOWN_MS = 32

# refusals
DAILY_LOSS = 3
WEEKLY_LOSS = 16
DRAWDOWN = 17
LOSS_STREAK = 18
TOO_MANY_POSITIONS = 19
ORDER_NOTIONAL = 20
MARKET_NOTIONAL = 21
EXPOSURE = 22
TRADE_RISK = 23

MINUTE_MS = 60_000
DAY_MS = 86_400_000
WEEK_MS = 604_800_000
# 1970-01-01 was a Thursday.
THURSDAY_MS = 259_200_000


def to_be_noted(wallet: Ints, terms: Ints, time_ms: int) -> bool:
    """Whether a T brings something that a limit has to remember of the equity; asked where terms[WATCHED] says so."""
    return terms[DRAWDOWN_MAX_PPM] > 0 or floor_div(time_ms, DAY_MS) != wallet[DAY]


def note_equity(wallet: Ints, terms: Ints, equity: int, time_ms: int) -> None:
    """Remember at a T the equity a UTC day and week start with (a T at midnight belongs to the new one), and the highest."""
    day = floor_div(time_ms, DAY_MS)
    if day != wallet[DAY]:
        wallet[DAY] = day
        wallet[DAY_EQUITY] = equity
    week = floor_div(time_ms + THURSDAY_MS, WEEK_MS)
    if week != wallet[WEEK]:
        wallet[WEEK] = week
        wallet[WEEK_EQUITY] = equity
    if terms[DRAWDOWN_MAX_PPM] > 0 and equity > wallet[PEAK_EQUITY]:
        wallet[PEAK_EQUITY] = equity


def note_result(wallet: Ints, terms: Ints, gained: int, time_ms: int) -> None:
    """Count a closed trade; the last of a streak of losses starts the cool-down, from the minute it closed in.

    Trades of one moment count alike whoever is heard of first: the gains, then the losses. A gain that is heard of after
    what closed later ends no streak, so what is late counts for the worse.
    """
    if time_ms > wallet[CLOSED_AT]:
        wallet[CLOSED_AT] = time_ms
        wallet[LOST_THEN] = 0
        wallet[LOSSES_BEFORE] = wallet[LOSSES]
        wallet[COOL_BEFORE] = wallet[COOL_UNTIL]
    if gained < 0:
        wallet[LOST_THEN] += 1
    elif time_ms == wallet[CLOSED_AT]:
        wallet[LOSSES_BEFORE] = 0
    wallet[LOSSES] = wallet[LOSSES_BEFORE] + wallet[LOST_THEN]
    wallet[COOL_UNTIL] = wallet[COOL_BEFORE]
    if wallet[LOSSES] >= terms[LOSS_STREAK_MAX]:
        wallet[LOSSES] = 0
        wallet[COOL_UNTIL] = floor_div(wallet[CLOSED_AT], MINUTE_MS) * MINUTE_MS + terms[COOL_DOWN_MS]


def cooling(wallet: Ints, terms: Ints) -> bool:
    """Whether a streak of losses keeps entries away now."""
    return terms[LOSS_STREAK_MAX] > 0 and wallet[NOW] < wallet[COOL_UNTIL]


def asked_before_cooling(refusal: int) -> bool:
    """Whether a refusal is by a limit that is asked before a streak of losses is."""
    if refusal == DAILY_LOSS:
        return True
    if refusal == WEEKLY_LOSS:
        return True
    return refusal == DRAWDOWN


def nobody_else(wallet: Ints) -> None:
    """Forget what other markets of the mandate hold, to note it anew for the next entry."""
    wallet[OTHER_POSITIONS] = 0
    wallet[OTHER_EXPOSURE] = 0


def note_other(wallet: Ints, amount: int) -> None:
    """Note what another market of the mandate holds or is about to: its worth in quote units, negative for a short."""
    if amount != 0:
        wallet[OTHER_POSITIONS] += 1
        wallet[OTHER_EXPOSURE] += maximum(amount, -amount)


def fell(before: int, equity: int, share_ppm: int) -> bool:
    """Whether a limit (0: none) on the fall from an earlier equity is reached."""
    return share_ppm > 0 and before - equity >= share_units(maximum(before, 0), share_ppm)


def refused_by_limit(wallet: Ints, terms: Ints, equity: int) -> int:
    """The limit that lets no entry be made now, 0 if none does."""
    if fell(wallet[DAY_EQUITY], equity, terms[DAILY_LOSS_PPM]):
        return DAILY_LOSS
    if fell(wallet[WEEK_EQUITY], equity, terms[WEEKLY_LOSS_PPM]):
        return WEEKLY_LOSS
    if fell(wallet[PEAK_EQUITY], equity, terms[DRAWDOWN_MAX_PPM]):
        return DRAWDOWN
    if cooling(wallet, terms):
        return LOSS_STREAK
    if terms[POSITIONS_MAX] > 0 and wallet[OTHER_POSITIONS] >= terms[POSITIONS_MAX]:
        return TOO_MANY_POSITIONS
    return 0


def room(wallet: Ints, terms: Ints, equity: int, close_ticks: int, distance_ticks: int, limit: int) -> int:
    """How much an entry may be worth by one limit, in quote units.

    What is at risk is lost from the close to the stop (one nearer than a thousandth counts as that); without a stop, all.
    """
    if limit == ORDER_NOTIONAL:
        return terms[ORDER_NOTIONAL_MAX]
    if limit == MARKET_NOTIONAL:
        return terms[MARKET_NOTIONAL_MAX]
    if limit == EXPOSURE:
        return maximum(terms[EXPOSURE_MAX] - wallet[OTHER_EXPOSURE], 0)
    risk = share_units(maximum(equity, 0), terms[TRADE_RISK_PPM])
    if distance_ticks <= 0 or distance_ticks >= close_ticks:
        return risk
    return multiply_divide(risk, close_ticks, maximum(distance_ticks, floor_div(close_ticks + 999, 1_000)))


def narrowest(wallet: Ints, terms: Ints, equity: int, close_ticks: int, distance_ticks: int, target: int) -> int:
    """The limit that cuts a target (quote units) the most, 0 if none does."""
    limit = 0
    least = target
    if terms[ORDER_NOTIONAL_MAX] > 0 and terms[ORDER_NOTIONAL_MAX] < least:
        limit = ORDER_NOTIONAL
        least = terms[ORDER_NOTIONAL_MAX]
    if terms[MARKET_NOTIONAL_MAX] > 0 and terms[MARKET_NOTIONAL_MAX] < least:
        limit = MARKET_NOTIONAL
        least = terms[MARKET_NOTIONAL_MAX]
    if terms[EXPOSURE_MAX] > 0 and room(wallet, terms, equity, close_ticks, distance_ticks, EXPOSURE) < least:
        limit = EXPOSURE
        least = room(wallet, terms, equity, close_ticks, distance_ticks, EXPOSURE)
    if terms[TRADE_RISK_PPM] > 0 and room(wallet, terms, equity, close_ticks, distance_ticks, TRADE_RISK) < least:
        limit = TRADE_RISK
    return limit


def money_moved(wallet: Ints, units: int) -> None:
    """So many quote units, or what is worth them, were put in (or taken out, if negative): no gain, and no loss."""
    if wallet[DAY_EQUITY] != 0:
        wallet[DAY_EQUITY] += units
    if wallet[WEEK_EQUITY] != 0:
        wallet[WEEK_EQUITY] += units
    if wallet[PEAK_EQUITY] != 0:
        wallet[PEAK_EQUITY] += units


def person_resumed(wallet: Ints, equity: int) -> None:
    """A person lets a mandate trade on after a loss: everything is measured from here."""
    wallet[DAY_EQUITY] = minimum(wallet[DAY_EQUITY], equity)
    wallet[WEEK_EQUITY] = minimum(wallet[WEEK_EQUITY], equity)
    wallet[PEAK_EQUITY] = minimum(wallet[PEAK_EQUITY], equity)
    wallet[LOSSES] = 0
    wallet[COOL_UNTIL] = 0
    wallet[LOST_THEN] = 0
    wallet[LOSSES_BEFORE] = 0
    wallet[COOL_BEFORE] = 0
