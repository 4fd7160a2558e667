"""Where damaged candles go: moved out of the way, never deleted, the reason in a text file beside them."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

QUARANTINE = "quarantine"


def quarantine_of(folder: Path) -> Path:
    """The quarantine of the store that a series' folder (STORE/VENUE/SYMBOL/TIMEFRAME) belongs to."""
    return folder.parents[2] / QUARANTINE


def set_block_aside(
    folder: Path, series: str, block: int, columns: Mapping[str, NDArray[np.generic]], why: str
) -> Path:
    """Keep what the files of a block held as an .npz; the path of it."""
    kept = _free_name(quarantine_of(folder), "-".join((*folder.parts[-3:], f"block{block}")), ".npz")
    packed = io.BytesIO()
    np.savez(packed, **{name.replace(".", "_"): column for name, column in columns.items()})  # type: ignore[arg-type]
    kept.write_bytes(packed.getvalue())
    _say_why(kept, f"{series}, block {block}: {why}")
    return kept


def set_folder_aside(folder: Path, why: str) -> Path:
    """Move the whole folder of a series that cannot be used; the path of it."""
    kept = _free_name(quarantine_of(folder), "-".join(folder.parts[-3:]), "")
    os.rename(folder, kept)
    _say_why(kept, f"{folder}: {why}")
    return kept


def _free_name(place: Path, name: str, ending: str) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    number = 1
    while (path := place / f"{name}-{number}{ending}").exists():
        number += 1
    return path


def _say_why(kept: Path, why: str) -> None:
    kept.with_name(f"{kept.name}.txt").write_text(f"{why}\n", encoding="utf-8")


def set_rows_aside(folder: Path, series: str, rows: NDArray[np.float64]) -> Path:
    """Keep candles that cannot be as a .csv of open time, open, high, low, close, volume; the path of it."""
    kept = _free_name(quarantine_of(folder), "-".join((*folder.parts[-3:], "rows")), ".csv")
    lines = [",".join([str(int(row[0])), *(repr(float(value)) for value in row[1:])]) for row in rows]
    kept.write_text("\n".join(lines) + "\n", encoding="ascii")
    _say_why(kept, f"{series}: candles that cannot be")
    return kept
