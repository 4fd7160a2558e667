"""What the contract's stories are told with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.market_kit import Play, tell
from tradepool.simexchange.tls import TlsFiles


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a path short enough for a socket."""
    return tmp_path_factory.mktemp("w")


@pytest.fixture
def play(tmp_path: Path, files: TlsFiles) -> Play:
    """A function that runs a story of the market against a venue."""
    return lambda venue, story: tell(venue, tmp_path, files, story)
