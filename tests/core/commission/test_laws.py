"""Laws of the commission, on random lives of users, beside a second reading of the rules in a few lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from math import floor
from random import Random

import pytest
from hypothesis import settings

from tests.core.commission.reference_bill import bill
from tradepool.core.commission.capital import Flow, Period
from tradepool.core.commission.lots import Lot, MoreThanTheLot, sold
from tradepool.core.commission.prices import NotEnoughCloses, Priced, median_close
from tradepool.core.commission.schedule import DAY_MS, BadSchedule, Schedule, Tier
from tradepool.core.commission.settlement import Gain, Goodwill, NothingToCredit, OpenLot, Settled, corrected
from tradepool.core.commission.statement import (
    Facts,
    NotAStatement,
    StatementDoesNotHold,
    outcome_of,
    statement,
    verified,
)

MONTH_MS = 30 * DAY_MS
# What a user may agree to beside rates.
SET = (
    Schedule(tier_window_ms=0),
    Schedule(charges_open_winners=True),
    Schedule(tier_window_ms=9 * DAY_MS, charges_open_winners=True),
)


@dataclass(frozen=True)
class Life:
    """A user's flows, gains and open lots at each T of some months."""

    flows: list[Flow]
    gains: list[Gain]
    lots: list[list[OpenLot]]


def times(count: int) -> int:
    """So many lives, and ten times as many in the long form."""
    return count * max(1, settings().max_examples // 100)


def money(random: Random, most: int) -> Decimal:
    """An amount with eight places."""
    return Decimal(random.randrange(most * 10**8)) / 10**8


def life(random: Random, months: int) -> Life:
    """Deposits around the edges of tiers and of days, wins and losses, and lots open at each T."""
    flows = [Flow(time_ms=0, amount=random.choice([Decimal(900), Decimal(1_000), Decimal(5_000), Decimal("5000.01")]))]
    for _ in range(random.randrange(8)):
        near = random.choice([-DAY_MS - 1, -DAY_MS, -1, 0, 1, DAY_MS - 1, DAY_MS, DAY_MS + 1, 9 * DAY_MS])
        at = max(0, random.randrange(months + 1) * MONTH_MS + near)
        flows.append(Flow(time_ms=at, amount=random.choice([-1, 1]) * money(random, 4_000)))
    gains = [
        Gain(time_ms=random.randrange(months * MONTH_MS), amount=random.choice([-1, 1, 1]) * money(random, 300))
        for _ in range(random.randrange(20))
    ]
    lots = [[open_lot(random) for _ in range(random.randrange(3))] for _ in range(months)]
    return Life(sorted(flows, key=lambda f: f.time_ms), sorted(gains, key=lambda g: g.time_ms), lots)


def open_lot(random: Random) -> OpenLot:
    """Something held at T, won or lost, whose price may be missing."""
    lot = Lot(asset="BTC", quantity=money(random, 2) + Decimal("0.001"), cost=money(random, 900))
    price = Priced(price=money(random, 900), provisional=random.random() < 0.2)
    return OpenLot(lot=lot, price=price, taker_rate=Decimal("0.001"))


def settled(each: Life, schedule: Schedule, months: int) -> list[Settled]:
    """Month by month, as the product does it: through the statement, which is counted again."""
    done, mark = list[Settled](), Decimal(0)
    for month in range(months):
        period = Period(opened_ms=month * MONTH_MS, closes_ms=(month + 1) * MONTH_MS, joined=month == 0)
        facts = facts_of(each, schedule, period, mark, each.lots[month])
        done.append(outcome_of(facts).settled)
        assert verified(statement(facts)) == done[-1]
        mark = done[-1].mark_after
    return done


def facts_of(each: Life, schedule: Schedule, period: Period, mark: Decimal, lots: Sequence[OpenLot]) -> Facts:
    """The facts of a period."""
    gains = [gain for gain in each.gains if gain.time_ms < period.closes_ms]
    flows = [flow for flow in each.flows if flow.time_ms < period.closes_ms]
    return Facts(
        user="ann", schedule=schedule, period=period, mark=mark, flows=flows, gains=gains, open_lots=lots, fees={}
    )


# ---- the rules a second time, in fractions


def owed(each: Life, months: int, schedule: Schedule) -> list[Fraction]:
    """The commission of each month, by the rules' own words and what a schedule may set (R4, R6)."""
    mark, bills = Fraction(0), list[Fraction]()
    for month in range(months):
        begins, ends = month * MONTH_MS, (month + 1) * MONTH_MS
        flows = [(f.time_ms, Fraction(f.amount)) for f in each.flows if f.time_ms < ends]
        pnl = sum((Fraction(g.amount) for g in each.gains if g.time_ms < ends), Fraction(0))
        for lot in each.lots[month]:
            worth = Fraction(lot.lot.quantity) * Fraction(lot.price.price)
            won = worth * (1 - Fraction(lot.taker_rate)) - Fraction(lot.lot.cost)
            fresh = schedule.charges_open_winners and not lot.price.provisional
            pnl += won if fresh else min(Fraction(0), won)
        window = schedule.tier_window_ms
        _, due, mark = bill(flows, pnl, mark, begins, ends, joined=month == 0, window=window)
        bills.append(due)
    return bills


# ---- the laws


@pytest.mark.parametrize("seed", range(4))
def test_what_is_owed_equals_a_second_reading_of_the_rules(seed: int) -> None:
    """To the cent, month by month, over random lives."""
    random = Random(seed)
    for _ in range(times(50)):
        months = random.randrange(1, 6)
        each = life(random, months)
        for schedule in (Schedule(), *SET):
            told = [Fraction(s.commission) for s in settled(each, schedule, months)]
            assert told == owed(each, months, schedule)


def test_all_commissions_are_at_most_the_highest_rate_of_the_highest_profit() -> None:
    """However a user's fortune goes up and down, nothing is charged twice."""
    random = Random(5)
    for _ in range(times(100)):
        done = settled(life(random, 5), Schedule(), 5)
        highest = max([Decimal(0), *(period.pnl for period in done)])
        assert sum(period.commission for period in done) <= Decimal("0.30") * highest


def test_flows_change_nothing_but_the_tier() -> None:
    """With one rate for all, deposits may be permuted and scaled at will."""
    flat, random = Schedule(tiers=(Tier(rate=Decimal("0.2"), least=Decimal(0)),)), Random(6)
    for _ in range(times(50)):
        each = life(random, 4)
        moments = [flow.time_ms for flow in each.flows]
        random.shuffle(moments)
        other = [replace(f, time_ms=t, amount=f.amount * 3) for f, t in zip(each.flows, moments, strict=True)]
        moved = replace(each, flows=sorted(other, key=lambda flow: flow.time_ms))
        assert settled(each, flat, 4) == settled(moved, flat, 4)


def test_capital_is_what_the_mark_moves_with() -> None:
    """R2: the profit above the highest one is the equity above a mark that every flow moves one for one."""
    rate, random = Fraction(25, 100), Random(12)
    one_rate = Schedule(tiers=(Tier(rate=Decimal("0.25"), least=Decimal(0)),), smallest_invoice=Decimal(0))
    for _ in range(times(50)):
        each = life(random, 4)
        equity = high = Fraction(0)
        happened: list[Flow | Gain] = [*each.flows, *each.gains]
        for month, done in enumerate(settled(replace(each, lots=[[]] * 4), one_rate, 4)):
            for moved in happened:
                if moved.time_ms // MONTH_MS == month:
                    equity += Fraction(moved.amount)
                    high += Fraction(moved.amount) if isinstance(moved, Flow) else 0
            owes = Fraction(floor(max(Fraction(0), equity - high) * rate * 100), 100)
            assert owes == Fraction(done.commission)
            high = max(high, equity) if owes else high


def test_splitting_a_period_never_raises_the_total_where_the_profit_stands_at_its_end() -> None:
    """A rising profit is charged once, however often it is looked at; each look floors once more. (A profit that falls
    again before T would have been charged at its height by the look in between: no rule of a mark can undo that.)"""
    random, rate = Random(7), Schedule(tiers=(Tier(rate=Decimal("0.3"), least=Decimal(0)),))
    for _ in range(times(100)):
        rising = [Gain(time_ms=i * DAY_MS, amount=money(random, 50)) for i in range(28)]
        each = Life([Flow(time_ms=0, amount=Decimal(10))], rising, [])
        cut = random.randrange(1, 29) * DAY_MS
        whole = outcome_of(facts_of(each, rate, Period(opened_ms=0, closes_ms=MONTH_MS), Decimal(0), [])).settled
        first = outcome_of(facts_of(each, rate, Period(opened_ms=0, closes_ms=cut), Decimal(0), [])).settled
        then = facts_of(each, rate, Period(opened_ms=cut, closes_ms=MONTH_MS), first.mark_after, [])
        assert first.commission + outcome_of(then).settled.commission <= whole.commission


def test_merging_mandates_never_raises_the_total() -> None:
    """R13: at one rate, a group owes at most what its parts would have owed."""
    random, rate = (
        Random(8),
        Schedule(tiers=(Tier(rate=Decimal("0.3"), least=Decimal(0)),), smallest_invoice=Decimal(0)),
    )
    for _ in range(times(100)):
        one, two = life(random, 3), life(random, 3)
        merged = Life(
            sorted([*one.flows, *two.flows], key=lambda f: f.time_ms),
            sorted([*one.gains, *two.gains], key=lambda g: g.time_ms),
            [[*a, *b] for a, b in zip(one.lots, two.lots, strict=True)],
        )
        apart = sum(period.commission for each in (one, two) for period in settled(each, rate, 3))
        # Each part is floored by itself, once a month.
        assert sum(period.commission for period in settled(merged, rate, 3)) <= apart + Decimal("0.06")


def test_a_correction_leads_to_what_would_have_been_charged() -> None:
    """Late facts, applied to closed periods, give the same as having known them in time."""
    random = Random(9)
    for _ in range(times(100)):
        each = life(random, 4)
        late = Gain(time_ms=random.randrange(4) * MONTH_MS, amount=money(random, 200) - 100)
        known = replace(each, gains=sorted([*each.gains, late], key=lambda gain: gain.time_ms))
        before, after = settled(each, Schedule(), 4), settled(known, Schedule(), 4)
        fixed = corrected(before, {late.time_ms // MONTH_MS: late.amount}, Schedule())
        assert list(fixed.settled) == after
        assert fixed.credit == sum(p.commission for p in before) - sum(p.commission for p in after)


def test_selling_a_lot_in_parts_earns_what_selling_it_at_once_does() -> None:
    """What is floored away of a part's cost stays with the rest."""
    random = Random(10)
    for _ in range(times(200)):
        lot = Lot(asset="BTC", quantity=money(random, 2) + 1, cost=money(random, 90_000))
        parts, left, earned = random.randrange(1, 6), lot, Decimal(0)
        for _ in range(parts):
            quantity = left.quantity * random.randrange(100) // 100
            left, gain = sold(left, quantity, quantity * 3, Decimal("0.1"))
            earned += gain
        quantity = left.quantity
        left, gain = sold(left, quantity, quantity * 3, Decimal("0.1"))
        assert left.quantity == left.cost == 0
        assert earned + gain == lot.quantity * 3 - lot.cost - Decimal("0.1") * (parts + 1)


# ---- bad input

NONSENSE = [
    "",
    "[" * 100_000,
    "9" * 5_000,
    "[]",
    "{}",
    '{"schema": 1}',
    "null",
    '{"schedule": {"tiers": [["x", "y", true]]}}',
]


@pytest.mark.parametrize("text", NONSENSE, ids=range(len(NONSENSE)))
def test_what_is_no_statement_is_refused_by_name(text: str) -> None:
    """Whatever was wrong with it."""
    with pytest.raises(NotAStatement):
        verified(text)


def test_any_changed_figure_of_a_statement_is_found() -> None:
    """Each digit of it counts, the hash of the changed text included."""
    random = Random(11)
    period = Period(opened_ms=0, closes_ms=MONTH_MS, joined=True)
    each = life(random, 1)
    written = statement(facts_of(each, Schedule(), period, Decimal(3), each.lots[0]))
    places = [at for at, character in enumerate(written) if character.isdigit()]
    for at in random.sample(places, min(times(60), len(places))):
        changed = written[:at] + str((int(written[at]) + 1) % 10) + written[at + 1 :]
        with pytest.raises((StatementDoesNotHold, NotAStatement)):
            verified(changed)


def test_a_forged_figure_is_found_even_under_a_hash_of_its_own() -> None:
    """Whoever changes what is owed must change the facts, and those the user has."""
    period = Period(opened_ms=0, closes_ms=MONTH_MS, joined=True)
    each = life(Random(11), 1)
    for key in ("pnl", "base", "rate", "commission", "closing_mark", "tier_capital", "rules", "provisional"):
        body = json.loads(statement(facts_of(each, Schedule(), period, Decimal(3), each.lots[0])))
        body[key] = "17"
        del body["hash"]
        body["hash"] = sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        with pytest.raises(StatementDoesNotHold, match=key):
            verified(json.dumps(body))


def test_bad_schedules_lots_and_credits_are_refused_by_name() -> None:
    """Before anything is charged."""
    for tiers in ((), (Tier(rate=Decimal("0.3"), least=Decimal(5)),), (Schedule().tiers[0],) * 2):
        with pytest.raises(BadSchedule):
            Schedule(tiers=tiers)
    with pytest.raises(BadSchedule):
        Schedule(tiers=(Tier(rate=Decimal(1), least=Decimal(0)),))
    for window_ms in (-1, 31 * DAY_MS + 1):
        with pytest.raises(BadSchedule, match="use 0 to 744"):
            Schedule(tier_window_ms=window_ms)
    lot = Lot(asset="BTC", quantity=Decimal(1), cost=Decimal(5))
    with pytest.raises(MoreThanTheLot):
        sold(lot, Decimal("1.1"), Decimal(1), Decimal(0))
    with pytest.raises(NotEnoughCloses):
        median_close([Decimal(1)] * 4, 5)
    with pytest.raises(NothingToCredit):
        Goodwill(amount=Decimal(0), reason="", by="eva", confirmed_by="bob")
