"""Mandates by command: added, changed, closed. What a change raises, its user does not do alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.domain.deployment import Kind, Mode
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import AccountId
from tradepool.domain.policy import Action, refuse_unless
from tradepool.domain.register import Thing
from tradepool.domain.user import Status
from tradepool.entrypoints.asking import FileNamed, asker, me
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.changing import (
    StillOpen,
    add,
    assigned,
    held,
    refuse_if_paused_by_other,
    refuse_unreadable,
    register_of,
    renew,
    said,
    scope_of,
    section_from,
    when,
    written,
)
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.deployment_settings import LimitSettings, MandateSettings
from tradepool.entrypoints.inputs import BadFlag, decimal_of, number_of
from tradepool.entrypoints.steered import positions
from tradepool.entrypoints.strategies import is_file_name
from tradepool.entrypoints.two_people import OFFERED, agreed
from tradepool.runtime.config import nearest

WEIGHT, NONE = Decimal("0.95"), "none"
# As `init` writes it: a day that goes wrong ends early, unless somebody says otherwise.
DAILY_LOSS_MAX = "0.05"


class WhichAccount(InvalidInput):
    """{user} has {count} accounts that no mandate trades; name one with --account, or add one (tradepool accounts add {user})."""


class MarketsKept(InvalidInput):
    """Nothing was done: account {account} has traded {markets}, so its mandate has to name them; tradepool suspend keeps entries out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was typed of a mandate, as text; None where it was not said."""

    strategy: str | None = None
    capital: str | None = None
    markets: list[str] | None = None
    weight: str | None = None
    entry: str | None = None
    entry_slippage_max: str | None = None
    param: list[str] | None = None
    limit: list[str] | None = None
    mode: str | None = None

    def over(self, before: MandateSettings | None) -> dict[str, object]:
        """The values of a section, over those there are. BadFlag."""
        values = {} if before is None else before.model_dump()
        if self.strategy is not None:
            values |= {"strategy": _lasting(self.strategy), "parameters": {}}
        numbers = {"capital": self.capital, "weight": self.weight, "entry_slippage_max": self.entry_slippage_max}
        for name, text in numbers.items():
            values |= {} if text is None else {name: decimal_of(f"--{name.replace('_', '-')}", text)}
        values |= {} if self.markets is None else {"markets": self.markets}
        values |= {} if self.mode is None else {"mode": self.mode}
        values |= {} if self.entry is None else {"entry": self.entry}
        if self.param is not None:
            kept = dict(before.parameters) if before is not None and self.strategy is None else {}
            given = assigned("--param", self.param)
            values["parameters"] = kept | {name: number_of(f"--param {name}", text) for name, text in given.items()}
        if self.limit is not None:
            usual = LimitSettings(daily_loss_max=Decimal(DAILY_LOSS_MAX))
            values["limits"] = limits_over(usual if before is None else before.limits, self.limit)
        return values


def _lasting(strategy: str) -> str:
    """A strategy's name; a file's whole path: whoever reads the register later stands in another folder. FileNamed: a person
    names none, which would be read, or run, as the platform."""
    if not is_file_name(strategy):
        return strategy
    if asker() is not None:
        raise FileNamed(what=f"strategy {strategy!r:.60}")
    return str(Path(strategy).expanduser().resolve())


def limits_over(before: LimitSettings, given: list[str]) -> LimitSettings:
    """Limits with others set or, by `none`, taken away; a market's is market_notional_max.SYMBOL. BadFlag.

    >>> found = limits_over(LimitSettings(positions_max=3), ["positions_max=none", "market_notional_max.BTC/USDT=9"])
    >>> found.positions_max, found.market_notional_max
    (None, {'BTC/USDT': Decimal('9')})
    """
    values, known = before.model_dump(), set(LimitSettings.model_fields) - {"actions"}
    for word, text in assigned("--limit", given).items():
        name, _, symbol = word.partition(".")
        if name not in known or bool(symbol) != (name == "market_notional_max"):
            raise BadFlag(flag="--limit", value=repr(word)[:40], wanted=f"the name of a limit{nearest(name, known)}")
        value = None if text == NONE else decimal_of(f"--limit {word}", text)
        if symbol:
            kept = {each: amount for each, amount in values[name].items() if each != symbol}
            values[name] = kept | ({} if value is None else {symbol: value})
        elif value is None and name == "cool_down_minutes":
            del values[name]
        else:
            values[name] = value
    return section_from(LimitSettings, values)


def add_mandate(found: Deployed, name: str, user: str, account: str | None, wanted: Wanted, reason: str | None) -> str:
    """A mandate of a user; what comes next, in words. NoSuchUser, WhichAccount, BadFlag, MarketsKept, BadDeployment."""
    free = _accounts(found, user)
    if account not in free and (account is not None or len(free) != 1):
        raise WhichAccount(user=user, count=len(free))
    defaults: dict[str, object] = {
        "account": account or free[0],
        "markets": found.venue.symbols,
        "mode": Mode.PRACTICE.value if found.deployment.kind is Kind.PRACTICE else Mode.LIVE.value,
        "limits": {"daily_loss_max": DAILY_LOSS_MAX},
        "weight": WEIGHT / max(1, len(found.venue.symbols if wanted.markets is None else wanted.markets)),
    }
    section = section_from(MandateSettings, {**defaults, **wanted.over(None)})
    _refuse_gone(found, section)
    add(found, Thing.MANDATE, name, user, section, reason)
    return f"mandate {name} is added; {when(found)}. Before: tradepool mandates preview {name}"


def _accounts(found: Deployed, user: str) -> list[str]:
    """Accounts of a user that are open and that no mandate trades."""
    found.refuse_unknown_user(user)
    taken = {mandate.account for mandate in found.settings.mandates.values() if mandate.active}
    closed = {each.name for each in found.entries if each.thing is Thing.ACCOUNT and each.status is Status.CLOSED}
    return [n for n, a in found.settings.accounts.items() if a.user == user and n not in taken | closed]


def set_mandate(found: Deployed, name: str, wanted: Wanted, reason: str | None) -> str:
    """Change a mandate; what changed, in words. What allows more than before takes two people. NoSuchThing, NotByCommand,
    MarketsKept, NotAllowed, BadDeployment."""
    entry = held(found, Thing.MANDATE, name)
    before = written(entry, MandateSettings)
    after = section_from(MandateSettings, wanted.over(before))
    _refuse_gone(found, after)
    by: tuple[str, ...] = (me(),)
    if raised(before, after):
        refuse_unless(found.actor, Action.LIMITS, entry.user)
        wish = replace(entry, version=entry.version + 1, body=after.model_dump_json())
        refuse_unreadable(found, wish)
        with register_of(found) as (_, rows):
            by = agreed(rows, "mandates set", scope_of(wish, said(entry, wish)), reason or "")
        if not by:
            return OFFERED
    return f"mandate {name}: {renew(found, entry, 'set', reason, section=after, by=' and '.join(by))}; {when(found)}"


def raised(before: MandateSettings, after: MandateSettings) -> list[str]:
    """What allows more than before, by name: capital, weight, a market that is new, how far it may go, what an entry may
    cost, a limit that is higher or gone.

    >>> less = MandateSettings(account="a", strategy="s", markets=["BTC/USDT"], capital=Decimal(5))
    >>> raised(less, less.model_copy(update={"capital": Decimal(6), "weight": Decimal("0.1")}))
    ['capital']
    >>> raised(less, less.model_copy(update={"markets": ["ETH/USDT"]}))
    ['markets']
    """
    found = [name for name in ("capital", "weight") if getattr(after, name) > getattr(before, name)]
    if set(after.markets) - set(before.markets):
        found.append("markets")
    if Mode(after.mode).height > Mode(before.mode).height:
        found.append("mode")
    if _may_cost(after) > _may_cost(before):
        found.append("entry")
    old, new = _limits(before.limits), _limits(after.limits)
    return found + [name for name, limit in old.items() if name not in new or new[name] > limit]


def _may_cost(section: MandateSettings) -> Decimal:
    """How far beyond its close an entry may be paid; a market order: any price."""
    return Decimal("Infinity") if section.entry == "market" else section.entry_slippage_max


def _limits(section: LimitSettings) -> Mapping[str, Decimal]:
    values = section.model_dump(exclude={"actions", "cool_down_minutes", "market_notional_max"}, exclude_none=True)
    # A longer pause allows less.
    pause = {"cool_down_minutes": Decimal(-section.cool_down_minutes)}
    return {**values, **pause, **section.market_notional_max}


def close_mandate(found: Deployed, name: str, reason: str | None) -> str:
    """End a mandate; its books stay. PausedByOther, StillOpen while it holds something, and what looking at that raises."""
    entry = held(found, Thing.MANDATE, name)
    refuse_if_paused_by_other(found, entry)
    account = written(entry, MandateSettings).account
    if _traded(found, account):
        # Others' are not looked at: what is wrong there keeps nobody from closing this one.
        alone = replace(found, seats=[seat for seat in found.seats if seat.account_id == account])
        for row in positions(alone, None):
            if row.account == account:
                raise StillOpen(thing=Thing.MANDATE, name=name, held=f"position {row.id} on {row.market}")
    renew(found, entry, "close", reason, status=Status.CLOSED)
    return f"mandate {name} is closed: nothing is entered any more"


def _refuse_gone(found: Deployed, section: MandateSettings) -> None:
    """Raise MarketsKept where no start would take its account: it has traded what the mandate does not name."""
    gone = [market for market in _traded(found, section.account) if market not in section.markets]
    if gone:
        raise MarketsKept(account=section.account, markets=", ".join(gone))


def _traded(found: Deployed, account: str) -> list[str]:
    """Symbols of which an account's journal speaks."""
    with books_open(found) as connection:
        traded = DatabaseJournal(connection).traded()
    return sorted(market.partition(":")[2] for name, market in traded if name == AccountId(account))
