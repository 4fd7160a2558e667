"""Answers and streams break all the time, everywhere at once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from aiohttp import web

from tests.conftest import Series
from tests.whole.test_faults import BARS, NAMES, check_books, cut_candles, cut_user, player, sometimes, tell
from tests.whole.test_parity import WEIGHT, listing_of
from tradepool.entrypoints.replay import Plan, Replay
from tradepool.simexchange.server import Server


class Storm(Server):
    """Answers get lost on one request in five, carried out or not."""

    dice = random.Random(0)
    over = False
    broken = 0

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        calm = self.over or request.path.endswith(("/time", "/klines", "/exchangeInfo"))
        if calm or not self._venue.orders(self._key()) or self.dice.random() > 0.2:
            return await super()._answer(request)
        Storm.broken += 1
        if self.dice.random() < 0.6:
            await super()._answer(request)
        if self.dice.random() < 0.5:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=self.dice.choice((200, 502, 503)), text="<html>", content_type="text/html")

    def _key(self) -> str:
        return next(iter(self._venue.accounts))


@pytest.mark.parametrize("seed", [21])
def test_a_storm_loses_and_doubles_nothing(
    series: Series, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, seed: int, long: bool
) -> None:
    """Every fill is booked once, no order is placed twice, nobody is halted."""
    listing = listing_of(series("BINANCE-BTC-USDT-5m"), BARS)
    plan = Plan(listings=[listing], players=[player(name, [listing], WEIGHT) for name in NAMES])
    for each in range(seed, seed + (20 if long else 1)):
        with monkeypatch.context() as patch:
            weather(plan, tmp_path_factory.mktemp("s") / "r", patch, each)


def weather(plan: Plan, place: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """One storm."""
    monkeypatch.setattr("tradepool.entrypoints.replay.Server", Storm)
    monkeypatch.setattr(Storm, "dice", random.Random(seed))
    monkeypatch.setattr(Storm, "broken", 0)

    def trouble(replay: Replay) -> None:
        cut_user(replay, Storm.dice.randrange(3))
        if Storm.dice.random() < 0.3:
            cut_candles(replay)

    cutting = sometimes(seed, 0.15, trouble)

    def before_step(replay: Replay) -> bool:
        Storm.over = replay.platform.market_data.candles > BARS - 10
        return Storm.over or cutting(replay)

    told = tell(plan, place, before_step)
    assert Storm.broken > 50
    check_books(told)
    assert told.outcome.orders == told.rows("select count(*) from order_intent")[0][0]
