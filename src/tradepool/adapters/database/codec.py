"""Nouns to JSON text and back, for the columns that hold a whole noun."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from tradepool.domain import by_hand, charge, flow
from tradepool.domain import event as events
from tradepool.domain.errors import TradepoolError
from tradepool.domain.event import Event

Noun = TypeVar("Noun")

EVENT_KINDS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        events.AccountOpened,
        events.CandlesClosed,
        events.OrderAccepted,
        events.OrderRejected,
        events.OrderFilled,
        events.OrderCancelled,
        events.InstanceBegan,
        events.StreamLost,
        events.StreamRestored,
        events.ForeignOrder,
        events.EntriesResumed,
        events.CancelRefused,
        events.TermsSeen,
        events.PriceSeen,
        events.MandateChanged,
        events.OrdersAdopted,
        by_hand.FlattenAsked,
        by_hand.CloseAsked,
        by_hand.PositionAdopted,
        by_hand.PositionReleased,
        by_hand.OrdersCapped,
        by_hand.LotShrunk,
        by_hand.BookCorrected,
        flow.FlowSeen,
        flow.FlowsKnown,
        flow.FlowNamed,
        flow.Quarantined,
        charge.PeriodSettled,
        charge.CommissionPaid,
        charge.PeriodsCorrected,
        charge.GoodwillOffered,
        charge.GoodwillGiven,
        charge.ScheduleAgreed,
    )
}
_ENCODER = msgspec.json.Encoder(decimal_format="string", order="deterministic")


class UnknownEvent(TradepoolError):
    """The journal holds an event of kind {kind} (schema {schema}) that this version does not know; upgrade tradepool."""


def encode(noun: object) -> str:
    """A noun as JSON; the same noun always gives the same text."""
    return _ENCODER.encode(noun).decode()


def decode(text: str, kind: type[Noun]) -> Noun:
    """The noun of that kind."""
    return msgspec.json.decode(text, type=kind)


def decode_event(kind: str, schema: int, text: str) -> Event:
    """A journaled event (else UnknownEvent)."""
    if kind not in EVENT_KINDS or schema > events.SCHEMA:
        raise UnknownEvent(kind=kind, schema=schema)
    return decode(text, EVENT_KINDS[kind])
