"""A streak of losses: trades of one moment count alike in whatever order they are heard of; what is late counts for the worse."""

from __future__ import annotations

from itertools import groupby
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import examples
from tradepool.core.account import limit_step
from tradepool.core.account.account_step import TERMS_SIZE, WALLET_SIZE

MINUTE_MS, COOL_MS = 60_000, 240 * 60_000
Closed = tuple[int, int]


def after(closed: list[Closed], most: int) -> list[int]:
    """What a mandate's wallet remembers after trades, each a time and what it brought."""
    wallet, terms = [0] * WALLET_SIZE, [0] * TERMS_SIZE
    terms[limit_step.LOSS_STREAK_MAX], terms[limit_step.COOL_DOWN_MS] = most, COOL_MS
    for time_ms, gained in closed:
        limit_step.note_result(wallet, terms, gained, time_ms)
    return wallet


def streak(closed: list[Closed], most: int) -> tuple[int, int]:
    """The streak and the end of the cool-down."""
    wallet = after(closed, most)
    return wallet[limit_step.LOSSES], wallet[limit_step.COOL_UNTIL]


@given(
    st.lists(st.tuples(st.integers(1, 4).map(lambda n: n * 45_000), st.sampled_from([-5, 0, 7])), max_size=9).map(
        lambda drawn: sorted(drawn, key=lambda each: each[0])
    ),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
@examples(300)
def test_trades_of_one_moment_count_the_same_in_every_order(closed: list[Closed], most: int, random: Random) -> None:
    """All that is remembered is the same, not only what it comes to."""
    moments = [list(each) for _, each in groupby(closed, key=lambda each: each[0])]
    for moment in moments:
        random.shuffle(moment)
    assert after([each for moment in moments for each in moment], most) == after(closed, most)


@pytest.mark.parametrize(
    ("closed", "most", "expected"),
    [
        ([(1, -1), (2, -1)], 3, (2, 0)),
        ([(1, -1), (2, 1), (3, -1)], 3, (1, 0)),
        # At one moment gains come first, whoever is told of first.
        ([(1, -1), (2, -1), (2, 1)], 3, (1, 0)),
        ([(1, -1), (2, 1), (2, -1)], 3, (1, 0)),
        # A gain of the same moment takes a cool-down back; nothing later does.
        ([(1, -1), (MINUTE_MS + 1, -1)], 2, (0, MINUTE_MS + COOL_MS)),
        ([(1, -1), (MINUTE_MS + 1, -1), (MINUTE_MS + 1, 1)], 2, (1, 0)),
        ([(1, -1), (MINUTE_MS + 1, -1), (MINUTE_MS + 2, 1)], 2, (0, MINUTE_MS + COOL_MS)),
        # All losses of the moment at which it is full are counted with it.
        ([(1, -1), (2, -1), (2, -1), (2, -1), (3, -1)], 2, (1, COOL_MS)),
        # What is heard of late: a loss counts, a gain ends no streak.
        ([(5, -1), (4, -1)], 3, (2, 0)),
        ([(5, -1), (4, 1)], 3, (1, 0)),
    ],
)
def test_a_streak(closed: list[Closed], most: int, expected: tuple[int, int]) -> None:
    assert streak(closed, most) == expected


def test_who_lets_it_trade_on_lets_it_trade_on_at_once() -> None:
    """Also what is told afterwards of the moment at which it was stopped begins a new streak."""
    wallet, terms = after([(1, -1), (2, -1)], 2), [0] * TERMS_SIZE
    terms[limit_step.LOSS_STREAK_MAX], terms[limit_step.COOL_DOWN_MS] = 2, COOL_MS
    limit_step.person_resumed(wallet, 0)
    limit_step.note_result(wallet, terms, -1, 2)
    assert (wallet[limit_step.LOSSES], wallet[limit_step.COOL_UNTIL]) == (1, 0)
