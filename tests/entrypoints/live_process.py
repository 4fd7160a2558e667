"""The command line of a live deployment, but for where its venue is: the real one's names lead to an exchange that is served.

`python -m tests.entrypoints.live_process EXCHANGE_FOLDER start --config FILE`
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from tradepool.adapters.exchanges.transport import Transport
from tradepool.domain.errors import TradepoolError
from tradepool.domain.ids import AccountId
from tradepool.entrypoints import cli
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.exchange_place import read_place
from tradepool.entrypoints.practice import clock_of, transport_of
from tradepool.ports.clock import Clock

ENTRYPOINTS = "tradepool.entrypoints"


@contextmanager
def venue_at(exchange: Path) -> Iterator[None]:
    """Meanwhile every way to the real venue, and its time, are those of the exchange that is served in a folder."""
    served = read_place(exchange)
    assert served is not None
    transport = transport_of(served)

    def way_to(deployed: Deployed) -> tuple[Clock, Transport]:
        return clock_of(served), transport

    def place_of(deployed: Deployed) -> tuple[Clock, Transport, str, dict[AccountId, TradepoolError]]:
        return *way_to(deployed), "", {}

    with (
        mock.patch(f"{ENTRYPOINTS}.trading.place_of", place_of),
        mock.patch(f"{ENTRYPOINTS}.key_vault.Transport", return_value=transport),
    ):
        yield


if __name__ == "__main__":
    with venue_at(Path(sys.argv[1])):
        raise SystemExit(cli.run(sys.argv[2:]))
