"""User streams together on one connection: the same trades and books as with one each, however often it is cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Series
from tests.whole.test_faults import BARS, NAMES, check_books, cut_user, place, player, sometimes, tell
from tests.whole.test_parity import WEIGHT, listing_of
from tradepool.entrypoints.replay import Plan, Replay
from tradepool.entrypoints.wiring import Wiring

__all__ = ["place"]


@pytest.mark.parametrize("per_stream", [2, 50])
def test_shared_streams_change_nothing(
    series: Series, place: Path, per_stream: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two connections for three users, or one."""
    listing = listing_of(series("BINANCE-BTC-USDT-5m"), BARS // 2)
    plan = Plan(listings=[listing], players=[player(name, [listing], WEIGHT) for name in NAMES])
    calm = tell(plan, place / "own")
    wiring, cuts = Replay._wiring, 0

    def shared(replay: Replay, *arguments: object) -> Wiring:
        return replace(wiring(replay, *arguments), accounts_per_stream=per_stream)  # type: ignore[arg-type]

    def trouble(replay: Replay) -> None:
        nonlocal cuts
        cuts += cut_user(replay, 1)

    monkeypatch.setattr(Replay, "_wiring", shared)
    told = tell(plan, place / "shared")
    assert told.outcome.users == calm.outcome.users
    rough = tell(plan, place / "cut", sometimes(5, 0.25, trouble))
    assert cuts > 50
    check_books(rough)
    assert rough.outcome.users == calm.outcome.users
