"""Why a strategy text is refused: one named error each, with line, column and the place quoted where there is one."""

from __future__ import annotations

from tradepool.domain.errors import InvalidInput


class TextRefused(InvalidInput):
    """The strategy text is refused: {why}; {remedy}."""


class TextTooLong(TextRefused):
    """The strategy text has {length} characters, more than {most}; split it into several strategies."""


class TooManyTokens(TextRefused):
    """Line {line}, column {column}, at {place}: the text has more than {most} words and signs; write a shorter one."""


class WrongCharacter(TextRefused):
    """Line {line}, column {column}, at {place}: {character} has no meaning here; {remedy}."""


class WrongNumber(TextRefused):
    """Line {line}, column {column}, at {place}: {number} is no usable number; {remedy}."""


class WrongName(TextRefused):
    """Line {line}, column {column}, at {place}: {name} cannot be a name; {remedy}."""


class NameTaken(TextRefused):
    """Line {line}, column {column}, at {place}: {name} is already {what}; choose another name."""


class UnknownName(TextRefused):
    """Line {line}, column {column}, at {place}: {name} is not known{hint}"""


class UnknownStatement(TextRefused):
    """Line {line}, column {column}, at {place}: {name} is no statement{hint}"""


class Unexpected(TextRefused):
    """Line {line}, column {column}, at {place}: {expected} was expected; {remedy}."""


class WrongCall(TextRefused):
    """Line {line}, column {column}, at {place}: {why}; write {usage}."""


class WrongDistance(TextRefused):
    """Line {line}, column {column}, at {place}: {why}; {remedy}."""


class NotComputable(TextRefused):
    """Line {line}, column {column}, at {place}: {why}"""


class StatementTwice(TextRefused):
    """Line {line}, column {column}, at {place}: {name} was already given on line {first}; give it once."""


class StatementMissing(TextRefused):
    """The strategy text has no line {missing}; add for example `{example}`."""


class ParameterUnused(TextRefused):
    """Line {line}, column {column}, at {place}: parameter {name} changes nothing; use it or remove its line."""


class TooDeep(TextRefused):
    """Line {line}, column {column}, at {place}: more than {most} levels of nesting; name a part of it with let."""


class TooManyParameters(TextRefused):
    """Line {line}, column {column}, at {place}: more than {most} parameters; make some of them plain numbers."""


class TooManyNodes(TextRefused):
    """Line {line}, column {column}, at {place}: with this the strategy has more than {most} terms; write a simpler one."""


class LooksBackTooFar(TextRefused):
    """Line {line}, column {column}, at {place}: this looks back {bars} bars with the longest windows its parameters allow, more than {most}; use shorter windows or smaller ranges."""


class WarmsUpTooLong(TextRefused):
    """Line {line}, column {column}, at {place}: this needs {bars} bars of history before it can be trusted, with the longest windows its parameters allow, more than {most}; use shorter windows or smaller ranges."""


class StateTooLarge(TextRefused):
    """Line {line}, column {column}, at {place}: with this the strategy remembers more than {most} values; use shorter windows or smaller parameter ranges."""


class TooCostly(TextRefused):
    """Line {line}, column {column}, at {place}: with this the strategy takes about {operations} operations a bar, more than {most}; use fewer or shorter windows."""


class TooTangled(TextRefused):
    """Line {line}, column {column}, at {place}: its look-back depends on parameters in more than {most} ways; use fewer parameters as window lengths."""
