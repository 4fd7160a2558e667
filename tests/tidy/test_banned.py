"""Banned names stay out; and every rule is shown to catch what it is there for."""

from __future__ import annotations

import ast

import pytest

from tests.tidy.rules import breaches
from tests.tidy.source import PACKAGE, Source, package_files, texts

# Put together from parts, so that this file does not hold what it looks for.
LEFT_OVER = ["TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error"]


def found(path: str, code: str) -> list[str]:
    return list(breaches(Source(PACKAGE + path, code, ast.parse(code))))


def test_nothing_banned_is_used() -> None:
    assert [breach for source in package_files() for breach in breaches(source)] == []


def test_nothing_is_left_over() -> None:
    marks = [
        f"{path}:{number} {word}"
        for path, text in texts()
        if path.endswith((".py", ".sh", ".toml", ".md", ".ts", ".tsx", "tradepool"))
        for number, line in enumerate(text.splitlines(), 1)
        for word in LEFT_OVER
        if word in line
    ]
    assert marks == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("services/x.py", "from datetime import datetime\nnow = datetime.now()"),
        ("services/x.py", "import time as t\nnow = t.time()"),
        ("services/x.py", "from time import monotonic\nnow = monotonic()"),
        ("services/x.py", "import asyncio\nasync def f() -> None:\n    await asyncio.sleep(1)"),
        ("services/x.py", "print('hello')"),
        ("runtime/x.py", "try:\n    pass\nexcept Exception:\n    pass"),
        ("runtime/x.py", "try:\n    pass\nexcept:\n    pass"),
        ("runtime/x.py", "try:\n    pass\nexcept (ValueError, BaseException):\n    pass"),
        ("core/compiler/llvm.py", "exec('1')"),
        ("core/compiler/llvm.py", "eval('1')"),
        ("adapters/x.py", "import pickle"),
        ("learning/x.py", "import numpy as np\nnp.load('x', allow_pickle=True)"),
        ("core/x.py", "import random"),
        ("core/x.py", "import numpy as np\nnp.random.default_rng(1)"),
        ("core/x.py", "import os\nos.environ['X']"),
        ("core/x.py", "import os\nos.environ.get('X')"),
        ("domain/x.py", "open('x')"),
        ("domain/x.py", "import numpy"),
        ("core/x.py", "async def f() -> None: ..."),
        ("services/x.py", "from tradepool.domain.order import ApprovedOrder\nApprovedOrder(request=1)"),
        ("services/x.py", "from typing import Any\ndef f(x: dict[str, Any]) -> None: ..."),
        ("services/x.py", "from typing import Any\ndef f() -> list[dict[str, Any]]: ..."),
    ],
)
def test_a_planted_breach_is_caught(path: str, code: str) -> None:
    assert found(path, code) != []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("runtime/clock.py", "import time\nnow = time.time()"),
        ("services/x.py", "import asyncio\nasync def f() -> None:\n    await asyncio.sleep(0)"),
        ("entrypoints/cli.py", "print('hello')"),
        ("runtime/supervise.py", "try:\n    pass\nexcept Exception:\n    pass"),
        ("core/compiler/reference.py", "exec('1')"),
        ("core/risk/review.py", "from tradepool.domain.order import ApprovedOrder\nApprovedOrder(request=1)"),
        ("services/x.py", "from tradepool.domain.order import ApprovedOrder\ndef f(order: ApprovedOrder) -> None: ..."),
        ("adapters/x.py", "from typing import Any\ndef f(x: dict[str, Any]) -> None: ..."),
        ("services/x.py", "def f(x: dict[str, object]) -> None: ..."),
    ],
)
def test_what_is_allowed_is_not_caught(path: str, code: str) -> None:
    assert found(path, code) == []
