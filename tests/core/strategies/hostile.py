"""Texts that nobody honest writes, each with the error that must name it: the corpus of `test_hostile_texts`.

Run as a program, it reads all of them and prints how many bytes the process grew by at its worst.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tradepool.core.strategies import text_errors as errors
from tradepool.core.strategies.text import strategy_of
from tradepool.core.strategies.text_errors import TextRefused

HEAD = "name: hostile\nexit: close < 1\n"


class Hostile(NamedTuple):
    """A text, the class of its refusal and what the message must say."""

    name: str
    text: str
    error: type[TextRefused]
    says: str


def enter(expression: str) -> str:
    """A whole strategy with this entry condition."""
    return f"{HEAD}enter: {expression}\n"


def doubling(levels: int, term: str = "t{0} + t{0}") -> str:
    """Lets that each use the one before twice: written out, 2 to the power of `levels` terms."""
    lets = ["let t0 = close", *(f"let t{i + 1} = {term.format(i)}" for i in range(levels))]
    return "\n".join((HEAD, *lets, f"enter: t{levels} > 1"))


def tangled() -> str:
    """A look-back that doubles its ways at every level."""
    names = [f"p{i}" for i in range(16)]
    lines = [f"parameter {name}: 2 from 2 to 100 step 1" for name in names]
    lines.append("let a0 = close")
    lines += [f"let a{i + 1} = maximum(ema(a{i}, p{2 * i}), ema(a{i}, p{2 * i + 1}))" for i in range(8)]
    return HEAD + "\n".join((*lines, "enter: a8 > 1"))


def corpus() -> list[Hostile]:
    """All of them; made anew at each call, so that the large ones do not stay in memory."""
    return [*code(), *unseen(), *sizes(), *numbers(), *names(), *scopes(), *grammar()]


def code() -> list[Hostile]:
    """What would be an attack if a text were run."""
    return [
        Hostile("import", enter("__import__"), errors.WrongName, "__import__ cannot be a name"),
        Hostile("import call", enter('__import__("os").system("id")'), errors.WrongName, "__import__"),
        Hostile("import statement", "import os\n" + HEAD, errors.UnknownStatement, "import is no statement"),
        Hostile("class of a value", enter("close.__class__"), errors.WrongName, "__class__"),
        Hostile("class of an output", enter("macd().__class__ > 1"), errors.WrongName, "__class__"),
        Hostile("method of a tuple", enter("macd().count > 1"), errors.WrongCall, "macd has no output count"),
        Hostile("attribute of a node", enter("ema(3).op > 1"), errors.Unexpected, "end of the statement"),
        Hostile("eval", enter('eval("1")'), errors.UnknownName, "eval is not known"),
        Hostile("lambda", enter("lambda: 1"), errors.UnknownName, "lambda is not known"),
        Hostile("format field", enter("{close} > 1"), errors.WrongCharacter, "{ has no meaning"),
        Hostile("subscript", enter("close[-1] > 1"), errors.WrongCharacter, "lag(x, n)"),
        Hostile("backquotes", enter("`id` > 1"), errors.WrongCharacter, "GRAVE ACCENT"),
        Hostile("assignment", enter("(close := 1) > 0"), errors.Unexpected, "`)` was expected"),
        Hostile("a star of arguments", enter("ema(*close)"), errors.Unexpected, "a value was expected"),
        Hostile(
            "a keyword of Python", enter("sma(close, self = 3) > 1"), errors.WrongCall, "argument self is not known"
        ),
        Hostile("text for a number", enter('ema("close", 3) > 1'), errors.WrongCall, "source takes no text"),
        Hostile("text for a length", enter('ema(close, length = "3") > 1'), errors.WrongCall, "length takes no text"),
    ]


def unseen() -> list[Hostile]:
    """What looks like something else, or like nothing."""
    return [
        Hostile(
            "cyrillic e", enter("\u0435ma(close, 3) > 1"), errors.WrongCharacter, "U+0435 (CYRILLIC SMALL LETTER IE)"
        ),
        Hostile("full-width a", enter("\uff41tr() > 1"), errors.WrongCharacter, "FULLWIDTH LATIN SMALL LETTER A"),
        Hostile("greek question mark", enter("close > 1\u037e"), errors.WrongCharacter, "U+037E"),
        Hostile("arabic digits", enter("close > \u0663"), errors.WrongCharacter, "ARABIC-INDIC DIGIT THREE"),
        Hostile("bidi mark", enter("close > 1\u202e"), errors.WrongCharacter, "RIGHT-TO-LEFT OVERRIDE"),
        Hostile("bidi mark in a comment", enter("close > 1 # \u2066 no"), errors.WrongCharacter, "U+2066"),
        Hostile("zero width", enter("clo\u200bse > 1"), errors.WrongCharacter, "ZERO WIDTH SPACE"),
        Hostile("no-break space", enter("close\u00a0> 1"), errors.WrongCharacter, "NO-BREAK SPACE"),
        Hostile("null byte", enter("close > 1\0"), errors.WrongCharacter, "U+0000"),
        Hostile("escape code in a string", enter('rsi("\x1b[2J")'), errors.WrongCharacter, "U+001B"),
        Hostile("lone carriage return", enter("close > 1\rstop: 0"), errors.WrongCharacter, "U+000D"),
        Hostile("form feed", enter("close >\f1"), errors.WrongCharacter, "U+000C"),
        Hostile("line separator", enter("close > 1\u2028stop: 2 percent"), errors.WrongCharacter, "LINE SEPARATOR"),
        Hostile("byte order mark inside", enter("close > \ufeff1"), errors.WrongCharacter, "U+FEFF"),
        Hostile("lone surrogate", enter("close > \ud800"), errors.WrongCharacter, "U+D800"),
    ]


def sizes() -> list[Hostile]:
    """What asks for too much of something."""
    rings = " or ".join(f"lag(close, {9_000 + i}) > 1" for i in range(6))
    sums = " or ".join(f"{i}.5 < close" for i in range(260))
    parameters = "\n".join(f"parameter p{i}: 2 from 1 to 9 step 1" for i in range(40))
    deviations = " or ".join(f"square_root(variance(high, {3_000 + i})) > highest(low, {i + 2})" for i in range(60))
    return [
        Hostile("10 MB", enter("close > 1" + " " * 10_000_000), errors.TextTooLong, "has 10000047 characters"),
        Hostile("a million tokens", enter("+" * 1_000_000), errors.TextTooLong, "more than 20000"),
        Hostile("many tokens", enter("-" * 10_000 + "close > 1"), errors.TooManyTokens, "more than 5000 words"),
        Hostile("parentheses, 10^5", enter("(" * 100_000 + "close"), errors.TextTooLong, "20000"),
        Hostile("parentheses", enter("(" * 4_000 + "close" + ")" * 900), errors.TooDeep, "more than 60 levels"),
        Hostile("nots, 10^5", enter("not " * 100_000 + "close > 1"), errors.TextTooLong, "20000"),
        Hostile("nots", enter("not " * 4_000 + "close > 1"), errors.TooDeep, "more than 60 levels"),
        Hostile("minuses", enter("-" * 4_000 + "close > 1"), errors.TooDeep, "more than 60 levels"),
        Hostile("calls", enter("ema(" * 1_500 + "close"), errors.TooDeep, "more than 60 levels"),
        Hostile("unclosed calls", enter("ema(" * 50 + "close"), errors.Unexpected, "`,` was expected"),
        Hostile(
            "a long chain", enter(" + ".join(["close"] * 2_000) + " > 1"), errors.TooManyNodes, "more than 500 terms"
        ),
        Hostile("many terms", enter(sums), errors.TooManyNodes, "more than 500 terms"),
        Hostile("doubling with new terms", doubling(600), errors.TooManyNodes, "more than 500 terms"),
        Hostile("a tower of averages", doubling(40, "ema(t{0}, 900)"), errors.WarmsUpTooLong, "bars of history"),
        Hostile("window 1e9", enter("sma(close, 1000000000) > 1"), errors.NotComputable, "100000"),
        Hostile(
            "an average that takes years to settle",
            enter("ema(close, 19000) > 1"),
            errors.WarmsUpTooLong,
            "bars of history",
        ),
        Hostile(
            "a hundred sorts",
            enter(" + ".join(f"quantile(close, {10 + each}, 0.5)" for each in range(100)) + " > 1"),
            errors.TooCostly,
            "operations a bar",
        ),
        Hostile("window 10^5", enter("sma(close, 100000) > 1"), errors.LooksBackTooFar, "looks back 99999 bars"),
        Hostile("rings", enter(rings), errors.StateTooLarge, "more than 50000 values"),
        Hostile(
            "a ring by a parameter",
            "parameter n: 2 from 2 to 100000 step 1\n" + enter("lag(close, n) > 1"),
            errors.LooksBackTooFar,
            "looks back 100000 bars",
        ),
        Hostile("many windows", enter(deviations), errors.StateTooLarge, "remembers"),
        Hostile("parameters", parameters + "\n" + enter("p1 > close"), errors.TooManyParameters, "more than 32"),
        Hostile("ways of a look-back", tangled(), errors.TooTangled, "depends on parameters in more than"),
    ]


def numbers() -> list[Hostile]:
    """Numbers that are none, or not one to compute with."""
    return [
        Hostile("1e999", enter("close > 1e999"), errors.WrongNumber, "1e999 is no usable number"),
        Hostile("1e16", enter("close > 1e16"), errors.WrongNumber, "1e16"),
        Hostile("1e-999", enter("close > 1e-999"), errors.WrongNumber, "1e-999"),
        Hostile("thousands of digits", enter("close > " + "9" * 9_000), errors.WrongNumber, "9999..."),
        Hostile("overflow of literals", enter("close > 1e9 * 1e9"), errors.WrongNumber, "1e+18"),
        Hostile("power tower", enter("close > 1e9**1e9"), errors.Unexpected, "a value was expected"),
        Hostile("nan", enter("close > nan"), errors.UnknownName, "nan is not known"),
        Hostile("infinity", enter("close < inf"), errors.UnknownName, "inf is not known"),
        Hostile("division by zero", enter("close / 0 > 1"), errors.NotComputable, "the divisor is zero"),
        Hostile("zero over zero", enter("close > 0 / 0"), errors.NotComputable, "the divisor is zero"),
        Hostile("division by a zero made", enter("close / (1 - 1) > 1"), errors.NotComputable, "the divisor is zero"),
        Hostile("window 0", enter("sma(close, 0) > 1"), errors.NotComputable, "length cannot be 0; give one from 1"),
        Hostile("window -1", enter("lag(close, -1) > 1"), errors.NotComputable, "cannot look over -1"),
        Hostile("window 1.5", enter("sma(close, 1.5) > 1"), errors.NotComputable, "cannot look over 1.5"),
        Hostile("window of prices", enter("sma(close, close) > 1"), errors.NotComputable, "cannot look over close"),
        Hostile("hexadecimal", enter("close > 0x10"), errors.WrongName, "x10 cannot be a name"),
        Hostile("an imaginary number", enter("close > 1j"), errors.WrongName, "j cannot be a name"),
        Hostile("a stop of nothing", enter("close > 1") + "stop: 0 percent", errors.WrongDistance, "a distance of 0"),
        Hostile("a negative stop", enter("close > 1") + "stop: -2 percent", errors.WrongDistance, "-2 is none"),
        Hostile("a stop of all", enter("close > 1") + "stop: 100 percent", errors.WrongDistance, "below 100 percent"),
        Hostile(
            "a stop of price times volume",
            enter("close > 1") + "stop: 2 * force_index(14)",
            errors.NotComputable,
            "not price",
        ),
        Hostile("a trail of volume", enter("close > 1") + "trail: sma(volume, 9)", errors.NotComputable, "not price"),
        Hostile("a target without unit", enter("close > 1") + "target: rsi(14)", errors.NotComputable, "not price"),
        Hostile("a stop without unit", enter("close > 1") + "stop: 2", errors.WrongDistance, "no unit"),
        *(
            Hostile(f"{line}, in two units", enter("close > 1") + line, errors.WrongDistance, "not a plain number")
            for line in (
                "stop: 2 * atr(14) percent",
                "trail: 2 percent, step 2 * atr(14) percent",
                "target: atr(14) atrs",
                "break_even: close percent",
                "hold: close bars",
                "target: 2 percent, then 4 percent, share volume",
            )
        ),
        Hostile("a stop over no bars", enter("close > 1") + "stop: 2 atrs(0)", errors.NotComputable, "cannot be 0"),
        Hostile(
            "a stop over prices", enter("close > 1") + "stop: 2 atrs(open)", errors.NotComputable, "over open bars"
        ),
        Hostile("a range upside down", "parameter n: 5 from 9 to 2 step 1\n" + HEAD, errors.NotComputable, "range"),
        Hostile("a step of zero", "parameter n: 5 from 2 to 9 step 0\n" + HEAD, errors.NotComputable, "step > 0"),
        Hostile("a version of halves", "version: 1.5\n" + HEAD, errors.WrongNumber, "whole number"),
    ]


def names() -> list[Hostile]:
    """Names that clash, run in circles or are not names."""
    return [
        Hostile("a let of itself", HEAD + "let a = a + 1", errors.UnknownName, "line 3 declares it"),
        Hostile("lets in a circle", HEAD + "let a = b\nlet b = a", errors.UnknownName, "line 4 declares it"),
        Hostile("two lets", HEAD + "let a = 1\nlet a = 2", errors.NameTaken, "already declared above"),
        Hostile(
            "a let named as a parameter",
            "parameter a: 5 from 2 to 9 step 1\nlet a = 1\n" + HEAD,
            errors.NameTaken,
            "a is already declared",
        ),
        Hostile("an input declared anew", HEAD + "let close = 1", errors.NameTaken, "a word of the language"),
        Hostile("a function declared anew", HEAD + "let ema = 1", errors.NameTaken, "a word of the language"),
        Hostile("a key word as a name", HEAD + "let and = 1", errors.NameTaken, "a key word"),
        Hostile("a quote in a name", 'name: "x\'); drop"\n', errors.Unexpected, "a name was expected"),
        Hostile("a path as a name", "name: ../../etc/passwd\n", errors.Unexpected, "a name was expected"),
        Hostile("a capital", enter("EMA(close, 3) > 1"), errors.WrongName, "EMA cannot be a name"),
        Hostile("a long name", enter("a" * 5_000), errors.WrongName, "at most 40 characters"),
        Hostile("a typo", enter("emma(close, 3) > 1"), errors.UnknownName, "did you mean ema?"),
        Hostile(
            "a parameter that changes nothing",
            "parameter n: 5 from 2 to 9 step 1\n" + enter("close > 1"),
            errors.ParameterUnused,
            "parameter n changes nothing",
        ),
    ]


def scopes() -> list[Hostile]:
    """What asks for other bars in a wrong way."""
    nested = 'on("1h", on("4h", close)) > 1'
    return [
        Hostile("a wrong timeframe", enter('on("1x", close) > 1'), errors.NotComputable, "1x"),
        Hostile("a timeframe that is no text", enter("on(1, close) > 1"), errors.WrongCall, "timeframe takes text"),
        Hostile("text for an expression", enter('on("1h", "close") > 1'), errors.WrongCall, "expr takes no text"),
        Hostile("a timeframe in a timeframe", enter(nested), errors.NotComputable, "is inside"),
        Hostile("an age for ever", enter('external("x", max_age = "9e9h") > 1'), errors.NotComputable, "is no age"),
        Hostile("no age", enter('external("x") > 1'), errors.WrongCall, "argument max_age is missing"),
        Hostile("prices as an exponent", enter("exp(close) > 1"), errors.NotComputable, "exp"),
        Hostile("price and volume", enter("close > volume"), errors.NotComputable, "is volume"),
        Hostile(
            "many scans",
            enter(" or ".join(f"rank(close, {900 + i}) > 0.5" for i in range(9))),
            errors.TooCostly,
            "operations a bar",
        ),
    ]


def grammar() -> list[Hostile]:
    """Sentences that are none."""
    return [
        Hostile("nothing", "", errors.StatementMissing, "`name: ...`"),
        Hostile("only a comment", "# enter: close > 1", errors.StatementMissing, "`name: ...`"),
        Hostile("no exit", "name: x\nenter: close > 1", errors.StatementMissing, "`exit: ...`"),
        Hostile("an indented beginning", "  name: x", errors.Unexpected, "begin at the start of the line"),
        Hostile("an unterminated string", enter('ema("close, 3)'), errors.WrongCharacter, "close the text"),
        Hostile("two entries", enter("close > 1") + "enter: close > 2", errors.StatementTwice, "on line 3"),
        Hostile("a chain of comparisons", enter("1 < close < 3"), errors.Unexpected, "compare two at a time"),
        Hostile("equality", enter("close == 3"), errors.Unexpected, "end of the statement"),
        Hostile("a percent sign", enter("close > 1") + "stop: 2%", errors.WrongCharacter, "2 percent"),
        Hostile("a number as a condition", enter("close"), errors.NotComputable, "is a number, not true or false"),
        Hostile("a condition as a number", enter("ema(close > 1, 3) > 1"), errors.NotComputable, "is true or false"),
        Hostile("a condition of numbers", enter("close and open"), errors.NotComputable, "compare it first"),
        Hostile("half a crossing", enter("close crosses open"), errors.Unexpected, "above or below"),
        Hostile("several outputs", enter("bollinger(20, 2) > 1"), errors.WrongCall, "upper, middle, lower"),
        Hostile("too many arguments", enter("rsi(14, 14, 14, 14) > 1"), errors.WrongCall, "4 arguments are too many"),
        Hostile("an argument twice", enter("rsi(14, length = 14) > 1"), errors.WrongCall, "length is given twice"),
        Hostile("an argument missing", enter("highest(high) > 1"), errors.WrongCall, "argument n is missing"),
        Hostile("a function without a call", enter("ema > 1"), errors.WrongCall, "ema is a function"),
        Hostile("a call of a price", enter("close(3) > 1"), errors.UnknownName, "without parentheses"),
    ]


def grown_bytes() -> int:
    """How far the process grew, at its worst, while it refused all of them."""
    strategy_of(enter("close > 1"))
    before = memory_bytes("VmRSS")
    for hostile in corpus():
        try:
            strategy_of(hostile.text)
        except TextRefused:
            continue
        raise AssertionError(hostile.name)
    return memory_bytes("VmHWM") - before


def memory_bytes(row: str) -> int:
    """Resident memory of this process: VmRSS now, VmHWM at its worst."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(row))


if __name__ == "__main__":
    print(grown_bytes())
