"""How commands say things: one JSON object on standard output, or a page for people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import msgspec
    from rich.console import Console, RenderableType


def say(shape: msgspec.Struct) -> None:
    """One line of JSON."""
    from tradepool.presentation.results import as_json

    print(as_json(shape), flush=True)


def show(page: RenderableType) -> None:
    """A page on standard output."""
    console().print(page)


def console(*, stderr: bool = False) -> Console:
    """A console whose width fits whoever reads."""
    from rich.console import Console

    # A pipe has no width; tables are then as wide as their contents, so that grep finds whole lines.
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, soft_wrap=not is_terminal, width=None if is_terminal else 160)
