"""A strategy as text: the only form that a user who is not the operator may hand in.

A statement a line: `key: value`, `parameter name: default from low to high step step`, `let name = expression`; what a let
names is called so where the strategy is explained. A text is read by a grammar of our own and becomes a graph; it is never run as Python. `docs/guides/strategies.md` is its manual.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from tradepool.core.graph.expr import Boolean, Expr, Number, as_boolean, as_number, parameter
from tradepool.core.graph.step import check_price
from tradepool.core.graph.units import ANY, PLAIN, unit_name
from tradepool.core.strategies import exits
from tradepool.core.strategies.exits import ALL, HALF, NONE, QUARTER, Exits
from tradepool.core.strategies.strategy import Strategy
from tradepool.core.strategies.text_errors import (
    NameTaken,
    NotComputable,
    ParameterUnused,
    StatementMissing,
    StatementTwice,
    TooManyParameters,
    UnknownStatement,
    WrongDistance,
    WrongNumber,
)
from tradepool.core.strategies.text_limits import Meter
from tradepool.core.strategies.text_parser import Parser, meaning, nearest
from tradepool.core.strategies.text_tokens import Token, place_of, statements
from tradepool.core.strategies.text_words import INPUTS, RESERVED, WORDS, Result

PARAMETERS_MAX = 32
VERSION_MAX = 1_000_000
_ATR_BARS = 14
_CONDITIONS = ("enter", "exit", "enter_short", "exit_short")
_REQUIRED = {
    "name": "name: dip_buyer",
    "enter": "enter: close crosses above sma(50)",
    "exit": "exit: close crosses below sma(50)",
}


def strategy_of(text: str) -> Strategy:
    """The strategy that a text declares; no text takes more than the limits. Raises TextRefused, by name and place.

    >>> strategy = strategy_of('''
    ... name: above_average
    ... parameter length: 20 from 2 to 200 step 1
    ... let average = ema(close, length)
    ... enter: close crosses above average and rsi(14) < 70
    ... exit: close crosses below average
    ... stop: 2 percent
    ... ''')
    >>> strategy.name, strategy.values, strategy.graph.stop_distance
    ('above_average', {'length': 20}, close * (2.0 * 0.01))
    """
    return _Reader(statements(text)).strategy()


def summary_of(text: str) -> str:
    """What the text says of itself: its first line, if that is a comment.

    >>> summary_of("# Buys the dip.\\nname: dip_buyer")
    'Buys the dip.'
    """
    first = text.partition("\n")[0].strip()
    return first.lstrip("# ") if first.startswith("#") else ""


@dataclass(frozen=True, slots=True)
class _Distance:
    """How far away: in percent of the close, in average true ranges of so many bars, or ("price") in units of price."""

    value: Number | float
    unit: str
    bars: int | Number = _ATR_BARS

    @property
    def price(self) -> Number:
        """In units of price, as an expression."""
        return self.stop.stop_distance

    @property
    def stop(self) -> Exits:
        """A stop so far away."""
        if self.unit == "percent":
            return exits.stop_percent(self.value)
        if self.unit == "atrs":
            return exits.stop_atrs(self.value, length=self.bars)
        return Exits(stop_distance=as_number(self.value, "stop"))

    @property
    def target(self) -> Number:
        """A target so far away, in units of price."""
        if self.unit == "percent":
            return exits.targets_percent(self.value).first_target
        if self.unit == "atrs":
            return exits.targets_atrs(self.value, length=self.bars).first_target
        return as_number(self.value, "target")

    def trail(self, step: Number | None) -> Exits:
        """A trailing stop so far away."""
        if self.unit == "percent":
            return exits.trail_percent(self.value, step=step)
        if self.unit == "atrs":
            return exits.trail_atrs(self.value, length=self.bars, step=step)
        distance = as_number(self.value, "trail")
        return Exits(trail_distance=distance, trail_step=distance * QUARTER if step is None else step)


class _Reader:
    """Reads the statements of one text in their order."""

    def __init__(self, lines: list[list[Token]]) -> None:
        self.lines = lines
        self.names: dict[str, Result] = {}
        self.highs: dict[str, float] = {}
        self.meter = Meter(self.highs)
        self.given: dict[str, Token] = {}
        self.declared: dict[str, Token] = {}
        self.name = ""
        self.version = 1
        self.conditions: dict[str, Boolean] = {}
        self.exits = Exits()
        self.keys: Mapping[str, Callable[[Parser, Token], None]] = {
            "name": self._name,
            "version": self._version,
            **dict.fromkeys(_CONDITIONS, self._condition),
            "stop": self._stop,
            "trail": self._trail,
            "target": self._target,
            "break_even": self._break_even,
            "hold": self._hold,
        }

    def strategy(self) -> Strategy:
        """All statements together."""
        later = {line[1].text: line[0].line for line in self.lines if line[0].text in ("let", "parameter")}
        for line in self.lines:
            self._statement(Parser(line, self.names, later, self.meter))
        for key in _REQUIRED:
            if key not in self.given:
                raise StatementMissing(missing=f"`{key}: ...`", example=_REQUIRED[key])
        with meaning(self.given["enter"]):
            strategy = Strategy(
                self.name,
                self.version,
                enter=self.conditions["enter"],
                exit=self.conditions["exit"],
                exits=self.exits,
                enter_short=self.conditions.get("enter_short"),
                exit_short=self.conditions.get("exit_short"),
                words={value: name for name, value in self.names.items() if isinstance(value, Number) and value.args},
            )
        used = {item.name for item in strategy.parameters}
        for name, token in self.declared.items():
            if name not in used:
                raise ParameterUnused(**place_of(token), name=name)
        return strategy

    def _statement(self, parser: Parser) -> None:
        token = parser.need_kind("name", "a statement", "begin with a key such as enter:, or with let or parameter")
        if token.text == "let":
            self._let(parser)
        elif token.text == "parameter":
            self._parameter(parser)
        elif token.text in self.keys:
            if token.text in self.given:
                raise StatementTwice(**place_of(token), name=token.text, first=self.given[token.text].line)
            self.given[token.text] = token
            parser.need(":", f"write {token.text}: and then its value")
            with meaning(token):
                self.keys[token.text](parser, token)
        else:
            hint = nearest(token.text, {*self.keys, "let", "parameter"})
            raise UnknownStatement(**place_of(token), name=token.text, hint=hint)
        parser.need_end()

    def _name(self, parser: Parser, _: Token) -> None:
        self.name = parser.need_kind("name", "a name", "write a name such as dip_buyer, of a-z, 0-9 and _").text

    def _version(self, parser: Parser, _: Token) -> None:
        token = parser.token
        version = parser.number()
        if not (isinstance(version, int) and 1 <= version <= VERSION_MAX):
            raise WrongNumber(**place_of(token), number=version, remedy=f"give a whole number from 1 to {VERSION_MAX}")
        self.version = version

    def _condition(self, parser: Parser, key: Token) -> None:
        value = parser.whole_statement()
        with meaning(key):
            self.conditions[key.text] = as_boolean(value, key.text)

    def _new_name(self, parser: Parser) -> Token:
        token = parser.need_kind("name", "a name", "write a name of a-z, 0-9 and _")
        what = ""
        if token.text in self.names:
            what = "declared above"
        elif token.text in WORDS or token.text in INPUTS:
            what = "a word of the language"
        elif token.text in RESERVED:
            what = "a key word of the language"
        if what:
            raise NameTaken(**place_of(token), name=token.text, what=what)
        return token

    def _let(self, parser: Parser) -> None:
        token = self._new_name(parser)
        parser.need("=", f"write let {token.text} = and an expression")
        self.names[token.text] = parser.let_value()

    def _parameter(self, parser: Parser) -> None:
        token = self._new_name(parser)
        usage = f"write parameter {token.text}: 12 from 2 to 200 step 1"
        if len(self.declared) == PARAMETERS_MAX:
            raise TooManyParameters(**place_of(token), most=PARAMETERS_MAX)
        numbers = []
        for word in (":", "from", "to", "step"):
            parser.need(word, usage)
            numbers.append(parser.number())
        with meaning(token):
            made = parameter(token.text, numbers[0], numbers[1], numbers[2], numbers[3])
        self.names[token.text] = made
        self.highs[token.text] = numbers[2]
        self.declared[token.text] = token

    def _stop(self, parser: Parser, key: Token) -> None:
        self._protect(key, self._distance(parser).stop)

    def _trail(self, parser: Parser, key: Token) -> None:
        distance = self._distance(parser)
        step = None
        if parser.take(","):
            parser.need("step", "write trail: 3 percent, step 1 percent")
            step = self._distance(parser).price
        self._protect(key, distance.trail(step))

    def _target(self, parser: Parser, key: Token) -> None:
        usage = "write target: 4 percent, then 8 percent, share 0.5"
        first, second, share = self._distance(parser).target, NONE, ALL
        if parser.take(","):
            if parser.take("then"):
                second, share = self._distance(parser).target, HALF
            if second is NONE or parser.take(","):
                parser.need("share", usage)
                share = self._share(parser)
        self._protect(key, Exits(first_target=first, second_target=second, target_share=share))

    def _break_even(self, parser: Parser, key: Token) -> None:
        self._protect(key, Exits(break_even=self._distance(parser).target))

    def _hold(self, parser: Parser, key: Token) -> None:
        token = parser.token
        bars = parser.expression()
        parser.need("bars", "write hold: 24 bars")
        if isinstance(bars, int | float) and not 0 < bars < 1e9:
            raise WrongDistance(**place_of(token), why=f"a time of {bars} bars is none", remedy="give one above 0")
        number = as_number(bars, "hold")
        self._plain(number, token, "give a number of bars")
        self._protect(key, exits.time_exit(number))

    def _share(self, parser: Parser) -> Number:
        """How much goes at the first target: above 0 and at most 1."""
        token = parser.token
        value = parser.expression()
        if isinstance(value, int | float) and not 0 < value <= 1:
            remedy = "give one above 0 and at most 1: 0.5 is a half"
            raise WrongDistance(**place_of(token), why=f"a share of {value} is none", remedy=remedy)
        number = as_number(value, "share")
        self._plain(number, token, "give a part of 1: 0.5 is a half")
        return number

    def _plain(self, value: Number | float, token: Token, remedy: str) -> None:
        """WrongDistance for what has a unit where a mere number is meant, as in `2 * atr(14) percent`."""
        if isinstance(value, Number) and value.unit not in (ANY, PLAIN):
            why = f"`{value!r:.60}` is {unit_name(value.unit)}, not a plain number"
            raise WrongDistance(**place_of(token), why=why, remedy=remedy)

    def _protect(self, key: Token, more: Exits) -> None:
        for item in fields(more):
            part: object = getattr(more, item.name)
            if isinstance(part, Expr):
                self.meter.admit(part, key)
        self.exits = self.exits + more

    def _distance(self, parser: Parser) -> _Distance:
        """`2 percent`, `3 atrs`, `3 atrs(20)` or an expression in units of price."""
        token = parser.token
        value = parser.expression()
        with meaning(token):
            number = value if isinstance(value, int | float) else as_number(value, "a distance")
        unit = parser.take("percent", "atrs")
        if isinstance(number, int | float) and not 0 < number < (100 if unit and unit.text == "percent" else 1e15):
            why = f"a distance of {number} is none"
            raise WrongDistance(**place_of(token), why=why, remedy="give one above 0, and below 100 percent")
        if unit is None:
            if not isinstance(number, Number) or number.op == "parameter":
                remedy = "write 2 percent, 2 atrs, or an expression in units of price such as 2 * atr(14)"
                raise WrongDistance(**place_of(token), why="a plain number has no unit", remedy=remedy)
            with meaning(token):
                check_price("a distance", number)
            return _Distance(number, "price")
        self._plain(number, token, f"leave out {unit.text}, or divide by close")
        if unit.text == "percent" or not parser.take("("):
            return _Distance(number, unit.text)
        bars = parser.expression()
        parser.need(")", "write 3 atrs(20)")
        if not isinstance(bars, int | Number):
            raise NotComputable(**place_of(token), why="Average true ranges need a whole number of bars.")
        return _Distance(number, unit.text, bars)
