"""What is counted, for how long, and who is told to stop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simexchange.exchange_kit import START, flat, small_venue
from tradepool.simexchange.codecs.binance.request import Parameters
from tradepool.simexchange.codecs.binance.weights import method_cost, request_cost
from tradepool.simexchange.errors import AddressBanned, TooManyOrders, TooManyRequests
from tradepool.simexchange.limits import BINANCE, MINUTE_MS, Cost, Limiter, Limits, Window
from tradepool.simexchange.records import Kind, NewOrder, Side

USES = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 5), st.integers(0, 40)), max_size=40)


@given(USES)
def test_a_window_counts_what_was_used_in_it(uses: list[tuple[str, int, int]]) -> None:
    """Beside a count over all uses with the same window number."""
    window, now_ms = Window("x", 100, 1), 0
    done: list[tuple[str, int, int]] = []
    for who, amount, pause_ms in uses:
        now_ms += pause_ms
        done.append((who, amount, now_ms))
        told = window.add(who, amount, now_ms)
        same = [each for name, each, at in done if name == who and at // 100 == now_ms // 100]
        assert told == window.count(who, now_ms) == sum(same)
    assert window.count("a", now_ms + 100) == 0


@given(USES)
def test_nobody_passes_a_limit_in_any_window(uses: list[tuple[str, int, int]]) -> None:
    """What is let through in one window is never more than the limit, whatever is asked."""
    limiter, now_ms = Limiter(Limits(weight_per_minute=10, strikes_max=3)), START
    passed: dict[tuple[str, int], int] = {}
    for who, weight, pause_s in uses:
        now_ms += pause_s * 1_000
        try:
            limiter.spend(who, "", Cost(weight), now_ms)
        except TooManyRequests as refused:
            wait_s = refused.facts["retry_after_s"]
            assert isinstance(wait_s, int)
            assert (now_ms // 1_000 + wait_s) % 60 == 0
        except AddressBanned as refused:
            assert refused.facts["until_ms"] > now_ms  # type: ignore[operator]
        else:
            key = (who, now_ms // MINUTE_MS)
            passed[key] = passed.get(key, 0) + weight
    assert all(used <= 10 for used in passed.values())


def test_bans_grow_to_three_days_and_no_further() -> None:
    limiter, now_ms = Limiter(BINANCE), START
    lengths = []
    for _ in range(8):
        until_ms = limiter.ban("a", now_ms)
        lengths.append((until_ms - now_ms) // 1_000)
        limiter.check_ban("b", now_ms)
        with pytest.raises(AddressBanned):
            limiter.check_ban("a", until_ms - 1)
        limiter.check_ban("a", until_ms)
        now_ms = until_ms
    assert (lengths[0], lengths[-1]) == (120, 3 * 86_400)
    assert lengths == sorted(lengths)


def test_a_partly_filled_order_is_given_back_once() -> None:
    """The count falls with the first fill; later fills and other changes of the order leave it."""
    venue = small_venue(flat(3))
    venue.limiter = Limiter(Limits(orders_per_10_seconds=2))
    account = venue.account("key")
    resting = [
        venue.place(account, NewOrder("BTCUSDT", name, Side.BUY, Kind.LIMIT, 100, limit_ticks=9_000)) for name in "ab"
    ]
    with pytest.raises(TooManyOrders, match="2 orders per 10 SECOND"):
        venue.limiter.check_orders("key", venue.now_ms)
    venue.cancel(account, "BTCUSDT", resting[0].id)
    assert venue.limiter.orders[0].count("key", venue.now_ms) == 2
    venue.place(account, NewOrder("BTCUSDT", "c", Side.BUY, Kind.MARKET, 100))
    assert [window.count("key", venue.now_ms) for window in venue.limiter.orders] == [2, 2]
    venue.limiter.check_orders("somebody else", venue.now_ms)


@pytest.mark.parametrize(
    ("method", "path", "params", "weight"),
    [
        ("GET", "/api/v3/ticker", {"symbols": '["A","B","C"]'}, 12),
        ("GET", "/api/v3/ticker/tradingDay", {"symbols": str(["A"] * 80).replace("'", '"')}, 200),
        ("GET", "/api/v3/ticker/24hr", {"symbols": str(["A"] * 101).replace("'", '"')}, 80),
        ("GET", "/api/v3/ticker/24hr", {"symbols": "["}, 2),
        ("GET", "/api/v3/depth", {"limit": "many"}, 5),
        ("POST", "/api/v3/order/test", {"computeCommissionRates": "true"}, 20),
        ("GET", "/api/v3/nowhere", {}, 1),
    ],
)
def test_weights_by_parameters(method: str, path: str, params: dict[str, str], weight: int) -> None:
    assert request_cost(method, path, Parameters(params)) == Cost(weight)


def test_methods_weigh_as_their_routes() -> None:
    some = Parameters({"symbol": "BTCUSDT"})
    for method, verb, path in (
        ("order.place", "POST", "order"),
        ("openOrders.status", "GET", "openOrders"),
        ("account.status", "GET", "account"),
        ("depth", "GET", "depth"),
    ):
        assert method_cost(method, some) == request_cost(verb, f"/api/v3/{path}", some)
    assert method_cost("userDataStream.subscribe.signature", some).weight == 2
    assert method_cost("nothing.like.it", some).weight == 1
