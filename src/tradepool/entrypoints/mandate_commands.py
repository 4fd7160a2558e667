"""The commands of mandates: list, show, preview, promote, add, set, pause, resume, close. Heavy imports inside, as in `cli`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from tradepool.entrypoints.inputs import Config

Json = Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")]
Reason = Annotated[str | None, Parameter(help="Why; it is written down.")]
Practised = Annotated[
    Path | None, Parameter(help="The configuration of the practice deployment where its strategy was promoted.")
]

if TYPE_CHECKING:
    from tradepool.entrypoints.mandates import Wanted

mandates_app = App(name="mandates", help="What users allow, and how far each may go.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a mandate says; what is left out is as it is, or at its default."""

    strategy: Annotated[str | None, Parameter(help="Its name (strategies list).")] = None
    capital: Annotated[str | None, Parameter(help="Of the quote asset: no more than this is ever traded.")] = None
    markets: Annotated[
        list[str] | None, Parameter(consume_multiple=True, help="Such as BTC/USDT [default: [venue] symbols].")
    ] = None
    weight: Annotated[
        str | None, Parameter(help="The share of it that one position may take [default: 0.95 / markets].")
    ] = None
    entry: Annotated[
        Literal["market", "ioc", "fok", "post_only", "limit"] | None,
        Parameter(help="How entries are ordered [default: market]."),
    ] = None
    entry_slippage_max: Annotated[
        str | None,
        Parameter(help="How far above the close an ioc, fok or limit may pay, a share such as 0.001 [default: 0]."),
    ] = None
    param: Annotated[list[str] | None, Parameter(consume_multiple=True, help="Parameter values, name=value.")] = None
    limit: Annotated[
        list[str] | None,
        Parameter(
            consume_multiple=True, help="Limits, name=value or name=none [default: daily_loss_max=0.05, beside others]."
        ),
    ] = None
    mode: Annotated[
        Literal["practice", "shadow", "canary", "live"] | None, Parameter(help="How far it may go at most.")
    ] = None

    @property
    def wanted(self) -> Wanted:
        """The same, for those who do it."""
        from dataclasses import asdict

        from tradepool.entrypoints.mandates import Wanted

        return Wanted(**asdict(self))


AS_IT_IS = Terms()


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
    """What it would do now, what it may have at stake, its worst day by its limits, the checklist before its next rung."""
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
    reason: Reason = None,
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


@mandates_app.command(name="add")
def mandates_add(
    user: Annotated[str, Parameter(help="Whose it is.")],
    *,
    terms: Terms = AS_IT_IS,
    account: Annotated[str | None, Parameter(help="Which account [default: the user's one that is free].")] = None,
    name: Annotated[str | None, Parameter(help="What it is called [default: the user and a number].")] = None,
    reason: Reason = None,
    config: Config = None,
) -> None:
    """Let the platform trade a strategy for a user, with so much capital, within limits; from the next start on."""
    from tradepool.domain.register import Thing
    from tradepool.entrypoints.changing import new_name
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.inputs import BadFlag
    from tradepool.entrypoints.mandates import add_mandate

    for flag, given in (("--strategy", terms.strategy), ("--capital", terms.capital)):
        if given is None:
            raise BadFlag(flag=flag, value="left out", wanted="one; tradepool mandates add --help says what else")
    found = deployed_from(config)
    found.refuse_unknown_user(user)
    print(add_mandate(found, new_name(found, Thing.MANDATE, user, name), user, account, terms.wanted, reason))


@mandates_app.command(name="set")
def mandates_set(mandate: str, *, terms: Terms = AS_IT_IS, reason: Reason = None, config: Config = None) -> None:
    """Change a mandate; every version is kept. What allows more than before, its user does not do alone."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.mandates import set_mandate
    from tradepool.entrypoints.mistakes import Mistakes

    # Of a strategy that can't be used, too: that is how it gets another one.
    print(set_mandate(deployed_from(config, mistakes=Mistakes.UNLED), mandate, terms.wanted, reason))


@mandates_app.command(name="pause")
def mandates_pause(mandate: str, *, reason: Reason = None, config: Config = None) -> None:
    """Enter nothing for it from now on; exits and protections go on."""
    from tradepool.domain.register import Thing
    from tradepool.entrypoints.changing import pause
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.mistakes import Mistakes

    print(pause(deployed_from(config, mistakes=Mistakes.SET_ASIDE), Thing.MANDATE, mandate, reason))


@mandates_app.command(name="resume")
def mandates_resume(mandate: str, *, reason: Reason = None, config: Config = None) -> None:
    """Let it enter again; what somebody of the house has paused, its user can't."""
    from tradepool.domain.register import Thing
    from tradepool.entrypoints.changing import resume
    from tradepool.entrypoints.deployment import deployed_from

    print(resume(deployed_from(config), Thing.MANDATE, mandate, reason))


@mandates_app.command(name="close")
def mandates_close(mandate: str, *, reason: Reason = None, config: Config = None) -> None:
    """End it for good, once it holds nothing; its books stay."""
    from tradepool.entrypoints.emergency import deployed_anyhow
    from tradepool.entrypoints.mandates import close_mandate

    # With what an account holds whose mandate is set aside.
    print(close_mandate(deployed_anyhow(config), mandate, reason))
