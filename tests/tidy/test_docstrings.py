"""Everything public says what it is, and every error has a message that its raisers can fill."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator

from tests.tidy.source import Source, full_name, imported_names, package_files

ROOT_ERROR = "TradepoolError"


def public(
    body: list[ast.stmt], above: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Public classes, functions and methods; the second half of a property or overload speaks for the first."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        marks = {ast.unparse(mark) for mark in node.decorator_list}
        if not any(mark in ("overload", "override") or mark.endswith(".setter") for mark in marks):
            yield f"{above}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from public(node.body, f"{above}{node.name}.")


def test_everything_public_has_a_docstring() -> None:
    silent = []
    for source in package_files():
        if source.tree.body and not ast.get_docstring(source.tree):
            silent.append(source.path)
        for name, node in public(source.tree.body, ""):
            if not ast.get_docstring(node):
                silent.append(f"{source.path}:{node.lineno} {name}")
    assert silent == []


def error_classes() -> dict[str, tuple[Source, ast.ClassDef]]:
    """All classes of the package that descend from TradepoolError, by name."""
    classes = {n.name: (s, n) for s in package_files() for n in ast.walk(s.tree) if isinstance(n, ast.ClassDef)}
    errors = {ROOT_ERROR}
    while True:
        heirs = {
            name
            for name, (source, node) in classes.items()
            for base in node.bases
            if full_name(base, imported_names(source.tree)).rsplit(".", 1)[-1] in errors
        }
        if heirs <= errors:
            return {name: classes[name] for name in errors if name in classes}
        errors |= heirs


def fields(message: str) -> set[str]:
    """Names in braces of a message; ValueError when it does not format."""
    return {name for _, name, _, _ in string.Formatter().parse(message) if name is not None}


def test_every_error_has_a_message_of_one_line_that_formats() -> None:
    bad = []
    for name, (source, node) in error_classes().items():
        message = ast.get_docstring(node) or ""
        try:
            names = fields(message)
        except ValueError as error:
            names = {str(error)}
        if not message or "\n" in message or not all(field.isidentifier() for field in names):
            bad.append(f"{source.path}:{node.lineno} {name}: {message!r}")
    assert bad == []


def test_every_raiser_gives_what_the_message_needs() -> None:
    # A class with an __init__ of its own is filled as that says, and mypy holds its callers to it.
    errors = {
        name: fields(ast.get_docstring(node) or "")
        for name, (_, node) in error_classes().items()
        if not any(isinstance(part, ast.FunctionDef) and part.name == "__init__" for part in node.body)
    }
    bad = []
    for source in package_files():
        imported = imported_names(source.tree)
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call):
                continue
            needed = errors.get(full_name(node.func, imported).rsplit(".", 1)[-1])
            given = {keyword.arg for keyword in node.keywords}
            if needed is not None and None not in given and not needed <= given:
                bad.append(f"{source.path}:{node.lineno} {ast.unparse(node.func)} lacks {sorted(needed - given)}")
    assert bad == []
