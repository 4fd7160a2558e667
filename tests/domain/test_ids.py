"""Client order ids: 18 characters every venue takes, and whose an order is by its name alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepool.domain.ids import (
    EPOCHS,
    InvalidNaming,
    Naming,
    ReadName,
    Whose,
    client_order_id,
    read_client_order_id,
)

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
NAMINGS = st.builds(Naming, st.text(LETTERS, min_size=3, max_size=3), st.integers(0, EPOCHS - 1))
ACCOUNTS, ORDERS = st.integers(0, 36**5 - 1), st.integers(0, 36**7 - 1)
OURS = Naming("abc", 7)


@given(NAMINGS, ACCOUNTS, ORDERS)
def test_a_name_is_taken_everywhere_and_says_what_it_was_made_of(naming: Naming, account: int, order: int) -> None:
    name = client_order_id(account, order, naming)
    assert len(name) == 18
    assert set(name) <= set(LETTERS)
    assert name[0] == "o"
    assert read_client_order_id(name) == ReadName(naming, account, order)


@given(NAMINGS, ACCOUNTS, ORDERS, ORDERS)
def test_names_of_an_account_are_ordered_as_they_were_given(naming: Naming, account: int, a: int, b: int) -> None:
    assert (client_order_id(account, a, naming) < client_order_id(account, b, naming)) == (a < b)


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        (client_order_id(1, 9, OURS), Whose.OURS),
        (client_order_id(1, 9, Naming("abc", 6)), Whose.OLDER_INSTANCE),
        (client_order_id(1, 9, Naming("abc", 8)), Whose.NEWER_INSTANCE),
        (client_order_id(1, 9, Naming("abd", 7)), Whose.OTHER_DEPLOYMENT),
        (client_order_id(2, 9, OURS), Whose.FOREIGN),
        ("", Whose.FOREIGN),
        ("web_6a1bd9b2e5a04f", Whose.FOREIGN),
        ("x-TKT5PX2F0d6a3b3c", Whose.FOREIGN),
        ("o" * 17, Whose.FOREIGN),
        ("OABC07000010000009", Whose.FOREIGN),
        ("oäbc07000010000009", Whose.FOREIGN),
    ],
)
def test_whose_an_order_is(name: str, whose: Whose) -> None:
    assert OURS.whose(name, 1) is whose
    assert whose.known is (whose in (Whose.OURS, Whose.OLDER_INSTANCE))


@pytest.mark.parametrize("wrong", [("ab", 0), ("abcd", 0), ("ABC", 0), ("a-c", 0), ("abc", -1), ("abc", EPOCHS)])
def test_a_mark_or_epoch_that_does_not_fit_is_refused(wrong: tuple[str, int]) -> None:
    with pytest.raises(InvalidNaming, match="use"):
        Naming(*wrong)
