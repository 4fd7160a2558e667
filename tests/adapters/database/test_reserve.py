"""The journal with a reserve: what it need not write stops nobody."""

from __future__ import annotations

from pathlib import Path

from tests.nouns import BTC
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.reserve import Reserve, ReservedJournal
from tradepool.domain.deployment import Deployment, Kind
from tradepool.domain.ids import StrategyId
from tradepool.ports.journal import Checkpoint


def test_market_steps_that_can_not_be_saved_stay_as_they_were(tmp_path: Path) -> None:
    """A store that is away must not end the task that reads the market: a restart reads more candles then."""
    connection = open_store(tmp_path / "t.sqlite", "NORMAL")
    epoch = DatabaseDeployment(connection, Deployment(id="aaaaaaaa", kind=Kind.PRACTICE)).epoch
    journal = ReservedJournal(connection, epoch, Reserve(tmp_path / "reserve", 0))
    steps = [Checkpoint(strategy_id=StrategyId("s"), market=BTC.id, time_ms=at, close=1.0, state=b"") for at in (0, 1)]
    journal.save_checkpoints(steps[:1])
    connection.exec_driver_sql("alter table checkpoint rename to elsewhere")
    connection.commit()
    journal.save_checkpoints(steps[1:])
    connection.exec_driver_sql("alter table elsewhere rename to checkpoint")
    connection.commit()
    assert journal.checkpoints() == steps[:1]
    dispose(connection)
