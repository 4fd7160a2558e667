"""The commands of limits: risk show, set, resume. Heavy imports inside, as in `cli`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from tradepool.entrypoints.inputs import Config

risk_app = App(name="risk", help="Limits: what they are, how much of them is in use, and changing them.")

Json = Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")]
Reason = Annotated[str | None, Parameter(help="Why; it is written down.")]


@risk_app.command
def show(
    *,
    user: Annotated[str | None, Parameter(help="Only what concerns this user.")] = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Every limit: its value, how much of it is in use, what is left, and since when it is reached."""
    import msgspec

    from tradepool.entrypoints import risk
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.saying import show as on_screen
    from tradepool.presentation.risk_page import risk_page

    found = risk.show(deployed_from(config), user)
    if json:
        print(msgspec.json.encode(found).decode(), flush=True)
    else:
        on_screen(risk_page(found))


@risk_app.command(name="set")
def set_(
    limit: Annotated[str, Parameter(help="Such as platform.exposure_max, user.ann.daily_loss_max (see risk show).")],
    value: Annotated[str, Parameter(help="Its value from now on; none: no limit; configured: as the file says.")],
    *,
    reason: Reason = None,
    config: Config = None,
) -> None:
    """Change a limit while trading runs, and for good: the configuration's value holds no more. It is typed back."""
    from tradepool.entrypoints import risk
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.emergency import typed_back

    deployed = deployed_from(config)
    print(risk.set_limit(deployed, limit, value, typed_back(f"set {limit} to {value}", limit, reason)))


@risk_app.command
def resume(
    scope: Annotated[str, Parameter(help="Such as platform, user.ann, mandate.ann-first, market.BTC/USDT.")],
    *,
    reason: Reason = None,
    config: Config = None,
) -> None:
    """Let a scope trade on after a limit was reached: losses are measured anew. It is typed back. A halt stays."""
    from tradepool.entrypoints import risk
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.emergency import typed_back

    deployed = deployed_from(config)
    print(risk.resume(deployed, scope, typed_back(f"let {scope} trade on", scope, reason)))
