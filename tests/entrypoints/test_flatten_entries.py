"""Flat means that no entry can still buy: one that nobody answered is looked up, one that rests is taken back, and what can't
be found out is said by name. A deployment's own commands against an exchange that is served."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, chdir
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.entrypoints.test_come_to_rest import asked, exchange
from tests.entrypoints.test_start import Place, until
from tests.nouns import signal
from tradepool.domain.command import Submit
from tradepool.domain.event import CandlesClosed
from tradepool.domain.ids import ClientOrderId, MarketId
from tradepool.entrypoints import trading
from tradepool.entrypoints.deployment import Deployed, deployed_from
from tradepool.entrypoints.emergency import by_own_hands, deployed_anyhow, rows_of
from tradepool.entrypoints.keys import KeyOf, keys_of
from tradepool.entrypoints.own_hands import OwnHands
from tradepool.entrypoints.running import HandsAtWork, by_hand, epoch_alone
from tradepool.services.trading import recovery
from tradepool.services.trading.steering import Steering

__all__ = ["exchange"]

# The first look-up is answered, and none after it.
DARK = {"kind": "status", "status": 503, "route": "GET /api/v3/order", "first": 2}
# Cancels get through in the end.
SLOW = {"kind": "status", "status": 503, "route": "DELETE /api/v3/order", "last": 12}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, exchange: Path) -> Place:
    """A deployment whose entries rest, with accounts at the exchange and nobody who trades."""
    made = Place(tmp_path_factory.mktemp("p"), exchange)
    made.config(re.sub(r"(?m)^(\[mandates\.\w+-first\]\n)", r'\1entry = "post_only"\n', made.text))
    assert made("halt", "--all", "--reason", "x", typed=f"{made.id}\n").returncode == 0
    with made.trading() as process:
        assert made("stop").returncode == 0
        assert process.wait(timeout=60) == 0
    return made


@pytest.fixture(autouse=True)
def well(exchange: Path) -> Iterator[None]:
    """No fault outlives its test."""
    yield
    mended(exchange)


def mended(exchange: Path) -> None:
    """The venue is well again."""
    door = json.loads((exchange / "exchange.json").read_text())
    url, token = f"http://127.0.0.1:{door['control_port']}/faults", {"X-Control-Token": door["token"]}
    urllib.request.urlopen(urllib.request.Request(url, headers=token, method="DELETE"), timeout=60).close()


def there(exchange: Path, entry: str) -> list[str]:
    """How an order stands at the venue."""
    accounts = asked(exchange, "/state")["accounts"].values()
    return [o["status"] for account in accounts for o in account["orders"] if o["client_id"] == entry]


def entered(place: Place, user: str, *, arrives: bool, ahead_ms: int = 0) -> ClientOrderId:
    """An entry in the journal that its process heard nothing of any more; whether its request got through, and how far its
    candle is ahead of the clock."""
    deployed = deployed_anyhow(place.folder / "tradepool.toml")
    (seat,) = [seat for seat in deployed.seats if seat.user.id == user]

    async def decide(hands: OwnHands) -> ClientOrderId:
        with hands._taken_over() as epoch:
            actor = await hands._actor(seat, epoch)
        try:
            recovery.revive(actor, hands._journal, hands._clock)
            await recovery.finish_by_asking(actor, hands._clock)
            market = hands.listed[MarketId(seat.mandate.markets[0])]
            now, price = hands._clock.now_ms() + ahead_ms, float((await hands.feed.prices([market]))[market.id])
            wish = signal(market, time_ms=now, close=0.97 * price, high=price, stop_distance=0.02 * price)
            actor.handle(CandlesClosed(time_ms=now, signals=(wish,)))
            (command,) = [item.command for item in actor.sender._queue if isinstance(item.command, Submit)]
            if arrives:
                await actor.gateway.submit(command.order, lambda: True)
            return command.order.request.client_order_id
        finally:
            await actor.gateway.close()

    return by_own_hands(deployed, decide)


def flatten(place: Place, user: str) -> Any:
    return place("flatten", "--user", user, "--reason", "out", typed=f"{user}\n")


def refusals(place: Place, user: str) -> list[str]:
    """Why entries came to nothing."""
    deployed = deployed_anyhow(place.folder / "tradepool.toml")
    (seat,) = [seat for seat in deployed.seats if seat.user.id == user]

    async def read(hands: OwnHands) -> list[str]:
        return [str(each.reason) for each in hands._books.refusals(seat.account_id)]

    return by_own_hands(deployed, read)


def test_an_entry_that_rests_although_nobody_heard_of_it_is_taken_back(place: Place, exchange: Path) -> None:
    entry = entered(place, "ann", arrives=True)
    assert there(exchange, entry) == ["NEW"]
    said = flatten(place, "ann")
    assert (said.returncode, "user ann is flat" in said.stdout) == (0, True), said
    assert there(exchange, entry) == ["CANCELED"]
    assert refusals(place, "ann")[-1] == "taken_back"


def test_flat_is_said_once_the_venue_is_believed_not_to_have_it_and_nothing_is_sent(
    place: Place, exchange: Path
) -> None:
    entry = entered(place, "ben", arrives=False)
    asked(exchange, "/faults", DARK)
    said = flatten(place, "ben")
    assert (said.returncode, said.stdout) == (1, ""), said
    assert f"Not flat: ben-main: binance:BTC/USDT: entry {entry} may still fill" in said.stderr
    mended(exchange)
    said = flatten(place, "ben")
    assert (said.returncode, "user ben is flat" in said.stdout) == (0, True), said
    assert there(exchange, entry) == []
    assert refusals(place, "ben")[-1] == "aged_out"


def test_nothing_is_sent_although_the_clock_says_that_there_is_time(place: Place, exchange: Path) -> None:
    """A clock may be behind the venue's, by which a candle is dated."""
    entry = entered(place, "ann", arrives=False, ahead_ms=300_000)
    said = flatten(place, "ann")
    assert (said.returncode, "user ann is flat" in said.stdout) == (0, True), said
    assert there(exchange, entry) == []


def test_nobody_goes_on_as_the_instance_that_a_command_is(place: Place) -> None:
    """Both would name their orders alike, and each would keep the other from its journal. Another command is an instance of
    its own."""
    deployed = deployed_anyhow(place.folder / "tradepool.toml")

    async def act(hands: OwnHands) -> str:
        async def work(steering: Steering) -> str:
            with pytest.raises(HandsAtWork, match="by its own hands"):
                epoch_alone(deployed, hands._rows)
            with hands._taken_over():
                return "done"

        return await hands.steer(deployed.seats[0], work)

    assert by_own_hands(deployed, act) == "done"
    with rows_of(deployed) as rows:
        assert epoch_alone(deployed, rows) == rows.epoch


def test_a_start_sees_a_command_that_took_over_while_keys_were_asked_for(place: Place) -> None:
    """Who starts holds the deployment by then, and is no instance yet."""
    with ExitStack() as stack:
        stack.callback(structlog.contextvars.clear_contextvars)
        stack.enter_context(chdir(place.folder))

        def asked_for(deployed: Deployed) -> KeyOf:
            stack.enter_context(by_hand(deployed))
            return keys_of(deployed)

        with pytest.raises(HandsAtWork):
            trading.start(deployed_from(None), asked_for)


def test_the_trading_process_says_flat_when_what_rests_is_taken_back(place: Place, exchange: Path) -> None:
    with place.trading():
        for scope, typed in (("--all", place.id), ("--user ann", "ann"), ("--user ben", "ben")):
            assert place("resume", *scope.split(), "--reason", "on", typed=f"{typed}\n").returncode == 0
        rests = until(lambda: {n for row in place.status()[1]["accounts"] for n in row["entries"].values()})
        asked(exchange, "/faults", SLOW)
        said = place("flatten", "--all", "--reason", "out", typed=f"{place.id}\n")
        assert said.returncode == 0, said
        assert not [entry for entry in rests if there(exchange, entry) in (["NEW"], ["PARTIALLY_FILLED"])]
        assert [row["entries"] for row in place.status()[1]["accounts"]] == [{}, {}]
