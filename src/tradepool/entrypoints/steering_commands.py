"""The commands positions, orders and trades. Heavy imports inside, as in `cli`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from tradepool.entrypoints.inputs import Config, read_whole

Json = Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")]
OfUser = Annotated[str | None, Parameter(help="One user.")]
Reason = Annotated[str | None, Parameter(help="Why; it is written down.")]

positions_app = App(name="positions", help="What is held; close it, adopt a holding, release one.")
orders_app = App(name="orders", help="Orders that are open.")
trades_app = App(name="trades", help="Closed trades.")


@positions_app.default
@positions_app.command(name="list")
def positions_list(*, user: OfUser = None, json: Json = False, config: Config = None) -> None:
    """Open positions, each with an id to type, its last price and its stop."""
    from tradepool.entrypoints.emergency import deployed_anyhow
    from tradepool.entrypoints.saying import say, show
    from tradepool.entrypoints.steered import positions
    from tradepool.presentation.books_page import PositionsJson, positions_page

    rows = positions(deployed_anyhow(config), user)
    if json:
        say(PositionsJson(rows))
    else:
        show(positions_page(rows) if rows else "Nothing is held.")


@positions_app.command(name="close")
def positions_close(
    position: Annotated[str, Parameter(help="Its id (positions list), or its market.")],
    *,
    share: Annotated[str, Parameter(help="How much of it, such as 0.5 [default: all].")] = "1",
    user: OfUser = None,
    reason: Reason = None,
    config: Config = None,
) -> None:
    """Sell a position, or a share of it, at market; what is left stays protected. Its id is typed back."""
    from tradepool.entrypoints import steered
    from tradepool.entrypoints.emergency import deployed_anyhow

    deployed = deployed_anyhow(config)
    print(steered.do(deployed, steered.close(deployed, position, share, user), reason))


@positions_app.command(name="release")
def positions_release(
    position: Annotated[str, Parameter(help="Its id (positions list), or its market.")],
    *,
    user: OfUser = None,
    reason: Reason = None,
    config: Config = None,
) -> None:
    """Make a position its user's own: its stop is taken back, it leaves the mandate. Its id is typed back."""
    from tradepool.entrypoints import steered
    from tradepool.entrypoints.commission_deeds import note_bid
    from tradepool.entrypoints.emergency import deployed_anyhow

    deployed = deployed_anyhow(config)
    deed = steered.release(deployed, position, user)
    print(steered.do(deployed, deed, reason))
    note_bid(deployed, deed.asked["market"], deed.asked["quantity"])


@positions_app.command(name="adopt")
def positions_adopt(
    market: Annotated[str, Parameter(help="Such as BTC/USDT.")],
    *,
    quantity: Annotated[str | None, Parameter(help="How much of its base [default: all that is free].")] = None,
    stop_percent: Annotated[str, Parameter(help="How far below its stop is placed [default: 5].")] = "5",
    user: OfUser = None,
    reason: Reason = None,
    config: Config = None,
) -> None:
    """Let the mandate have what its user bought himself: protected, and sold by its strategy. The market is typed back."""
    from tradepool.entrypoints import steered
    from tradepool.entrypoints.emergency import deployed_anyhow

    deployed = deployed_anyhow(config)
    print(steered.do(deployed, steered.adopt(deployed, market, quantity, stop_percent, user), reason))


@orders_app.default
@orders_app.command(name="list")
def orders_list(*, user: OfUser = None, json: Json = False, config: Config = None) -> None:
    """Orders of ours that are open, each with an id to type."""
    from tradepool.entrypoints.emergency import deployed_anyhow
    from tradepool.entrypoints.saying import say, show
    from tradepool.entrypoints.steered import orders
    from tradepool.presentation.books_page import OrdersJson, orders_page

    rows = orders(deployed_anyhow(config), user)
    if json:
        say(OrdersJson(rows))
    else:
        show(orders_page(rows) if rows else "No order is open.")


@orders_app.command(name="cancel")
def orders_cancel(
    order: Annotated[str, Parameter(help="Its id (orders list), or its whole name.")],
    *,
    reason: Reason = None,
    config: Config = None,
) -> None:
    """Take an order from the book; not one that protects a position. Its id is typed back."""
    from tradepool.entrypoints import steered
    from tradepool.entrypoints.emergency import deployed_anyhow

    deployed = deployed_anyhow(config)
    print(steered.do(deployed, steered.cancel(deployed, order), reason))


@trades_app.default
@trades_app.command(name="list")
def trades_list(
    *,
    user: OfUser = None,
    last: Annotated[int, Parameter(converter=read_whole, help="How many, the newest [default: 20].")] = 20,
    json: Json = False,
    config: Config = None,
) -> None:
    """Closed trades, the newest last."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.inputs import whole
    from tradepool.entrypoints.saying import say, show
    from tradepool.entrypoints.steered import trades
    from tradepool.presentation.books_page import TradesJson, trades_page

    rows = trades(deployed_from(config), user, whole("--last", last, 1, 1_000_000))
    if json:
        say(TradesJson(rows))
    else:
        show(trades_page(rows) if rows else "No trade has been closed.")
