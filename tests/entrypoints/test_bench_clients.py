"""What one more account client weighs: 40 KB at most, its private stream included."""

from __future__ import annotations

import pytest

from tradepool.entrypoints.bench_memory import AIM_KB, CLIENTS, MemoryUnknown, in_a_process_of_its_own

MODULE = "tradepool.entrypoints.bench_clients"


def test_one_more_account_client_weighs_little(long: bool) -> None:
    """The first one is not counted; the exchange is another process."""
    assert 1 < in_a_process_of_its_own(MODULE, str(CLIENTS if long else 200)) <= AIM_KB


def test_one_client_tells_nothing() -> None:
    with pytest.raises(MemoryUnknown, match="too few"):
        in_a_process_of_its_own(MODULE, "1")
