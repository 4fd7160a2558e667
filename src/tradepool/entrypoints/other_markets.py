"""The candle files of the markets that a strategy reads beside its own, for a single run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tradepool.core.market.bars import Bars
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.candle import timeframe_name
from tradepool.domain.errors import InvalidInput
from tradepool.entrypoints.inputs import open_source
from tradepool.ports.candles import Series, is_address
from tradepool.services.reader import source_of
from tradepool.simexchange.listing import Listing


class OtherCandlesMissing(InvalidInput):
    """Strategy {strategy} reads {symbol} beside its own market, and {file} does not exist; put its candles there, or name their file by --with."""


class NotRead(InvalidInput):
    """--with {file} holds {symbol}, but strategy {strategy} reads {known} beside its own market; leave the file out or give another."""


class OtherTimeframe(InvalidInput):
    """{file} holds candles of {timeframe}, but the market traded has candles of {wanted}; give candles of {wanted}."""


class NoCommonTime(InvalidInput):
    """{file} begins when the candles of the market traded are over; give candles of the same time."""


def other_listings(
    strategy: Strategy,
    own: Listing,
    file: Path,
    given: Sequence[Path],
    store: Path = Path(),
    also: Sequence[Listing] = (),
) -> list[Listing]:
    """The markets a strategy reads beside `own`, whose candles are `file`, over the time it needs them for.

    `also` are the markets it trades besides.

    Of each the file in `given` that holds it or, if none does, the one of the same exchange and timeframe beside `file`.
    A file may be an address in the candle store in the folder `store`.
    """
    source = source_of(strategy, own.bars.timeframe_ms)
    traded = [own, *also]
    symbols = {listing.market.symbol for listing in traded}
    wanted = [symbol for symbol in source.others if symbol not in symbols]
    files: dict[str, tuple[Path, Listing]] = {}
    for path in given:
        listing = Listing(*open_source(path, None, store))
        if listing.market.symbol not in wanted:
            known = ", ".join(wanted) or "no market"
            raise NotRead(file=path, symbol=listing.market.symbol, strategy=strategy.name, known=known)
        files[listing.market.symbol] = path, listing
    for symbol in wanted:
        if symbol not in files:
            path = _beside(file, symbol)
            if not is_address(str(path)) and not path.is_file():
                raise OtherCandlesMissing(strategy=strategy.name, symbol=symbol, file=path)
            files[symbol] = path, Listing(*open_source(path, None, store))
    warm_up = source.warm_up(strategy.values)
    before = source.lookback(strategy.values) + 1 if warm_up is None else warm_up
    times = [int(listing.bars.open_time[end]) for listing in traded for end in (0, -1)]
    return [_around(min(times), max(times), own.bars.timeframe_ms, *files[symbol], before) for symbol in wanted]


def _beside(file: Path, symbol: str) -> Path:
    if is_address(str(file)):
        own = Series.parse(str(file))
        return Path(str(Series(own.venue, symbol, own.timeframe)))
    exchange, timeframe = file.name.split("-")[0], file.name.rsplit("-", 1)[-1]
    return file.with_name(f"{exchange}-{symbol.replace('/', '-')}-{timeframe}")


def _around(first_ms: int, last_ms: int, timeframe_ms: int, file: Path, listing: Listing, before: int) -> Listing:
    """Its bars from one open time to another, so many more before to settle, and one after: a venue tells of a bar when
    the next one opens."""
    bars = listing.bars
    if bars.timeframe_ms != timeframe_ms:
        names = timeframe_name(bars.timeframe_ms), timeframe_name(timeframe_ms)
        raise OtherTimeframe(file=file, timeframe=names[0], wanted=names[1])
    first, last = (int(bars.open_time.searchsorted(time_ms, side="right")) for time_ms in (first_ms, last_ms))
    if not last:
        raise NoCommonTime(file=file)
    return Listing(listing.market, bars.slice(max(0, first - before), last + 1))


def published(listing: Listing) -> Bars:
    """The bars a venue tells of: all but the last, which has no next one."""
    return listing.bars.slice(0, len(listing.bars) - 1)
