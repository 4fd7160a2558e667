"""What is sent to the control door either holds or is refused by name; a refusal leaves nothing behind."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.simexchange.exchange_kit import flat, small_venue
from tests.simexchange.test_binance_codec import Client
from tests.simexchange.test_gate_control import Ask, drive
from tradepool.simexchange.control import state
from tradepool.simexchange.rules import BadRules, PriceBand, Rules

ME: dict[str, object] = {"account": "key", "asset": "BTC", "amount": "1"}
BTC: dict[str, object] = {"symbol": "BTCUSDT"}
POISON: list[tuple[str, dict[str, object], str]] = [
    ("/deposits", ME | {"credit_after_ms": 10**15}, "credit_after_ms"),
    ("/deposits", ME | {"unlock_after_ms": 10**30}, "unlock_after_ms"),
    ("/deposits", ME | {"unlock_after_ms": -1}, "unlock_after_ms"),
    ("/withdrawals", ME | {"done_after_ms": 2**62}, "done_after_ms"),
    ("/deposits", ME | {"amount": "NaN"}, "amount"),
    ("/deposits", ME | {"amount": "1E+999999"}, "amount"),
    ("/withdrawals", ME | {"fee": "Infinity"}, "fee"),
    ("/dividends", ME | {"amount": "1E-999999"}, "amount"),
    ("/transfers", ME | {"source": "MAIN", "target": "FUNDING", "amount": "sNaN"}, "amount"),
    ("/accounts", {"key": "new", "secret": "s", "balances": {"BTC": "NaN"}}, "BTC"),
    ("/accounts", {"key": "new", "secret": "s", "balances": {"BTC": "1E+999999"}}, "BTC"),
    ("/keys", {"account": "key", "key": "k", "secret": "s", "permissions": {"trading_until_ms": 10**30}}, "trading"),
    ("/limits", {"weight_per_minute": 10**40}, "weight_per_minute"),
    ("/fees", {"account": "key", "maker_rate": "NaN"}, "maker_rate"),
    ("/fees", {"account": "key", "taker_rate": "-Infinity"}, "taker_rate"),
    ("/fees", {"account": "key", "discount": "1E-9999"}, "discount"),
    *[
        ("/markets/filters", BTC | {name: value}, name)
        for name in ("price_tick", "quantity_step", "quantity_min", "notional_min")
        for value in ("NaN", "Infinity", "-1", "1E+40")
    ],
    *[("/markets/filters", BTC | {name: "0"}, name) for name in ("price_tick", "quantity_step", "quantity_min")],
    ("/markets/filters", BTC | {"rules": {"notional_max": "NaN"}}, "notional_max"),
    ("/markets/filters", BTC | {"rules": {"quantity_max": "0"}}, "quantity_max"),
    ("/markets/filters", BTC | {"rules": {"stops_max": -1}}, "stops_max"),
    ("/faults", {"kind": "clock", "offset": "999999999999d"}, "offset"),
    ("/faults", {"kind": "clock", "drift_ppm": 10**30}, "drift_ppm"),
    ("/faults", {"kind": "too_many", "retry_after_s": 10**15}, "retry_after_s"),
    ("/faults", {"kind": "late", "delay": "9" * 400 + "s"}, "delay"),
    ("/faults", {"kind": "filters", "market": "BTCUSDT", "price_tick": "NaN"}, "price_tick"),
    ("/faults", {"kind": "filters", "market": "BTCUSDT", "quantity_step": "0"}, "quantity_step"),
]


def test_poison_is_refused_by_name_and_leaves_nothing(tmp_path: Path) -> None:
    venue = small_venue(flat(3))
    before = state(venue)
    client = Client(venue)
    info = client.ask("GET", "exchangeInfo")

    async def story(ask: Ask) -> None:
        wallets, keys = await ask("/wallets"), await ask("/keys")
        for path, body, word in POISON:
            assert word in (await ask(path, body))["error"], (path, body)
            assert (await ask("/wallets"), await ask("/keys")) == (wallets, keys), (path, body)
        assert await ask("/faults") == []
        assert (await ask("/deposits", ME | {"credit_after_ms": 10**9}))["units"] == 10**8

    drive(tmp_path, venue, story)
    assert state(venue) == before
    assert client.ask("GET", "exchangeInfo") == info
    assert venue.limiter is None
    venue.run_until(venue.now_ms + 120_000)
    json.dumps(state(venue))


@pytest.mark.parametrize("bad", ["NaN", "-1", "2000000"])
def test_a_band_has_room(bad: str) -> None:
    with pytest.raises(BadRules, match="band"):
        PriceBand(bid_down=Decimal("0.5"), bid_up=Decimal(bad), ask_down=Decimal("0.5"), ask_up=Decimal(2))
    with pytest.raises(BadRules, match="position_max is 0"):
        Rules(position_max=Decimal(0))
