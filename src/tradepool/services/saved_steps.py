"""Where market steps stand from one life of the platform to the next, so that no candle is missed between them.

What a saved step has gone over is never given out again. It is therefore written down only once accounts have decided on
all of that; a start steps once more over whatever came since, and accounts pass over what they know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tradepool.core.market.market_step import StateDamaged, StateMismatch
from tradepool.domain.ids import MarketId
from tradepool.ports.journal import Checkpoint, Journal
from tradepool.runtime import telemetry
from tradepool.services.reader import Reader

CHECKPOINT_BATCHES = 256

log = telemetry.logger(__name__)


class SavedSteps:
    """The steps of readers, in a journal; `settled` says whether all that was given out has been decided on."""

    def __init__(self, journal: Journal, readers: Sequence[Reader]) -> None:
        """Nothing is loaded yet."""
        self.settled: Callable[[], bool] = lambda: True
        self._journal, self._readers = journal, readers
        self._batches = 0
        self._noted: list[Checkpoint] = []

    def load(self) -> dict[MarketId, float]:
        """Go on from where they stood; the last closes known then."""
        saved = {(each.strategy_id, each.market): each for each in self._journal.checkpoints()}
        closes: dict[MarketId, float] = {}
        for reader in self._readers:
            checkpoint = saved.get((reader.strategy_id, reader.market.id))
            if checkpoint is not None:
                closes[checkpoint.market] = checkpoint.close
                try:
                    reader.load(checkpoint)
                except (StateMismatch, StateDamaged) as error:
                    # After an upgrade, say: the venue's history makes the same state.
                    log.warning("a strategy warms up anew", strategy=reader.strategy_id, error=str(error))
        return closes

    def given_out(self, *, whole: bool) -> None:
        """A batch is given out; `whole`: with it all that the steps have gone over is, so that they may be saved so."""
        self._batches += 1
        if whole and self._batches >= CHECKPOINT_BATCHES:
            self._note()

    def save(self) -> None:
        """Write down what was noted last, if it is decided on by now."""
        if self._noted and self.settled():
            self._journal.save_checkpoints(self._noted)
            self._noted = []

    def save_now(self) -> None:
        """Write down where they stand, all of which is given out, if it is decided on."""
        self._note()
        self.save()

    def _note(self) -> None:
        self._batches, self._noted = 0, [each.checkpoint() for each in self._readers if each.last_open_ms >= 0]
