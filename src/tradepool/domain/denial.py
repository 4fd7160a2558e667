"""Why a wish was not carried out: one word for the journal and for machines, one sentence for the user.

Every refusal in the platform is one of these, wherever it is said: the account step, the last look at an order, the gate
before the wire, the limits, a person, the venue. `Refusal.reason` is the word.
"""

from __future__ import annotations

from enum import StrEnum


class Denial(StrEnum):
    """The word, and `sentence`: what was the case, and what ends it or can be done about it."""

    sentence: str

    def __new__(cls, word: str, sentence: str) -> Denial:
        """A member is its word."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.sentence = sentence
        return member

    # ---- the account step: sizes and money
    BELOW_MINIMUM = (
        "below_minimum",
        "the order would be too small to be sold again at its stop (smallest sell); give more cash or weight",
    )
    INSUFFICIENT_CASH = "insufficient_cash", "cost + fee is more than the free cash; give less weight"
    TOO_LARGE = (
        "too_large",
        "the order would be more than is counted exactly (2^53 units); give less cash or weight",
    )

    # ---- the account step: limits of a mandate
    DAILY_LOSS = "daily_loss", "the day's loss limit was reached; no entries until the next UTC day"
    WEEKLY_LOSS = "weekly_loss", "the week's loss limit was reached; no entries until Monday, 0:00 UTC"
    DRAWDOWN = (
        "drawdown",
        "the equity fell from its highest by the drawdown limit; a person lets it trade again with risk resume",
    )
    LOSS_STREAK = "loss_streak", "so many losing trades in a row are a reason to pause; it goes on after the cool-down"
    POSITIONS = "positions", "as many positions are open as the limit allows; one has to close first"
    ORDER_NOTIONAL = "order_notional", "what the order limit leaves of the order is too small to be sold again"
    MARKET_NOTIONAL = "market_notional", "what the market's limit leaves of the order is too small to be sold again"
    EXPOSURE = "exposure", "the positions are worth as much as the exposure limit allows; one has to close first"
    TRADE_RISK = (
        "trade_risk",
        "what may be lost until the stop allows only an order too small to be sold again; a nearer stop allows more",
    )

    # ---- an account's own state
    AGED_OUT = "aged_out", "its candle is too long past: an entry is never made late"
    FOREIGN_ORDER = (
        "foreign_order",
        "somebody else orders on this account; nothing is entered until its owner says that this is over",
    )
    STREAM_DOWN = (
        "stream_down",
        "the venue does not stream what becomes of this account's orders; nothing is entered until it does, exits go on",
    )
    QUARANTINED = (
        "quarantined",
        "the account's balances jumped and no history of the venue says why, or the venue says of them what can't be, or names "
        "an asset that it does not list, or fees were paid in a coin that nobody can value; a person looks, then lets it go on "
        "with resume",
    )
    EXIT_NOT_FINAL = "exit_not_final", "it waited for the cash of a sale that had not ended by the next candle"
    STOPPED = (
        "stopped",
        "the account is stopped after an error, which status shows; protections go on, and exits where its state is sure",
    )
    CANCEL_REFUSED = "cancel_refused", "the venue would not take an order from its book; the stop there stays"

    # ---- the last look at an order
    WRONG_MARKET = "wrong_market", "the order names another market than it was made for; please report this"
    QUANTITY_OFF_GRID = "quantity_off_grid", "the quantity is no whole number of the market's steps; please report this"
    STOP_PRICE_OFF_GRID = "stop_price_off_grid", "the stop is no whole number of ticks; please report this"
    STOP_PRICE_WITHOUT_STOP = "stop_price_without_stop", "an order that is no stop has a stop price; please report this"
    PRICE_OFF_GRID = "price_off_grid", "the price is no whole number of the market's ticks; please report this"
    PRICE_WITHOUT_LIMIT = "price_without_limit", "an order that is no limit has a price; please report this"
    TIME_IN_FORCE_WITHOUT_LIMIT = (
        "time_in_force_without_limit",
        "an order that is no limit says how long it may wait; please report this",
    )
    SELLS_MORE_THAN_HELD = "sells_more_than_held", "it would sell more than is held; please report this"
    NOTHING_TO_SPEND = "nothing_to_spend", "all cash of the mandate is in use"

    # ---- the gate before the wire
    CLOCK_OFF = "clock_off", "this machine's clock differs from the venue's; entries go on when it is right again"
    SUSPENDED_ERRORS = "suspended_errors", "the market is suspended: several accounts had errors on it"
    SUSPENDED_STALE = "suspended_stale", "the market is suspended: it has no candles while others have"
    SUSPENDED_HALTED = "suspended_halted", "the venue has halted this market"
    SUSPENDED_DELISTED = "suspended_delisted", "the venue does not list this market any more"
    SUSPENDED_ODD_PRICE = "suspended_odd_price", "the market is suspended: its price makes no sense"
    STALE_PRICE = "stale_price", "the market's last price is older than allowed"
    STALE_BALANCE = "stale_balance", "the account's balances were last heard of too long ago"
    PRICE_BAND = "price_band", "the price is too far from the market's price before; it may be wrong"
    VOLUME_SHARE = "volume_share", "with the entries before it, it takes too large a share of what the market trades"
    ORDER_RATE = "order_rate", "too many entries went out within a minute"
    REDUCE_ONLY = "reduce_only", "a limit was reached that allows only exits until the next UTC day, or risk resume"

    # ---- limits beyond one mandate
    CLUSTER = "cluster", "the limit of markets that move together is reached"
    SCOPE_NOTIONAL = "scope_notional", "the order is larger than a limit allows that stands above the mandate"
    SCOPE_EXPOSURE = "scope_exposure", "a limit on all positions above the mandate is reached"
    SCOPE_POSITIONS = "scope_positions", "a limit on the number of positions above the mandate is reached"
    SCOPE_DAILY_LOSS = "scope_daily_loss", "a daily loss limit above the mandate was reached; until the next UTC day"
    SCOPE_WEEKLY_LOSS = "scope_weekly_loss", "a weekly loss limit above the mandate was reached; until Monday, 0:00 UTC"
    SCOPE_DRAWDOWN = "scope_drawdown", "a drawdown limit above the mandate was reached; a person ends it: risk resume"

    # ---- people and instances
    HALTED = "halted", "a halt is in force; a person lifts it with resume"
    PAUSED = "paused", "the user, the account or the mandate is paused or closed; users, accounts or mandates resume"
    SHADOW = "shadow", "the mandate is a shadow: its entries are written down and not sent"
    SUSPENDED = "suspended", "a person, or the platform, has suspended this market or strategy for now"
    DISK_FULL = "disk_full", "the disk is full: what room is left is for exits and protections"
    CANARY_ORDER = "canary_order", "the order is larger than a canary's may be"
    CANARY_POSITIONS = "canary_positions", "as many positions are open as a canary may have"
    CANARY_EXPOSURE = "canary_exposure", "a canary may not have more at stake"
    NO_ADDRESS_LIST = (
        "no_address_list",
        "the key may be used from any address, so no more may be at stake; list this machine's addresses at the venue",
    )
    KEY_UNSEEN = (
        "key_unseen",
        "the venue has not said yet what the account's key may do; until it does, nothing is entered",
    )
    UNPAID = "unpaid", "the commission is unpaid for two weeks; nothing is entered until it is paid, exits go on"
    UNPAID_REDUCE_ONLY = "unpaid_reduce_only", "the commission is unpaid for a month: only exits until it is paid"
    REPLACED = "replaced", "another instance has taken this deployment over"

    # ---- the venue
    PRICE_RAN = (
        "price_ran",
        "the price ran away from the entry's limit, and nothing was bought; entry_slippage_max says how far it may go",
    )
    NOBODY_CAME = (
        "nobody_came",
        "the entry rested at its limit until the next candle closed, and nobody sold to it; then it was taken back",
    )
    TAKEN_BACK = (
        "taken_back",
        "the entry was taken back before the next candle closed, by a person, a limit or the venue, and nothing was bought",
    )
    WOULD_TAKE = (
        "would_take",
        "the price had come to the entry's limit already: it would have taken, and a post-only order only rests",
    )
    WOULD_TRIGGER = "would_trigger", "the price had passed the stop already; the position was sold at market"
    OFF_NEW_GRID = "off_new_grid", "the venue changed the market's grid meanwhile; what protects is made anew"
    VENUE_REJECTED = "venue_rejected", "the venue refused the order without saying more"


def sentence_of(reason: str) -> str:
    """The sentence of a reason; the word itself where it is not one of ours (an older or newer journal's).

    >>> sentence_of("halted"), sentence_of("full moon")
    ('a halt is in force; a person lifts it with resume', 'full moon')
    """
    return _SENTENCES.get(reason, reason)


_SENTENCES = {each.value: each.sentence for each in Denial}
