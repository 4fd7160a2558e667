"""Every dictionary of a venue becomes a noun or a named error: recorded answers, bent in every way hypothesis finds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from dataclasses import is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nouns import ACCOUNT, BTC
from tradepool.adapters.database.codec import decode, encode
from tradepool.adapters.exchanges import translate
from tradepool.adapters.exchanges.outcome import NONSENSE
from tradepool.domain.errors import InvalidInput
from tradepool.domain.event import Event, ForeignOrder, OrderCancelled
from tradepool.domain.ids import cancel_id, client_order_id

NAME = client_order_id(1, 1)
REPORT: dict[str, Any] = {
    "e": "executionReport", "E": 1_700_000_000_001, "s": "BTCUSDT", "c": NAME, "S": "BUY", "o": "MARKET", "f": "GTC",
    "q": "0.50000", "p": "0.00", "P": "0.00", "C": "", "x": "TRADE", "X": "FILLED", "r": "NONE", "i": 1,
    "l": "0.50000", "z": "0.50000", "L": "100.01", "n": "0.00050000", "N": "BTC", "T": 1_700_000_000_000, "t": 1,
    "m": False, "O": 1_700_000_000_000,
}  # fmt: skip
ORDER = {
    "symbol": "BTCUSDT", "orderId": 7, "clientOrderId": NAME, "status": "NEW", "executedQty": "0.00000",
    "time": 1_700_000_000_000, "updateTime": 1_700_000_000_001, "transactTime": 1_700_000_000_000,
}  # fmt: skip
TRADE = {
    "symbol": "BTCUSDT", "id": 1, "orderId": 7, "price": "100.01", "qty": "0.5", "commission": "0.0005",
    "commissionAsset": "BTC", "time": 1_700_000_000_000, "isBuyer": True, "isMaker": False,
}  # fmt: skip
RIGHTS = {
    "ipRestrict": True, "createTime": 1, "enableReading": True, "enableWithdrawals": False,
    "enableInternalTransfer": False, "permitsUniversalTransfer": False, "enableMargin": False, "enableFutures": False,
    "enableSpotAndMarginTrading": True, "tradingAuthorityExpirationTime": 1_800_000_000_000,
}  # fmt: skip
LISTING = {
    "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "maker": 0.001, "taker": 0.001,
    "precision": {"amount": 0.00001, "price": 0.01}, "limits": {"amount": {"min": 0.00001}, "cost": {"min": 5}},
}  # fmt: skip
KLINE = {"t": 1_700_000_000_000, "o": "1", "h": "2", "l": "0.5", "c": "1.5", "v": "10"}
ANSWER = {"balances": [{"asset": "BTC", "free": "1", "locked": "0"}]}
RATES = {"commissionRates": {"maker": "0.001", "taker": "0.001"}}
SYMBOLS = {"symbols": [{"symbol": "BTCUSDT", "status": "TRADING"}, {"symbol": "ETHUSDT", "status": "BREAK"}]}

READERS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "report": (REPORT, lambda it: translate.events_from_report(it, ACCOUNT.id, BTC)),
    "new": (REPORT | {"x": "NEW"}, lambda it: translate.events_from_report(it, ACCOUNT.id, BTC)),
    "cancelled": (REPORT | {"x": "CANCELED"}, lambda it: translate.events_from_report(it, ACCOUNT.id, BTC)),
    "foreign": (REPORT, lambda it: translate.foreign_from_report(it, BTC.id)),
    "order": (ORDER, lambda it: translate.order_from(it, BTC)),
    "orders": ([ORDER], lambda it: translate.orders_from(it, BTC)),
    "accepted": ({"id": "7", "info": ORDER}, lambda it: translate.accepted_from(it, NAME)),
    "cancel": ({"info": ORDER | {"status": "CANCELED"}}, lambda it: translate.cancelled_from(it, NAME)),
    "trades": ([TRADE, TRADE], lambda it: translate.trades_from(it, ACCOUNT.id, BTC)),
    "rights": (RIGHTS, translate.rights_from),
    "market": (LISTING, lambda it: translate.market_from("binance", it)),
    "candle": (KLINE, lambda it: translate.candle_from_frame(BTC, 60_000, it)),
    "row": (list(KLINE.values()), lambda it: translate.candle_from_row(BTC, 60_000, it)),
    "balances": (ANSWER, lambda it: translate.balances_from(it, ACCOUNT.id)),
    "fees": (RATES, translate.fees_from),
    "standing": (SYMBOLS, translate.standing_from),
}
JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 2**70), st.floats(), st.text(max_size=5),
    st.sampled_from(["NaN", "Infinity", "-1", "1e9999", "0", "TRADING", "0x10", "１２"]),
    st.just([]), st.just({}), st.just([[]]), st.just({"a": []}),
)  # fmt: skip


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something can be bent."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    return [path, *(each for key in keys for each in places(tree[key], (*path, key)))]


def bend(tree: Any, path: tuple[Any, ...], junk: Any, *, drop: bool) -> Any:
    """The same with one thing in it replaced or missing."""
    if not path:
        return junk
    bent = copy.deepcopy(tree)
    at = bent
    for key in path[:-1]:
        at = at[key]
    if drop:
        del at[path[-1]]
    else:
        at[path[-1]] = junk
    return bent


def check_nouns(found: Any) -> None:
    """Each noun is what it says: written down and read back it is the same, field by field."""
    for each in found if isinstance(found, list | tuple) else found.values() if isinstance(found, dict) else [found]:
        if is_dataclass(each):
            assert decode(encode(each), type(each)) == each
        elif isinstance(each, list | tuple):
            check_nouns(each)
        else:
            assert each is None or isinstance(each, str)


@pytest.mark.parametrize("kind", READERS)
def test_what_is_whole_becomes_a_noun(kind: str) -> None:
    """Else the bent ones prove nothing."""
    sample, read = READERS[kind]
    found = read(sample)
    assert found is not None
    check_nouns(found)


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_what_is_bent_becomes_a_noun_or_a_named_error(kind: str, data: st.DataObject) -> None:
    """Once or twice bent; whatever else a translator raised would end in nobody's hands."""
    bent, read = READERS[kind]
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(places(bent)))
        bent = bend(bent, path, data.draw(JUNK), drop=data.draw(st.booleans()))
    found = None
    with suppress(InvalidInput, *NONSENSE):
        found = read(bent)
    check_nouns(found)


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"c": cancel_id(NAME), "C": NAME}, [OrderCancelled]),
        ({"c": NAME, "C": ""}, [OrderCancelled]),
        ({"c": "web_thief_1", "C": NAME}, [ForeignOrder, OrderCancelled]),
        ({"c": NAME, "C": "", "x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH"}, [OrderCancelled]),
        ({"c": NAME, "C": "", "x": "TRADE_PREVENTION", "X": "PARTIALLY_FILLED"}, []),
    ],
)
def test_who_ended_an_order_and_whether_it_ended(changes: dict[str, str], kinds: list[type[Event]]) -> None:
    """A cancel we did not name is somebody else's; an order kept from trading with itself in part goes on."""
    report = REPORT | {"x": "CANCELED", "X": "CANCELED"} | changes
    events = translate.events_from_report(report, ACCOUNT.id, BTC)
    assert [type(event) for event in events] == kinds
    assert all(event.client_order_id == NAME for event in events if isinstance(event, OrderCancelled))
