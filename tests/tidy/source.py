"""The project's own files, parsed once for all tidy tests."""

from __future__ import annotations

import ast
import functools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "src/tradepool/"
TEXT_BYTES_MAX = 5_000_000

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Source(NamedTuple):
    """One Python file: its path from the root (with /), its text and its tree."""

    path: str
    text: str
    tree: ast.Module


@functools.cache
def tracked() -> tuple[str, ...]:
    """Paths of all files that are, or would be, committed; without git, of all files but hidden and built ones."""
    if shutil.which("git") is None:
        return tuple(sorted(_plain_files()))
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(name for name in set(listed.split("\0")) if name and (ROOT / name).is_file()))


def _plain_files() -> Iterator[str]:
    for path in ROOT.rglob("*"):
        name = path.relative_to(ROOT).as_posix()
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in name.split("/")):
            yield name


@functools.cache
def texts() -> tuple[tuple[str, str], ...]:
    """Path and text of every tracked file that is text."""
    found = []
    for name in tracked():
        content = (ROOT / name).read_bytes()
        if len(content) <= TEXT_BYTES_MAX and b"\0" not in content:
            found.append((name, content.decode("utf-8", errors="replace")))
    return tuple(found)


@functools.cache
def python_files() -> tuple[Source, ...]:
    """Every tracked Python file."""
    return tuple(Source(name, text, ast.parse(text)) for name, text in texts() if name.endswith(".py"))


def package_files() -> Iterator[Source]:
    """The Python files of the product itself."""
    return (source for source in python_files() if source.path.startswith(PACKAGE))


def imported_names(tree: ast.Module) -> dict[str, str]:
    """What each imported local name stands for: `from time import sleep as nap` -> {"nap": "time.sleep"}."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def full_name(node: ast.expr, imported: dict[str, str]) -> str:
    """The dotted name of an expression with its imports written out; empty when it is no plain name."""
    if isinstance(node, ast.Name):
        return imported.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        owner = full_name(node.value, imported)
        return f"{owner}.{node.attr}" if owner else ""
    return ""
