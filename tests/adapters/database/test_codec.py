"""Every event goes into the journal and comes back as it was."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nouns import BTC, MANDATE, fill, request
from tradepool.adapters.database.codec import EVENT_KINDS, UnknownEvent, decode, decode_event, encode
from tradepool.domain import by_hand, charge, flow
from tradepool.domain.event import SCHEMA, Event
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import Market
from tradepool.domain.order import OrderRequest

TEXT = st.text(max_size=20)
MONEY = st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12)
WEIGHT = st.decimals("0.00000001", 1, places=8)
ANY = {
    Decimal: MONEY,
    str: TEXT,
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
}


def events() -> st.SearchStrategy[Event]:
    """Any event of any kind, its fields drawn by their types."""
    for kind, drawn in ANY.items():
        st.register_type_strategy(kind, drawn)
    # Nouns that refuse what makes no sense.
    st.register_type_strategy(Mandate, st.builds(replace, st.just(MANDATE), weight=WEIGHT, id=TEXT))
    st.register_type_strategy(Market, st.builds(replace, st.just(BTC), notional_min=MONEY, base=TEXT))
    moves = st.lists(st.builds(flow.Move, amount=MONEY.filter(bool)), min_size=1).map(tuple)
    st.register_type_strategy(flow.FlowSeen, st.builds(flow.FlowSeen, moves=moves))
    two = st.builds(by_hand.BookCorrected, amount=WEIGHT, by=st.just("ann"), confirmed_by=st.just("bob"))
    st.register_type_strategy(by_hand.BookCorrected, two)
    return st.one_of(*(st.from_type(kind) for kind in EVENT_KINDS.values()))


@given(events())
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    """And is written the same way again: money by its digits, floats to the last bit."""
    text = encode(event)
    back = decode_event(type(event).__name__, SCHEMA, text)
    assert back == event
    assert encode(back) == text


def test_orders_and_mandates_of_before_are_read_as_they_were_meant() -> None:
    """They were written when every entry was at market and every limit rested."""
    old = encode(request()).replace(',"time_in_force":"gtc"', "")
    assert "time_in_force" not in old
    assert decode(old, OrderRequest) == request()
    told = encode(MANDATE)
    before = told.replace(',"entry":{"kind":"market","slippage_max":"0"}', "")
    assert (before != told, decode(before, Mandate)) == (True, MANDATE)


def test_every_kind_of_event_has_its_name() -> None:
    """A kind that the journal could write and not read back is found here."""
    bases = {by_hand.ByHand: by_hand, flow.MoneyNews: flow, charge.Charge: charge}
    theirs = {
        kind
        for base, module in bases.items()
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, base)
    }
    assert set(EVENT_KINDS.values()) == (set(Event.__args__) | theirs) - set(bases)
    assert all(name == kind.__name__ for name, kind in EVENT_KINDS.items())


def test_money_is_text_and_never_a_float() -> None:
    text = encode(fill(price=Decimal("60000.010"), quantity=Decimal("1e-8"), fee=Decimal(0)))
    assert '"price":"60000.010","quantity":"1E-8","fee":"0"' in text


def test_intents_and_mandates_come_back_too() -> None:
    wish = request(stop_price=Decimal("0.00000001"))
    assert decode(encode(wish), OrderRequest) == wish
    mandate = replace(MANDATE, weight=Decimal("0.123456789"))
    assert decode(encode(mandate), Mandate) == mandate


@pytest.mark.parametrize(("kind", "schema"), [("OrderMelted", SCHEMA), ("OrderFilled", SCHEMA + 1)])
def test_an_event_of_a_newer_version_is_refused_by_name(kind: str, schema: int) -> None:
    with pytest.raises(UnknownEvent, match=f"{kind} .schema {schema}"):
        decode_event(kind, schema, "{}")
