"""A strategy that reads a market it does not trade: found files, given files, and every refusal by name."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import ROOT
from tests.entrypoints.console import Console
from tests.leader import with_leader
from tests.model_series import write_series
from tradepool.core.graph.expr import close
from tradepool.core.graph.primitives import wilder
from tradepool.core.graph.scope import external, of, on
from tradepool.core.strategies import catalog
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.ids import AccountId
from tradepool.entrypoints.app import OtherMarketMissing
from tradepool.entrypoints.lock_step import run_in_lock_step
from tradepool.entrypoints.replay import Plan, Player, Replay, on_our_venue, replay
from tradepool.services.reader import HistoryTooLong, NoSourceYet
from tradepool.simexchange.market_model import model_listings

EXAMPLE = ROOT / "examples" / "with_bitcoin.py"
SHORT = ("--param", "bitcoin_length=50")
SCORE = """
from tradepool.core.graph.expr import close
from tradepool.core.graph.primitives import wilder
from tradepool.core.graph.scope import external
from tradepool.core.strategies.strategy import Strategy

def strategy():
    score = external("score", max_age="1h")
    return Strategy("scored", 1, enter=score > 0.5, exit=close < 1)
"""


@pytest.fixture
def ether(tmp_path: Path) -> Path:
    """Candles to trade on."""
    return write_series("BINANCE-ETH-USDT-5m", tmp_path, 1_000)


def trades_of(said: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(said)["trades"]
    return found


def test_the_other_markets_file_is_found_beside_or_given(ether: Path, console: Console, tmp_path: Path) -> None:
    """Backtest and replay print the same object, whichever way it came; what is read is not traded."""
    bitcoin = write_series("BINANCE-BTC-USDT-5m", tmp_path, 1_000)
    found = console("backtest", EXAMPLE, "--candles", ether, *SHORT, "--json")
    assert (found.code, found.err) == (0, "")
    assert {trade["market"] for trade in trades_of(found.out)} == {"ETH/USDT"}
    assert found.out == console("replay", EXAMPLE, "--candles", ether, *SHORT, "--json").out
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    given = bitcoin.rename(folder / "KRAKEN-BTC-USDT-5m.parquet")
    for command in ("backtest", "replay"):
        said = console(command, EXAMPLE, "--candles", ether, "--with", given, *SHORT, "--json")
        assert said.out == found.out


def test_a_strategy_may_trade_the_market_it_reads(console: Console, tmp_path: Path) -> None:
    bitcoin = write_series("BINANCE-BTC-USDT-5m", tmp_path, 1_000)
    ran, replayed = (console(c, EXAMPLE, "--candles", bitcoin, *SHORT, "--json") for c in ("backtest", "replay"))
    assert trades_of(ran.out)
    assert ran.out == replayed.out


def test_bars_before_the_first_one_settle_the_other_market(ether: Path, console: Console, tmp_path: Path) -> None:
    """Its file begins earlier; the backtest has what it takes to settle, and the replay the same."""
    write_series("BINANCE-BTC-USDT-5m", tmp_path, 5_000)
    late = tmp_path / "late"
    late.mkdir()
    pl.read_parquet(ether).tail(300).write_parquet(late / ether.name)
    arguments = [EXAMPLE, "--candles", late / ether.name, "--with", tmp_path / "BINANCE-BTC-USDT-5m.parquet", "--json"]
    ran, replayed = (console(command, *arguments) for command in ("backtest", "replay"))
    assert trades_of(ran.out)
    assert ran.out == replayed.out


@pytest.mark.parametrize("command", ["backtest", "replay"])
def test_what_is_wrong_is_named(ether: Path, console: Console, tmp_path: Path, command: str) -> None:
    own = tmp_path / "scored.py"
    own.write_text(SCORE, encoding="utf-8")
    hourly = write_series("BINANCE-BTC-USDT-1h", tmp_path, 100)
    over = write_series("BINANCE-BTC-USDT-5m", tmp_path, 3_000)
    after = tmp_path / "after"
    after.mkdir()
    pl.read_parquet(over).tail(1_000).write_parquet(after / over.name)
    missing = tmp_path / "KRAKEN-ETH-USDT-5m.parquet"
    missing.write_bytes(ether.read_bytes())
    for strategy, candles, files, says in (
        (EXAMPLE, missing, [], "reads BTC/USDT beside its own market, and"),
        (EXAMPLE, missing, [], "KRAKEN-BTC-USDT-5m.parquet does not exist"),
        (EXAMPLE, ether, ["--with", ether], "holds ETH/USDT, but strategy with_bitcoin reads BTC/USDT"),
        ("moving_average_cross", ether, ["--with", over], "moving_average_cross reads no market"),
        (EXAMPLE, ether, ["--with", hourly], "holds candles of 1h, but the market traded has candles of 5m"),
        (EXAMPLE, ether, ["--with", after / over.name], "begins when the candles of the market traded are over"),
        (own, ether, [], "Strategy scored reads score from outside"),
        ("trend_pullback", write_series("BINANCE-ETH-USDT-1d", tmp_path, 50), [], "bars of 1h cannot be made of"),
    ):
        said = console(command, strategy, "--candles", candles, *files)
        assert (said.code, said.out) == (1, "")
        assert said.err.count("\n") == 1
        assert says in said.err


def test_at_the_live_door_it_is_the_accounts_trouble(tmp_path: Path) -> None:
    """A market the venue lacks, a value without a source, bars that do not fit: the others trade on."""
    listings = [on_our_venue(each) for each in model_listings(["AAA/USDT", "BBB/USDT"], 300_000, 0, 600, seed=5)]
    score = external("score", max_age="1h")
    strategies = [
        with_leader("BBB/USDT"),
        Strategy("far", 1, enter=of("CCC/USDT", close > 1), exit=close < 1),
        Strategy("scored", 1, enter=score > 0.5, exit=close < 1),
        Strategy("finer", 1, enter=on("1m", close > 1), exit=close < 1),
        Strategy("deep", 1, enter=close > on("1d", wilder(close, 5_000)), exit=close < 1),
    ]
    first = Player(
        name="ann",
        strategy=catalog.named("moving_average_cross"),
        markets=(listings[0].market.id,),
        capital=Decimal(1_000),
        weight=Decimal("0.9"),
    )
    users = [first, *(replace(first, name=strategy.name, strategy=strategy) for strategy in strategies)]
    run = Replay(Plan(listings=listings, players=users), tmp_path)
    ids: list[AccountId] = [seat.account.id for seat in run.seats]
    # The books of a refused account cannot be closed: the run ends with its error.
    with pytest.raises(OtherMarketMissing, match=r"far reads 'CCC/USDT', which binance does not trade.*AAA/USDT, BBB"):
        run_in_lock_step(run.run)
    halted = run.platform.desk.halted
    assert set(halted) == set(ids[2:])
    assert isinstance(halted[ids[3]], NoSourceYet)
    assert "bars of 1m cannot be made of bars of 5m" in str(halted[ids[4]])
    assert isinstance(halted[ids[5]], HistoryTooLong)
    assert "Strategy deep needs 92," in str(halted[ids[5]])
    alone = replay(Plan(listings=listings, players=users[:2]))
    assert [len(user.trades) > 5 for user in alone.users] == [True, True]
    assert len(run.venue.trades(run.seats[0].credentials.key)) > 10
