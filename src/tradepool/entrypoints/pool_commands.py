"""`tradepool pool`: who consents to the trade pool, gathering, what is in it. What it is: docs/guides/pool.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tradepool.entrypoints.deployment_commands import Json
from tradepool.entrypoints.inputs import Config

pool_app = App(name="pool", help="What users' trades teach all: consent, status, gather, show, export.")


@pool_app.command(name="consent")
def pool_consent(
    user: Annotated[str, Parameter(help="A section [users.NAME] of the configuration.")],
    *,
    withdraw: Annotated[bool, Parameter(help="He consents no more: his trades leave the pool.")] = False,
    config: Config = None,
) -> None:
    """Write down that a user agrees to have his closed trades pooled, or does so no more."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.pool import consent
    from tradepool.presentation.pool_page import consent_words

    news = consent(deployed_from(config), user, given=not withdraw)
    print(consent_words(user, given=not withdraw, news=news))


@pool_app.command(name="status")
def pool_status(*, json: Json = False, config: Config = None) -> None:
    """Who consents, how many trades are pooled, when they were gathered."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.pool import status
    from tradepool.entrypoints.saying import say
    from tradepool.entrypoints.saying import show as show_it
    from tradepool.presentation.pool_page import status_page

    found = status(deployed_from(config))
    say(found) if json else show_it(status_page(found))


@pool_app.command(name="gather")
def pool_gather(
    *,
    now: Annotated[bool, Parameter(help="Even if the last gathering was less than a day ago.")] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Gather what the trading process gathers every 24 h; what was withdrawn leaves the file."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.pool_daily import refuse_unless_due
    from tradepool.entrypoints.pool_gathering import gather
    from tradepool.entrypoints.saying import say
    from tradepool.presentation.pool_page import gathered_line

    deployed = deployed_from(config)
    if not now:
        refuse_unless_due(deployed)
    found = gather(deployed)
    if json:
        say(found)
    else:
        print(gathered_line(found))


@pool_app.command(name="show")
def pool_show(
    *,
    by: Annotated[
        Literal["strategy", "market", "timeframe", "exit_reason", "origin"], Parameter(help="What a row shares.")
    ] = "strategy",
    origin: Annotated[Literal["real", "practice", "backtest"] | None, Parameter(help="Only trades made so.")] = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Trades, their mean return and the share that won, by strategy, market, timeframe, exit reason or origin."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.pool import show
    from tradepool.entrypoints.saying import say
    from tradepool.entrypoints.saying import show as show_it
    from tradepool.presentation.pool_page import show_page

    found = show(deployed_from(config), by, origin)
    say(found) if json else show_it(show_page(found))


@pool_app.command(name="export")
def pool_export(file: Annotated[Path, Parameter(help="The Parquet file to write.")], *, config: Config = None) -> None:
    """Write the pool to a file: pseudonyms, returns and features; no user, no size."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.pool import exported

    print(f"{exported(deployed_from(config), file):,} trades are in {file}")
