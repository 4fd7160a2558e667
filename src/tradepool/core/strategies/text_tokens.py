"""From a strategy text to words and signs, a list for each statement. Nothing here knows what they mean."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from tradepool.core.strategies.text_errors import TextTooLong, TooManyTokens, Unexpected, WrongCharacter, WrongName

TEXT_CHARACTERS_MAX = 20_000
TOKENS_MAX = 5_000
NAME_CHARACTERS_MAX = 40
_QUOTE_CHARACTERS = 40

Kind = Literal["name", "number", "string", "sign", "end"]

# Only ASCII: a letter of another alphabet that looks like one of ours is a wrong character.
_TOKEN = re.compile(
    r"(?P<number>[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r'|(?P<string>"[^"]*")'
    r"|(?P<sign><=|>=|[-+*/<>=().,:])"
)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_REMEDIES = {
    "%": "write `2 percent` after stop:, trail: or target:, and 0.02 elsewhere",
    "&": "write and",
    "|": "write or",
    "!": "write not",
    "~": "write not",
    "'": 'put text between "double quotes"',
    '"': "close the text with a second quote on the same line",
    ";": "write each statement on a line of its own",
    "[": "use round parentheses; a value of earlier bars is lag(x, n)",
    "{": "use round parentheses",
    "^": "multiply instead, or take square_root",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A word or sign, and where it stands: line and column from 1, `source` is its whole line."""

    kind: Kind
    text: str
    line: int
    column: int
    source: str


def place_of(token: Token) -> dict[str, object]:
    """The facts that every error at a token tells: line, column, and the text from there on, cut and escaped."""
    rest = token.source[token.column - 1 :]
    shown = ascii(rest[:_QUOTE_CHARACTERS])[1:-1] + ("..." if len(rest) > _QUOTE_CHARACTERS else "")
    return {
        "line": token.line,
        "column": token.column,
        "place": f"`{shown}`" if rest.strip() else "the end of the line",
    }


def statements(text: str) -> list[list[Token]]:
    """The statements of a text, each with an `end` token last; a line that begins with a space goes on with the one before.

    Raises TextTooLong before it looks at anything, then WrongCharacter, WrongName, Unexpected and TooManyTokens.

    >>> [[token.text for token in line] for line in statements("enter: close >\\n  2.5 # a comment")]
    [['enter', ':', 'close', '>', '2.5', '']]
    """
    if len(text) > TEXT_CHARACTERS_MAX:
        raise TextTooLong(length=len(text), most=TEXT_CHARACTERS_MAX)
    found: list[list[Token]] = []
    count = 0
    for number, source in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        tokens = _tokens(source, number)
        count += len(tokens)
        if count > TOKENS_MAX:
            raise TooManyTokens(**place_of(tokens[0]), most=TOKENS_MAX)
        if not tokens:
            continue
        if not source.startswith((" ", "\t")):
            found.append(tokens)
        elif found:
            found[-1].extend(tokens)
        else:
            remedy = "begin at the start of the line; a line that begins with a space goes on with the one before"
            raise Unexpected(**place_of(tokens[0]), expected="a statement", remedy=remedy)
    for tokens in found:
        last = tokens[-1]
        tokens.append(Token("end", "", last.line, len(last.source.rstrip()) + 1, last.source))
    return found


def _tokens(source: str, line: int) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(source):
        if source[at] in " \t":
            at += 1
            continue
        if source[at] == "#":
            _refuse_hidden(source, line, at)
            break
        matched = _TOKEN.match(source, at)
        if matched is None:
            raise _wrong_character(source, line, at)
        kind: Kind = matched.lastgroup  # type: ignore[assignment]  # the groups are named after the kinds
        token = Token(kind, matched[0], line, at + 1, source)
        _refuse_wrong(token, tokens[-1] if tokens else None)
        tokens.append(token)
        at = matched.end()
    return tokens


def _refuse_wrong(token: Token, before: Token | None) -> None:
    """Refuse a name that cannot be one, a name glued to a number, and what hides in a string."""
    if token.kind == "string":
        _refuse_hidden(token.source, token.line, token.column - 1, token.column - 1 + len(token.text))
    if token.kind != "name":
        return
    glued = before is not None and before.kind == "number" and before.column + len(before.text) == token.column
    if glued or not _NAME.fullmatch(token.text) or len(token.text) > NAME_CHARACTERS_MAX or "__" in token.text:
        shown = token.text[:NAME_CHARACTERS_MAX] + ("..." if len(token.text) > NAME_CHARACTERS_MAX else "")
        remedy = f"use a-z, 0-9 and single _, from a letter, at most {NAME_CHARACTERS_MAX} characters"
        raise WrongName(**place_of(token), name=shown, remedy=remedy)


def _refuse_hidden(source: str, line: int, start: int, end: int | None = None) -> None:
    """A comment or a string may hold any letter, but nothing that cannot be seen."""
    for at, character in enumerate(source[start:end], start):
        if not character.isprintable() and character != "\t":
            raise _wrong_character(source, line, at)


def _wrong_character(source: str, line: int, at: int) -> WrongCharacter:
    character = source[at]
    place = place_of(Token("sign", character, line, at + 1, source))
    if character in _REMEDIES:
        return WrongCharacter(**place, character=character, remedy=_REMEDIES[character])
    name = unicodedata.name(character, "a control character")
    seen = f"{character} " if character.isascii() and character.isprintable() else ""
    remedy = "use plain letters, digits and signs" if seen else "type this place anew with plain letters"
    return WrongCharacter(**place, character=f"{seen}U+{ord(character):04X} ({name})", remedy=remedy)
