"""A file that grows too long misses a noun or a room; a function that does, a verb."""

from __future__ import annotations

import ast

from tests.tidy.source import python_files

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70


def test_no_file_is_longer_than_400_lines() -> None:
    counts = {source.path: len(source.text.splitlines()) for source in python_files()}
    assert {path: count for path, count in counts.items() if count > FILE_LINES_MAX} == {}


def test_no_function_is_longer_than_70_lines() -> None:
    long = {}
    for source in python_files():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long[f"{source.path}:{node.lineno} {node.name}"] = lines
    assert long == {}
