"""Trading that is told to end while an entry is on its way: what it buys gets its stop before the process is gone."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.test_exchange_serve import served
from tests.entrypoints.test_rungs import Live, tell
from tests.entrypoints.test_start import Place, until
from tradepool.entrypoints.deeds import StopsNow

# Of the exchange's time, which runs twenty times as fast: less than an order is good for.
LATE = {"kind": "latency", "delay": "4s", "spread": 1.0, "route": "POST /api/v3/order"}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("fx")
    with served("--speed", "20", "--folder", folder):
        yield folder


def asked(exchange: Path, path: str, body: object = None) -> Any:
    """What the exchange's control door answers."""
    door = json.loads((exchange / "exchange.json").read_text())
    data = None if body is None else json.dumps(body).encode()
    url, token = f"http://127.0.0.1:{door['control_port']}{path}", {"X-Control-Token": door["token"]}
    with urllib.request.urlopen(urllib.request.Request(url, data, token), timeout=60) as answer:
        return json.load(answer)


def bare(exchange: Path) -> list[str]:
    """Coins in some account that no stop stands for, but for dust."""
    found = []
    for account in asked(exchange, "/state")["accounts"].values():
        stops = [o for o in account["orders"] if (o["type"], o["status"]) == ("STOP_LOSS", "NEW")]
        for asset, has in account["balances"].items():
            held = Decimal(has["free"]) + Decimal(has["locked"])
            covered = sum((Decimal(o["quantity"]) for o in stops if o["symbol"] == f"{asset}USDT"), Decimal(0))
            if asset != "USDT" and held > 0 and covered < held * Decimal("0.9"):
                found.append(f"{held} {asset}, {covered} covered")
    return found


def entries(place: Place) -> int:
    """How many were decided."""
    with sqlite3.connect(f"file:{place.folder / 'd' / 'tradepool.sqlite'}?mode=ro", uri=True) as books:
        found = books.execute('select count(*) from order_intent where body like \'%"purpose":"entry"%\'').fetchone()
    return int(found[0])


def test_an_entry_that_is_on_its_way_when_trading_ends_gets_its_stop(
    tmp_path_factory: pytest.TempPathFactory, exchange: Path
) -> None:
    place = Place(tmp_path_factory.mktemp("p"), exchange)
    with place.trading() as process:
        asked(exchange, "/faults", LATE)
        before = entries(place)
        until(lambda: entries(place) > before)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    held = [account["balances"] for account in asked(exchange, "/state")["accounts"].values()]
    assert any(Decimal(each["BTC"]["locked"]) > 0 or Decimal(each["ETH"]["locked"]) > 0 for each in held)
    assert bare(exchange) == []


def test_a_flatten_waits_for_a_process_that_is_being_stopped(
    tmp_path_factory: pytest.TempPathFactory, exchange: Path
) -> None:
    """And then sells by own hands what it has left: the venue's answer to an entry keeps it for three seconds."""
    place = Place(tmp_path_factory.mktemp("p"), exchange)
    with place.trading() as process:
        asked(exchange, "/faults", {"kind": "late", "delay": "60s", "route": "POST /api/v3/order", "last": 2})
        before = entries(place)
        until(lambda: entries(place) > before)
        process.send_signal(signal.SIGTERM)
        said = place("flatten", "--all", "--reason", "at once", typed=f"{place.id}\n")
        assert (said.returncode, "flat and halted, by own hands." in said.stdout) == (0, True), said
        assert process.wait(timeout=60) == 0
    _, found = place.status()
    assert [row["positions"] for row in found["accounts"]] == [[], []]


def test_while_it_ends_nothing_is_decided_and_no_deed_begins(tmp_path: Path) -> None:
    """Either could take a stop away and be cut off before the sale; a question is answered all the same."""

    async def story(live: Live) -> None:
        candles = live.trading._platform.desk._candles
        assert candles is not None
        assert not candles.done()
        resting = asyncio.ensure_future(live.trading._come_to_rest())
        await live.world.until(resting.done)
        assert candles.cancelled()
        live.trading._over.set()
        for do in ("close", "flatten", "cancel"):
            with pytest.raises(StopsNow, match="is being stopped and begins nothing any more"):
                await live.asks(do=do, account="ann-main", market="binance:BTC/USDT", share="1", kind="all", name="")
        assert (json.loads(await live.asks(do="positions")), await live.asks(do="ping")) == ([], "ending")

    tell(tmp_path, story)
