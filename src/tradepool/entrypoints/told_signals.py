"""`signals`: the entries that accounts of this deployment acted on, each with why it came and how sure it was."""

from __future__ import annotations

from collections import deque

from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.domain.event import CandlesClosed
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.presentation.formats import iso
from tradepool.presentation.results import SCHEMA
from tradepool.presentation.signals_page import SignalRow, SignalsJson


def told_signals(deployed: Deployed, last: int) -> SignalsJson:
    """The `last` entries of every account, oldest first, as its journal has them; none before the first start."""
    if not deployed.database.exists():
        return SignalsJson(SCHEMA, [])
    with books_open(deployed) as connection:
        journal = DatabaseJournal(connection)
        return SignalsJson(SCHEMA, [row for seat in deployed.seats for row in _rows(journal, seat, last)])


def _rows(journal: DatabaseJournal, seat: Seated, last: int) -> list[SignalRow]:
    found: deque[SignalRow] = deque(maxlen=last)
    for _, _, event in journal.read(seat.account_id):
        if isinstance(event, CandlesClosed) and not event.late:
            found += [
                SignalRow(seat.user.id, seat.strategy.name, s.market, iso(s.time_ms), s.close, s.confidence, s.reason)
                for s in event.signals
                if s.enters
            ]
    return list(found)
