"""A process that writes candles until it is killed: appends, corrections and seals, a line for each piece written."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.adapters.candle_store.kit import SERIES, bars_of, run_of, values
from tradepool.adapters.candle_store.store import FileStore


def main(folder: str) -> None:
    """Write for ever, from where the last one stopped."""
    with FileStore(Path(folder)).writer(SERIES) as writer:
        number = len(writer.bars())
        while True:
            writer.append(run_of(number, 97), 0)
            # The candle before is corrected; what it should be in the end follows from its number alone.
            writer.append(bars_of([(number, values(number + 1))]), 1)
            if number % 5 == 0:
                writer.flush()
            number += 97
            print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
