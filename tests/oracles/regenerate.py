"""Write anew what the oracles say: `python -m tests.oracles.regenerate` (their environments are made if need be)."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.oracles.agreement import ENGINES, EXPECTED, fresh
from tradepool.entrypoints.bench_step_peers import Peer, environment


def main() -> None:
    """One small file for each engine."""
    with TemporaryDirectory() as folder:
        for engine in ENGINES:
            with Peer(engine, environment(engine)) as peer:
                (EXPECTED / f"{engine}.json").write_bytes(msgspec.json.encode(fresh(peer, Path(folder))) + b"\n")


if __name__ == "__main__":
    main()
