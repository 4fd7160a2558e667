"""The `data` commands: candles in, out, listed, checked and repaired. Heavy things are imported inside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from tradepool.entrypoints.inputs import Config, read_whole
from tradepool.entrypoints.saying import say, show

if TYPE_CHECKING:
    from tradepool.ports.candles import Stretch

data_app = App(name="data", help="Candles: download, import, export, list, check, repair.")

Json = Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")]
Since = Annotated[str | None, Parameter(help="First day or time, UTC, e.g. 2024-01-31.")]
Until = Annotated[str | None, Parameter(help="Up to this day or time, UTC [default: now].")]
Named = Annotated[str, Parameter(help="Series, venue:BASE/QUOTE@timeframe, or venue:BASE/QUOTE for all timeframes.")]


@data_app.command
def download(
    *series: Annotated[str, Parameter(help="What to fetch: venue:BASE/QUOTE@timeframe, the venue a ccxt id.")],
    since: Since = None,
    until: Until = None,
    days: Annotated[
        int | None, Parameter(converter=read_whole, help="The last so many days, instead of --since.")
    ] = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Fetch candles from an exchange into the store; stopped or killed, the same command goes on where it ended."""
    import time

    from tradepool.adapters.exchanges.transport import Transport
    from tradepool.entrypoints.data_download import DAY_MS, downloaded
    from tradepool.entrypoints.data_inputs import NothingGiven, store_of, time_of
    from tradepool.entrypoints.inputs import whole
    from tradepool.ports.candles import Series
    from tradepool.presentation.data_page import download_page

    if not series:
        raise NothingGiven(what="download", wanted="series, such as binance:BTC/USDT@5m")
    wanted = [Series.parse(text) for text in series]
    since_ms = None if since is None else time_of("--since", since)
    if days is not None:
        since_ms = time.time_ns() // 1_000_000 - whole("--days", days, 1, 10_000) * DAY_MS
    until_ms = None if until is None else time_of("--until", until)
    found = downloaded(store_of(config), wanted, since_ms, until_ms, Transport())
    if json:
        say(found)
    else:
        show(download_page(found))


@data_app.command(name="import")
def import_(
    *paths: Annotated[Path, Parameter(help="Files (Parquet, CSV, feather, JSON), or folders of them.")],
    from_: Annotated[
        Literal["freqtrade"] | None, Parameter(name="--from", help="Take only files named as freqtrade names them.")
    ] = None,
    series: Annotated[str | None, Parameter(help="What they hold, where their names do not say it.")] = None,
    venue: Annotated[str | None, Parameter(help="The exchange, where names or folders do not say it.")] = None,
    drop_bad: Annotated[bool, Parameter(help="Leave out bars that cannot be, instead of refusing the file.")] = False,
    holes: Annotated[
        Literal["unknown", "never"],
        Parameter(help="What a hole in a file means: not known, or never made by the venue."),
    ] = "unknown",
    json: Json = False,
    config: Config = None,
) -> None:
    """Take candles out of files into the store; the same file twice is harmless."""
    import time

    from tradepool.entrypoints.data_files import imported, refuse_failed
    from tradepool.entrypoints.data_inputs import files_below, named_series, store_of
    from tradepool.presentation.data_page import import_page

    files = files_below(paths, from_, named=series is not None)
    found = imported(
        store_of(config),
        files,
        time.time_ns() // 1_000_000,
        series=named_series(series),
        venue=venue,
        drop_bad=drop_bad,
        holes_never_made=holes == "never",
    )
    if json:
        say(found)
    else:
        show(import_page(found))
    refuse_failed(found)


@data_app.command
def export(
    *series: Named,
    to: Annotated[Path, Parameter(help="Folder to write to.")],
    format: Annotated[
        Literal["parquet", "csv", "freqtrade"], Parameter(help="Parquet by month, CSV, feather.")
    ] = "parquet",
    since: Since = None,
    until: Until = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Write series out, all without any named; one of a longer timeframe is made of what is stored."""
    from tradepool.entrypoints.data_files import exported
    from tradepool.entrypoints.data_inputs import store_of
    from tradepool.presentation.data_page import export_page

    found = exported(store_of(config), series, to, format, _span(since, until))
    if json:
        say(found)
    else:
        show(export_page(found))


def _span(since: str | None, until: str | None) -> Stretch | None:
    from tradepool.entrypoints.data_inputs import ALL_TIME, time_of
    from tradepool.ports.candles import Stretch

    if since is None and until is None:
        return None
    first_ms = ALL_TIME.first_ms if since is None else time_of("--since", since)
    return Stretch(first_ms, ALL_TIME.end_ms if until is None else time_of("--until", until))


@data_app.command(name="list")
def list_(*, json: Json = False, config: Config = None) -> None:
    """What is stored: series, time, bars, holes, size."""
    from tradepool.entrypoints.data_check import listed
    from tradepool.entrypoints.data_inputs import store_of
    from tradepool.presentation.data_page import list_page

    found = listed(store_of(config))
    if json:
        say(found)
    else:
        show(list_page(found))


@data_app.command
def check(
    *what: Annotated[str, Parameter(help="Series or candle files; the whole store when none is named.")],
    json: Json = False,
    config: Config = None,
) -> None:
    """Look for damage, holes and bars that cannot be; exit code 1 when something is wrong."""
    from tradepool.entrypoints.data_check import checked, refuse_wrong
    from tradepool.entrypoints.data_inputs import store_of
    from tradepool.presentation.data_page import check_page

    found = checked(store_of(config), what)
    if json:
        say(found)
    else:
        show(check_page(found))
    refuse_wrong(found)


@data_app.command
def repair(
    *series: Named,
    yes: Annotated[bool, Parameter(help="Do it; without this it is only told.")] = False,
    offline: Annotated[bool, Parameter(help="Ask no exchange for what is missing.")] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Set aside what is damaged and fetch what is missing; says what it would do, and does it with --yes."""
    from tradepool.adapters.exchanges.transport import Transport
    from tradepool.entrypoints.data_inputs import store_of
    from tradepool.entrypoints.data_repair import repaired
    from tradepool.presentation.data_page import repair_page

    found = repaired(store_of(config), series, Transport(), do=yes, offline=offline)
    if json:
        say(found)
    else:
        show(repair_page(found))
