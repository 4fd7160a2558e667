"""The command line. Heavy things are imported inside the commands, so that `--help` and mistakes answer at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from tradepool.domain.errors import TradepoolError
from tradepool.entrypoints.asking import asked
from tradepool.entrypoints.deployment_commands import add_to
from tradepool.entrypoints.inputs import Asked, Config, files_named, read_whole
from tradepool.entrypoints.misspelt import words_of
from tradepool.entrypoints.parts import PARTS
from tradepool.entrypoints.saying import console as _console
from tradepool.entrypoints.saying import say as _say
from tradepool.entrypoints.saying import show as _show

if TYPE_CHECKING:
    from tradepool.presentation.finished_run import FinishedRun

EXIT_ERROR, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_TERMINATED = 1, 2, 130, 143
DAYS_DEFAULT, USERS_DEFAULT, SEED_DEFAULT = 30, 5, 7


class MachineRefused(TradepoolError):
    """The machine refused: {why}; free space or mend permissions, then start again."""


def version() -> str:
    """The installed version."""
    from importlib.metadata import version as installed

    return installed("tradepool")


app = App(
    name="tradepool",
    help="Crypto trading for many users: the same step backtests, practises and trades.",
    version=version,
    help_format="plaintext",
    help_epilogue="--as NAME, in any command about people, asks as that person: docs/guides/users.md.",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)
strategies_app = App(name="strategies", help="The strategies there are.")
config_app = App(name="config", help="The configuration in force.")
for part in (strategies_app, config_app, *PARTS):
    app.command(part)
add_to(app)

Json = Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")]
Files = Annotated[list[Path] | None, Parameter(consume_multiple=True, help="Candle files of one timeframe.")]
StrategyName = Annotated[str, Parameter(help="Name (strategies list), or a .strategy or .py file.")]
RunnerName = Annotated[Literal["any", "native", "reference"], Parameter(help="Compiled, or plain Python (slow).")]


@app.command
def demo(
    *,
    users: Annotated[int, Parameter(converter=read_whole, help="How many users trade.")] = USERS_DEFAULT,
    candles: Files = None,
    days: Annotated[
        int, Parameter(converter=read_whole, help="Days of the market model, or the last days of the files.")
    ] = DAYS_DEFAULT,
    seed: Annotated[
        int, Parameter(converter=read_whole, help="Seed of the market model and of all names.")
    ] = SEED_DEFAULT,
    speed: Annotated[str, Parameter(help="Times real time, or max.")] = "max",
    json: Json = False,
    config: Config = None,
) -> None:
    """Watch several users trade on a simulated exchange: the live stack, play money, no account needed."""
    from tradepool.entrypoints.demo import DAYS_MAX, USERS_MAX, demo_plan
    from tradepool.entrypoints.demo_run import demo_json, run_demo, show_ending
    from tradepool.entrypoints.inputs import files_of, settings_from, speed_of, whole
    from tradepool.presentation.demo_view import banner, next_steps

    settings_from(config)
    pace = speed_of(speed)
    whole("--users", users, 1, USERS_MAX)
    plan = demo_plan(users, files_of(candles), whole("--days", days, 1, DAYS_MAX), whole("--seed", seed, 0, 2**31))
    _console(stderr=True).print(banner())
    live = not json and sys.stderr.isatty()
    finished = run_demo(plan, live=live, speed=pace)
    if json:
        _say(demo_json(plan, finished))
        return
    console = _console()
    show_ending(console, plan, finished)
    console.print(next_steps(_next_commands(candles or [])))


def _next_commands(candles: Sequence[Path]) -> list[tuple[str, str]]:
    start = "./tradepool" if Path("tradepool").is_file() else "tradepool"
    file = str(candles[0]) if candles else "BINANCE-BTC-USDT-5m.parquet"
    return [
        (f"{start} strategies show moving_average_cross", "what a strategy computes, and its parameters"),
        (f"{start} backtest moving_average_cross --candles {file}", "one strategy on your own candles"),
        (f"{start} demo --users 20 --days 5 --seed 11", "another market, more users"),
    ]


@app.command
def backtest(
    strategy: StrategyName,
    *,
    asked: Asked,
    runner: RunnerName = "any",
    json: Json = False,
) -> None:
    """Run one strategy over a candle file, or over several as one mandate with one cash."""
    from tradepool.entrypoints.single_run import backtested, mandate_of

    _show_run(backtested(mandate_of(strategy, asked, runner)), "Backtest of", json=json)


@app.command
def sweep(
    strategy: StrategyName,
    *,
    asked: Asked,
    over: Annotated[
        list[str], Parameter(consume_multiple=True, help="Values to try: name=low:high:step or name=value,value.")
    ],
    best: Annotated[int, Parameter(converter=read_whole, help="How many sets are shown.")] = 20,
    threads: Annotated[int, Parameter(converter=read_whole, help="Threads that share the sets.")] = os.cpu_count() or 1,
    json: Json = False,
) -> None:
    """Run every combination of parameter values over one candle file, and show the best."""
    from tradepool.entrypoints.inputs import whole
    from tradepool.entrypoints.sweep_run import swept
    from tradepool.presentation.sweep_page import sweep_page

    found = swept(strategy, asked, over, whole("--best", best, 1, 10_000), whole("--threads", threads, 1, 256))
    if json:
        _say(found)
    else:
        _show(sweep_page(found))


@app.command
def replay(
    strategy: StrategyName,
    *,
    asked: Asked,
    json: Json = False,
) -> None:
    """Run the live stack over the same candles on a simulated exchange: orders over HTTPS, ledger and all."""
    from tradepool.entrypoints.progress import quiet
    from tradepool.entrypoints.single_run import mandate_of, replayed

    _show_run(replayed(mandate_of(strategy, asked), quiet()), "Replay of", json=json)


def _show_run(finished: FinishedRun, title: str, *, json: bool) -> None:
    from tradepool.presentation.finished_run import run_json
    from tradepool.presentation.report import report

    if json:
        _say(run_json(finished))
    else:
        _show(report(finished, title))


@app.command
def why(
    market: Annotated[str, Parameter(help="BTC/USDT, or stored candles: binance:BTC/USDT@1h.")],
    *,
    strategy: Annotated[str | None, Parameter(help="Name or file [default: every built-in one].")] = None,
    candles: Annotated[Path | None, Parameter(help="Candle file, or stored ones [default: the store's].")] = None,
    param: Annotated[list[str] | None, Parameter(consume_multiple=True, help="Parameter values, name=value.")] = None,
    with_: Annotated[
        list[Path] | None, Parameter(name="--with", consume_multiple=True, help="Candles of the markets it reads.")
    ] = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Why it would enter now or not: each condition, what is missing, and what became of the last ten signals."""
    from tradepool.entrypoints.why import why as explain
    from tradepool.presentation.why_page import why_page

    found = explain(market, strategy, candles, param=param or (), beside=with_ or (), config=config)
    if json:
        _say(found)
    else:
        _show(why_page(found.strategies))


@strategies_app.command(name="list")
def strategies_list(*, json: Json = False, config: Config = None) -> None:
    """Names, what each one does, and where it comes from: built in, your folder, an installed package."""
    from tradepool.entrypoints.deployment import settings_as_asked
    from tradepool.entrypoints.strategies import listed, told_of
    from tradepool.presentation.results import strategies_json
    from tradepool.presentation.strategy_page import strategy_table

    rows = told_of(listed(settings_as_asked(config).strategies.folder))
    if json:
        _say(strategies_json(rows))
    else:
        _show(strategy_table(rows))


@strategies_app.command(name="show")
def strategies_show(
    name: StrategyName,
    *,
    svg: Annotated[Path | None, Parameter(help="Draw the graph into this file.")] = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Parameters, expressions, the step as it runs, its state, warm-up and cost."""
    from tradepool.entrypoints.inputs import settings_from
    from tradepool.entrypoints.strategies import drawing_of, find, page_of
    from tradepool.presentation.results import SCHEMA, StrategyJson
    from tradepool.presentation.strategy_page import strategy_page

    source = find(name, settings_from(config).strategies.folder)
    page = page_of(source)
    if svg is not None:
        svg.write_text(drawing_of(source), encoding="utf-8")
    if json:
        _say(StrategyJson(schema=SCHEMA, strategy=page))
    else:
        _show(strategy_page(page))


@strategies_app.command(name="check")
def strategies_check(file: Annotated[Path, Parameter(help="A .strategy or .py file.")], *, json: Json = False) -> None:
    """Read a strategy file, run it over modelled bars in both runners, and say what would be refused."""
    from tradepool.entrypoints.doctor import ChecksFailed
    from tradepool.entrypoints.strategy_check import check
    from tradepool.presentation.doctor_page import check_table
    from tradepool.presentation.results import SCHEMA, StrategyCheckJson
    from tradepool.presentation.strategy_page import strategy_page

    found = check(file)
    if json:
        _say(StrategyCheckJson(schema=SCHEMA, strategy=found.page, checks=found.checks, entries=found.entries))
    else:
        _show(strategy_page(found.page))
        _show(check_table(found.checks))
    failed = [item.name for item in found.checks if not item.ok]
    if failed:
        raise ChecksFailed(count=len(failed), names=", ".join(failed))


@strategies_app.command(name="new")
def strategies_new(
    name: Annotated[str, Parameter(help="What to call it: a-z, 0-9 and _.")],
    *,
    python: Annotated[bool, Parameter(help="A Python file instead of a text.")] = False,
    folder: Annotated[Path, Parameter(help="Where to write it.")] = Path(),
) -> None:
    """Write a strategy that runs, to be changed, and its test; nothing is overwritten."""
    from tradepool.entrypoints.strategy_new import new_strategy

    file, test_file = new_strategy(name, folder, python=python)
    print(f"{file}\n{test_file}")


@config_app.command(name="show")
def config_show(*, config: Config = None) -> None:
    """The values in force: defaults, then the file, then the environment (TRADEPOOL_SECTION__KEY)."""
    from tradepool.entrypoints.inputs import settings_from
    from tradepool.presentation.config_page import config_text

    print(config_text(settings_from(config).model_dump(mode="json")))


@config_app.command(name="explain")
def config_explain(
    key: Annotated[str, Parameter(help="A setting or a section, such as mandates.ann; all when none is named.")] = "",
    *,
    config: Config = None,
) -> None:
    """Each value in force and who said so; a configuration with a deployment is checked as start would."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.inputs import settings_from
    from tradepool.presentation.config_page import origin_table
    from tradepool.runtime.config import explained

    settings = settings_from(config)
    if config is not None and settings.deployment.id:
        deployed_from(config)
    _show(origin_table(explained(settings, config, key)))


@app.command
def doctor(*, json: Json = False) -> None:
    """What this machine has, what is missing, and what to do about it."""
    from tradepool.entrypoints.doctor import ChecksFailed, checks
    from tradepool.presentation.doctor_page import check_table
    from tradepool.presentation.results import SCHEMA, DoctorJson

    found = checks()
    if json:
        _say(DoctorJson(schema=SCHEMA, checks=found))
    else:
        _show(check_table(found))
    failed = [check.name for check in found if not check.ok]
    if failed:
        raise ChecksFailed(count=len(failed), names=", ".join(failed))


@app.command
def bench(
    *work: Annotated[str, Parameter(help="What to measure; all when none is named.")],
    rounds: Annotated[int, Parameter(converter=read_whole, help="Interleaved rounds; the median counts.")] = 5,
    json: Json = False,
) -> None:
    """Measure: ns per bar beside other engines, replay speed, CPU per candle and order, memory, compile time, start."""
    from tradepool.entrypoints.bench import measure
    from tradepool.entrypoints.inputs import whole
    from tradepool.presentation.bench_page import bench_table

    found = measure(work, whole("--rounds", rounds, 1, 100))
    if json:
        _say(found)
    else:
        _show(bench_table(found))


@app.command
def test() -> None:
    """Run the test suite: `./tradepool test` in a clone of the repository."""
    from tradepool.entrypoints.inputs import OnlyInAClone

    raise OnlyInAClone


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code: 0 done, 1 a named error, 2 wrong usage, 130 interrupted."""
    try:
        with asked(arguments, lambda words: app.parse_commands(words)[0], partial(files_named, app)) as rest:
            app(rest, exit_on_error=False, print_error=False, result_action="return_none")
    except CycloptsError as error:
        return _fail(words_of(error), EXIT_USAGE)
    except TradepoolError as error:
        return _fail(_one_line(error), EXIT_ERROR)
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not find out again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    except OSError as error:
        return _fail(_one_line(MachineRefused(why=error)), EXIT_ERROR)
    except KeyboardInterrupt:
        _hush()
        return EXIT_INTERRUPTED
    return 0


def _hush() -> None:
    """A run that was cut off leaves connections behind; their libraries' complaints must not drown the one line."""
    import logging

    logging.disable(logging.CRITICAL)


def _fail(message: str, code: int) -> int:
    from tradepool.runtime.telemetry import redact_text

    _hush()
    print(f"tradepool: {redact_text(message)}", file=sys.stderr)
    return code


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def main() -> None:
    """The console script; a SIGTERM ends it as an interrupt does, cleaned up, with exit code 143."""
    terminated: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        terminated.append(number)
        interrupt = signal.getsignal(signal.SIGINT)
        if not callable(interrupt):
            raise KeyboardInterrupt
        # Inside an event loop this is the loop's own: it cancels the run, which then closes what it has opened.
        interrupt(signal.SIGINT, frame)

    signal.signal(signal.SIGTERM, end)
    code = run()
    sys.exit(EXIT_TERMINATED if terminated and code == EXIT_INTERRUPTED else code)


if __name__ == "__main__":
    main()
