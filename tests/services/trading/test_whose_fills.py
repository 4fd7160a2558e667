"""What an account's books say of fills that somebody else's orders had."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import cast

from tests.nouns import ACCOUNT, BTC, ETH, MANDATE, MINUTE_MS, fill, request
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.core.account.account import Account
from tradepool.domain.event import AccountOpened, OrdersAdopted
from tradepool.domain.ids import ClientOrderId, FillId
from tradepool.domain.ledger import TransferCode
from tradepool.domain.trade import Origin
from tradepool.ports.exchange import AccountGateway
from tradepool.runtime.clock import VirtualClock
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.sender import Sender


def test_an_owners_fills_among_orders_that_are_adopted_are_his_own(tmp_path: Path) -> None:
    """They are booked against his capital, as they are when the stream tells of them."""
    connection = open_store(tmp_path / "t.sqlite", "NORMAL")
    sender = Sender(cast("AccountGateway", object()), VirtualClock(MINUTE_MS), MINUTE_MS, lambda event: None)
    account = Account(ACCOUNT, MANDATE, [BTC, ETH], Origin.PRACTICE)
    actor = AccountActor(account, sender._gateway, DatabaseJournal(connection), sender)
    actor.handle(AccountOpened(time_ms=0, balances=()))
    ours = fill(fee=Decimal(0))
    hand = replace(ours, fill_id=FillId("2"), client_order_id=ClientOrderId("web_1"))
    order = request(client_order_id=ours.client_order_id, quantity=ours.quantity)
    actor.handle(OrdersAdopted(time_ms=MINUTE_MS, market=BTC.id, requests=(order,), fills=(ours, hand), resting=()))
    booked = list(DatabaseBooks(connection).entries(ACCOUNT.id))
    assert [{transfer.code for transfer in entry.transfers} for entry in booked if entry.time_ms] == [
        {TransferCode.BOUGHT},
        {TransferCode.OUTSIDE},
    ]
    dispose(connection)
