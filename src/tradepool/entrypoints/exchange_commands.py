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
    mirror: Annotated[str | None, Parameter(help="Live prices of a real venue.")] = None,
    scenario: Annotated[str | None, Parameter(help="What goes wrong: a TOML file, or storm, flash-crash ...")] = None,
    port: Annotated[int, Parameter(converter=read_whole, help="Port on this machine; 0 takes a free one.")] = 8443,
    control_port: Annotated[int, Parameter(converter=read_whole, help="Port of the control door.")] = 0,
    speed: Annotated[str, Parameter(help="Times real time.")] = "1",
    users: Annotated[int, Parameter(converter=read_whole, help="How many accounts are open.")] = 2,
    limits: Annotated[str, Parameter(help="Whose request limits hold: none or binance.")] = "none",
    seed: Annotated[int, Parameter(converter=read_whole, help="Seed of the market model and of all keys.")] = 7,
    slippage_bp: Annotated[int, Parameter(converter=read_whole, help="Basis points a market order pays.")] = 1,
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
        scenario=scenario,
        port=port,
        control_port=control_port,
        speed=speed,
        users=users,
        limits=limits,
        seed=seed,
        slippage_bp=slippage_bp,
        folder=folder,
    )
    serve(serve_plan(asked, time.time_ns() // 1_000_000), limits)
