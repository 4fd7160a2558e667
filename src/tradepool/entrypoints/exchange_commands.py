"""`tradepool exchange ...` on the command line. As in `cli`, heavy things are imported inside the commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tradepool.entrypoints.inputs import read_whole

exchange_app = App(name="exchange", help="A simulated exchange that real clients can't tell apart.")


@exchange_app.command(name="serve")
def exchange_serve(
    *,
    candles: Annotated[
        list[Path] | None, Parameter(consume_multiple=True, help="Candle files of one timeframe.")
    ] = None,
    model: Annotated[
        list[str] | None,
        Parameter(consume_multiple=True, help="Symbols of the market model [default: BTC/USDT ETH/USDT]."),
    ] = None,
    mirror: Annotated[str | None, Parameter(help="Live prices of a real venue: binance.")] = None,
    symbols: Annotated[
        list[str] | None,
        Parameter(consume_multiple=True, help="Its markets that are mirrored [default: BTC/USDT ETH/USDT]."),
    ] = None,
    scenario: Annotated[str | None, Parameter(help="What goes wrong: a TOML file, or storm, flash-crash ...")] = None,
    port: Annotated[int, Parameter(converter=read_whole, help="Port on this machine; 0 takes a free one.")] = 8443,
    control_port: Annotated[int, Parameter(converter=read_whole, help="Port of the control door.")] = 0,
    speed: Annotated[str, Parameter(help="Times real time.")] = "1",
    users: Annotated[int, Parameter(converter=read_whole, help="How many accounts are open.")] = 2,
    limits: Annotated[str, Parameter(help="Whose request limits hold: none or binance.")] = "none",
    seed: Annotated[int, Parameter(converter=read_whole, help="Seed of the market model and of all keys.")] = 7,
    slippage_bp: Annotated[
        int, Parameter(converter=read_whole, help="Basis points a market order pays where the book is endless.")
    ] = 1,
    rules: Annotated[
        str | None, Parameter(help="What markets ask of orders: none or binance [default: binance].")
    ] = None,
    spread_bp: Annotated[
        int | None, Parameter(converter=read_whole, help="Basis points between the best prices [default: 1].")
    ] = None,
    level_notional: Annotated[
        str | None, Parameter(help="What a level of the book is worth in quote, or endless [default: 50000].")
    ] = None,
    folder: Annotated[Path | None, Parameter(help="Where the authority and two clients are written.")] = None,
) -> None:
    """Run a Binance of your own on this machine: say how to reach it, then trade on it with any ccxt until Ctrl-C."""
    import time

    from tradepool.entrypoints.exchange import AskedExchange, serve_plan
    from tradepool.entrypoints.exchange_run import serve

    asked = AskedExchange(
        candles=candles,
        model=model,
        mirror=mirror,
        symbols=symbols,
        scenario=scenario,
        port=port,
        control_port=control_port,
        speed=speed,
        users=users,
        limits=limits,
        seed=seed,
        slippage_bp=slippage_bp,
        rules=rules,
        spread_bp=spread_bp,
        level_notional=level_notional,
        folder=folder,
    )
    serve(serve_plan(asked, time.time_ns() // 1_000_000), limits)


@exchange_app.command(name="limits")
def exchange_limits(
    venue: Annotated[str, Parameter(help="Whose limits.")] = "binance",
    *,
    plan: Annotated[int | None, Parameter(converter=read_whole, help="What so many users would take.")] = None,
    config: Annotated[
        Path | None, Parameter(help="Of the deployment whose use and waits are shown, while it trades.")
    ] = None,
    socket: Annotated[Path | None, Parameter(help="Valkey socket of several processes: their use and waits.")] = None,
    json: Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")] = False,
) -> None:
    """The venue's rate limits: use, headroom and waits now, and what a number of users would cost."""
    from tradepool.entrypoints.exchange_limits import USERS_MAX, limits_found
    from tradepool.entrypoints.inputs import whole
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.limits_page import limits_page

    found = limits_found(venue, None if plan is None else whole("--plan", plan, 1, USERS_MAX), config, socket)
    if json:
        say(found)
    else:
        show(limits_page(found))
