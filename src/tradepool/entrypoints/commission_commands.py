"""`tradepool commission`: how a period stands, settle it, its statement, what is owed. The rules: docs/guides/commission.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tradepool.entrypoints.deployment_commands import Json, Reason
from tradepool.entrypoints.inputs import Config

commission_app = App(
    name="commission", help="What users owe for profit: preview, settle, statement, pay, correct, goodwill, schedule."
)
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
    """How a period stands now: profit, mark, tier, rate, what is owed, and which tier comes next."""
    from tradepool.core.commission.capital import coming_tier
    from tradepool.domain.ids import UserId
    from tradepool.entrypoints import commission
    from tradepool.entrypoints.books import books_open
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.dunning import Dunning
    from tradepool.entrypoints.saying import show
    from tradepool.entrypoints.venue_prices import source_of
    from tradepool.presentation.commission_page import commission_page, moment

    deployed = deployed_from(config)
    deployed.refuse_unknown_user(user)
    source = source_of(deployed)
    with books_open(deployed) as connection:
        seen = commission.preview(deployed, connection, source, user, month)
        dunning = Dunning(connection)
        unpaid = dunning.words(UserId(user)) or dunning.owed(UserId(user))
    if json:
        print(seen.text, flush=True)
        return
    facts = seen.facts
    notes = [coming_tier(facts.flows, facts.period.closes_ms, source.now_ms(), seen.after)]
    if not seen.charged:
        notes.append("Play money: this is what it would be; it is never charged (R25).")
    if seen.unsettled_ms is not None:
        notes.append(
            f"Not settled: {moment(seen.unsettled_ms)} to {moment(facts.period.opened_ms)} UTC. The profit of that time is "
            "counted in here, at this period's rate."
        )
    if seen.outcome.provisional:
        notes.append("Provisional: a price is old or missing; a missing one can only lower the commission (R20).")
    if seen.unpriced:
        notes.append(
            f"Costs or losses have no price and are not in it (R12, R20, R21): {', '.join(seen.unpriced[:3])}."
        )
    show(commission_page(facts, seen.outcome, [*notes, *([unpaid] if unpaid else [])]))


@commission_app.command(name="settle")
def commission_settle(
    user: Name,
    month: Annotated[str | None, Parameter(help="A calendar month, UTC, such as 2026-10.")] = None,
    *,
    leaving: Annotated[bool, Parameter(help="The user leaves: settle until this minute (R8); no month.")] = False,
    reason: Reason = None,
    config: Config = None,
) -> None:
    """Write a period's statement down, and why, six hours after its end. The user's name is typed back."""
    from tradepool.domain.deployment import Scope, ScopeKind
    from tradepool.entrypoints import commission
    from tradepool.entrypoints.books import books_open
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.emergency import confirmed
    from tradepool.entrypoints.venue_prices import source_of

    deployed = deployed_from(config)
    deployed.refuse_unknown_user(user)
    if (month is None) is not leaving:
        raise commission.NotAMonth(month=repr(month))
    wish = confirmed("commission settle", Scope(ScopeKind.USER, user), reason)
    with books_open(deployed) as connection:
        source = source_of(deployed)
        if month is None:
            settled = commission.settle_now(deployed, connection, source, user, wish.reason, leaving=True)
        else:
            settled = commission.settle(deployed, connection, source, user, month, wish.reason)
    named = month or commission.day_of(settled.closes_ms)[:10]
    print(f"Settled; the statement: tradepool commission statement {settled.user} {named}")


@commission_app.command(name="statement")
def commission_statement(
    user: Annotated[str | None, Parameter(help="A section [users.NAME] of the configuration.")] = None,
    month: Annotated[str | None, Parameter(help="A month, such as 2026-10, or the day a shorter period ended.")] = None,
    *,
    html: Annotated[Path | None, Parameter(help="Write it as a page to this file.")] = None,
    verify: Annotated[
        Path | None, Parameter(help="Count the statement in a file again, and by the books here.")
    ] = None,
    config: Config = None,
) -> None:
    """A settled statement as JSON or as a page; or whether one that somebody holds is true to its facts and to the books."""
    from tradepool.entrypoints import commission
    from tradepool.entrypoints.books import books_open
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.presentation.commission_html import statement_html

    if verify is not None:
        print(_verified(verify, config))
        return
    if user is None or month is None:
        raise commission.NotAMonth(month=repr(month))
    deployed = deployed_from(config)
    with books_open(deployed) as connection:
        held = commission.settled_of(deployed, connection, user, month)
    if html is not None:
        html.write_text(statement_html(held.statement), encoding="utf-8")
        print(f"The statement is in {html}")
    else:
        print(held.statement)


def _verified(file: Path, config: Path | None) -> str:
    """What comes of counting a statement again: out of its own facts, and out of the books where there are any."""
    from tradepool.core.commission.statement import NotAStatement, verified
    from tradepool.entrypoints.books import books_open
    from tradepool.entrypoints.commission import by_the_books
    from tradepool.entrypoints.deployment import CONFIG_NAME, deployed_from

    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise NotAStatement(what=f"{file} can't be read ({error.strerror})") from None
    except ValueError:
        raise NotAStatement(what=f"{file} is not UTF-8 text") from None
    settled = verified(text)
    words = f"It holds: profit {settled.pnl}, charged {settled.base}, commission {settled.commission}."
    if config is None and not Path(CONFIG_NAME).is_file():
        return f"{words} There are no books here to compare it with."
    deployed = deployed_from(config)
    with books_open(deployed) as connection:
        ours = by_the_books(deployed, connection, text)
    return f"{words} {'The books give the same bytes.' if ours else 'The books here never settled this period.'}"


@commission_app.command(name="pay")
def commission_pay(user: Name, month: Month, *, reason: Reason = None, config: Config = None) -> None:
    """Note that all was paid up to and with a settled period (--reason: by what); what was kept off is lifted (R26)."""
    from tradepool.entrypoints.books import books_open
    from tradepool.entrypoints.commission_deeds import pay
    from tradepool.entrypoints.deployment import deployed_from

    deployed = deployed_from(config)
    with books_open(deployed) as connection:
        paid = pay(deployed, connection, user, month, reason or "")
    print(f"{month} of {user} is paid: {paid}." if paid else f"{month} of {user} was paid before.")


@commission_app.command(name="correct")
def commission_correct(user: Name, *, reason: Reason = None, config: Config = None) -> None:
    """Late facts (R23): charge or credit the difference to what the books say now. The user's name is typed back."""
    from tradepool.domain.deployment import Scope, ScopeKind
    from tradepool.entrypoints.books import books_open
    from tradepool.entrypoints.commission_deeds import correct
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.emergency import confirmed
    from tradepool.entrypoints.saying import show
    from tradepool.entrypoints.venue_prices import source_of
    from tradepool.presentation.commission_page import correction_page

    deployed = deployed_from(config)
    deployed.refuse_unknown_user(user)
    wish = confirmed("commission correct", Scope(ScopeKind.USER, user), reason)
    with books_open(deployed) as connection:
        done = correct(deployed, connection, source_of(deployed), user, wish.reason)
    show(correction_page(user, done.periods, done.change))


@commission_app.command(name="goodwill")
def commission_goodwill(
    user: Name,
    amount: Annotated[str, Parameter(help="What the user gets, such as 5.00.")],
    *,
    reason: Reason = None,
    config: Config = None,
) -> None:
    """A credit for a fault of ours (R24): one person offers it, another one agrees with the same command."""
    from tradepool.domain.deployment import Scope, ScopeKind
    from tradepool.entrypoints.books import books_open
    from tradepool.entrypoints.commission_deeds import goodwill
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.emergency import confirmed

    deployed = deployed_from(config)
    deployed.refuse_unknown_user(user)
    wish = confirmed(f"commission goodwill {amount}", Scope(ScopeKind.USER, user), reason)
    with books_open(deployed) as connection:
        given = goodwill(deployed, connection, user, amount, wish.reason)
    print(
        f"{user} owes {amount} less." if given else "Offered; it is given when another person types the same command."
    )


@commission_app.command(name="schedule")
def commission_schedule(
    user: Name,
    tiers: Annotated[list[str], Parameter(help="LEAST=RATE each: 0=0.30 1000=0.25 5000+=0.20 (+: above it only).")],
    *,
    consent: Annotated[str, Parameter(help="Where the user's consent is on record.")] = "",
    now: Annotated[bool, Parameter(help="From now on: what was earned is settled first, at the old rates.")] = False,
    apart: Annotated[
        bool, Parameter(help="Each account has its own mark (R13): a loss on one lowers nothing of another's profit.")
    ] = False,
    tier_hours: Annotated[
        int, Parameter(help="The tier is by the lowest capital within so many hours of T (R4); 0: by that at T.")
    ] = 24,
    open_winners: Annotated[
        bool, Parameter(help="Open lots that have won count at their price (R6), not only when they are sold.")
    ] = False,
    config: Config = None,
) -> None:
    """Another schedule for a user (R17), from the next month on; never back in time. The user's name is typed back."""
    from tradepool.domain.deployment import Scope, ScopeKind
    from tradepool.entrypoints.books import books_open
    from tradepool.entrypoints.commission import day_of
    from tradepool.entrypoints.commission_deeds import NoConsent, agree, schedule_of
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.emergency import confirmed
    from tradepool.entrypoints.venue_prices import source_of

    deployed = deployed_from(config)
    deployed.refuse_unknown_user(user)
    if not consent.strip():
        raise NoConsent
    schedule = schedule_of(tiers, apart=apart, tier_hours=tier_hours, open_winners=open_winners)
    confirmed("commission schedule", Scope(ScopeKind.USER, user), consent)
    with books_open(deployed) as connection:
        from_ms = agree(deployed, connection, source_of(deployed), user, schedule, consent, now=now)
    print(f"For {user} this holds from {day_of(from_ms)} UTC on: {schedule.words}.")
