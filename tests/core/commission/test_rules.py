"""Every rule is an example that runs, a line of the user guide, and on every statement."""

from __future__ import annotations

import ast
import re

from tests.conftest import ROOT
from tradepool.core.commission.statement import RULES
from tradepool.presentation.commission_html import RULES as SAID

ALL = {f"R{number}" for number in range(1, 28)}


def test_each_rule_is_in_a_docstring_that_runs() -> None:
    """With its worked figures."""
    found = set[str]()
    for file in (ROOT / "src" / "tradepool" / "core" / "commission").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            words = ast.get_docstring(node) if isinstance(node, ast.ClassDef | ast.FunctionDef) else None
            if words and ">>>" in words:
                found |= set(re.findall(r"\bR\d+\b", words))
    assert found >= ALL


def test_each_rule_is_in_the_guide_and_on_the_page() -> None:
    """In order, and none beside."""
    guide = (ROOT / "docs" / "guides" / "commission.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (R\d+) \|", guide, re.MULTILINE) == list(RULES) == list(SAID)
    assert set(RULES) == ALL
