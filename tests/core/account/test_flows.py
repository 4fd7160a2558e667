"""Coins that move without an order, as an account hears of them: once, beside its mandate's money, and never as an entry."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.core.account.test_account import Story
from tests.nouns import BTC, ETH, signal
from tradepool.adapters.database.codec import decode, decode_event, encode
from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.core.account.flows import entries_off, in_opening
from tradepool.core.account.snapshot import AccountState, put_back, taken
from tradepool.domain.command import RecordRefusal, Submit
from tradepool.domain.denial import Denial
from tradepool.domain.event import EntriesResumed
from tradepool.domain.flow import RETURNED, FlowCause, FlowNamed, FlowSeen, FlowsKnown, Move, Quarantined


def flow(
    reference: str, amount: str, asset: str = "USDT", cause: FlowCause = FlowCause.DEPOSIT, at: int = 5
) -> FlowSeen:
    """A flow of one asset."""
    move = Move(asset=asset, amount=Decimal(amount))
    return FlowSeen(time_ms=at, cause=cause, moves=(move,), reference=reference)


def test_a_flow_is_news_once_and_no_money_of_the_mandate() -> None:
    """By cause and reference: the same number of another cause is another flow."""
    story = Story()
    account, cash = story.account, story.account.cash
    for event, news in (
        (flow("7", "100"), True),
        (flow("7", "100"), False),
        (flow("7", "-100", cause=FlowCause.WITHDRAWAL), True),
        (FlowsKnown(time_ms=6, keys=("dividend:9",)), True),
        (FlowsKnown(time_ms=7, keys=("dividend:10",)), False),
        (flow("9", "1", cause=FlowCause.DIVIDEND), False),
    ):
        assert account.apply(event) == []
        assert account.changed is news, event
    assert (account.cash, account.flows.last_ms, account.flows.begun) == (cash, 5, True)


def test_a_withdrawal_that_comes_back_was_seen_to_leave() -> None:
    """What left before the books began and came back before it was looked at moved nothing in them."""
    account = Story().account
    account.apply(flow("1", "-5", cause=FlowCause.WITHDRAWAL))
    told = [flow(f"{n}{RETURNED}", "5", cause=FlowCause.WITHDRAWAL) for n in (1, 2)]
    assert account.flows.news([*told, flow("1", "-5", cause=FlowCause.WITHDRAWAL)]) == told[:1]


def test_a_withdrawal_gets_the_chains_id_later_and_once() -> None:
    """A deposit has it from the start, and what came back never gets one."""
    account, named = Story().account, FlowNamed(time_ms=9, key="withdrawal:1", tx_id="ab")
    sent, lost = (flow(n, "-5", cause=FlowCause.WITHDRAWAL) for n in "13")
    for event in (flow("2", "5"), sent, lost, flow(f"3{RETURNED}", "5", cause=FlowCause.WITHDRAWAL)):
        account.apply(event)
    assert account.flows.nameless == {sent.key}
    assert account.flows.names([sent, replace(sent, tx_id="ab")]) == [replace(sent, tx_id="ab")]
    for news in (True, False):
        account.apply(named)
        assert account.changed is news


def test_what_the_opening_holds_is_what_is_older_and_not_lacking() -> None:
    """A deposit that is as large as what the books lack was credited after they began."""
    told = [flow("old", "100"), flow("late", "7", "BTC"), flow("new", "5", at=50_000)]
    assert in_opening(told, 1_000, {"BTC": Decimal(7), "USDT": Decimal(1)}) == ("deposit:old",)
    clocks_apart = [flow("in", "1", at=10_999), flow("out", "1", at=11_000)]
    assert in_opening(clocks_apart, 1_000, {}) == ("deposit:in",)


def test_several_that_came_after_the_opening_are_told_from_those_before_it() -> None:
    """None of two explains what is lacking, both together do: by their times they might all be in the opening. One that is
    surely younger (`new`) is a part of what is lacking, too; dust is late as a whole or not at all."""
    old = [flow("old", "100"), flow("other", "30", "BTC")]
    assert in_opening([*old, flow("a", "7"), flow("b", "5")], 1_000, {"USDT": Decimal(12)}) == tuple(
        each.key for each in old
    )
    told = [*old, flow("a", "7"), flow("new", "5", at=50_000)]
    assert in_opening(told, 1_000, {"USDT": Decimal(12)}) == tuple(each.key for each in old)
    # The balances may have been read before the younger one came.
    assert in_opening(told, 1_000, {"USDT": Decimal(7)}) == tuple(each.key for each in old)
    swept = replace(old[0], moves=(Move(asset="ETH", amount=Decimal(-1)), Move(asset="BNB", amount=Decimal(2))))
    assert in_opening([swept], 1_000, {"ETH": Decimal(-1), "BNB": Decimal(2)}) == ()
    assert in_opening([swept], 1_000, {"ETH": Decimal(-1)}) == (swept.key,)


def test_of_two_that_are_as_large_the_younger_came_after_the_opening() -> None:
    told = [flow("old", "7", at=1), flow("young", "7", at=2)]
    assert in_opening(told, 1_000, {"USDT": Decimal(7)}) == ("deposit:old",)


@pytest.mark.parametrize(
    ("late", "found"),
    [
        ([0], True),
        ([17, 2], True),
        ([17, 1], False),
        ([17, 16, 15], True),
        ([17, 16, 15, 14], True),
        ([17, 16, 15, 14, 13], False),
    ],
)
def test_one_of_all_or_up_to_four_of_the_youngest_sixteen_explain_what_is_lacking(late: list[int], found: bool) -> None:
    """Of 18 deposits of 1, 2, 4 and so on, the largest the youngest: no others come to the same."""
    told = [flow(str(n), str(2**n), at=n) for n in range(18)]
    lacking = {"USDT": Decimal(sum(2**n for n in late))}
    opening = [n for n in range(18) if not (found and n in late)]
    assert in_opening(told, 1_000, lacking) == tuple(f"deposit:{n}" for n in opening)


def test_a_quarantined_account_enters_nothing_until_a_person_resumes_it() -> None:
    """What it holds is still sold; a second jump is no news."""
    story = Story()
    account = story.account
    [bought] = [each for each in story.candles(signal(BTC)) if isinstance(each, Submit)]
    story.accept(bought.order.request)
    story.fill(bought.order.request, "100")
    account.apply(Quarantined(time_ms=story.time, why="+9 BTC"))
    assert (account.changed, entries_off(account)) == (True, Denial.QUARANTINED)
    account.apply(Quarantined(time_ms=story.time, why="+10 BTC"))
    assert (account.changed, account.flows.quarantine) == (False, "+9 BTC")
    said = story.candles(signal(ETH), signal(BTC, exposure=0.0))
    assert [each.refusal.reason for each in said if isinstance(each, RecordRefusal)] == ["quarantined"]
    assert any(not isinstance(each, RecordRefusal) for each in said), "the exit goes on"
    account.apply(EntriesResumed(time_ms=story.time))
    assert (account.changed, entries_off(account)) == (True, None)


def test_fees_in_a_coin_that_nobody_can_value_stop_an_account_once() -> None:
    """Whatever else it stands still for; and after a restart, too."""
    story = Story()
    account, fees = story.account, Quarantined(time_ms=story.time, why="fees in BNB", unpriced=("BNB",))
    account.apply(Quarantined(time_ms=story.time, why="+9 BTC"))
    account.apply(fees)
    assert (account.changed, account.flows.quarantine) == (True, "+9 BTC; fees in BNB")
    put_back(account, taken(account))
    account.apply(fees)
    assert (account.changed, account.flows.quarantine) == (False, "+9 BTC; fees in BNB")
    account.apply(EntriesResumed(time_ms=story.time))
    account.apply(fees)
    assert (account.changed, entries_off(account)) == (False, None)
    account.apply(replace(fees, unpriced=("BNB", "XYZ")))
    assert entries_off(account) == Denial.QUARANTINED


@pytest.mark.parametrize("held", [False, True])
def test_coins_that_leave_may_take_the_dust_along(*, held: bool) -> None:
    """What is below a step is not counted on any more; what is owed stays owed, and another coin's dust is there."""
    story = Story()
    btc, eth = story.account.slots[BTC.id].row, story.account.slots[ETH.id].row
    if held:
        [bought] = [each for each in story.candles(signal(BTC)) if isinstance(each, Submit)]
        story.fill(bought.order.request, "100")
        whole = btc[step.STEPS] * story.account.slots[BTC.id].terms[step.UNITS_PER_STEP]
        btc[step.HOLDING] = whole + 5
    btc[step.DUST], eth[step.DUST] = 77, -3
    story.account.apply(flow("1", "-1", "ETH", FlowCause.WITHDRAWAL))
    story.account.apply(flow("1", "0.5", "BTC"))
    assert (btc[step.DUST], eth[step.DUST]) == (77, -3)
    story.account.apply(flow("2", "-0.00000077", "BTC", FlowCause.DUST))
    assert btc[step.DUST] == 0
    if held:
        assert btc[step.HOLDING] == whole


def test_journal_and_snapshot_hold_it_all() -> None:
    """Events come back as they were written, and a snapshot is the account they fold to."""
    story = Story()
    events = [
        FlowsKnown(time_ms=1, keys=("deposit:1", "dust:2")),
        FlowSeen(
            time_ms=2,
            cause=FlowCause.DUST,
            moves=(Move(asset="BNB", amount=Decimal("0.5")), Move(asset="BTC", amount=Decimal("-1E-8"))),
            reference="3",
            tx_id="ab",
            note="swept",
        ),
        flow("8", "-5", cause=FlowCause.WITHDRAWAL),
        flow("9", "-5", cause=FlowCause.WITHDRAWAL),
        FlowNamed(time_ms=4, key="withdrawal:8", tx_id="cd"),
        Quarantined(time_ms=3, why="+9 BTC"),
    ]
    for event in events:
        assert decode_event(type(event).__name__, 1, encode(event)) == event
        story.account.apply(event)
    again: Account = Story().account
    put_back(again, decode(encode(taken(story.account)), AccountState))
    assert again.flows == story.account.flows
    assert again.flows.keys == {"deposit:1", "dust:2", "dust:3", "withdrawal:8", "withdrawal:9"}
