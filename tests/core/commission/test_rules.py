"""Every rule is an example that runs, with its worked figures, a line of the user guide with the same, and on every statement."""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT
from tradepool.core.commission.statement import RULES
from tradepool.presentation.commission_html import RULES as SAID

ALL = {f"R{number}" for number in range(1, 28)}
# What is worked out in the rules as they were given, thousands without a comma.
FIGURES = {
    "R2": "10000",
    "R3": "30.00 25.00 20.00 999.99 1000 5000 5000.01",
    "R4": "900 4101 300 90.00",
    "R6": "100 25.00 0.00 130 7.50",
    "R7": "100 70",
    "R8": "600.60 58.74",
    "R9": "66000 500 10 3.00",
    "R10": "0.012 66000 41.118",
    "R11": "0.01 66000 600.60 59.40 660.00",
    "R12": "0.01 600 4.00",
    "R13": "500 300 900 50.00",
    "R17": "25.00 180 16.00",
    "R18": "200 0.00",
    "R19": "120 0.00 30 9.00",
    "R21": "100 0.9990 99.90",
    "R22": "200.039 60.01",
    "R23": "100 10.00 60",
    "R26": "14 30",
}


def examples() -> Iterator[tuple[set[str], str]]:
    """Of each docstring: the rules it names, and what its examples run and have to say."""
    for file in (ROOT / "src" / "tradepool" / "core" / "commission").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            words = ast.get_docstring(node) if isinstance(node, ast.ClassDef | ast.FunctionDef) else None
            if words and (found := doctest.DocTestParser().get_examples(words)):
                yield set(re.findall(r"\bR\d+\b", words)), plain("".join(each.source + each.want for each in found))


def plain(text: str) -> str:
    """Without what separates thousands."""
    return re.sub(r"(?<=\d)[,_](?=\d{3})", "", text)


def guide() -> dict[str, str]:
    """What the user guide says of each rule, in its order."""
    text = (ROOT / "docs" / "guides" / "commission.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| (R\d+) \| (.*)", text, re.MULTILINE))


def test_each_rule_is_an_example_that_runs() -> None:
    """The tests run all docstrings."""
    assert set[str]().union(*(rules for rules, _ in examples())) == ALL


@pytest.mark.parametrize("rule", FIGURES)
def test_what_is_worked_out_runs_and_is_in_the_guide(rule: str) -> None:
    """Figures of an example are in what it runs or prints, not in the words beside it."""
    ran = " ".join(text for rules, text in examples() if rule in rules)
    for figure in FIGURES[rule].split():
        pattern = rf"(?<![\d.]){re.escape(figure)}0*(?![\d.]\d)"
        assert re.search(pattern, ran), figure
        assert re.search(pattern, plain(guide()[rule])), figure


def test_each_rule_is_in_the_guide_and_on_the_page() -> None:
    """In order, and none beside."""
    assert list(guide()) == list(RULES) == list(SAID)
    assert set(RULES) == ALL
