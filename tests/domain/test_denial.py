"""Every reason the platform gives is a Denial with a sentence; words in the journal never change."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tradepool.core.account.terms import REFUSALS
from tradepool.core.risk.suspension import Trouble
from tradepool.domain.denial import Denial, sentence_of
from tradepool.domain.limit import LIMIT_WORDS

WORDS = {each.value for each in Denial}
# What in the code takes a reason: by name of the argument, and the functions whose answer is one.
ASKED = {"may_enter", "_may_enter", "beyond", "_malformed", "_uncovered"}


def literals(tree: ast.AST) -> Iterator[str]:
    """Reasons written as plain text: given to a refusal or a rejection, or answered by who is asked for one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            given = [
                word.value for word in node.keywords if word.arg == "reason" and name in ("Refusal", "OrderRejected")
            ]
            yield from texts(given + (node.args if name in ("refuse", "_refuse") else []))
        if isinstance(node, ast.FunctionDef) and node.name in ASKED:
            yield from texts([n.value for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None])


def texts(nodes: list[ast.expr]) -> Iterator[str]:
    """Single words among expressions, the branches of a choice too."""
    for node in nodes:
        if isinstance(node, ast.Constant) and re.fullmatch(r"[a-z_]+", str(node.value)):
            yield str(node.value)
        if isinstance(node, ast.IfExp):
            yield from texts([node.body, node.orelse])


def test_every_reason_in_the_code_is_a_denial() -> None:
    """Add a new one to `domain.denial`, with a sentence for the user, and to docs/guides/risk.md."""
    files = [
        f
        for f in Path("src/tradepool").rglob("*.py")
        if {"core", "services", "entrypoints"} & set(f.parts) and not f.name.startswith("bench")
    ]
    found = {(file.name, word) for file in files for word in literals(ast.parse(file.read_text(encoding="utf-8")))}
    assert {each for each in found if each[1] not in WORDS} == set()
    assert set(REFUSALS.values()) <= set(Denial)
    assert {f"suspended_{trouble}" for trouble in Trouble} <= WORDS
    assert {denial for meaning in LIMIT_WORDS.values() for denial in meaning.denials.values()} <= set(Denial)


def test_a_sentence_says_something_and_the_word_stays() -> None:
    """Sentences fit behind `refused, word:`; a word of another version is shown as it is."""
    for each in Denial:
        assert each == each.value
        assert each.value == each.name.lower()
        assert each.sentence[0].islower()
        assert not each.sentence.endswith(".")
        assert sentence_of(each.value) == each.sentence
    assert len({each.sentence for each in Denial}) == len(Denial)
    assert sentence_of("from_tomorrow") == "from_tomorrow"
