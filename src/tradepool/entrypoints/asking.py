"""Who types a command: the operator of this machine, or, with `--as USER`, a person of the deployment.

`--as` is for whoever stands between a person and the command line (a forced command of SSH, a front end): what is asked is
answered as that person may hear it. It is no login: who may type it may type anything.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from tradepool.domain.errors import InvalidInput
from tradepool.domain.policy import Action

FLAG = "--as"


class AsWhom(InvalidInput):
    """--as names {count} people; name one, such as --as ann."""


class NotAs(InvalidInput):
    """Nothing was done: {command} is nobody's but the operator's of this machine; say it without --as."""


# What a command does, for the policy. What is not here can't be asked for with --as.
COMMANDS: Mapping[str, Action] = {
    "positions": Action.LOOK,
    "positions list": Action.LOOK,
    "positions close": Action.TRADE,
    "positions release": Action.TRADE,
    "positions adopt": Action.TRADE,
    "orders": Action.LOOK,
    "orders list": Action.LOOK,
    "orders cancel": Action.TRADE,
    "trades": Action.LOOK,
    "trades list": Action.LOOK,
    "signals": Action.LOOK,
    "explain": Action.LOOK,
    "users": Action.LOOK,
    "users list": Action.LOOK,
    "users show": Action.LOOK,
    "users add": Action.PEOPLE,
    "users set": Action.PEOPLE,
    "users close": Action.PEOPLE,
    "users invite": Action.INVITE,
    "users pause": Action.PAUSE,
    "users resume": Action.RESUME,
    "accounts": Action.LOOK,
    "accounts list": Action.LOOK,
    "accounts show": Action.LOOK,
    "accounts add": Action.ACCOUNTS,
    "accounts set": Action.ACCOUNTS,
    "accounts close": Action.ACCOUNTS,
    "accounts pause": Action.PAUSE,
    "accounts resume": Action.RESUME,
    "mandates": Action.LOOK,
    "mandates list": Action.LOOK,
    "mandates show": Action.LOOK,
    "mandates preview": Action.LOOK,
    "mandates add": Action.MANDATES,
    "mandates set": Action.MANDATES,
    "mandates close": Action.MANDATES,
    "mandates pause": Action.PAUSE,
    "mandates resume": Action.RESUME,
    "mandates promote": Action.PROMOTE,
    "keys list": Action.KEYS,
    "keys add": Action.KEYS,
    "keys check": Action.KEYS,
    "keys burn": Action.KEYS,
    "ledger export": Action.LOOK,
    "ledger balance": Action.LOOK,
    "ledger verify": Action.AUDIT,
    "ledger correct": Action.CORRECT,
    "balance": Action.LOOK,
    "pool consent": Action.CONSENT,
    "commission preview": Action.LOOK,
    "commission statement": Action.LOOK,
    "commission settle": Action.BILLING,
    "commission pay": Action.BILLING,
    "commission schedule": Action.BILLING,
    "commission correct": Action.CORRECT,
    "commission goodwill": Action.CORRECT,
    "status": Action.WATCH,
    "report slippage": Action.WATCH,
    "risk show": Action.WATCH,
    "risk set": Action.LIMITS,
    "risk resume": Action.LIFT,
    "halt": Action.HALT,
    "flatten": Action.HALT,
    "resume": Action.LIFT,
    "suspend": Action.HALT,
    "suspend list": Action.WATCH,
    "suspend lift": Action.LIFT,
}


@dataclass(frozen=True, slots=True)
class Asker:
    """A person by the name that was given, and what he wants to do."""

    user: str
    action: Action


_ASKER: ContextVar[Asker | None] = ContextVar("asker", default=None)


def asker() -> Asker | None:
    """Who asks; None is the operator of this machine."""
    return _ASKER.get()


def me() -> str:
    """The name that a deed is written down under."""
    asks = asker()
    return getpass.getuser() if asks is None else asks.user


@contextmanager
def asked(
    arguments: Sequence[str] | None, words_of: Callable[[Sequence[str]], Sequence[str]]
) -> Iterator[Sequence[str]]:
    """The arguments (None: of this process) without --as; meanwhile it is the person it names who asks. AsWhom, NotAs.

    `words_of` says which of them are the command.

    >>> with asked(["positions", "--as", "ann", "--json"], lambda arguments: arguments[:1]) as rest:
    ...     rest, asker(), me()
    (['positions', '--json'], Asker(user='ann', action=<Action.LOOK: 'look at books and orders'>), 'ann')
    """
    rest, names = _split(sys.argv[1:] if arguments is None else arguments)
    if not names:
        yield rest
        return
    if len(names) != 1 or not names[0]:
        raise AsWhom(count=sum(map(bool, names)))
    command = " ".join(words_of(rest))
    if command not in COMMANDS:
        raise NotAs(command=command or "that")
    token = _ASKER.set(Asker(names[0], COMMANDS[command]))
    try:
        yield rest
    finally:
        _ASKER.reset(token)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Everything else, and the names that --as was given, whatever else is wrong with them."""
    rest, names, left = list[str](), list[str](), iter(arguments)
    for each in left:
        if each == FLAG:
            names.append(next(left, ""))
        elif each.startswith(f"{FLAG}="):
            names.append(each.removeprefix(f"{FLAG}="))
        else:
            rest.append(each)
    return rest, names
