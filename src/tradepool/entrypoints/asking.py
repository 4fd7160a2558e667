"""Who types a command: the operator of this machine, or, with `--as USER`, a person of the deployment.

`--as` is for whoever stands between a person and the command line (a forced command of SSH, a front end): what is asked is
answered as that person may hear it. It is no login: who may type it may type anything before it. What stands before it is
the operator's (`tradepool --config FILE --as ann`), what follows is the person's, who names no files of this machine.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from tradepool.domain.errors import InvalidInput
from tradepool.domain.policy import Action

FLAG = "--as"
# No name of a person holds a colon: a user of the machine is never taken for one, and what he types as a name neither.
SHELL, TYPED = "shell:", "typed:"


class AsWhom(InvalidInput):
    """--as names {count} people; name one, such as --as ann."""


class NotAs(InvalidInput):
    """Nothing was done: {command} is nobody's but the operator's of this machine; say it without --as."""


class FileNamed(InvalidInput):
    """Nothing was done: {what} is a file of this machine, and of those only the operator names one, before --as (tradepool --config FILE --as ann positions)."""


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
    "audit show": Action.AUDIT,
    "audit verify": Action.AUDIT,
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
    "strategies list": Action.LOOK,
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
    """The name that a deed is written down under: a person's, or the machine's user, such as shell:root."""
    asks = asker()
    return f"{SHELL}{machine_user()}" if asks is None else asks.user


def machine_user() -> str:
    """Whose process this is, by the system, which knows better than an environment that anybody writes; a number where it
    has no name for him."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


@contextmanager
def asked(
    arguments: Sequence[str] | None,
    words_of: Callable[[Sequence[str]], Sequence[str]],
    files_in: Callable[[Sequence[str]], Sequence[str]] = lambda rest: (),
) -> Iterator[Sequence[str]]:
    """The arguments (None: of this process) without --as; meanwhile it is the person it names who asks. AsWhom, NotAs,
    FileNamed.

    `words_of` says which of them are the command, `files_in` which parameters of it are files.

    >>> with asked(["--json", "--as", "ann", "positions", "list"], lambda arguments: arguments[:2]) as rest:
    ...     rest, asker(), me()
    (['positions', 'list', '--json'], Asker(user='ann', action=<Action.LOOK: 'look at books and orders'>), 'ann')
    """
    operators, names, rest = _split(sys.argv[1:] if arguments is None else arguments)
    if not names:
        yield rest
        return
    if len(names) != 1 or not names[0]:
        raise AsWhom(count=sum(map(bool, names)))
    words = words_of(rest)
    command = " ".join(words)
    if command not in COMMANDS:
        raise NotAs(command=command or "that")
    if files := files_in(rest):
        raise FileNamed(what=", ".join(files))
    token = _ASKER.set(Asker(names[0], COMMANDS[command]))
    try:
        yield [*rest[: len(words)], *operators, *rest[len(words) :]]
    finally:
        _ASKER.reset(token)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """The flags before it, if nothing else is; the names that --as was given, whatever else is wrong; and everything else."""
    operators, names, rest, left = list[str](), list[str](), list[str](), iter(arguments)
    for each in left:
        if each != FLAG and not each.startswith(f"{FLAG}="):
            rest.append(each)
            continue
        if not names and rest and rest[0].startswith("-"):
            operators, rest = rest, []
        names.append(next(left, "") if each == FLAG else each.removeprefix(f"{FLAG}="))
    return operators, names, rest
