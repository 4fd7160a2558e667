"""What the `data` commands were asked for: times, series, files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tradepool.adapters.candle_files.errors import BadCandleFile, CandleFileMissing
from tradepool.adapters.candle_files.export import NEVER_MADE
from tradepool.adapters.candle_files.found_name import KINDS, kind_of, series_of
from tradepool.adapters.candle_store.layout import END_MS, ORIGIN_MS
from tradepool.adapters.candle_store.store import FileStore
from tradepool.domain.errors import InvalidInput
from tradepool.entrypoints.inputs import BadFlag, settings_from
from tradepool.ports.candles import Series, Stretch

# The times a store has rows for.
ALL_TIME = Stretch(ORIGIN_MS, END_MS)


class NothingGiven(InvalidInput):
    """Nothing is given to {what}; name {wanted}."""


class NoCandleFiles(InvalidInput):
    """Folder {folder} holds no candle files ({known}); name another."""


def store_of(config: Path | None) -> FileStore:
    """The candle store of the configuration (`[candles] folder`)."""
    return FileStore(settings_from(config).candles.folder)


def time_of(flag: str, text: str) -> int:
    """A day or a moment as ms UTC. Raises BadFlag.

    >>> time_of("--since", "2024-02-29"), time_of("--since", "2024-02-29T12:00")
    (1709164800000, 1709208000000)
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadFlag(flag=flag, value=repr(text)[:40], wanted="a day or time in UTC, such as 2024-01-31") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def files_below(paths: Sequence[Path], only: str | None, *, named: bool = False) -> list[Path]:
    """Candle files that are named or lie in named folders, in order.

    `only` is `freqtrade` for a folder of freqtrade's; with `named` (somebody says what they hold) a file found in a
    folder needs no name that says it. Raises CandleFileMissing, NoCandleFiles, NothingGiven.
    """
    if not paths:
        raise NothingGiven(what="import", wanted="candle files or folders of them")
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.is_file() and _wanted(each, only, named=named))
            if not inside:
                raise NoCandleFiles(folder=path, known=", ".join(KINDS))
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise CandleFileMissing(file=path)
    return found


def _wanted(file: Path, only: str | None, *, named: bool) -> bool:
    """Whether a file found in a folder is one of candles, by its name."""
    if only == "freqtrade" and "_" not in file.name:
        return False
    try:
        kind_of(file)
        if not named:
            series_of(file, "any")
    except BadCandleFile:
        return False
    return file.name != NEVER_MADE


def named_series(text: str | None) -> Series | None:
    """What --series says. Raises BadAddress."""
    return None if text is None else Series.parse(text)
