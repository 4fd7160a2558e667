"""What is held stays looked after, and the emergency commands work, whatever becomes of one user's mandate: a strategy that is
gone, a section that is wrong, inactive, or taken out, a market that is named no more."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

from tests.entrypoints.test_start import Place, exchange, place, resting, until
from tests.tampering import by_sql
from tests.whole.limit_cases import CHURN
from tradepool.adapters.database.engine import dispose, open_store

__all__ = ["exchange", "place"]

FAR = CHURN.replace("2 percent", "40 percent")
LEAVES = FAR.replace("enter: close > open", "enter: close < 0").replace("exit: close < open", "exit: close > 0")
BEN_ON_ETH = """
[mandates.ben-first]
account = "ben-main"
strategy = "ben.strategy"
markets = ["ETH/USDT"]
capital = 5000
weight = 0.45
"""


def strategies(place: Place) -> None:
    """Ann and ben follow strategies of their own, with stops that no model market reaches."""
    for user in ("ann", "ben"):
        (place.folder / f"{user}.strategy").write_text(FAR.replace("churn", user))
        place.config(place.text.replace('"churn.strategy"', f'"{user}.strategy"', 1))
    place.config(re.sub(r"markets = .*", 'markets = ["BTC/USDT"]', place.text))


def without(text: str, *sections: str) -> str:
    """The configuration without those sections."""
    kept = [each for each in re.split(r"(?m)^(?=\[)", text) if not each.startswith(sections)]
    return "".join(kept)


def inactive(text: str, mandate: str) -> str:
    head, section, tail = text.partition(f"[mandates.{mandate}]")
    return head + section + tail.replace("active = true", "active = false", 1)


def rows(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of status, by account."""
    return {row["account"]: row for row in found["accounts"]}


def both_hold(place: Place) -> bool:
    return len(place.positions()) == 2


def damage(place: Place) -> None:
    """Ben's journal can't be read any more."""
    connection = open_store(place.folder / "d" / "tradepool.sqlite")
    by_sql(connection, "update event set body = '{}' where account = 'ben-main' and sequence = 2")
    dispose(connection)


def flat(place: Place, user: str) -> None:
    said = place("flatten", "--user", user, "--reason", "out", typed=f"{user}\n")
    assert (said.returncode, f"user {user} is flat and halted" in said.stdout) == (0, True), said


def test_what_is_held_is_looked_after_whatever_a_section_says(place: Place, exchange: Path) -> None:
    strategies(place)
    with place.trading() as first:
        until(lambda: both_hold(place))
        first.send_signal(signal.SIGKILL)
    code, found = place.status()
    assert (code, found["process"]) == (1, "died")
    assert found["worries"] == [
        "the trading process has died and nobody trades: 2 positions held, run tradepool start"
    ], found
    held_by_both = sum(resting(exchange, place).values())

    # Ben's strategy is gone, his section has a word that nobody knows: ann, and he himself, are helped all the same.
    good = place.text
    (place.folder / "ben.strategy").rename(place.folder / "away")
    wrong = good.replace("[users.ben]", "[users.ben]\nrolle = 1")
    place.config(wrong.replace("[users.ann]", "[risk.users.eve]\nexposure_max = 1\n\n[users.ann]"))
    said = place("halt", "--user", "ben", "--reason", "odd", typed="ben\n")
    assert said.returncode == 0, said
    code, found = place.status()
    assert [row["positions"] for row in found["accounts"]] == [["binance:BTC/USDT"]] * 2
    assert any("users.ben.rolle" in worry for worry in found["worries"]), found["worries"]
    assert place("resume", "--user", "ben", "--reason", "ok", typed="ben\n").returncode == 0
    refused = place("start")
    assert (refused.returncode, "users.ben.rolle" in refused.stderr) == (1, True)

    # A start leaves out what ben's strategy would do, and that alone; ann's mandate is inactive, and her strategy sells.
    place.config(inactive(good, "ann-first"))
    (place.folder / "ann.strategy").write_text(LEAVES.replace("churn", "ann"))
    with place.trading() as second:
        until(lambda: place.all_up() and place.positions() == ["ben-main binance:BTC/USDT"])
        code, found = place.status()
        assert (code, found["process"], found["unprotected"]) == (1, "trading", 0), found
        assert "can't be used" in rows(found)["ben-main"]["stopped"]
        assert found["worries"] == [f"ben-main is stopped: {rows(found)['ben-main']['stopped']}"]
        assert rows(found)["ann-main"]["off"] == "its mandate is not active"
        assert [row["user"] for row in json.loads(place("positions", "--json").stdout)["positions"]] == ["ben"]
        assert place("stop").returncode == 0
        assert second.wait(timeout=60) == 0

    # His mandate names the market no more: what he holds there is looked at, and nobody starts it on another one.
    assert 0 < sum(resting(exchange, place).values()) < held_by_both
    (place.folder / "away").rename(place.folder / "ben.strategy")
    place.config(without(good, "[mandates.ben-first") + BEN_ON_ETH)
    code, found = place.status()
    assert rows(found)["ben-main"]["positions"] == ["binance:BTC/USDT"], found
    said = place("positions", "--user", "ben")
    assert "BTC/USDT" in said.stdout, said

    # His sections are gone altogether: the books know him, and what he holds.
    place.config(without(inactive(good, "ann-first"), "[users.ben]", "[accounts.ben-main]", "[mandates.ben-first"))
    code, found = place.status()
    assert (code, found["process"]) == (1, "stopped")
    assert list(rows(found)) == ["ben-main"], found
    ben = rows(found)["ben-main"]
    assert (ben["user"], ben["positions"], ben["difference"]) == ("ben", ["binance:BTC/USDT"], {}), ben
    assert "which holds BTC/USDT: its stops go on" in ben["stopped"]
    assert "ben-main" in place("balance", "ben").stdout
    assert "No mandate in tradepool.toml is active" in place("start").stderr
    flat(place, "ben")
    assert resting(exchange, place) == {}
    code, found = place.status()
    assert (code, found["accounts"]) == (0, []), found

    # What nobody can read may hold anything: it is named, and keeps nobody else from being helped.
    damage(place)
    code, found = place.status()
    assert (code, list(rows(found))) == (1, ["ben-main"]), found
    assert "The journal of account ben-main is damaged at event 2" in rows(found)["ben-main"]["why"]
    flat(place, "ann")
