"""What `status` says of an account: what a person has to look at, and what he only should know."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from tradepool.presentation.status_page import STREAMLESS_S, AccountSafety, StatusJson, status_page

BTC = "binance:BTC/USDT"


def account(**facts: object) -> AccountSafety:
    """An account that is well, but for some facts."""
    plain: dict[str, object] = {
        "account": "ann-main", "user": "ann", "mandate": "ann-first", "mode": "practice", "positions": [BTC],
        "unprotected": [], "unsellable": [], "unknown_orders": [], "difference": {},
    }  # fmt: skip
    return AccountSafety(**plain | facts)  # type: ignore[arg-type]


def page(row: AccountSafety) -> str:
    """As it is read."""
    told, out = StatusJson("d", "practice", "trading", "2026-01-01T00:00:00Z", [row], []), StringIO()
    Console(file=out, width=200).print(status_page(told))
    return out.getvalue()


def test_what_goes_on_without_a_person_is_said_and_is_no_worry() -> None:
    known = account(
        stopless=[BTC], foreign="nothing is entered: order web_7 is somebody else's", watched_targets=[BTC],
        streamless_s=STREAMLESS_S - 1,
    )  # fmt: skip
    assert known.worries == []
    said = page(known)
    assert said.startswith("SAFE")
    for words in (f"the position on {BTC} has no stop level", "order web_7", f"target of {BTC} is watched here"):
        assert words in said


def test_a_stream_that_stays_down_is_a_worry() -> None:
    down = account(streamless_s=STREAMLESS_S)
    assert down.worries == [f"ann-main: its orders are asked for, the venue has not streamed them for {STREAMLESS_S} s"]
    assert page(down).startswith("NOT SAFE")


def test_costs_that_nobody_can_value_are_told_and_no_danger() -> None:
    """They stay in the books for good, so they must not drown what has to be done now."""
    strange = account(unpriced="ann-main paid fees in ODD")
    assert strange.worries == []
    assert page(strange).startswith("SAFE")
    assert "ann-main paid fees in ODD" in page(strange)
