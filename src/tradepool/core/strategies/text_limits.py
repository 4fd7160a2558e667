"""What a strategy text may take, counted while it is read: a text that asks for too much is refused before it is built."""

from __future__ import annotations

from collections.abc import Mapping

from tradepool.core.graph.expr import Expr
from tradepool.core.strategies.cost import (
    lookback_bars,
    lookback_terms,
    node_operations,
    node_state_floats,
    warm_up_bars,
)
from tradepool.core.strategies.text_errors import (
    LooksBackTooFar,
    StateTooLarge,
    TooCostly,
    TooManyNodes,
    TooTangled,
    WarmsUpTooLong,
)
from tradepool.core.strategies.text_tokens import Token, place_of

NODES_MAX = 500
LOOKBACK_BARS_MAX = 20_000
# What a start asks a venue for: two hundred requests of a thousand candles.
WARM_UP_BARS_MAX = 200_000
STATE_FLOATS_MAX = 50_000
OPERATIONS_A_BAR_MAX = 20_000
# Parts of the formula of a look-back, such as max(a + b, 2 * a, c): each is compared whenever two terms meet.
LOOKBACK_TERMS_MAX = 1_000


class Meter:
    """Adds up what the expressions of one text need; each term counts once, however often it is used.

    Everything is counted at `highs`, the largest value of each parameter.
    """

    def __init__(self, highs: Mapping[str, float]) -> None:
        """Start at nothing; `highs` may grow while the text is read."""
        self.highs = highs
        self.seen: dict[int, Expr] = {}
        self.state_floats = 0
        self.operations = 0.0

    def admit(self, root: Expr, token: Token) -> None:
        """Count what is new under the root. Raises the error of the first limit that is passed, at the token."""
        stack = [root]
        while stack:
            expr = stack.pop()
            if id(expr) in self.seen:
                continue
            # Kept, so that an id stays that of this very node.
            self.seen[id(expr)] = expr
            self._count(expr, token)
            stack.extend(expr.args)

    def _count(self, expr: Expr, token: Token) -> None:
        where = place_of(token)
        if len(self.seen) > NODES_MAX:
            raise TooManyNodes(**where, most=NODES_MAX)
        # Before anything is made of the formula: it can double with every term.
        if lookback_terms(expr) > LOOKBACK_TERMS_MAX:
            raise TooTangled(**where, most=LOOKBACK_TERMS_MAX)
        lookback = lookback_bars(expr, self.highs)
        if lookback > LOOKBACK_BARS_MAX:
            raise LooksBackTooFar(**where, bars=lookback, most=LOOKBACK_BARS_MAX)
        warm_up = warm_up_bars(expr, self.highs)
        if warm_up is not None and warm_up > WARM_UP_BARS_MAX:
            raise WarmsUpTooLong(**where, bars=warm_up, most=WARM_UP_BARS_MAX)
        self.state_floats += node_state_floats(expr, self.highs)
        if self.state_floats > STATE_FLOATS_MAX:
            raise StateTooLarge(**where, most=STATE_FLOATS_MAX)
        self.operations += node_operations(expr, self.highs)
        if self.operations > OPERATIONS_A_BAR_MAX:
            raise TooCostly(**where, operations=round(self.operations), most=OPERATIONS_A_BAR_MAX)
