"""Limits as an operator meets them: shown, set, reached and resumed, beside a trading process and without one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.test_start import Place, exchange, place, until
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.domain.deployment import Deployment, Kind
from tradepool.runtime.command_socket import ask

__all__ = ["exchange", "place"]

RISK = """
[risk.platform]
positions_max = 100
exposure_max = 1000000
daily_loss_max = 0.5
actions = { daily_loss_max = "halt" }

[risk.users.ann]
weekly_loss_max = 0.4

[risk.markets."BTC/USDT"]
price_age_max_s = 600

[risk.clusters.majors]
markets = ["BTC/USDT", "ETH/USDT"]
exposure_max = 900000
"""


def limits(place: Place, *flags: str) -> dict[str, dict[str, Any]]:
    """What `risk show --json` says, by limit."""
    said = place("risk", "show", "--json", *flags)
    assert said.returncode == 0, said.stderr
    return {row["limit"]: row for row in json.loads(said.stdout)["limits"]}


def test_limits_are_shown_set_and_kept(place: Place) -> None:
    place.config(place.text + RISK)
    found = limits(place)
    assert found["platform.daily_loss_max"]["action"] == "halt"
    assert found["platform.positions_max"]["in_use"] is None
    assert set(found) >= {"user.ann.weekly_loss_max", "market.BTC/USDT.price_age_max_s", "cluster.majors.exposure_max"}
    assert found["mandate.ann-first.order_notional_max"]["value"] == "2500"
    assert "user.ann.weekly_loss_max" not in limits(place, "--user", "ben")
    key = "platform.positions_max"
    assert "is not platform" in place("risk", "set", key, "0", "--reason", "x", typed="no\n").stderr
    for value, words in (("0", "it lets nothing through"), ("1.5", "it counts"), ("many", "it is no number")):
        said = place("risk", "set", key, value, "--reason", "x", typed=f"{key}\n")
        assert (said.returncode, words in said.stderr) == (1, True), said.stderr
    wrongs = {
        "user.ane.positions_max": "no such user",
        "user.ann.colour": "there is no such limit",
        "mandate.ann-first.market_notional_max.DOGE/USDT": "does not trade DOGE/USDT",
    }
    for wrong, words in wrongs.items():
        assert words in place("risk", "set", wrong, "1", "--reason", "x", typed=f"{wrong}\n").stderr
    with place.trading() as process:
        until(lambda: int(now(place, key).get("in_use") or 0) >= 1)
        said = place("risk", "set", key, "1", "--reason", "calmer", typed=f"{key}\n")
        assert (said.returncode, said.stdout) == (0, f"{key}: 100 -> 1; in force within a second.\n")
        after = until(lambda: now(place, key)["since"] and now(place, key))
        assert (after["value"], after["reason"], after["denial"]) == ("1", "calmer", "scope_positions")
        assert f"{key}: " in place("status").stdout
        process.kill()
    kept = limits(place)[key]
    assert (kept["value"], kept["since"]) == ("1", after["since"])
    with place.trading():
        assert until(lambda: now(place, key))["since"] == after["since"]
        said = place("risk", "resume", "platform", "--reason", "looked at it", typed="platform\n")
        assert said.stdout == f"platform trades on; had been reached: {key}.\n"
        until(lambda: now(place, key)["since"] != after["since"])
        assert (
            "'user.bob' has no limit" in place("risk", "resume", "user.bob", "--reason", "x", typed="user.bob\n").stderr
        )
    connection = open_store(place.folder / "d" / "tradepool.sqlite")
    rows = DatabaseDeployment(connection, Deployment(id=place.id, kind=Kind.PRACTICE))
    assert [deed.scope for deed in rows.deeds() if deed.what.startswith("risk")] == [f"{key}: 100 -> 1", "platform"]
    dispose(connection)


def now(place: Place, key: str) -> dict[str, Any]:
    """One limit, asked of the trading process."""
    rows = json.loads(ask(place.folder / "d" / "control.sock", {"do": "risk"}, 30) or "[]")
    return next((row for row in rows if row["limit"] == key), {})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("[risk.users.ane]\npositions_max = 1", "no user is called that; name one of"),
        ('[risk.markets."BTC/USD"]\norder_notional_max = 1', "no mandate trades it"),
        ("[risk.platform]\ndaily_loss_max = 5", "it is a share"),
        ("[risk.platform]\nactions = { daily_loss_max = 'halt' }", "it has an action and no value"),
        ("[risk.clusters.all]\nexposure_max = 5", "it names no markets"),
        ("[risk.platform]\npositions_mx = 5", "positions_max"),
        ("[risk.users.ann]\nprice_band_max = 0.1", "it is not about a user"),
    ],
)
def test_a_limit_that_can_not_be_meant_is_refused(place: Place, wrong: str, words: str) -> None:
    place.config(f"{place.text}\n{wrong}\n")
    said = place("risk", "show")
    assert (said.returncode, said.stdout) == (1, "")
    assert words in re.sub(r"\s+", " ", said.stderr), said.stderr


def test_the_guide_lists_every_limit() -> None:
    """Each word, its unit and its text, and each denial with its sentence."""
    from tradepool.domain.denial import Denial
    from tradepool.domain.limit import LIMIT_WORDS

    text = Path("docs/guides/risk.md").read_text(encoding="utf-8")
    for word, meaning in LIMIT_WORDS.items():
        assert f"| `{word}` | {meaning.unit.value} |" in text
        assert meaning.text in text
    for denial in Denial:
        assert f"| `{denial}` | {denial.sentence} |" in text
