"""Reading flows back from the journal: with the ids of the chain that became known after they were booked."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from tradepool.adapters.database import tables
from tradepool.adapters.database.codec import decode
from tradepool.domain.flow import FlowNamed, FlowSeen
from tradepool.domain.ids import AccountId


def flows_of(connection: Connection, account: AccountId) -> list[FlowSeen]:
    """Every flow of an account, in the order they were booked; the ledger's entries keep the ids they were booked with."""
    t = tables.event.c
    kinds = (FlowSeen.__name__, FlowNamed.__name__)
    query = select(t.kind, t.body).where(t.account == account, t.kind.in_(kinds)).order_by(t.sequence)
    found = dict[str, FlowSeen]()
    for kind, body in connection.execute(query).all():
        if kind == FlowSeen.__name__:
            flow = decode(body, FlowSeen)
            found[flow.key] = flow
        else:
            named = decode(body, FlowNamed)
            found[named.key] = replace(found[named.key], tx_id=named.tx_id)
    connection.rollback()
    return list(found.values())
