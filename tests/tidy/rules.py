"""Names that are banned somewhere, with what to write instead. `breaches` applies all rules to one file."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from tests.tidy.source import PACKAGE, Function, Source, full_name, imported_names

CLOCK, DOORS = f"{PACKAGE}runtime/clock.py", f"{PACKAGE}entrypoints/"
CORE, DOMAIN = f"{PACKAGE}core/", f"{PACKAGE}domain/"
BORDERS = (f"{PACKAGE}adapters/", f"{PACKAGE}simexchange/")


class Rule(NamedTuple):
    """`names` (full dotted names; a trailing .* takes all below) are banned under `where` except under `allowed`."""

    names: tuple[str, ...]
    instead: str
    where: tuple[str, ...] = (PACKAGE,)
    allowed: tuple[str, ...] = ()


RULES = (
    Rule(
        (
            *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
            *("datetime.date.today", "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns"),
        ),
        "ask the Clock you are given",
        allowed=(CLOCK, DOORS),
    ),
    Rule(("asyncio.sleep",), "await clock.sleep (asyncio.sleep(0) is fine)", allowed=(CLOCK,)),
    Rule(("time.sleep",), "await clock.sleep; nothing may block the loop"),
    Rule(("print",), "say it through presentation, or log it", allowed=(f"{PACKAGE}presentation/", DOORS)),
    Rule(("eval", "exec"), "build a step and run it", allowed=(f"{CORE}compiler/reference.py",)),
    Rule(("pickle.*", "cPickle.*", "dill.*", "cloudpickle.*", "shelve.*", "marshal.*", "joblib.*"), "JSON or msgspec"),
    Rule(
        (
            *("random.*", "secrets.*", "numpy.random.*", "uuid.uuid1", "uuid.uuid4", "os.urandom"),
            *("os.environ.*", "os.getenv", "open", "io.open", "os.open", "pathlib.*", "tempfile.*", "shutil.*"),
            *("time.*", "asyncio.*", "logging.*", "structlog.*", "socket.*", "subprocess.*"),
        ),
        "time, seeds and files come in as data (design rule 2)",
        where=(CORE, DOMAIN),
    ),
    Rule(
        ("tradepool.domain.order.ApprovedOrder", "ApprovedOrder"),
        "ask core/risk/review for one",
        allowed=(f"{CORE}risk/review.py",),
    ),
)
_ANY_DICT = re.compile(r"\b(?:[Dd]ict|Mapping|MutableMapping)\[str, (?:typing\.)?Any\]")
_BROAD = {"Exception", "BaseException"}


def breaches(source: Source) -> Iterator[str]:
    """Each breach as `path:line what; instead`."""
    imported = imported_names(source.tree)
    for node in ast.walk(source.tree):
        for what, instead in (*_banned_names(node, source.path, imported), *_other(node, source.path)):
            yield f"{source.path}:{getattr(node, 'lineno', 0)} {what}; {instead}"


def _banned_names(node: ast.AST, path: str, imported: dict[str, str]) -> Iterator[tuple[str, str]]:
    for rule in RULES:
        if not path.startswith(rule.where) or path.startswith(rule.allowed):
            continue
        for name in _used_names(node, imported):
            if any(_matches(name, banned) for banned in rule.names):
                yield name, rule.instead


def _used_names(node: ast.AST, imported: dict[str, str]) -> list[str]:
    """What a node calls or imports. Reading a name alone is no use of it: types may be named anywhere."""
    if isinstance(node, ast.Call):
        if full_name(node.func, imported) == "asyncio.sleep" and ast.unparse(node.args[0]) == "0":
            return []
        return [full_name(node.func, imported)]
    if isinstance(node, ast.Subscript):
        return [full_name(node.value, imported) + ".item"]
    if isinstance(node, ast.Import):
        return [f"{alias.name}.import" for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names if alias.name != "ApprovedOrder"]
    return []


def _matches(name: str, banned: str) -> bool:
    return name.startswith(banned[:-1]) if banned.endswith(".*") else name == banned


def _other(node: ast.AST, path: str) -> Iterator[tuple[str, str]]:
    if not path.startswith(PACKAGE):
        return
    if isinstance(node, ast.ExceptHandler) and not path.startswith(f"{PACKAGE}runtime/supervise"):
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if any(kind is None or ast.unparse(kind) in _BROAD for kind in kinds):
            yield "a broad except", "name the errors; only runtime/supervise catches everything"
    if isinstance(node, Function) and not path.startswith(BORDERS):
        for _ in filter(_ANY_DICT.search, _signature(node)):
            yield f"dict[str, Any] in the signature of {node.name}", "pass a noun"
    if isinstance(node, ast.AsyncFunctionDef | ast.Await) and path.startswith((CORE, DOMAIN)):
        yield "async code", "core and domain never wait"
    if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) == "True":
        yield "allow_pickle=True", "store plain arrays"
    if path.startswith(DOMAIN):
        yield from _foreign_imports(node)


def _signature(function: Function) -> Iterator[str]:
    given = function.args
    for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
        if argument is not None and argument.annotation is not None:
            yield ast.unparse(argument.annotation)
    if function.returns is not None:
        yield ast.unparse(function.returns)


def _foreign_imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The domain knows the standard library and itself, nothing else."""
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    for module in modules:
        if module.split(".")[0] not in sys.stdlib_module_names and not module.startswith("tradepool.domain"):
            yield f"import of {module}", "domain knows the standard library only"
