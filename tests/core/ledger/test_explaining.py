"""What is booked without an explanation: never what is young, always what lasts; and a late explanation undoes it."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.nouns import ACCOUNT
from tradepool.core.ledger.explaining import Gaps, HeldBooks, explained_late, is_jump, worth
from tradepool.core.ledger.flows import flow_entry
from tradepool.domain.balance import Balance
from tradepool.domain.flow import FlowCause, FlowSeen, Move

PATIENCE = 3
# What the venue does at a moment (asset, amount), and after how many moments its history tells it; None: never.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["BTC", "USDT"]),
        st.integers(-5, 5).filter(bool),
        st.one_of(st.none(), st.integers(0, 8)),
    ),
    max_size=12,
)


@given(steps=STEPS)
def test_books_and_venue_agree_in_the_end_whatever_the_histories_say(
    steps: list[tuple[str, int, int | None]],
) -> None:
    """Told at once, late, after the patience, or never."""
    books, gaps, venue, number = HeldBooks(), Gaps(), Counter[str](), 0
    telling = list[tuple[int, FlowSeen]]()

    def book(cause: FlowCause, asset: str, amount: Decimal) -> FlowSeen:
        nonlocal number
        number += 1
        move = Move(asset=asset, amount=amount)
        return FlowSeen(time_ms=0, cause=cause, moves=(move,), reference=str(number))

    for now in range(len(steps) + 30):
        if now < len(steps):
            asset, amount, after = steps[now]
            venue[asset] += amount
            if after is not None:
                telling.append((now + after, book(FlowCause.DEPOSIT, asset, Decimal(amount))))
        there = [Balance(account=ACCOUNT.id, asset=a, free=Decimal(n), locked=Decimal(0)) for a, n in venue.items()]
        lacking, told = books.lacking(there), [flow for at, flow in telling if at == now]
        back = explained_late([move for flow in told for move in flow.moves], lacking, books.unexplained)
        told += [book(FlowCause.UNEXPLAINED, name, gap) for name, gap in back.items()]
        for flow in told:
            books.add(flow_entry(ACCOUNT.id, flow).transfers)
        lacking = books.lacking(there)
        gaps.see(lacking, now)
        for name, gap in gaps.ripe(now, PATIENCE).items():
            assert gap == lacking[name]
            books.add(flow_entry(ACCOUNT.id, book(FlowCause.UNEXPLAINED, name, gap)).transfers)
    assert {asset: n for asset, n in books.held.items() if n} == {a: Decimal(n) for a, n in venue.items() if n}
    never = Counter[str]()
    for asset, amount, after in steps:
        never[asset] += amount if after is None else 0
    # What was unexplained in between and was told after all is taken back.
    assert {a: n for a, n in books.unexplained.items() if n} == {a: Decimal(n) for a, n in never.items() if n}


def test_a_jump_is_measured_by_what_has_a_price() -> None:
    """A coin that came and nobody knows the worth of is no jump, and counts nothing; one in an empty account is. One that
    left is a jump by how much of it was there."""
    prices = {"USDT": Decimal(1), "BTC": Decimal(100)}
    held = {"USDT": Decimal(100), "JUNK": Decimal(10**9)}
    assert worth(held, prices) == 100
    assert worth({"BTC": Decimal(2)}, prices) == 200
    assert not is_jump({"JUNK": Decimal(10**12)}, held, prices, Decimal("0.2"))
    share = Decimal(10**9) / 5
    assert [is_jump({"JUNK": -share - n}, held, prices, Decimal("0.2")) for n in (0, 1)] == [False, True]
    assert [is_jump({"GONE": Decimal(n)}, held, prices, Decimal("0.2")) for n in (-1, 1)] == [True, False]
    assert is_jump({"BTC": Decimal("0.3")}, held, prices, Decimal("0.2"))
    assert is_jump({"USDT": Decimal(1)}, {}, prices, Decimal("0.2"))
