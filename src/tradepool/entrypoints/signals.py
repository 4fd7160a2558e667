"""The command `signals`. Heavy imports inside, as in `cli`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from tradepool.entrypoints.inputs import Config
from tradepool.entrypoints.saying import say, show


def signals(
    *,
    last: Annotated[int, Parameter(help="How many of each account.")] = 10,
    json: Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")] = False,
    config: Config = None,
) -> None:
    """The last entries that accounts of this deployment acted on: why each came, and how sure it was."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.told_signals import told_signals
    from tradepool.presentation.signals_page import signals_page

    found = told_signals(deployed_from(config), last)
    if json:
        say(found)
    else:
        show(signals_page(found))
