"""The command `balance`. Heavy imports inside, as in `cli`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from tradepool.entrypoints.deployment_commands import Json
from tradepool.entrypoints.inputs import Config


def balance(
    user: Annotated[str | None, Parameter(help="Whose [default: everybody's].")] = None,
    /,
    *,
    json: Json = False,
    config: Config = None,
) -> None:
    """What a user has at his venues: coin by coin, the mandates' and his own, its worth, and what came and went."""
    from tradepool.entrypoints.balance import balances
    from tradepool.entrypoints.emergency import deployed_anyhow
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.balance_page import BalancesJson, balances_page

    found = balances(deployed_anyhow(config), user)
    if json:
        say(BalancesJson(accounts=found))
    else:
        show(balances_page(found))
