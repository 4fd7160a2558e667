"""From the tokens of one statement to an expression: precedence climbing, with a limit on how deep it may go.

From loosest to tightest: or, and, not, comparisons and `crosses`, + and -, * and /, a sign, a call. A text never becomes
Python: names are looked up in a table, and what is built is a graph.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches

from tradepool.core.graph.expr import Boolean, Expr, Number, as_boolean, as_number, crosses_above, crosses_below
from tradepool.core.strategies.text_errors import (
    NotComputable,
    TextRefused,
    TooDeep,
    Unexpected,
    UnknownName,
    WrongCall,
    WrongNumber,
)
from tradepool.core.strategies.text_limits import Meter
from tradepool.core.strategies.text_tokens import Token, place_of
from tradepool.core.strategies.text_words import INPUTS, RESERVED, WORDS, Outputs, Result, Value, Word
from tradepool.domain.errors import InvalidInput

NESTING_LEVELS_MAX = 60
NUMBER_MAX = 1e15
NUMBER_MIN = 1e-15

_ARITHMETIC: Mapping[str, Callable[..., Number | int | float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_COMPARISONS: Mapping[str, Callable[..., Boolean]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "crosses above": crosses_above,
    "crosses below": crosses_below,
}
_OR, _AND, _NOT, _COMPARE, _ADD, _MULTIPLY, _SIGN = range(1, 8)
_POWERS = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(_COMPARISONS, _COMPARE),
    **dict.fromkeys("+-", _ADD),
    **dict.fromkeys("*/", _MULTIPLY),
}


class Parser:
    """Reads the tokens of one statement, front to back.

    `names` are the lets and parameters so far, `later` those of lines still to come with their line.
    """

    def __init__(
        self, tokens: list[Token], names: Mapping[str, Result], later: Mapping[str, int], meter: Meter
    ) -> None:
        """Start at the first token; what is built is counted by the meter."""
        self.tokens = tokens
        self.names = names
        self.later = later
        self.meter = meter
        self.at = 0

    @property
    def token(self) -> Token:
        """The token that is next."""
        return self.tokens[self.at]

    def take(self, *texts: str) -> Token | None:
        """The next token if it is one of these words or signs, and go on; else None."""
        token = self.token
        if token.kind not in ("name", "sign") or token.text not in texts:
            return None
        self.at += 1
        return token

    def need(self, text: str, remedy: str) -> Token:
        """The next token, which must be this word or sign. Raises Unexpected."""
        token = self.take(text)
        if token is None:
            raise Unexpected(**place_of(self.token), expected=f"`{text}`", remedy=remedy)
        return token

    def need_kind(self, kind: str, expected: str, remedy: str) -> Token:
        """The next token, which must be of this kind. Raises Unexpected."""
        token = self.token
        if token.kind != kind:
            raise Unexpected(**place_of(token), expected=expected, remedy=remedy)
        self.at += 1
        return token

    def need_end(self) -> None:
        """Nothing may be left of the statement. Raises Unexpected."""
        if self.token.kind != "end":
            remedy = "join conditions with and, or; check the line"
            raise Unexpected(**place_of(self.token), expected="the end of the statement or an operator", remedy=remedy)

    def number(self) -> int | float:
        """A number with or without a sign. Raises Unexpected and WrongNumber."""
        sign = -1 if self.take("-") else 1
        return sign * number_of(self.need_kind("number", "a number", "write a plain number, such as 12 or 2.5"))

    def let_value(self) -> Result:
        """An expression and nothing after it, or a call with several outputs as it stands."""
        token, start = self.token, self.at
        if token.text in WORDS and self.tokens[self.at + 1].text == "(":
            self.at += 2
            result = self.called(token, 0)
            if isinstance(result, tuple) and self.token.kind == "end":
                return result
            # Part of a longer expression: read it again, which makes the same nodes.
            self.at = start
        return self.whole_statement()

    def whole_statement(self) -> Value:
        """An expression and nothing after it."""
        value = self.expression()
        self.need_end()
        return value

    def expression(self, least: int = _OR, depth: int = 0) -> Value:
        """An expression whose operators bind at least so tightly. Raises what is in `text_errors`."""
        if depth > NESTING_LEVELS_MAX:
            raise TooDeep(**place_of(self.token), most=NESTING_LEVELS_MAX)
        left = self.operand(depth)
        compared = False
        while True:
            token, sign = self.token, self._operator()
            power = _POWERS.get(sign, 0)
            if power < least:
                return left
            if power == _COMPARE and compared:
                raise Unexpected(
                    **place_of(token),
                    expected="the end of the comparison",
                    remedy="compare two at a time: a < b and b < c",
                )
            compared = power == _COMPARE
            self.at += 1 + sign.startswith("crosses")
            left = self.counted(token, _joined, sign, left, self.expression(power + 1, depth + 1))

    def _operator(self) -> str:
        """The operator that is next, "crosses above" as one; empty if there is none."""
        token = self.token
        if token.kind not in ("name", "sign"):
            return ""
        if token.text != "crosses":
            return token.text if token.text in _POWERS else ""
        following = self.tokens[self.at + 1]
        if following.text not in ("above", "below"):
            raise Unexpected(**place_of(following), expected="above or below", remedy="write a crosses above b")
        return f"crosses {following.text}"

    def operand(self, depth: int) -> Value:
        """A number, a name, a call, something in parentheses, or one of these after `not` or a sign."""
        token = self.token
        if self.take("not"):
            return self.counted(token, _negated, self.expression(_NOT, depth + 1))
        if self.take("-"):
            return self.counted(token, operator.neg, self.expression(_SIGN, depth + 1))
        if self.take("("):
            inside = self.expression(_OR, depth + 1)
            self.need(")", f"close the parenthesis of line {token.line}, column {token.column}")
            return inside
        if token.kind == "number":
            self.at += 1
            return number_of(token)
        if token.kind == "name" and token.text not in RESERVED:
            self.at += 1
            return self.call(token, depth) if self.take("(") else self._named(token)
        raise Unexpected(
            **place_of(token),
            expected="a value",
            remedy="write a number, a name, a function such as ema(close, 20), or an expression in parentheses",
        )

    def _named(self, token: Token) -> Value:
        """What a name stands for. Raises UnknownName, with what was probably meant."""
        name = token.text
        if name in self.names:
            value = self.names[name]
            return self._output(token, value, name) if isinstance(value, tuple) else value
        if name in INPUTS:
            return INPUTS[name]
        if name in WORDS:
            raise WrongCall(**place_of(token), why=f"{name} is a function", usage=WORDS[name].usage)
        if name in self.later:
            hint = f" yet: line {self.later[name]} declares it; a line can only use the lines above it."
            raise UnknownName(**place_of(token), name=name, hint=hint)
        raise UnknownName(**place_of(token), name=name, hint=nearest(name, {*self.names, *INPUTS, *WORDS}))

    def call(self, token: Token, depth: int) -> Value:
        """The rest of a call after its parenthesis, and `.output` where it has several. Raises WrongCall."""
        result = self.called(token, depth)
        return self._output(token, result, f"{token.text}(...)") if isinstance(result, tuple) else result

    def called(self, token: Token, depth: int) -> Result:
        """What a function gives: a value, which is counted, or several outputs."""
        word = WORDS.get(token.text)
        if word is None:
            what = "; it has a value, without parentheses." if token.text in {*self.names, *INPUTS} else ""
            raise UnknownName(**place_of(token), name=token.text, hint=what or nearest(token.text, WORDS))
        arguments = self._arguments(token, word, depth)
        with meaning(token):
            result = word.call(**arguments)
        return result if isinstance(result, tuple) else self._counted(token, result)

    def _arguments(self, token: Token, word: Word, depth: int) -> dict[str, Value]:
        """Arguments by name, as given."""
        positional: list[Value] = []
        named: dict[str, Value] = {}
        while not self.take(")"):
            if positional or named:
                self.need(",", f"separate arguments with a comma, and close the call: {word.usage}")
            key = self.token
            if key.kind == "name" and self.tokens[self.at + 1].text == "=":
                self.at += 2
                if key.text not in word.arguments or key.text in named:
                    why = f"argument {key.text} is {'given twice' if key.text in named else 'not known'}"
                    raise WrongCall(**place_of(key), why=why, usage=word.usage)
                named[key.text] = self._argument(depth)
            elif named:
                raise WrongCall(**place_of(key), why="an argument without a name follows one with", usage=word.usage)
            else:
                positional.append(self._argument(depth))
        names = word.names_of(positional)
        if len(names) < len(positional):
            raise WrongCall(**place_of(token), why=f"{len(positional)} arguments are too many", usage=word.usage)
        if twice := named.keys() & names:
            raise WrongCall(**place_of(token), why=f"argument {min(twice)} is given twice", usage=word.usage)
        found = {**dict(zip(names, positional, strict=True)), **named}
        if missing := [name for name in word.required if name not in found]:
            raise WrongCall(**place_of(token), why=f"argument {missing[0]} is missing", usage=word.usage)
        for name, value in found.items():
            if isinstance(value, str) != (name in word.strings):
                what = 'text between "double quotes"' if name in word.strings else "no text"
                raise WrongCall(**place_of(token), why=f"argument {name} takes {what}", usage=word.usage)
        return found

    def _argument(self, depth: int) -> Value:
        """One argument: an expression, or text between quotes."""
        token = self.token
        if token.kind != "string":
            return self.expression(_OR, depth + 1)
        self.at += 1
        return token.text[1:-1]

    def _output(self, token: Token, result: Outputs, written: str) -> Value:
        """One of several outputs, by its name. Raises WrongCall."""
        names: tuple[str, ...] = type(result)._fields  # type: ignore[attr-defined]  # every tuple here is a NamedTuple
        usage = f"{written}.{names[0]}"
        if not self.take("."):
            raise WrongCall(**place_of(token), why=f"{token.text} has the outputs {', '.join(names)}", usage=usage)
        output = self.need_kind("name", "the name of an output", f"write {usage}")
        if output.text not in names:
            why = f"{token.text} has no output {output.text}, only {', '.join(names)}"
            raise WrongCall(**place_of(output), why=why, usage=usage)
        return self._counted(token, result[names.index(output.text)])

    def counted(self, token: Token, build: Callable[..., Value], *parts: object) -> Value:
        """What is built of the parts, counted. Raises NotComputable and what a limit raises, at the token."""
        with meaning(token):
            value = build(*parts)
        return self._counted(token, value)

    def _counted(self, token: Token, value: Value) -> Value:
        if isinstance(value, Expr):
            self.meter.admit(value, token)
        elif not isinstance(value, str):
            check_number(value, token, f"{value}")
        return value


def _joined(sign: str, left: Value, right: Value) -> Value:
    # Two plain numbers would be compared, or divided by zero, by Python.
    if not isinstance(right, Expr) and (sign in _COMPARISONS or right == 0):
        left = as_number(left, sign)
    if sign in _COMPARISONS:
        return _COMPARISONS[sign](left, right)
    if sign in _ARITHMETIC:
        return _ARITHMETIC[sign](left, right)
    one, other = as_boolean(left, sign), as_boolean(right, sign)
    return one & other if sign == "and" else one | other


def _negated(value: Value) -> Boolean:
    return ~as_boolean(value, "not")


@contextmanager
def meaning(token: Token) -> Iterator[None]:
    """What the graph refuses is told with the place in the text. Raises NotComputable."""
    try:
        yield
    except TextRefused:
        raise
    except InvalidInput as error:
        raise NotComputable(**place_of(token), why=error) from error


def number_of(token: Token) -> int | float:
    """The value of a number token: whole if it is written so. Raises WrongNumber."""
    text = token.text.replace("_", "")
    value = float(text)
    check_number(value, token, token.text)
    if value == 0.0 and text.lower().split("e")[0].strip("0."):
        raise _wrong_number(token, token.text)
    return int(text) if text.isdigit() else value


def check_number(value: float, token: Token, shown: str) -> None:
    """Raise WrongNumber for what is not finite, too large or too small to be meant."""
    if not (value == 0 or NUMBER_MIN <= abs(value) <= NUMBER_MAX):
        raise _wrong_number(token, shown)


def _wrong_number(token: Token, shown: str) -> WrongNumber:
    cut = shown if len(shown) <= 40 else f"{shown[:40]}..."
    remedy = f"give one between {NUMBER_MIN} and {NUMBER_MAX}, or 0"
    return WrongNumber(**place_of(token), number=cut, remedy=remedy)


def nearest(name: str, known: Mapping[str, object] | set[str] | tuple[str, ...]) -> str:
    """The hint of an error: the known name that is most like it.

    >>> nearest("clsoe", ("open", "close"))
    '; did you mean close?'
    """
    near = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else "; the guide to strategies lists all names."
