"""R27: a period on paper: every fact the result follows from, and a hash, so that anybody can count it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradepool.core.commission.capital import Flow, FlowKind, Period, TierCapital, tier_capital
from tradepool.core.commission.exact import UNIT, exact, floored
from tradepool.core.commission.from_ledger import Movement
from tradepool.core.commission.lots import Lot
from tradepool.core.commission.netting import Apart, apart, closing_marks, highest
from tradepool.core.commission.prices import Priced
from tradepool.core.commission.recorded import Minute, Recorded
from tradepool.core.commission.schedule import Schedule, Tier
from tradepool.core.commission.settlement import Gain, OpenLot, Settled, pnl_of, settle
from tradepool.core.commission.transfers import Way
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import MarketId

SCHEMA = 2
RULES = tuple(f"R{number}" for number in range(1, 28))
# Late facts are waited for so long after T; what comes later is a correction.
READY_MS = 6 * 3_600_000


class NotAStatement(InvalidInput):
    """This is no statement of a commission: {what}; use a file of what tradepool commission statement prints."""


class StatementDoesNotHold(InvalidInput):
    """The statement says {said} for {what}, and its own facts give {found}; it was changed, ask the operator for the original."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a settlement follows from; `gains` and `flows` are all since joining, `movements` those of the period, in order.

    `books` is how far each account's books went when it was counted, at `counted_ms`, and `prices` what was on record and
    counted; `stale`: a price of the period was old or missing. `marks`: each account's own, where the schedule does not net
    them (R13); then gains and lots say whose they are.
    """

    user: str
    schedule: Schedule
    period: Period
    mark: Decimal
    flows: Sequence[Flow]
    gains: Sequence[Gain]
    open_lots: Sequence[OpenLot]
    fees: Mapping[str, Decimal]
    movements: Sequence[Movement] = ()
    books: Mapping[str, int] = field(default_factory=dict)
    counted_ms: int = 0
    prices: Mapping[Minute, Recorded] = field(default_factory=dict)
    stale: bool = False
    marks: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A settled period with the capital that made its tier, and its accounts where they are settled apart."""

    settled: Settled
    tier: TierCapital
    provisional: bool
    accounts: Mapping[str, Apart]

    @property
    def marks(self) -> dict[str, Decimal]:
        """Each account's own mark for the next period."""
        return closing_marks(self.accounts, self.settled)


def outcome_of(facts: Facts) -> Outcome:
    """Settle: the one path for a preview, a settlement and a check of either.

    R13: two exchanges are one group, netted: +500 on one and -300 on the other, 900 given on each.

    >>> both = [Flow(time_ms=0, amount=Decimal(900)), Flow(time_ms=0, amount=Decimal(900))]
    >>> gains = [Gain(time_ms=5, amount=Decimal(500)), Gain(time_ms=6, amount=Decimal(-300))]
    >>> facts = Facts(user="ann", schedule=Schedule(), period=Period(opened_ms=0, closes_ms=10**10, joined=True),
    ...     mark=Decimal(0), flows=both, gains=gains, open_lots=[], fees={})
    >>> outcome_of(facts).tier.amount, outcome_of(facts).settled.commission
    (Decimal('1800'), Decimal('50.00'))

    R2: 10,000 that come just before T and leave just after it change nothing. R25: paying 50.00 out of the account is a
    flow as well, and lowers neither pnl nor mark.

    >>> from dataclasses import replace
    >>> for moved in ((10**10 - 1, 10_000), (10**10, -10_000)), ((10**9, -50),):
    ...     flows = [*both, *(Flow(time_ms=at, amount=Decimal(amount)) for at, amount in moved)]
    ...     outcome_of(replace(facts, flows=flows)) == outcome_of(facts)
    True
    True
    """
    in_time = [gain for gain in facts.gains if gain.time_ms < facts.period.closes_ms]
    flows = [flow for flow in facts.flows if flow.time_ms < facts.period.closes_ms]
    tier = tier_capital(flows, facts.period, facts.schedule)
    accounts = {} if facts.schedule.netted else apart(in_time, facts.open_lots, facts.marks, facts.schedule)
    pnl = highest(accounts) if accounts else pnl_of(in_time, facts.open_lots, facts.schedule)
    rate = facts.schedule.tier(tier.amount).rate
    winners = facts.schedule.charges_open_winners
    valued = [each for each in facts.open_lots if winners or each.unrealised() < 0]
    return Outcome(
        settled=settle(pnl, facts.mark, rate, facts.schedule),
        tier=tier,
        provisional=facts.stale or any(each.price.provisional for each in valued),
        accounts=accounts,
    )


def statement(facts: Facts) -> str:
    """R27: the statement as JSON text, the same bytes for the same facts.

    >>> facts = Facts(user="ann", schedule=Schedule(), period=Period(opened_ms=0, closes_ms=10, joined=True),
    ...     mark=Decimal(0), flows=[Flow(time_ms=0, amount=Decimal(1_800))], gains=[Gain(time_ms=5, amount=Decimal(200))],
    ...     open_lots=[], fees={"BNB": Decimal("0.01")})
    >>> written = statement(facts)
    >>> verified(written).commission, written == statement(facts)
    (Decimal('50.00'), True)
    >>> verified(written.replace('"50.00"', '"5.00"'))
    Traceback (most recent call last):
    tradepool.core.commission.statement.StatementDoesNotHold: The statement says ... for hash, ...
    """
    return _written(_body(facts))


def verified(text: str) -> Settled:
    """Count a statement again from its own facts. Raises NotAStatement, StatementDoesNotHold."""
    try:
        return _verified(json.loads(text))
    # Whoever wrote it can give it any shape, and a hash that is right.
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise NotAStatement(what=f"{type(error).__name__} while it was read") from None


def _verified(said: Any) -> Settled:
    body = {key: value for key, value in said.items() if key != "hash"}
    if said["hash"] != _hash(body):
        raise StatementDoesNotHold(said=said["hash"], what="hash", found=_hash(body))
    facts = _facts(said)
    for key, value in _body(facts).items():
        if body.get(key) != value:
            raise StatementDoesNotHold(said=body.get(key), what=key, found=value)
    return outcome_of(facts).settled


def facts_of(text: str) -> Facts:
    """The facts of a statement that was verified."""
    return _facts(json.loads(text))


def is_as_settled(text: str, digest: str) -> bool:
    """Whether a statement is, to the byte, the one of that hash; what it says of its own hash proves nothing.

    >>> text = json.dumps({"hash": _hash({"commission": "50.00"}), "commission": "50.00"}, indent=1, sort_keys=True)
    >>> is_as_settled(text, _hash({"commission": "50.00"})), is_as_settled(text, _hash({"commission": "60.00"}))
    (True, False)
    """
    try:
        body = {key: value for key, value in json.loads(text).items() if key != "hash"}
    except (ValueError, AttributeError, RecursionError):
        return False
    return digest == _hash(body) and text == _written(body)


def _written(body: Mapping[str, object]) -> str:
    return json.dumps({**body, "hash": _hash(body)}, indent=1, sort_keys=True)


def _hash(body: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@exact
def _body(facts: Facts) -> dict[str, object]:
    outcome, schedule = outcome_of(facts), facts.schedule
    settled, tier = outcome.settled, outcome.tier
    return {
        "schema": SCHEMA,
        "user": facts.user,
        "currency": schedule.currency,
        "schedule": {
            "name": schedule.name,
            "tiers": [[str(t.rate), str(t.least), t.included] for t in schedule.tiers],
            "tier_window_ms": schedule.tier_window_ms,
            "charges_open_winners": schedule.charges_open_winners,
            "netted": schedule.netted,
            "smallest_invoice": str(schedule.smallest_invoice),
        },
        "period": {
            "opened_ms": facts.period.opened_ms,
            "closes_ms": facts.period.closes_ms,
            "joined": facts.period.joined,
        },
        "opening_mark": str(facts.mark),
        "flows": [[f.time_ms, str(f.amount), f.kind.value, f.note] for f in facts.flows],
        "trades": [[g.time_ms, str(g.amount), g.what, *_account(g)] for g in facts.gains],
        "fees": {asset: str(amount) for asset, amount in sorted(facts.fees.items())},
        "open_lots": [_lot(each, schedule) for each in facts.open_lots],
        "movements": [_movement(each) for each in facts.movements],
        "books": dict(sorted(facts.books.items())),
        "counted_ms": facts.counted_ms,
        "prices": [_price(minute, found) for minute, found in sorted(facts.prices.items())],
        "stale": facts.stale,
        "tier_capital": {"amount": str(tier.amount), "at_ms": tier.at_ms, "window_ms": [tier.since_ms, tier.until_ms]},
        "pnl": str(settled.pnl),
        "base": str(settled.base),
        "rate": str(settled.rate),
        "commission": str(settled.commission),
        "closing_mark": str(settled.mark_after),
        "provisional": outcome.provisional,
        "rules": list(RULES),
        **({} if schedule.netted else {"accounts": _accounts(outcome)}),
    }


def _accounts(outcome: Outcome) -> list[list[str]]:
    """R13: each account's opening mark, profit and closing mark."""
    return [[name, str(each.mark), str(each.pnl), str(outcome.marks[name])] for name, each in outcome.accounts.items()]


def _account(each: Gain | OpenLot) -> list[str]:
    return [each.account] if each.account else []


@exact
def _lot(each: OpenLot, schedule: Schedule) -> dict[str, object]:
    """A lot at T with both values: what it cost and what it would bring."""
    return {
        "market": each.market,
        "asset": each.lot.asset,
        "quantity": str(each.lot.quantity),
        "cost": str(each.lot.cost),
        "price": str(each.price.price),
        "provisional": each.price.provisional,
        "taker_rate": str(each.taker_rate),
        "rate": str(each.rate),
        "counted": str(floored(each.counted(schedule), UNIT)),
        **({"account": each.account} if each.account else {}),
    }


def _movement(each: Movement) -> list[object]:
    value = None if each.value is None else str(each.value)
    return [each.time_ms, each.asset, str(each.amount), value, each.cause, each.way.value]


def _price(minute: Minute, found: Recorded) -> list[object]:
    return [*minute, None if found.close is None else str(found.close), found.age_s]


def _facts(said: Any) -> Facts:
    """The facts out of a statement."""
    return Facts(
        user=said["user"],
        schedule=_schedule(said["schedule"], said["currency"]),
        period=Period(**said["period"]),
        mark=Decimal(said["opening_mark"]),
        flows=[
            Flow(time_ms=time_ms, amount=Decimal(amount), kind=FlowKind(kind), note=note)
            for time_ms, amount, kind, note in said["flows"]
        ],
        gains=[
            Gain(time_ms=at, amount=Decimal(n), what=what, account="".join(a)) for at, n, what, *a in said["trades"]
        ],
        open_lots=[
            OpenLot(
                lot=Lot(asset=each["asset"], quantity=Decimal(each["quantity"]), cost=Decimal(each["cost"])),
                price=Priced(price=Decimal(each["price"]), provisional=each["provisional"]),
                taker_rate=Decimal(each["taker_rate"]),
                market=each["market"],
                rate=Decimal(each["rate"]),
                account=each.get("account", ""),
            )
            for each in said["open_lots"]
        ],
        fees={asset: Decimal(amount) for asset, amount in said["fees"].items()},
        movements=[
            Movement(at, asset, Decimal(amount), None if value is None else Decimal(value), cause, Way(way))
            for at, asset, amount, value, cause, way in said["movements"]
        ],
        books=said["books"],
        counted_ms=said["counted_ms"],
        prices={
            (MarketId(market), at): Recorded(None if close is None else Decimal(close), age_s)
            for market, at, close, age_s in said["prices"]
        },
        stale=said["stale"],
        marks={name: Decimal(mark) for name, mark, *_ in said.get("accounts", ())},
    )


def _schedule(said: Any, currency: str) -> Schedule:
    tiers = tuple(
        Tier(rate=Decimal(rate), least=Decimal(least), included=included) for rate, least, included in said["tiers"]
    )
    return Schedule(
        name=said["name"],
        currency=currency,
        tiers=tiers,
        tier_window_ms=said["tier_window_ms"],
        charges_open_winners=said["charges_open_winners"],
        netted=said["netted"],
        smallest_invoice=Decimal(said["smallest_invoice"]),
    )
