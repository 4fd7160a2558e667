"""The arithmetic of limits against a venue that counts for itself, by its own clock."""

from __future__ import annotations

import heapq
from collections import Counter

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tradepool.ports.weights import Answer, Cost, Limit, Measure, NeverFits, Priority
from tradepool.runtime.budget import Budget, Charge, Refusal

MINUTE_MS = 60_000
HEADER = "x-mbx-used-weight-1m"
WEIGHT = Limit(
    name="weight a minute",
    measure=Measure.WEIGHT,
    amount=600,
    length_ms=MINUTE_MS,
    kept=(25, 10, 10, 10),
    head=10,
    header=HEADER,
)
ORDERS = Limit(name="orders", measure=Measure.ORDERS, amount=4, length_ms=10_000, per_key=True)

Wish = tuple[int, int, Priority, int, bool]
WISHES = st.lists(
    st.tuples(
        st.integers(0, 4_000),  # ms since the one before
        st.sampled_from((1, 4, 20, 80)),
        st.sampled_from(Priority),
        st.integers(1, 20_000),  # ms until it arrives, and again until the answer is here
        st.booleans(),  # whether an answer comes
    ),
    min_size=50,
    max_size=250,
)


@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(wishes=WISHES, skew_ms=st.integers(-1_000, 1_000))
def test_the_venue_never_counts_more_than_its_limit(wishes: list[Wish], skew_ms: int) -> None:
    """However late requests arrive, whatever order answers come in, and with a clock off by up to the slack."""
    budget, counted, now_ms = Budget([WEIGHT]), Counter[int](), 1_000_000
    coming: list[tuple[int, int, str, Charge, Answer | None]] = []
    spent = 0

    def until(time_ms: int) -> None:
        while coming and coming[0][0] <= time_ms:
            at_ms, n, what, charge, answer = heapq.heappop(coming)
            if what == "arrives":
                window = (at_ms + skew_ms) // MINUTE_MS
                counted[window] += charge.cost.weight
                assert counted[window] <= WEIGHT.amount
                said = Answer(200, {"X-Mbx-Used-Weight-1m": str(counted[window])}) if answer else None
                heapq.heappush(coming, (at_ms + answers_after[n], n, "answered", charge, said))
            else:
                budget.answered(at_ms, charge, answer)

    answers_after: dict[int, int] = {}
    for n, (after_ms, weight, priority, lag_ms, answers) in enumerate(wishes):
        now_ms += after_ms
        until(now_ms)
        charge = budget.spend(now_ms, Cost(weight=weight), priority)
        if isinstance(charge, Charge):
            spent += 1
            answers_after[n] = lag_ms
            heapq.heappush(
                coming, (now_ms + lag_ms % 7_000, n, "arrives", charge, Answer(200, {}) if answers else None)
            )
    until(now_ms + 100_000)
    assert spent


@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(wishes=WISHES)
def test_a_refused_request_may_go_when_it_was_told_to_come_back(wishes: list[Wish]) -> None:
    """With nobody else asking, the time of a refusal is neither too early nor far too late."""
    budget, now_ms = Budget([WEIGHT]), 0
    for after_ms, weight, priority, _, _ in wishes:
        now_ms += after_ms
        found = budget.spend(now_ms, Cost(weight=weight), priority)
        if isinstance(found, Refusal):
            assert now_ms < found.retry_ms <= (now_ms // MINUTE_MS + 2) * MINUTE_MS + WEIGHT.slack_ms
            for _ in range(5):  # a pace, then a boundary that counts in two windows, then the next pace
                now_ms = found.retry_ms
                found = budget.spend(now_ms, Cost(weight=weight), priority)
                if isinstance(found, Charge):
                    break
        assert isinstance(found, Charge)
        budget.answered(now_ms, found, None)


@pytest.mark.parametrize("greedy", [Priority.ENTRY, Priority.READ, Priority.DATA])
def test_what_a_priority_is_sure_of_is_there_when_another_takes_all_it_can(greedy: Priority) -> None:
    """Late in a window that one priority has eaten up, every other one still finds its part."""
    budget, late_ms = Budget([WEIGHT]), 10 * MINUTE_MS + 58_900
    while isinstance(budget.spend(late_ms, Cost(weight=1), greedy), Charge):
        pass
    for priority in Priority:
        sure = 0 if priority == greedy else WEIGHT.sure[priority]
        for _ in range(sure):
            assert isinstance(budget.spend(late_ms, Cost(weight=1), priority), Charge)
    assert isinstance(budget.spend(late_ms, Cost(weight=1), Priority.READ), Refusal)


def test_exits_may_use_the_whole_window() -> None:
    """Nothing is held back from them, and they are not paced."""
    budget, now_ms = Budget([WEIGHT]), 5_000
    assert all(isinstance(budget.spend(now_ms, Cost(), Priority.EXIT), Charge) for _ in range(WEIGHT.amount))
    assert budget.spend(now_ms, Cost(), Priority.EXIT) == Refusal(61_000)


def test_reads_come_evenly_over_the_window() -> None:
    """What they are sure of, or a tenth of their room, at once; then a fifth of it every twelve seconds."""
    budget, room = Budget([WEIGHT]), WEIGHT.room(Priority.READ)
    gone = 0
    for now_ms, part in ((2_000, 60 / room), (12_000, 0.3), (24_000, 0.5), (48_000, 0.9), (58_000, 1)):
        while isinstance(budget.spend(now_ms, Cost(), Priority.READ), Charge):
            gone += 1
        assert gone == round(room * part)


@pytest.mark.parametrize(("said", "left"), [(590, 10), (20, 580)])
def test_the_venues_word_wins_both_ways(said: int, left: int) -> None:
    """Others on the address lessen what is left; what we charged and the venue did not count comes back."""
    budget, now_ms = Budget([WEIGHT]), 30_000
    charges = [budget.spend(now_ms, Cost(), Priority.EXIT) for _ in range(300)]
    for charge in charges:
        assert isinstance(charge, Charge)
        budget.answered(now_ms + 100, charge, Answer(200, {HEADER: str(said)}))
    went = 0
    while isinstance(budget.spend(now_ms + 200, Cost(), Priority.EXIT), Charge):
        went += 1
    assert went == left


def test_an_answer_from_near_a_boundary_says_nothing_about_either_window() -> None:
    """The venue's clock may be on the other side."""
    budget = Budget([WEIGHT])
    charge = budget.spend(59_500, Cost(), Priority.EXIT)
    assert isinstance(charge, Charge)
    budget.answered(62_000, charge, Answer(200, {HEADER: "600"}))
    assert isinstance(budget.spend(62_000, Cost(), Priority.EXIT), Charge)


@pytest.mark.parametrize(
    ("status", "headers", "silent_s"), [(429, {"Retry-After": "7"}, 7), (418, {}, 120), (429, {"Retry-After": "x"}, 60)]
)
def test_nothing_leaves_before_retry_after_has_passed(status: int, headers: dict[str, str], silent_s: int) -> None:
    """Not even exits; and it is news only once."""
    budget = Budget([WEIGHT])
    first, second = (budget.spend(0, Cost(), Priority.READ) for _ in range(2))
    assert isinstance(first, Charge)
    assert isinstance(second, Charge)
    assert budget.answered(100, first, Answer(status, headers))
    assert not budget.answered(100, second, Answer(status, headers))
    open_ms = 100 + 1_000 * silent_s
    assert budget.spend(open_ms - 1, Cost(), Priority.EXIT) == Refusal(open_ms)
    assert isinstance(budget.spend(open_ms, Cost(), Priority.EXIT), Charge)


def test_a_key_out_of_orders_silences_nobody_else() -> None:
    """The venue says 429 to it, and how many orders it has counted."""
    limit = Limit(
        name="orders", measure=Measure.ORDERS, amount=4, length_ms=10_000, per_key=True, header="x-mbx-order-count-10s"
    )
    budget = Budget([WEIGHT, limit])
    charge = budget.spend(5_000, Cost(orders=1, key="a"), Priority.ENTRY)
    assert isinstance(charge, Charge)
    assert not budget.answered(5_100, charge, Answer(429, {"Retry-After": "5"}, of_key=True))
    assert isinstance(budget.spend(5_200, Cost(orders=1, key="b"), Priority.ENTRY), Charge)
    assert budget.spend(5_200, Cost(orders=1, key="a"), Priority.EXIT) == Refusal(11_000, "a")
    assert isinstance(budget.spend(5_200, Cost(key="a"), Priority.EXIT), Charge), "a cancel is no order"


def test_what_is_handed_back_leaves_nothing_behind() -> None:
    """Refunds and answers bring every count to where it was."""
    budget = Budget([WEIGHT, ORDERS])
    charge = budget.spend(59_500, Cost(weight=20, orders=1, key="a"), Priority.ENTRY)
    assert isinstance(charge, Charge)
    budget.refund(charge)
    budget.refund(charge)
    budget.answered(59_600, charge, None)
    assert [use.used for use in budget.uses(59_600)] == [0, 0]


def test_what_never_fits_is_said_at_once() -> None:
    """A read of more than reads may ever have."""
    with pytest.raises(NeverFits):
        Budget([WEIGHT]).check(Cost(weight=WEIGHT.room(Priority.READ) + 1), Priority.READ)
