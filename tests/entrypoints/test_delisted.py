"""A market leaves the venue's list while it is held, and nobody trades: a start, status and flatten see to the account's other
markets, and name it."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.entrypoints.test_come_to_rest import asked
from tests.entrypoints.test_left import FAR, rows
from tests.entrypoints.test_start import Place, exchange, place, resting, until

__all__ = ["exchange", "place"]

BTC, GONE = "binance:BTC/USDT", "binance:ETH/USDT"


def test_a_delisted_market_keeps_nobody_from_his_others(place: Place, exchange: Path) -> None:
    (place.folder / "churn.strategy").write_text(FAR.replace("exit: close < open", "exit: close < 0"))
    with place.trading() as first:
        until(lambda: len(place.positions()) == 4)
        first.send_signal(signal.SIGKILL)
    asked(exchange, "/markets/delist", {"symbol": "ETHUSDT"})
    code, found = place.status()
    assert code == 1
    assert [row["positions"] for row in found["accounts"]] == [[BTC, GONE]] * 2, found
    assert [(row["why"], row["unprotected"]) for row in found["accounts"]] == [("", [GONE])] * 2

    # By own hands.
    said = place("flatten", "--user", "ann", "--reason", "out", typed="ann\n")
    assert (said.returncode, f"Not flat: ann-main: {GONE}" in said.stderr, BTC in said.stderr) == (1, True, False), said

    with place.trading() as second:
        until(lambda: place.all_up() and place.status()[1]["suspensions"])
        code, found = place.status()
        assert [(each["name"], each["reason"]) for each in found["suspensions"]] == [(GONE, "the venue's listing")]
        mine = rows(found)
        assert (mine["ann-main"]["positions"], mine["ben-main"]["positions"]) == ([GONE], [BTC, GONE])
        assert [(row["stopped"], row["unprotected"]) for row in found["accounts"]] == [("", [GONE])] * 2, found
        assert any(GONE in each for each in found["worries"]), found
        assert list(resting(exchange, place)) == ["BTCUSDT"]
        said = place("flatten", "--user", "ben", "--reason", "out", typed="ben\n")
        assert (said.returncode, f"not traded there): ben-main {GONE}" in said.stderr, BTC in said.stderr) == (
            1,
            True,
            False,
        ), said
        assert place.positions() == [f"ann-main {GONE}", f"ben-main {GONE}"]
        assert resting(exchange, place) == {}
        # Whose coins they are has to see to them.
        for row in json.loads(place("positions", "--json").stdout)["positions"]:
            said = place("positions", "release", row["id"], "--reason", "gone", typed=f"{row['id']}\n")
            assert (said.returncode, "they are yours" in said.stdout) == (0, True), said
        code, found = place.status()
        assert (code, place.positions(), found["venue_differences"]) == (0, [], 0), found
        assert place("stop").returncode == 0
        assert second.wait(timeout=60) == 0
