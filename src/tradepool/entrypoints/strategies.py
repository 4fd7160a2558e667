"""Where strategies come from: built in, a file by its path, the operator's folder, installed plug-ins.

A text (`.strategy`) is read by a grammar and can do no harm. Python, in a file or a plug-in, is run: it is the
operator's own or trusted by the operator.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NamedTuple

from tradepool.core import strategies
from tradepool.core.graph.described import describe
from tradepool.core.graph.expr import Expr
from tradepool.core.graph.step import market_step
from tradepool.core.graph.whole import MINUTE_MS
from tradepool.core.strategies import catalog
from tradepool.core.strategies.catalog import UnknownStrategy
from tradepool.core.strategies.cost import operations_a_bar
from tradepool.core.strategies.strategy import Strategy
from tradepool.core.strategies.text import strategy_of, summary_of
from tradepool.core.strategies.text_errors import TextRefused
from tradepool.core.strategies.text_tokens import TEXT_CHARACTERS_MAX
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.entrypoints.asking import asker
from tradepool.presentation.graph_drawing import graph_drawing
from tradepool.presentation.strategy_page import ListedStrategy, ParameterRow, StrategyPage
from tradepool.runtime.supervise import outcome_of

TEXT_SUFFIX, PYTHON_SUFFIX = ".strategy", ".py"
BUILT_IN, PLUG_IN_GROUP = "built in", "tradepool.strategies"
# A character takes at most four bytes; more than that is not even read.
TEXT_BYTES_MAX = 4 * TEXT_CHARACTERS_MAX


class StrategyFileUnusable(InvalidInput):
    """Strategy file {file} cannot be used: {why}; it needs a function strategy() that returns a Strategy."""


class StrategyTextUnusable(InvalidInput):
    """Strategy text {file} cannot be used: {why}"""


class PlugInUnusable(InvalidInput):
    """Strategy {name} of package {package} cannot be used: {why}; mend or uninstall the package."""


class Loaded(NamedTuple):
    """A strategy, what it says of itself and, where it is one, its text."""

    strategy: Strategy
    summary: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A strategy that can be had under a name; `origin` says from where."""

    name: str
    origin: str
    load: Callable[[], Loaded]


def is_file_name(name: str) -> bool:
    """Whether a strategy is named by its file."""
    return name.endswith((TEXT_SUFFIX, PYTHON_SUFFIX))


def find(name: str, folder: Path) -> Source:
    """Where the strategy of that name, or of that file, comes from. Raises UnknownStrategy, with the nearest name."""
    if is_file_name(name):
        return file_source(Path(name))
    known = set[str]()
    for source in sources(folder):
        # The first of a name counts; what comes after it, packages above all, takes long to list.
        if source.name == name:
            return source
        known.add(source.name)
    near = get_close_matches(name, sorted(known), n=1, cutoff=0.4)
    hint = f", did you mean {near[0]}?" if near else ""
    raise UnknownStrategy(name=repr(name)[:60], hint=hint, known=", ".join(sorted(known)))


def file_source(file: Path) -> Source:
    """The strategy that a file declares, under the path that was given."""
    return Source(str(file), f"declared in {file}", partial(loaded_file, file))


def loaded_file(file: Path) -> Loaded:
    """The strategy of a text, or of a Python file, which is run. Raises StrategyFileUnusable, StrategyTextUnusable."""
    return _of_text(file) if file.suffix == TEXT_SUFFIX else _of_python(file)


def _of_text(file: Path) -> Loaded:
    try:
        with file.open("rb") as stream:
            content = stream.read(TEXT_BYTES_MAX + 1)
        if len(content) > TEXT_BYTES_MAX:
            raise StrategyTextUnusable(file=file, why=f"it is larger than {TEXT_BYTES_MAX} bytes; write a shorter one.")
        text = content.decode("utf-8-sig")
        return Loaded(strategy_of(text), summary_of(text), text.strip())
    except OSError as error:
        raise StrategyTextUnusable(file=file, why=f"{error.strerror}; correct the path.") from error
    except UnicodeDecodeError as error:
        why = f"byte {error.start + 1} is not UTF-8; save it as plain text."
        raise StrategyTextUnusable(file=file, why=why) from error
    except TextRefused as error:
        raise StrategyTextUnusable(file=file, why=error) from error


def _of_python(file: Path) -> Loaded:
    if not file.is_file():
        raise StrategyFileUnusable(file=file, why="it does not exist")
    spec = spec_from_file_location(f"tradepool_own_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise StrategyFileUnusable(file=file, why="it is no Python file")
    module = module_from_spec(spec)
    # Dataclasses look their module up by its name.
    sys.modules[spec.name] = module
    run = spec.loader.exec_module

    def declare() -> Callable[[], object]:
        run(module)
        found: Callable[[], object] = module.strategy
        return found

    return _declared(declare, lambda why: StrategyFileUnusable(file=file, why=why))


def _of_plug_in(entry: EntryPoint, package: str) -> Loaded:
    return _declared(entry.load, lambda why: PlugInUnusable(name=entry.name, package=package, why=why))


def _declared(find: Callable[[], Callable[[], object]], refuse: Callable[[str], TradepoolError]) -> Loaded:
    """What the function that `find` gives declares: code of others, which may raise anything."""

    def declare() -> tuple[object, str]:
        # What it prints is no part of our answer.
        with redirect_stdout(sys.stderr):
            function = find()
            return function(), _first_sentence(function)

    outcome = outcome_of(declare)
    if isinstance(outcome, TradepoolError):
        raise outcome
    if isinstance(outcome, Exception):
        raise refuse(f"{type(outcome).__name__}: {outcome}") from outcome
    strategy, summary = outcome
    if not isinstance(strategy, Strategy):
        raise refuse(f"strategy() returned a {type(strategy).__name__}")
    return Loaded(strategy, summary)


def _first_sentence(declaration: object) -> str:
    return (inspect.getdoc(declaration) or "").split("\n\n")[0].replace("\n", " ")


def sources(folder: Path) -> Iterator[Source]:
    """Every strategy that has a name: built in, of the operator's folder, of installed packages. Loads none of them."""
    for name in catalog.names():
        yield Source(name, BUILT_IN, partial(_built_in, name))
    for suffix in (TEXT_SUFFIX, PYTHON_SUFFIX):
        for file in sorted(folder.expanduser().glob(f"*{suffix}")):
            yield Source(file.stem, f"{file}", partial(loaded_file, file))
    for entry in sorted(entry_points(group=PLUG_IN_GROUP), key=lambda entry: entry.name):
        package = entry.dist.name if entry.dist else "unknown"
        yield Source(entry.name, f"package {package}", partial(_of_plug_in, entry, package))


def _built_in(name: str) -> Loaded:
    return Loaded(catalog.named(name), _first_sentence(import_module(f"{strategies.__name__}.{name}").strategy))


def listed(folder: Path) -> list[ListedStrategy]:
    """Every strategy with its first sentence and origin; one that cannot be used says why and spoils nothing else."""
    rows: dict[str, ListedStrategy] = {}
    shadowed = []
    for source in sources(folder):
        if source.name in rows:
            fault = f"the name is taken by the one from {rows[source.name].origin}"
            shadowed.append(ListedStrategy(source.name, "", source.origin, fault))
            continue
        found = outcome_of(source.load)
        summary, fault = ("", str(found)) if isinstance(found, Exception) else (found.summary, "")
        rows[source.name] = ListedStrategy(source.name, summary, source.origin, fault)
    return [*rows.values(), *shadowed]


def told_of(rows: list[ListedStrategy]) -> list[ListedStrategy]:
    """What who asks is told of a list: a person (--as) what he may name, and no path of this machine."""
    if asker() is None:
        return rows
    return [row if row.origin == BUILT_IN else replace(row, origin="this deployment") for row in rows if not row.fault]


def roots_of(strategy: Strategy) -> Mapping[str, Expr]:
    """The expressions of a strategy by what they are for; those that say nothing (a distance of zero) left out."""
    parts = {item.name.replace("_", " "): getattr(strategy.graph, item.name) for item in fields(strategy.graph)}
    if not strategy.targets:
        del parts["target share"]
    return {name: part for name, part in parts.items() if isinstance(part, Expr) and part.value != 0.0}


def page_of(source: Source) -> StrategyPage:
    """Everything about one strategy. Raises what loading raises."""
    strategy, summary, text = source.load()
    step = market_step(strategy.graph, timeframe_ms=MINUTE_MS)
    return StrategyPage(
        name=strategy.name,
        version=strategy.version,
        summary=summary,
        origin=source.origin,
        text=text,
        parameters=[ParameterRow(p.name, p.default, p.low, p.high, p.step) for p in strategy.parameters],
        rules={what: describe(root) for what, root in roots_of(strategy).items()},
        source=step.text,
        legend=dict(step.legend),
        state_rows=list(step.state_rows),
        lookback=f"{step.first_valid}",
        lookback_bars=step.lookback(strategy.values),
        warm_up_bars=step.warm_up(strategy.values),
        operations_a_bar=operations_a_bar(strategy.graph.roots, strategy.values),
    )


def drawing_of(source: Source) -> str:
    """The graph of a strategy as SVG. Raises what loading raises."""
    strategy = source.load().strategy
    return graph_drawing(strategy.name, roots_of(strategy))
