"""What goes wrong at the venue of a chaos run: every kind of fault that leaves a truthful venue, from one seed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypedDict

from tradepool.entrypoints.chaos.plan import BAR_MS, CALM_BARS, Chaos
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.scenario import Scenario, Shock

ORDERS = "* /api/v3/order"
ASKED = {ORDERS: 0.01, "GET /api/v3/myTrades": 0.01, "GET /api/v3/account": 0.01, "GET /api/v3/klines": 0.002}
LOSSES: list[tuple[str, dict[str, Any]]] = [
    ("reset", {}),
    ("status", {"status": 502}),
    ("status", {"status": 503}),
    ("html", {}),
    ("empty", {}),
    ("cut_json", {}),
    ("cut_body", {}),
    ("code", {"code": -1007}),
    ("code", {"code": -1006}),
    ("silence", {"delay_ms": 5_000}),
]


class When(TypedDict):
    """From when until when a fault is in force, in ms from the start."""

    from_ms: int
    until_ms: int


def weather(chaos: Chaos) -> Scenario:
    """Faults from the first minute until the last bars, which are calm."""
    end_ms = (chaos.bars - CALM_BARS) * BAR_MS
    when: When = {"from_ms": BAR_MS, "until_ms": end_ms}
    lost = [
        Fault(kind=kind, route=route, accepted=accepted, share=share, **more, **when)
        for kind, more in LOSSES
        for route, share in ASKED.items()
        for accepted in (True, False)
    ]
    faults = (*lost, *_refusals(when), *_streams(when), *_times(end_ms))
    shocks = (Shock(end_ms // 3, "", 0.05, 20 * BAR_MS), Shock(2 * end_ms // 3, "ETHUSDT", 0.08, 30 * BAR_MS))
    return Scenario(name="chaos", seed=chaos.seed, faults=faults, shocks=shocks)


def _refusals(when: When) -> tuple[Fault, ...]:
    return (
        Fault(kind="too_many", route=ORDERS, share=0.01, retry_after_s=5, **when),
        Fault(kind="banned", route=ORDERS, share=0.005, retry_after_s=10, **when),
        Fault(kind="firewall", route=ORDERS, share=0.005, **when),
        Fault(kind="maintenance", route=ORDERS, share=0.005, **when),
        Fault(kind="code", code=-1021, route=ORDERS, share=0.01, **when),
        Fault(kind="code", code=-1015, route="POST /api/v3/order", share=0.01, **when),
        Fault(kind="code", code=-1001, route=ORDERS, share=0.01, **when),
        Fault(kind="code", code=-1008, route=ORDERS, share=0.01, **when),
        Fault(kind="late", route=ORDERS, delay_ms=1_500, share=0.03, **when),
        Fault(kind="latency", delay_ms=40, spread=2.0, **when),
        Fault(kind="shuffled", share=0.05, **when),
        Fault(kind="negative_balance", share=0.02, **when),
        Fault(kind="reset", route="CONNECT", share=0.05, **when),
    )


def _streams(when: When) -> tuple[Fault, ...]:
    return (
        Fault(kind="delayed", delay_ms=800, share=0.03, **when),
        Fault(kind="lost", stream="*@kline_*", share=0.03, **when),
        Fault(kind="lost", stream="user", share=0.04, **when),
        Fault(kind="doubled", share=0.1, **when),
        Fault(kind="reordered", stream="user", share=0.04, **when),
        Fault(kind="cut", code=1006, share=0.02, **when),
        Fault(kind="cut", code=1001, share=0.01, **when),
        Fault(kind="terminated", stream="user", share=0.02, **when),
    )


def _times(end_ms: int) -> tuple[Fault, ...]:
    """Shares of the time, each a stretch: whose end is never later than the last fault's."""

    def during(begin: float, bars: float) -> When:
        begin_ms = int(begin * end_ms)
        return {"from_ms": begin_ms, "until_ms": min(begin_ms + int(bars * BAR_MS), end_ms)}

    return (
        Fault(kind="silent", stream="user", **during(0.15, 8)),
        Fault(kind="stale", **during(0.22, 6)),
        Fault(kind="dark", **during(0.3, 1.5)),
        Fault(kind="dark", **during(0.55, 3)),
        Fault(kind="reconnect", from_ms=int(0.4 * end_ms)),
        Fault(kind="reconnect", from_ms=int(0.75 * end_ms)),
        Fault(kind="market", market="SOLUSDT", state="halted", **during(0.45, 10)),
        Fault(kind="filters", market="BTCUSDT", notional_min=Decimal(50), **during(0.05, 60)),
        Fault(kind="filters", market="ETHUSDT", price_tick=Decimal("0.1"), **during(0.7, 60)),
        Fault(kind="key", account="3", state="narrowed", **during(0.35, 12)),
        Fault(kind="key", account="4", state="revoked", **during(0.6, 12)),
        Fault(kind="clock", offset_ms=10_000, **during(0.1, 10)),
        Fault(kind="clock", offset_ms=-7_000, **during(0.5, 10)),
        Fault(kind="clock", drift_ppm=200, **during(0.65, 60)),
    )
