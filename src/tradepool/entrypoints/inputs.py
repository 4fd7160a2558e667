"""What a user typed, checked and turned into nouns before anything is read, written or run."""

from __future__ import annotations

import getpass
import math
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter, Token

from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.mandate import ENTRY_SLIPPAGE_ALLOWED, EntryKind, EntryOrder

if TYPE_CHECKING:
    from tradepool.core.market.bars import Bars
    from tradepool.core.strategies.strategy import Strategy
    from tradepool.domain.market import Market
    from tradepool.entrypoints.settings import Settings

WEIGHT_MIN = Decimal("0.000001")
SLIPPAGE_BP_MAX = 1_000


@cache
def say_if_not_compiled() -> None:
    """Say once, on standard error, that steps run in plain Python here."""
    from tradepool.core.compiler.runners import why_not_native

    if why := why_not_native():
        print(f"tradepool: {why} Steps run in plain Python: the same results, slower.", file=sys.stderr, flush=True)


class BadFlag(InvalidInput):
    """{flag} cannot be {value}; give {wanted}."""


class NotAnAssignment(InvalidInput):
    """--param {given} is not of the form name=value; write for example --param fast=12."""


class GivenTwice(InvalidInput):
    """Parameter {name} is given twice; give it once."""


class OnlyInAClone(TradepoolError):
    """The tests are not part of an installed package; clone the repository and run ./tradepool test there."""


class NoFiles(InvalidInput):
    """--candles is given without a file; name one or more, or leave it out for the market model."""


def ask_hidden(question: str) -> str:
    """A line typed unseen, or, where nobody types, the next one of standard input: never from a command line, which every
    process of the machine may read."""
    return (getpass.getpass(question) if sys.stdin.isatty() else sys.stdin.readline()).strip()


def files_named(app: App, words: Sequence[str]) -> list[str]:
    """The flags and words of a command line that are files, by name. Raises what cyclopts does for a line that is none."""
    _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    given = bound.arguments.items()
    return [f"--{name}" for name, value in given if any(isinstance(v, Path) for v in _each(value))]


def _each(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else (value,)


def read_whole(_type: type, tokens: Sequence[Token]) -> int:
    """A whole number as it was typed: cyclopts alone would round 1.9. Raises ValueError, which is wrong usage."""
    return int(tokens[0].value)


Config = Annotated[Path | None, Parameter(help="Configuration file (TOML).")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The flags that `backtest` and `replay` share; None where the configuration decides."""

    candles: Annotated[
        list[Path],
        Parameter(
            consume_multiple=True,
            help="Candle file EXCHANGE-BASE-QUOTE-TIMEFRAME.parquet, or stored ones: binance:BTC/USDT@5m; of several, one"
            " mandate trades all with the same cash, in this order.",
        ),
    ]
    param: Annotated[
        list[str] | None, Parameter(consume_multiple=True, help="Parameter values, name=value (strategies show NAME).")
    ] = None
    # Taken as text: cyclopts checks decimals one way with pydantic loaded and another way without.
    cash: Annotated[str | None, Parameter(help="Starting cash in the quote asset [default: 10000].")] = None
    weight: Annotated[
        str | None,
        Parameter(help="Share of the equity a full position takes [default: 0.95, divided by the number of markets]."),
    ] = None
    market: Annotated[Path | None, Parameter(help="TOML file with the market's tick, step, minima and fees.")] = None
    slippage_bp: Annotated[
        int | None, Parameter(converter=read_whole, help="Basis points a market order pays [default: 1].")
    ] = None
    entry: Annotated[
        Literal["market", "ioc", "fok", "post_only", "limit"],
        Parameter(help="How entries are ordered; post_only and limit in a replay only."),
    ] = "market"
    entry_slippage_max: Annotated[
        str, Parameter(help="How far beyond the close an ioc, fok or limit may pay, a share such as 0.001.")
    ] = "0"
    with_: Annotated[
        list[Path] | None,
        Parameter(
            name="--with",
            consume_multiple=True,
            help="Candle files of the markets it reads and does not trade [default: found beside --candles].",
        ),
    ] = None
    config: Config = None


def files_of(given: Sequence[Path] | None) -> Sequence[Path]:
    """The candle files of a demo; none for the market model. Raises NoFiles for a flag without any."""
    if given is not None and not given:
        raise NoFiles
    return given or ()


def open_source(candles: Path, market_file: Path | None, store: Path) -> tuple[Market, Bars]:
    """The market and bars of a candle file, or of an address in the candle store in the folder `store`.

    Raises what `open_candles` and the store raise.
    """
    from tradepool.adapters.candle_files.name import SeriesName
    from tradepool.adapters.candle_files.read import market_and_bars, open_candles
    from tradepool.adapters.candle_store.store import FileStore
    from tradepool.ports.candles import Series, is_address

    if not is_address(str(candles)):
        return open_candles(candles, market_file)
    series = Series.parse(str(candles))
    name = SeriesName(series.venue, series.base, series.quote, series.timeframe_ms)
    place = FileStore(store)
    source = place.source_of(series)
    if source != series and (lacking := sum(hole.bars(source.timeframe_ms) for hole in place.reader(source).holes())):
        print(
            f"tradepool: {series} is made of {source}, which lacks {lacking:,} bars: the longer bars they belong to are "
            "left out (data repair fetches them).",
            file=sys.stderr,
        )
    return market_and_bars(name, place.bars(series), candles, market_file)


def strategy_from(name: str, assignments: Sequence[str], folder: Path) -> Strategy:
    """The strategy of that name, or of a file ending in .strategy or .py, with `k=v` parameters.

    Raises what `entrypoints.strategies` raises, UnknownParameter, WrongParameter and ours.
    """
    from tradepool.entrypoints.strategies import find

    values: dict[str, float] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise NotAnAssignment(given=repr(assignment)[:60])
        if key in values:
            raise GivenTwice(name=key)
        values[key] = number_of(f"--param {key}", text)
    return find(name, folder).load().strategy.with_parameters(values)


def number_of(flag: str, text: str) -> float:
    """A whole number where it was typed as one, else a float. Raises BadFlag."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise BadFlag(flag=flag, value=repr(text)[:40], wanted="a number")


def decimal_of(flag: str, text: str) -> Decimal:
    """A number as it was typed, exactly. Raises BadFlag."""
    try:
        number = Decimal(text)
    except ArithmeticError as error:
        raise BadFlag(flag=flag, value=repr(text)[:40], wanted="a number, such as 0.95") from error
    if not number.is_finite():
        raise BadFlag(flag=flag, value=text, wanted="a finite number")
    return number


def cash_of(cash: Decimal, market: Market) -> Decimal:
    """An amount of cash a run can start with. Raises BadFlag, OffGrid and MoneyTooLarge."""
    if cash <= 0:
        raise BadFlag(flag="--cash", value=cash, wanted=f"an amount of {market.quote} above 0")
    market.quote_units(cash)
    return cash


def weight_of(weight: Decimal) -> Decimal:
    """A share of the equity. Raises BadFlag."""
    if not WEIGHT_MIN <= weight <= 1:
        raise BadFlag(flag="--weight", value=weight, wanted="a share above 0 and at most 1, such as 0.95")
    return weight


def entry_of(asked: Asked) -> EntryOrder:
    """How entries are ordered. Raises BadFlag."""
    flag = "--entry-slippage-max"
    entry = EntryOrder(kind=EntryKind(asked.entry), slippage_max=decimal_of(flag, asked.entry_slippage_max))
    if not entry.in_range:
        raise BadFlag(flag=flag, value=asked.entry_slippage_max, wanted=ENTRY_SLIPPAGE_ALLOWED)
    return entry


def slippage_of(slippage_bp: int) -> int:
    """Basis points a market order pays. Raises BadFlag."""
    return whole("--slippage-bp", slippage_bp, 0, SLIPPAGE_BP_MAX)


def whole(flag: str, value: int, least: int, most: int) -> int:
    """A whole number within its range. Raises BadFlag."""
    if not least <= value <= most:
        raise BadFlag(flag=flag, value=value, wanted=f"a whole number from {least:,} to {most:,}")
    return value


def settings_from(file: Path | None, without: Collection[str] = ()) -> Settings:
    """The configuration, with logging set up as it says, without some sections. Raises what `runtime/config` raises."""
    from tradepool.entrypoints.settings import Settings
    from tradepool.runtime.config import load
    from tradepool.runtime.telemetry import configure

    settings = load(Settings, file, without)
    configure(settings.log.level, settings.log.style)
    return settings


def speed_of(text: str) -> float | None:
    """Virtual over real time; None is as fast as possible. Raises BadFlag."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < math.inf:
        raise BadFlag(flag="--speed", value=repr(text)[:40], wanted="max, or a number above 0 (1 is real time)")
    return speed
