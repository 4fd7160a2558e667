"""The commands of mandates: list, show, preview, promote. Heavy imports inside, as in `cli`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tradepool.entrypoints.inputs import Config

Json = Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")]
Practised = Annotated[
    Path | None, Parameter(help="The configuration of the practice deployment where its strategy was promoted.")
]

mandates_app = App(name="mandates", help="What users allow, and how far each may go.")


@mandates_app.default
@mandates_app.command(name="list")
def mandates_list(*, json: Json = False, config: Config = None) -> None:
    """Every active mandate and the rung it stands on: practice, shadow, canary, live."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.promotion import mandates
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.mandates_page import MandatesJson, mandates_page

    rows = mandates(deployed_from(config))
    if json:
        say(MandatesJson(rows))
    else:
        show(mandates_page(rows))


@mandates_app.command(name="show")
def mandates_show(mandate: str, *, json: Json = False, config: Config = None) -> None:
    """One mandate: limits, rung, and who let it go there."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.promotion import mandates, seat_named
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.mandates_page import mandate_page

    deployed = deployed_from(config)
    name = seat_named(deployed, mandate).mandate.id
    row = next(row for row in mandates(deployed) if row.mandate == name)
    if json:
        say(row)
    else:
        show(mandate_page(row))


@mandates_app.command(name="preview")
def mandates_preview(mandate: str, *, practised: Practised = None, json: Json = False, config: Config = None) -> None:
    """What it may have at stake now, and the checklist before its next rung."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.explain import unexplained
    from tradepool.entrypoints.promotion import preview
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.mandates_page import preview_page

    shown = preview(deployed_from(config), mandate, practised, unexplained)
    if json:
        say(shown)
    else:
        show(preview_page(shown))


@mandates_app.command(name="promote")
def mandates_promote(
    mandate: str,
    *,
    to: Annotated[Literal["shadow", "canary", "live"], Parameter(help="The rung; a lower one is always free.")],
    practised: Practised = None,
    reason: Annotated[str | None, Parameter(help="Why; it is written down.")] = None,
    config: Config = None,
) -> None:
    """Let a mandate go a rung farther: a checklist, then its name typed back. Refused with the line that fails."""
    from tradepool.domain.deployment import Mode
    from tradepool.entrypoints import promotion
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.explain import unexplained
    from tradepool.entrypoints.saying import show
    from tradepool.presentation.mandates_page import checklist_page

    deployed, wanted = deployed_from(config), Mode(to)
    if promotion.refuse_unless(deployed, mandate, wanted):
        shown = promotion.preview(deployed, mandate, practised, unexplained)
        show(checklist_page(shown.checklist))
        promotion.refuse_unready(shown, wanted)
    print(promotion.promote(deployed, mandate, wanted, reason))
