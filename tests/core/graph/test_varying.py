"""What a sweep relies on: nothing that all parameter sets share depends on what differs between them."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.graph.samples import MINUTE_MS, bars_of, bits, examples, seeds
from tests.core.graph.terms import TERMS, N
from tradepool.core.compiler import native
from tradepool.core.graph.expr import Expr, close, open_, parameter
from tradepool.core.graph.primitives import ema, highest, lag, quantile, sma
from tradepool.core.graph.scope import on
from tradepool.core.graph.step import StepSource, market_step, series_step
from tradepool.core.market.align import columns
from tradepool.core.strategies.catalog import named, names

FAST = parameter("fast", 3, 1, 20, 1)


class Taint(ast.NodeVisitor):
    """Follows what depends on `own` and `swept`, until nothing new is found; `spilt` are stores that share it."""

    def __init__(self, text: str) -> None:
        """Walk the last function of a step."""
        self.names, self.spilt, self.varying = {"own", "swept"}, set[str](), 0
        function = ast.parse(text).body[-1]
        before = 0
        while before != len(self.names):
            before = len(self.names)
            self.visit(function)

    def differs(self, *nodes: ast.AST) -> bool:
        """Whether an expression may differ between parameter sets."""
        return any(isinstance(n, ast.Name) and n.id in self.names for node in nodes for n in ast.walk(node))

    def store(self, target: ast.expr, value: ast.expr) -> None:
        """A local takes the taint of its value and conditions; `state` must never have to."""
        tainted = self.varying > 0 or self.differs(value)
        if isinstance(target, ast.Name) and tainted:
            self.names.add(target.id)
        elif ast.unparse(target).startswith("state[") and (tainted or self.differs(target)):
            self.spilt.add(f"{ast.unparse(target)} = {ast.unparse(value)}")

    def visit_Assign(self, node: ast.Assign) -> None:
        """A store."""
        self.store(node.targets[0], node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """A store."""
        self.store(node.target, node.value)

    def visit_If(self, node: ast.If) -> None:
        """What a condition guards depends on it."""
        self.inside(node, self.differs(node.test))

    def visit_For(self, node: ast.For) -> None:
        """What a loop repeats depends on its limits."""
        if self.differs(node.iter) and isinstance(node.target, ast.Name):
            self.names.add(node.target.id)
        self.inside(node, self.differs(node.iter))

    def inside(self, node: ast.If | ast.For, differs: bool) -> None:
        """Walk a body, within a varying condition or not."""
        self.varying += differs
        for statement in (*node.body, *node.orelse):
            self.visit(statement)
        self.varying -= differs


SWEEPS: dict[str, StepSource] = {
    **{
        f"{name} of a {what} source": series_step([term.make(source, N)], timeframe_ms=MINUTE_MS, varying=varying)
        for name, term in TERMS.items()
        for what, source, varying in (
            ("uniform", sma(close, FAST), {"n"}),
            ("varying", sma(close, FAST), {"fast"}),
            ("varying lagged", lag(ema(close, FAST), FAST), {"fast", "n"}),
        )
    },
    **{
        f"{name} by {item.name}": market_step(named(name).graph, timeframe_ms=MINUTE_MS, varying={item.name})
        for name in names()
        for item in named(name).parameters
    },
}


@pytest.mark.parametrize("sweep", SWEEPS.values(), ids=SWEEPS)
def test_nothing_shared_depends_on_what_varies(sweep: StepSource) -> None:
    assert Taint(sweep.text).spilt == set()


def test_the_watch_for_shared_stores_sees_one() -> None:
    def spilt(lines: str) -> set[str]:
        return Taint(f"def f():\n    a = swept[0]\n    b = state[0]\n    {lines}").spilt

    assert spilt("if a > b:\n        state[1] = 0.0") == {"state[1] = 0.0"}
    assert spilt("for k in range(a):\n        state[k] = 0.0")
    assert spilt("c = b + a\n    state[1] = c")
    assert not spilt("if b > 0.0:\n        state[1] = b\n    own[0] = a")


@examples(10)
@given(seed=seeds, sets=st.lists(st.tuples(st.integers(1, 20), st.integers(1, 60)), min_size=1, max_size=4))
def test_each_set_of_many_is_what_it_is_alone(seed: int, sets: list[tuple[int, int]]) -> None:
    expressions: list[Expr] = [ema(close, FAST), on("5m", highest(close, N)), quantile(lag(open_, FAST), N, 0.25)]
    alone = series_step(expressions, timeframe_ms=MINUTE_MS)
    many = series_step(expressions, timeframe_ms=MINUTE_MS, varying={"n", "fast"})
    fast, n = np.array(sets).T
    parameters, swept = many.rows({"fast": fast, "n": n})
    bars = bars_of(seed, 300)
    for index, (a, b) in enumerate(sets):
        got, expected = np.empty(900), np.empty(900)
        memory = np.zeros(many.state_size), np.zeros(len(many.own_rows)), parameters, swept[:, index].copy()
        native.load(many.program)["series_step"](*memory, *columns(many, bars), 0, 300, got)
        row = np.zeros(alone.state_size), np.zeros(0), alone.rows({"fast": a, "n": b})[0], np.zeros(0)
        native.load(alone.program)["series_step"](*row, *columns(alone, bars), 0, 300, expected)
        assert (bits(got) == bits(expected)).all()
    assert many.lookback({"fast": fast, "n": n}) == max(alone.lookback({"fast": a, "n": b}) for a, b in sets)


def test_exposure_and_all_it_needs_are_a_sets_own() -> None:
    sweep = market_step(named("moving_average_cross").graph, timeframe_ms=MINUTE_MS, varying={"slow", "nobody"})
    assert sweep.varying == {"slow"}
    assert "exposure" in sweep.own_rows
    assert not [row for row in sweep.own_rows if row == "ema(close, fast)"]
    assert "ema(close, fast)" in sweep.state_rows
