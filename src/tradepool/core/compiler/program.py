"""A program: step functions as source text, callee before caller, and the constants they name.

It is made of Python functions that keep to the dialect (`Program.of`), of generated text (`Program.of_text`), or of
both joined with `+`. Nothing runs or compiles here; `dialect.check` says whether it is a program at all, and the
runners `reference` and `native` load it.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import FunctionType, ModuleType

from tradepool.core.compiler.words import COMPOSED, WORDS
from tradepool.domain.errors import InvalidInput

Constant = int | float


class SourceMissing(InvalidInput):
    """The source text of {function} cannot be read; define it in a file with its text beside it."""


class NameClash(InvalidInput):
    """{name} means two things in one program ({first} and {second}); rename one of them."""


class CallsItself(InvalidInput):
    """Step function {function} calls itself ({path}); write it as a loop."""


class NotSourceText(InvalidInput):
    """Step source does not parse: {why} (line {line}); give whole function definitions only."""


@dataclass(frozen=True, slots=True)
class FunctionText:
    """One step function: its name, its text, and where it comes from (`origin`, first line counted from 1)."""

    name: str
    text: str
    origin: str = "generated"
    line: int = 1


@dataclass(frozen=True)
class Program:
    """Functions, callee first, and the constants they read.

    `rare` names functions that seldom run: they are compiled apart, once for all programs that have them.

    >>> double = Program.of_text("def double(a: int) -> int:\\n    return FACTOR * a", {"FACTOR": 2})
    >>> print(double.text)
    FACTOR = 2
    <BLANKLINE>
    def double(a: int) -> int:
        return FACTOR * a
    """

    functions: tuple[FunctionText, ...]
    constants: tuple[tuple[str, Constant], ...] = ()
    rare: frozenset[str] = frozenset()

    @staticmethod
    def of(*subjects: ModuleType | Callable[..., object]) -> Program:
        """Collect functions (of a module: all that it defines) with everything they call and every constant they name.

        Names are looked up where the function was defined, so constants and functions may be imported from others.
        """
        collector = _Collector()
        for subject in subjects:
            for function in _functions_of(subject):
                collector.add(function, ())
        return Program(tuple(collector.functions.values()), _sorted(collector.constants))

    @staticmethod
    def of_text(text: str, constants: Mapping[str, Constant] | None = None) -> Program:
        """Take generated text: function definitions, callee first. Raises NotSourceText."""
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise NotSourceText(why=str(error), line=getattr(error, "lineno", 0)) from error
        return Program(tuple(_cut(text, node) for node in tree.body), _sorted(constants or {}))

    def __add__(self, other: Program) -> Program:
        """Join two programs; what both have must be the same in both. Raises NameClash."""
        functions = {function.name: function for function in self.functions}
        for function in other.functions:
            known = functions.setdefault(function.name, function)
            if known.text != function.text:
                raise NameClash(name=function.name, first=known.origin, second=function.origin)
        constants = dict(self.constants)
        for name, value in other.constants:
            _set_constant(constants, name, value)
        return Program(tuple(functions.values()), _sorted(constants), self.rare | other.rare)

    def part(self, name: str) -> Program:
        """One function with all that it calls."""
        wanted = {name}
        for function in reversed(self.functions):
            if function.name in wanted:
                wanted.update(_names_read(function.text))
        functions = tuple(function for function in self.functions if function.name in wanted)
        return Program(functions, tuple(item for item in self.constants if item[0] in wanted))

    @cached_property
    def text(self) -> str:
        """The whole program as one text that plain Python can run."""
        constants = "\n".join(f"{name} = {value!r}" for name, value in self.constants)
        return "\n\n".join(part for part in (constants, *(function.text for function in self.functions)) if part)

    @cached_property
    def words(self) -> Program:
        """The words it uses that are written in words, with their helpers: a program to compile before this one.

        Its functions are a world of their own: the helpers may have the names of functions here.

        >>> [function.name for function in Program.of_text("def half(a: float) -> int:\\n    return round_to_int(a)").words.functions]
        ['round_to_int']
        """
        read = {name for function in self.functions for name in _names_read(function.text)}
        return Program.of(*(word for name, word in COMPOSED.items() if name in read))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text, in hex: the same program has the same one on every machine."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def _functions_of(subject: ModuleType | Callable[..., object]) -> Iterable[FunctionType]:
    if isinstance(subject, FunctionType):
        return [subject]
    members = vars(subject).values()
    return [member for member in members if isinstance(member, FunctionType) and member.__module__ == subject.__name__]


def _cut(text: str, node: ast.stmt) -> FunctionText:
    if not isinstance(node, ast.FunctionDef):
        raise NotSourceText(why=f"found {type(node).__name__} outside a function", line=node.lineno)
    if node.decorator_list:
        raise NotSourceText(why=f"{node.name} is decorated", line=node.lineno)
    return FunctionText(node.name, ast.get_source_segment(text, node) or "", line=node.lineno)


def _sorted(constants: Mapping[str, Constant]) -> tuple[tuple[str, Constant], ...]:
    return tuple(sorted(constants.items()))


def _set_constant(constants: dict[str, Constant], name: str, value: Constant) -> None:
    known = constants.setdefault(name, value)
    if (type(known), known) != (type(value), value):
        raise NameClash(name=name, first=known, second=value)


class _Collector:
    """Walks from functions to what they call, callee first."""

    def __init__(self) -> None:
        self.functions: dict[str, FunctionText] = {}
        self.constants: dict[str, Constant] = {}
        self.seen: dict[str, FunctionType] = {}

    def add(self, function: FunctionType, callers: tuple[str, ...]) -> None:
        name = function.__name__
        if name in callers:
            raise CallsItself(function=name, path=" -> ".join((*callers, name)))
        if name in self.seen:
            if self.seen[name] is not function:
                raise NameClash(name=name, first=self.seen[name].__module__, second=function.__module__)
            return
        source = _source(function)
        for used in _names_read(source.text):
            self._add_name(used, function.__globals__.get(used), (*callers, name))
        self.seen[name] = function
        self.functions[name] = source

    def _add_name(self, name: str, value: object, callers: tuple[str, ...]) -> None:
        # An unknown name is left for `dialect.check`, which knows the line.
        if isinstance(value, FunctionType) and value is not WORDS.get(name):
            self.add(value, callers)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            _set_constant(self.constants, name, int(value) if isinstance(value, int) else float(value))


def _source(function: FunctionType) -> FunctionText:
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError) as error:
        raise SourceMissing(function=function.__name__) from error
    return FunctionText(function.__name__, textwrap.dedent("".join(lines)).rstrip(), function.__module__, first)


# The words' functions are in almost every program: each is read once, not once for each program.
@lru_cache(maxsize=512)
def _names_read(text: str) -> tuple[str, ...]:
    """Names a function reads, in order of appearance, its own parameters and locals left out."""
    (tree,) = ast.parse(text).body
    names = [node for statement in getattr(tree, "body", []) for node in ast.walk(statement)]
    own = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {node.id for node in names if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return tuple(dict.fromkeys(node.id for node in names if isinstance(node, ast.Name) and node.id not in own))
