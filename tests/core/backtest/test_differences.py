"""Each difference between a day and its backtest has the cause it should have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.nouns import ACCOUNT, BTC, ETH, MINUTE_MS
from tradepool.core.backtest.differences import Account, ByHand, Cause, Difference, Expected, Lot, compare
from tradepool.domain.order import Purpose, Refusal

T = 10 * MINUTE_MS
MEANT = Lot(BTC.id, T, Decimal(100), Decimal(2), T + 5 * MINUTE_MS, Decimal(110), Purpose.SIGNAL_EXIT)
MADE = replace(MEANT, entry_ms=T + 700, exit_ms=T + 5 * MINUTE_MS + 300)


def held(lot: Lot) -> Lot:
    """The same, not closed yet."""
    return replace(lot, exit_ms=None, exit_price=None, reason=None)


def found(happened: Account, *expected: Lot, refusals: Sequence[Refusal] = ()) -> list[Difference]:
    steps = {BTC.id: BTC.quantity_step, ETH.id: ETH.quantity_step}
    return compare(happened, Expected(lots=expected, refusals=refusals), MINUTE_MS, lambda market, _: steps[market])


def account(*lots: Lot, **more: object) -> Account:
    return replace(Account(lots=lots), **more)  # type: ignore[arg-type]


def refused(reason: str, after_ms: int = 0) -> Refusal:
    return Refusal(account=ACCOUNT.id, market=BTC.id, time_ms=T + after_ms, reason=reason)


def test_the_same_trade_within_its_bars_is_no_difference() -> None:
    assert found(account(MADE), MEANT) == []


@pytest.mark.parametrize(
    ("made", "what", "cause", "cost"),
    [
        (replace(MADE, entry_price=Decimal("100.1")), "entry price", Cause.SLIPPAGE, "0.2"),
        (replace(MADE, exit_price=Decimal(109)), "exit price", Cause.SLIPPAGE, "2"),
        (replace(MADE, quantity=Decimal("1.99999")), "quantity", Cause.ROUNDING, None),
        (replace(MADE, quantity=Decimal("1.5")), "quantity", Cause.UNEXPLAINED, None),
        (replace(MADE, reason=Purpose.MANUAL), "exit", Cause.MANUAL, None),
        (replace(MADE, exit_ms=T + MINUTE_MS, reason=Purpose.RELEASED), "exit", Cause.MANUAL, None),
        (replace(MADE, reason=Purpose.STOP), "exit", Cause.UNEXPLAINED, None),
        (held(MADE), "exit", Cause.UNEXPLAINED, None),
    ],
)
def test_a_trade_of_both_differs(made: Lot, what: str, cause: Cause, cost: str | None) -> None:
    (each,) = found(account(made), MEANT)
    assert (each.what, each.cause, each.cost) == (what, cause, None if cost is None else Decimal(cost))


def test_an_entry_that_found_a_price_within_its_limit_has_slipped_the_other_way() -> None:
    (each,) = found(account(MADE), refusals=[refused("price_ran")])
    assert (each.what, each.cause) == ("entry", Cause.SLIPPAGE)
    (each,) = found(account(refusals=[refused("price_ran", 900)]), MEANT)
    assert (each.what, each.cause, each.detail) == ("no entry", Cause.REFUSAL, "price_ran")


def test_less_than_was_meant_is_a_part_where_its_entry_was_filled_in_part() -> None:
    less, more = (replace(MADE, quantity=Decimal(quantity)) for quantity in ("1.5", "2.5"))
    for made, parts, cause in (
        (less, [(BTC.id, T)], Cause.PART),
        (more, [(BTC.id, T)], Cause.UNEXPLAINED),
        (less, [(ETH.id, T), (BTC.id, T - 1)], Cause.UNEXPLAINED),
    ):
        (each,) = found(account(made, parts=parts), MEANT)
        assert (each.what, each.cause) == ("quantity", cause)


def test_an_exit_differs_for_the_reason_that_is_there() -> None:
    stopped = replace(MADE, exit_ms=T + MINUTE_MS, exit_price=Decimal(95), reason=Purpose.STOP)
    (_, each) = found(account(replace(stopped, entry_price=Decimal("100.2"))), MEANT)
    assert (each.what, each.cause) == ("exit", Cause.FOLLOWS)
    (each,) = found(account(held(MADE), outages=[(T + 4 * MINUTE_MS, T + 6 * MINUTE_MS)]), MEANT)
    assert (each.cause, each.expected, each.happened) == (Cause.OUTAGE, "signal_exit at 110", "still open")
    (each,) = found(account(replace(MADE, quantity=Decimal("0.25")), capped=[(0, 2 * T)]), MEANT)
    assert each.cause is Cause.CAP


@pytest.mark.parametrize(
    ("happened", "cause", "detail"),
    [
        (account(refusals=[refused("halted", 900)]), Cause.REFUSAL, "halted"),
        (account(refusals=[refused("aged_out")]), Cause.LATE, "aged_out"),
        (account(refusals=[refused("halted", MINUTE_MS)]), Cause.UNEXPLAINED, ""),
        (account(outages=[(T - 1, T + 1)]), Cause.OUTAGE, ""),
        (account(outages=[(T + 1, T + 2)]), Cause.UNEXPLAINED, ""),
        (account(), Cause.UNEXPLAINED, ""),
    ],
)
def test_an_entry_that_did_not_happen(happened: Account, cause: Cause, detail: str) -> None:
    (each,) = found(happened, MEANT)
    assert (each.what, each.cause, each.detail, each.happened) == ("no entry", cause, detail, "none")


def test_an_entry_that_the_backtest_has_not() -> None:
    (each,) = found(account(MADE))
    assert (each.what, each.cause) == ("entry", Cause.UNEXPLAINED)
    (each,) = found(account(MADE, adopted=[(BTC.id, MADE.entry_ms)]))
    assert (each.cause, each.detail) == (Cause.MANUAL, "adopted")
    earlier = replace(MEANT, entry_ms=T - 5 * MINUTE_MS)
    causes = [each.cause for each in found(account(MADE), earlier)]
    assert causes == [Cause.UNEXPLAINED, Cause.FOLLOWS]


def test_markets_of_one_mandate_are_told_apart_and_share_their_cash() -> None:
    other = replace(MADE, market=ETH.id)
    assert found(account(MADE, other), MEANT, replace(MEANT, market=ETH.id)) == []
    (each,) = found(account(MADE, refusals=[refused("halted")]), MEANT, replace(MEANT, market=ETH.id))
    assert (each.market, each.what, each.cause) == (ETH.id, "no entry", Cause.UNEXPLAINED)
    assert [each.cause for each in found(account(MADE, other, adopted=[(BTC.id, other.entry_ms)]), MEANT)] == [
        Cause.UNEXPLAINED
    ]
    # Of a smaller position more cash is left: another market's entry, which the backtest has no cash for, follows from it.
    no_cash = replace(refused("insufficient_cash"), market=ETH.id)
    (each,) = found(account(MADE, other), MEANT, refusals=[no_cash])
    assert each.cause is Cause.UNEXPLAINED
    small = replace(MADE, quantity=Decimal("0.25"))
    (_, each) = found(account(small, other, capped=[(0, 2 * T)]), MEANT, refusals=[no_cash])
    assert (each.market, each.cause) == (ETH.id, Cause.FOLLOWS)
    assert each.detail == "after earlier differences the backtest refused it: insufficient_cash"
    # What differs later explains nothing.
    earlier = replace(other, entry_ms=T - MINUTE_MS + 1, quantity=Decimal(1))
    (each, *_) = found(account(small, earlier), MEANT, replace(MEANT, market=ETH.id, entry_ms=T - MINUTE_MS))
    assert (each.market, each.cause) == (ETH.id, Cause.UNEXPLAINED)


def test_what_a_person_took_of_a_lot_has_a_line_and_what_follows_from_it_says_so() -> None:
    """Half of it left at 105; on average the whole left at 107.5. What he took of another lot is no matter of this one."""
    taken = ByHand(BTC.id, T + MINUTE_MS, Decimal(1), Decimal(105), Purpose.RELEASED)
    others = [replace(taken, market=ETH.id), replace(taken, time_ms=T - 1), replace(taken, time_ms=MADE.exit_ms or 0)]
    happened = account(replace(MADE, exit_price=Decimal("107.5")), by_hand=[*others, taken])
    part, price = found(happened, MEANT)
    assert (part.time_ms, part.what, part.expected, part.happened) == (
        taken.time_ms,
        "exit of a part",
        "none",
        "1 at 105",
    )
    assert (part.cause, part.detail, part.cost) == (Cause.MANUAL, "released", None)
    assert (price.what, price.cause, price.cost) == ("exit price", Cause.MANUAL, Decimal(5))
    assert price.detail == "-227.3 bp on average, with what had left by hand"
    # What is left is held, or was sold, otherwise than all of it would have been.
    (part, left) = found(account(held(MADE), by_hand=[taken]), MEANT)
    assert (part.cause, left.what, left.cause) == (Cause.MANUAL, "exit", Cause.FOLLOWS)
    assert [each.what for each in found(account(MADE, by_hand=[taken]))] == ["entry", "exit of a part"]
    assert found(account(MADE, by_hand=others), MEANT) == []


def test_what_was_known_at_a_time() -> None:
    assert MADE.until(T) is None
    assert MADE.until(T + MINUTE_MS) == held(MADE)
    assert MADE.until(2 * T) is MADE
