"""What was wrong with a command line. A word that no command takes is repeated only where it is nearly a command's name:
anything may have been typed in a wrong place, a key or a password too.
"""

from __future__ import annotations

from difflib import get_close_matches

from cyclopts import CycloptsError, UnknownCommandError, UnusedCliTokensError

# More are a page of their own.
NAMED_MAX = 12


def words_of(error: CycloptsError) -> str:
    """One line for people: what was wrong, what was probably meant, where the rest is written."""
    command = " ".join(["tradepool", *(error.command_chain or ())])
    if isinstance(error, UnknownCommandError | UnusedCliTokensError) and error.unused_tokens:
        names = [name for name in error.app or () if not name.startswith("-")]
        return f"{_surplus(command, error.unused_tokens, names)} See {command} --help."
    return f"{' '.join(str(error).split())} See tradepool --help."


def _surplus(command: str, words: list[str], names: list[str]) -> str:
    """What to say of words that are left over, to whoever has commands of these names.

    >>> _surplus("tradepool keys", ["chekc"], ["add", "check"]), _surplus("tradepool keys", ["hunter2"], ["add", "check"])
    ('tradepool keys has no command chekc; did you mean check?', 'tradepool keys has no such command; it has add, check.')
    >>> _surplus("tradepool keys add", ["hunter2"], [])
    'tradepool keys add takes fewer words: 1 too many; what has blanks in it goes in quotes.'
    """
    if not names:
        return f"{command} takes fewer words: {len(words)} too many; what has blanks in it goes in quotes."
    if near := get_close_matches(words[0], names):
        return f"{command} has no command {words[0]}; did you mean {' or '.join(near)}?"
    known = f"; it has {', '.join(names)}" if len(names) <= NAMED_MAX else ""
    return f"{command} has no such command{known}."
