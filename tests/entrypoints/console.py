"""Running the command line inside the test's process."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tradepool.entrypoints import cli


class Said(NamedTuple):
    """What a command line answered."""

    code: int
    out: str
    err: str


Console = Callable[..., Said]


def console_of(capsys: pytest.CaptureFixture[str]) -> Console:
    """A function: arguments -> what was said."""

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run
