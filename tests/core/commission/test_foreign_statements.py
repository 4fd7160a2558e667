"""A statement is a file that anybody may have written: whatever shape its values have, it is read or refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from decimal import Decimal
from hashlib import sha256
from typing import Any

from tradepool.core.commission.capital import Flow, Period
from tradepool.core.commission.from_ledger import Movement
from tradepool.core.commission.lots import Lot
from tradepool.core.commission.prices import Priced
from tradepool.core.commission.recorded import Recorded
from tradepool.core.commission.schedule import Schedule
from tradepool.core.commission.settlement import Gain, OpenLot
from tradepool.core.commission.statement import Facts, statement, verified
from tradepool.core.commission.transfers import Way
from tradepool.domain.errors import TradepoolError
from tradepool.domain.ids import MarketId

BTC = MarketId("binance:BTC/USDT")
LOT = OpenLot(
    lot=Lot(asset="BTC", quantity=Decimal(1), cost=Decimal(5)),
    price=Priced(price=Decimal(4)),
    taker_rate=Decimal("0.001"),
    market=BTC,
    rate=Decimal(1),
    account="a",
)
FACTS = Facts(
    user="ann",
    schedule=Schedule(netted=False),
    period=Period(opened_ms=0, closes_ms=10, joined=True),
    mark=Decimal(0),
    flows=[Flow(time_ms=0, amount=Decimal(1_800))],
    gains=[Gain(time_ms=5, amount=Decimal(200), account="a")],
    open_lots=[LOT],
    fees={"BNB": Decimal("0.01")},
    movements=[Movement(1, "USDT", Decimal(1), None, "deposit", Way.ALONE)],
    books={"a": 4},
    counted_ms=20,
    prices={(BTC, 5): Recorded(Decimal(1), 0)},
    marks={"a": Decimal(0)},
)
STRANGE: tuple[object, ...] = (
    None,
    "NaN",
    "sNaN",
    "Infinity",
    "1e999999999",
    "x",
    "-1",
    -1,
    1.5,
    True,
    10**400,
    [],
    {},
    [[]],
    {"a": 1},
)


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value within a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*above, key)
        yield from places(each, (*above, key))


def test_a_value_of_any_shape_is_refused_by_name_even_under_a_hash_that_is_right() -> None:
    written = json.loads(statement(FACTS))
    del written["hash"]
    assert len(list(places(written))) > 80
    for place in places(written):
        for strange in STRANGE:
            body = deepcopy(written)
            within: Any = body
            for key in place[:-1]:
                within = within[key]
            within[place[-1]] = strange
            digest = sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
            with suppress(TradepoolError):
                verified(json.dumps({**body, "hash": digest}))
