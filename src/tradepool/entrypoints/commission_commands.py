"""`tradepool commission`: how a period stands, settle it, its statement, paid. The rules are in docs/guides/commission.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tradepool.entrypoints.deployment_commands import Json, Reason
from tradepool.entrypoints.inputs import Config

commission_app = App(name="commission", help="What users owe for profit: preview, settle, statement, pay.")
Name = Annotated[str, Parameter(help="A section [users.NAME] of the configuration.")]
Month = Annotated[str, Parameter(help="A calendar month, UTC, such as 2026-10.")]


@commission_app.command(name="preview")
def commission_preview(
    user: Name,
    *,
    month: Annotated[str | None, Parameter(help="Such as 2026-10 [default: the running one].")] = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """How a period stands now: profit, mark, tier, rate, and which tier comes next."""
    from tradepool.core.commission.capital import coming_tier
    from tradepool.core.commission.statement import statement
    from tradepool.entrypoints import commission
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.saying import show
    from tradepool.entrypoints.venue_prices import way_to
    from tradepool.presentation.commission_page import commission_page

    deployed = deployed_from(config)
    deployed.refuse_unknown_user(user)
    way = way_to(deployed)
    with commission.books_open(deployed) as connection:
        seen = commission.preview(deployed, connection, way, user, month)
    if json:
        print(statement(seen.facts), flush=True)
        return
    facts = seen.facts
    notes = [coming_tier(facts.flows, facts.period.closes_ms, way[0].now_ms(), facts.schedule)]
    if not seen.charged:
        notes.append("Play money: this is what it would be; it is never charged (R25).")
    if seen.outcome.provisional:
        notes.append(
            "Provisional: an open loser has no fresh price; a missing one can only lower the commission (R20)."
        )
    if seen.unpriced:
        notes.append(f"Fees in {', '.join(seen.unpriced)} have no price yet and are not in it (R12).")
    if seen.by_hand:
        notes.append(f"Moved by hand and not in it: {', '.join(seen.by_hand)}.")
    show(commission_page(facts, seen.outcome, notes))


@commission_app.command(name="settle")
def commission_settle(user: Name, month: Month, *, reason: Reason = None, config: Config = None) -> None:
    """Write a period's statement down, six hours after its end. The user's name is typed back."""
    from tradepool.domain.deployment import Scope, ScopeKind
    from tradepool.entrypoints import commission
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.emergency import confirmed
    from tradepool.entrypoints.venue_prices import way_to

    deployed = deployed_from(config)
    deployed.refuse_unknown_user(user)
    confirmed("commission settle", Scope(ScopeKind.USER, user), reason or "settlement")
    with commission.books_open(deployed) as connection:
        settled = commission.settle(deployed, connection, way_to(deployed), user, month)
    print(f"Settled; the statement: tradepool commission statement {settled.user} {month}")


@commission_app.command(name="statement")
def commission_statement(
    user: Annotated[str | None, Parameter(help="A section [users.NAME] of the configuration.")] = None,
    month: Annotated[str | None, Parameter(help="A calendar month, UTC, such as 2026-10.")] = None,
    *,
    html: Annotated[Path | None, Parameter(help="Write it as a page to this file.")] = None,
    verify: Annotated[Path | None, Parameter(help="Count the statement in a file again; needs no deployment.")] = None,
    config: Config = None,
) -> None:
    """A settled statement as JSON or as a page; or whether one that somebody holds is true to its own facts."""
    from tradepool.core.commission.statement import verified
    from tradepool.entrypoints import commission
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.presentation.commission_page import statement_html

    if verify is not None:
        settled = verified(verify.read_text(encoding="utf-8"))
        print(f"It holds: profit {settled.pnl}, charged {settled.base}, commission {settled.commission}.")
        return
    if user is None or month is None:
        raise commission.NotAMonth(month=repr(month))
    deployed = deployed_from(config)
    with commission.books_open(deployed) as connection:
        held = commission.settled_of(deployed, connection, user, month)
    if html is not None:
        html.write_text(statement_html(held.statement), encoding="utf-8")
        print(f"The statement is in {html}")
    else:
        print(held.statement)


@commission_app.command(name="pay")
def commission_pay(user: Name, month: Month, *, reason: Reason = None, config: Config = None) -> None:
    """Note that a settled period was paid (--reason: by what)."""
    from tradepool.entrypoints import commission
    from tradepool.entrypoints.deployment import deployed_from

    deployed = deployed_from(config)
    with commission.books_open(deployed) as connection:
        news = commission.pay(deployed, connection, user, month, reason or "")
    print(f"{month} of {user} is paid." if news else f"{month} of {user} was paid before.")
