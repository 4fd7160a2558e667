"""Every command that can be asked for with --as, made out of the command line itself: its ids, and how to call it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, get_args

from cyclopts import App

from tradepool.entrypoints import cli
from tradepool.entrypoints.asking import COMMANDS

IDS = ("user", "account", "mandate", "position", "order")
# What else is said to a command, by the parameter that takes it.
SAID = {
    "reason": ["because"],
    "day": ["2026-01-01"],
    "month": ["2026-01"],
    "to": ["shadow"],
    "market": ["BTC/USDT"],
    "limit": ["platform.exposure_max"],
    "value": ["5"],
    "scope": ["platform"],
    "what": ["BTC/USDT"],
    "cash": ["USDT=1"],
    "terms": ["--strategy", "donchian_turtle", "--capital", "1"],
    "debit": ["capital"],
    "credit": ["venue"],
    "asset": ["USDT"],
    "amount": ["1"],
    "tiers": ["20"],
    "consent": ["mail of 2026-01-01"],
    "person": ["--called", "X"],
    "withdraw": ["--withdraw"],
}
HOLE = "the id"


class Call(NamedTuple):
    """A command line in which one id is left open."""

    command: str
    asks_for: str
    words: list[str]

    def of(self, name: str) -> list[str]:
        """The line about this one."""
        return [name if word is HOLE else word for word in self.words]


def every_command(app: App = cli.app, above: str = "") -> Iterator[tuple[str, Mapping[str, inspect.Parameter]]]:
    """All that there are, with their parameters, whoever may ask for them."""
    for name in app:
        if not name.startswith("-"):
            if (command := app[name].default_command) is not None:
                yield f"{above}{name}", inspect.signature(command).parameters
            yield from every_command(app[name], f"{above}{name} ")


def signatures() -> Iterator[tuple[str, Mapping[str, inspect.Parameter]]]:
    """Each that can be asked for with --as."""
    known = dict(every_command())
    yield from ((command, known[command]) for command in COMMANDS)


def calls(own: Mapping[str, str]) -> list[Call]:
    """A call for each id that each command takes, in which every other id is a person's own."""
    return [
        Call(command, asks_for, [*command.split(), *_words(parameters, asks_for, own)])
        for command, parameters in signatures()
        for asks_for in parameters
        if asks_for in own
    ]


def looks(own: Mapping[str, str]) -> list[list[str]]:
    """Every command that needs no id."""
    return [
        [*command.split(), *_words(parameters, "", own)]
        for command, parameters in signatures()
        if not any(name in IDS and p.default is p.empty for name, p in parameters.items())
    ]


def files(own: Mapping[str, str], app: App = cli.app, above: str = "") -> Iterator[list[str]]:
    """Every command with every flag that is a file."""
    for name in app:
        if name.startswith("-"):
            continue
        command, inner = f"{above}{name}", app[name]
        yield from files(own, inner, f"{command} ")
        if command in COMMANDS and inner.default_command is not None:
            words = [*command.split(), *_words(inspect.signature(inner.default_command).parameters, "", own)]
            for argument in inner.assemble_argument_collection():
                if Path in (argument.hint, *get_args(argument.hint)):
                    yield [*words, argument.name, "somewhere"]


def _words(parameters: Mapping[str, inspect.Parameter], asks_for: str, own: Mapping[str, str]) -> Iterator[str]:
    for name, parameter in parameters.items():
        optional = parameter.default is not parameter.empty
        given = [HOLE] if name == asks_for else [own[name]] if name in own and not optional else SAID.get(name, [])
        flagged = given and parameter.kind is parameter.KEYWORD_ONLY and not given[0].startswith("--")
        yield from [f"--{name}", *given] if flagged else given
