"""What our gateway reads of a venue's wallet histories, through unmodified ccxt.pro at its production URLs: C-1010 ff."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.gate_kit import wallet_venue
from tests.contract.gateway_kit import Desk, desk, play
from tests.simexchange.exchange_kit import MINUTE, START, flat
from tradepool.adapters.exchanges import ccxt_flows
from tradepool.adapters.exchanges.flow_rows import sweeps_from
from tradepool.domain.flow import FlowCause
from tradepool.ports.exchange import OutcomeUnknown
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.tls import TlsFiles

DAY = 86_400_000
BTC = Decimal(1)


async def pass_to(at: Desk, time_ms: int) -> None:
    """The venue's time goes on, and ours with it."""
    at.venue.pass_time(time_ms)
    await at.feed.time_ms()


def words(flows: Any) -> list[tuple[str, str, str]]:
    """Cause, asset and amount of each."""
    return [(flow.cause.value, move.asset, str(move.amount)) for flow in flows for move in flow.moves]


def test_every_kind_of_flow_is_told_once_it_has_moved(files: TlsFiles) -> None:
    """C-1010: deposit, withdrawal with its fee, transfer both ways, dividend; what is on its way is none yet."""

    async def story(at: Desk) -> None:
        wallet, account = at.venue.wallet, at.venue.account("key")
        wallet.deposit(account, "BTC", BTC, START, credit_after_ms=MINUTE, unlock_after_ms=2 * MINUTE)
        sent = wallet.withdraw(account, "BTC", BTC, START + 1_000, fee=Decimal("0.25"), done_after_ms=MINUTE)
        wallet.transfer(account, "MAIN", "FUNDING", "USDT", Decimal(30), START + 2)
        wallet.transfer(account, "FUNDING", "MAIN", "USDT", Decimal(10), START + 3)
        wallet.pay_dividend(account, "BNB", Decimal("0.5"), START + 4, "Launchpool")
        await pass_to(at, START + 2_000)
        flows = await at.gateway.flows(START)
        assert words(flows) == [
            ("transfer", "USDT", "-30"),
            ("transfer", "USDT", "10"),
            ("dividend", "BNB", "0.5"),
            ("withdrawal", "BTC", "-1"),
        ]
        assert (flows[2].note, flows[3].moves[0].fee, flows[3].tx_id) == ("Launchpool", Decimal("0.25"), "")
        await pass_to(at, START + 2 * MINUTE)
        flows = await at.gateway.flows(START)
        assert words(flows)[0] == ("deposit", "BTC", "1")
        assert (flows[0].time_ms, flows[-1].tx_id) == (START, sent.tx_id)
        assert len({flow.key for flow in flows}) == len(flows) == 5
        assert await at.gateway.flows(START + 2 * MINUTE) == []

    play(files, story, flat(30))


def test_a_withdrawal_that_is_refused_comes_back(files: TlsFiles) -> None:
    """C-1011: as a flow of its own, fee and all."""

    async def story(at: Desk) -> None:
        account = at.venue.account("key")
        at.venue.wallet.withdraw(
            account, "BTC", BTC, START, fee=Decimal("0.25"), done_after_ms=MINUTE, rejected=True
        )  # fmt: skip
        await pass_to(at, START + 1)
        [left] = await at.gateway.flows(START)
        await pass_to(at, START + MINUTE)
        [back] = await at.gateway.flows(START)
        assert (left.moves[0].amount, back.moves[0].amount) == (Decimal(-1), Decimal(1))
        assert back.reference == f"{left.reference}:returned"

    play(files, story, flat(30))


def test_swept_dust_is_what_went_and_what_came(files: TlsFiles) -> None:
    """C-1012: one flow for a conversion of several assets; the same asset twice is one move."""
    venue = wallet_venue()
    account = venue.account("key")

    async def story() -> None:
        async with desk(venue, files) as at:
            venue.wallet.deposit(account, "ETH", Decimal("0.0003"), START)
            venue.wallet.convert_dust(account, ["ETH", "USDT"], venue.markets, START)
            [_, *flows] = await at.gateway.flows(START)
            # R14: what each of them brought is told apart.
            assert words(flows) == [
                ("dust", "BNB", "0.000588"),
                ("dust", "ETH", "-0.0003"),
                ("dust", "BNB", "196"),
                ("dust", "USDT", "-1000"),
            ]

    asyncio.run(story())
    rows = [("BTC", "0.0010", "0.6"), ("BTC", "0.0005", "0.38"), ("ETH", "2", "1")]
    details = [{"fromAsset": asset, "amount": amount, "transferedAmount": came} for asset, amount, came in rows]
    flows = sweeps_from({"transId": 7, "operateTime": START, "userAssetDribbletDetails": details})
    assert [(flow.cause, flow.reference) for flow in flows] == [(FlowCause.DUST, "7:BTC"), (FlowCause.DUST, "7:ETH")]
    assert words(flows[:1]) == [("dust", "BNB", "0.98"), ("dust", "BTC", "-0.0015")]


def test_all_pages_of_all_spans_are_read(files: TlsFiles) -> None:
    """C-1013: more rows than a page has, in one moment's neighbourhood and over 200 days."""

    async def story(at: Desk) -> None:
        wallet, account = at.venue.wallet, at.venue.account("key")
        penny = Decimal("0.00000001")
        for number in range(1_003):
            wallet.deposit(account, "BTC", penny, START + number)
        for number in range(205):
            wallet.transfer(account, "MAIN", "FUNDING", "BTC", penny, START + number // 50)
        for number in range(6):
            await pass_to(at, START + number * 40 * DAY)
            wallet.withdraw(account, "BTC", penny * 2, at.venue.now_ms, fee=penny)
            wallet.pay_dividend(account, "BTC", penny, at.venue.now_ms)
        flows = await at.gateway.flows(START)
        count = {cause: sum(flow.cause is cause for flow in flows) for cause in FlowCause}
        assert count[FlowCause.DEPOSIT] == 1_003
        assert count[FlowCause.TRANSFER] == 205
        assert (count[FlowCause.WITHDRAWAL], count[FlowCause.DIVIDEND]) == (6, 6)
        assert [flow.time_ms for flow in flows] == sorted(flow.time_ms for flow in flows)

    play(files, story, flat(30))


def test_a_venue_without_histories_tells_nothing(files: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """C-1014: no request is made, and nothing is raised."""
    monkeypatch.setattr(ccxt_flows, "HISTORIES", {})

    async def story(at: Desk) -> None:
        at.venue.wallet.deposit(at.venue.account("key"), "BTC", BTC, START)
        assert await at.gateway.flows(0) == []

    play(files, story, flat(30))


def test_an_answer_that_makes_no_sense_is_named(files: TlsFiles) -> None:
    """C-1015: a page of HTML, or a failure, is no empty history."""

    async def story(at: Desk) -> None:
        for fault in (
            Fault(kind="status", status=500, route="GET /sapi/v1/capital/deposit/hisrec"),
            Fault(kind="html", route="GET /sapi/v1/asset/dribblet"),
        ):
            number = at.faults.add(fault, at.venue.now_ms).number
            with pytest.raises(OutcomeUnknown):
                await at.gateway.flows(START)
            at.faults.remove(number)
        assert await at.gateway.flows(START) == []

    play(files, story, flat(30))
