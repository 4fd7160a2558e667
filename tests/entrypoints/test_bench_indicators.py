"""`bench indicators`: every twin has a row, and a row far below TA-Lib says why."""

from __future__ import annotations

from tradepool.core.indicators.page import pages
from tradepool.entrypoints.bench import WORKS
from tradepool.entrypoints.bench_indicators import HONEST, PEER, REASONS, rounds


def test_every_twin_has_a_row_and_a_slow_one_its_reason() -> None:
    *figures, median = rounds(20_000)()
    assert WORKS["indicators"] == "bench_indicators"
    assert [figure.work for figure in figures] == [name for name, page in pages().items() if page.twin]
    assert median.work == "median of all"
    assert median.ours > 0.0
    for figure in figures:
        assert (figure.note in REASONS.values()) == (figure.peers[PEER] / figure.ours < HONEST)
