"""What a user owes over time: statements against the books, late facts, credits, other rates, leaving, and not paying."""

from __future__ import annotations

import io
import json
import os
import pwd
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.contract.watch_kit import BTC
from tests.entrypoints.commission_kit import ACCOUNT, at, journal, live_in, opened, settle, this_month, trade, trade_at
from tests.entrypoints.console import Console, Said, console_of
from tests.entrypoints.test_rungs import Live, tell
from tests.nouns import BTC as TRADED
from tests.nouns import fill
from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.prices import DatabasePrices
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.core.commission.recorded import Recorded
from tradepool.core.ledger.posting import fill_entry
from tradepool.domain.charge import CommissionPaid, PeriodSettled
from tradepool.domain.deployment import Mode
from tradepool.domain.event import OrderFilled
from tradepool.domain.ids import FillId, MarketId, UserId
from tradepool.domain.order import Side
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.commission import preview
from tradepool.entrypoints.deployment import deployed_from
from tradepool.entrypoints.dunning import Dunning
from tradepool.entrypoints.venue_prices import PriceSource
from tradepool.ports.journal import Record

DAY_MS = 86_400_000
ANN = UserId("ann")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Console:
    """The command line."""
    return console_of(capsys)


@pytest.fixture
def live(tmp_path: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A live deployment."""
    return live_in(tmp_path, run, monkeypatch)


@pytest.fixture
def typed(run: Console, monkeypatch: pytest.MonkeyPatch) -> Console:
    """The command line of somebody who types the user's name back."""

    def go(*words: object) -> Said:
        monkeypatch.setattr("sys.stdin", io.StringIO("ann\n"))
        return run(*words)

    return go


def recorded(name: str, time_ms: int, close: str) -> None:
    """A close that was asked for once."""
    with books_open(deployed_from(None)) as connection:
        minute = MarketId(f"binance:{name}"), time_ms // 60_000 * 60_000
        DatabasePrices(connection).add({minute: Recorded(Decimal(close))})


def owed() -> str:
    """The trial balance of what ann owes."""
    from tradepool.core.ledger.trial_balance import trial_balance
    from tradepool.domain.charge import bill_of
    from tradepool.domain.ledger import LedgerCode

    with books_open(deployed_from(None)) as connection:
        totals = trial_balance(DatabaseBooks(connection).transfers(bill_of(ANN)))
    return str(-totals.get((LedgerCode.OWED, "USDT"), Decimal(0)))


def test_a_late_fact_leaves_the_statement_and_is_credited(
    live: Path, run: Console, typed: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """R23, R27: charged 100, a loss of 40 was found later: 10.00 back, the mark is 60; the old statement counts as before."""
    opened()
    trade(1, 20, 9, 60_000, 60_100)
    settle(run, "2026-09", monkeypatch)
    file = tmp_path / "statement.json"
    file.write_text(run("commission", "statement", "ann", "2026-09").out)
    assert "nothing was written" in typed("commission", "correct", "ann", "--reason", "to be sure").err
    trade(2, 21, 9, 60_000, 59_960)
    said = typed("commission", "correct", "ann", "--reason", "the venue told late")
    assert "10.00 credited" in said.out, said
    assert owed() == "15.00"
    assert "the same bytes" in run("commission", "statement", "--verify", file).out
    assert "nothing was written" in typed("commission", "correct", "ann", "--reason", "again").err
    trade(3, 20, 10, 60_000, 60_100)
    settle(run, "2026-10", monkeypatch)
    told = json.loads(run("commission", "statement", "ann", "2026-10").out)
    assert (told["opening_mark"], told["base"], told["commission"]) == ("60.00000000", "100.00000000", "25.00")
    file.write_text(json.dumps(told, indent=1, sort_keys=True))
    assert "the same bytes" in run("commission", "statement", "--verify", file).out
    assert "is paid: 40.00" in run("commission", "pay", "ann", "2026-10").out
    assert owed() == "0.00"


def test_a_correction_that_charges_more_is_paid_with_the_month_it_corrects(
    live: Path, run: Console, typed: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R23, R26: two months settled and paid, then a gain of 300 turns up: 75.00 more, owed until the last of them is paid
    again, and not by paying the one before; then nothing is left that could keep entries off."""
    opened()
    trade(1, 20, 9, 60_000, 60_100)
    settle(run, "2026-09", monkeypatch)
    trade(2, 20, 10, 60_000, 60_100)
    settle(run, "2026-10", monkeypatch)
    assert "is paid: 50.00" in run("commission", "pay", "ann", "2026-10").out
    trade(3, 21, 9, 60_000, 60_300)
    assert "75.00 charged" in typed("commission", "correct", "ann", "--reason", "the venue told late").out
    assert "paid before" in run("commission", "pay", "ann", "2026-09").out
    assert owed() == "75.00"
    with books_open(deployed_from(None)) as connection:
        assert "75.00 USDT of commission are unpaid" in Dunning(connection).owed(ANN)
    assert "is paid: 75.00" in run("commission", "pay", "ann", "2026-10").out
    assert "paid before" in run("commission", "pay", "ann", "2026-10").out
    assert owed() == "0.00"
    with books_open(deployed_from(None)) as connection:
        assert Dunning(connection).owed(ANN) == ""


def test_a_statement_that_the_books_do_not_give_is_refused(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """True to its own facts is not enough: a fill that never was is found by the books."""
    opened()
    trade(1, 20, 9, 60_000, 60_100)
    settle(run, "2026-09", monkeypatch)
    from tradepool.core.commission.statement import facts_of, statement

    text = run("commission", "statement", "ann", "2026-09").out
    facts = facts_of(text)
    forged = {name: getattr(facts, name) for name in facts.__slots__} | {"gains": []}
    file = tmp_path / "forged.json"
    file.write_text(statement(type(facts)(**forged)))
    assert "for the books" in run("commission", "statement", "--verify", file).err
    file.write_bytes(b"\xff\xfe{}")
    for wrong, why in ((file, "not UTF-8"), (tmp_path, "Is a directory"), (tmp_path / "lost.json", "No such file")):
        said = run("commission", "statement", "--verify", wrong)
        assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
        assert "This is no statement of a commission" in said.err
        assert why in said.err


def test_fees_in_a_third_coin_are_counted_at_the_price_on_record(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R12: 200 earned, 0.01 BNB at 600 paid; the price is in the statement, and 6.00 were given."""
    opened()
    trade(1, 20, 9, 60_000, 60_200)
    bought = fill(account=ACCOUNT, fill_id=FillId("9"), fee=Decimal("0.01"), fee_asset="BNB", time_ms=at(21))
    sale = fill(account=ACCOUNT, fill_id=FillId("10"), side=fill().side.SELL, fee=Decimal(0), time_ms=at(21) + 1)
    with journal() as books:
        for place, each in enumerate((bought, sale)):
            event, entry = OrderFilled(fill=each), fill_entry(each, TRADED)
            books.write(Record(account=ACCOUNT, sequence=5 + place, as_of_ms=0, event=event, entries=[entry]))
    recorded("BNB/USDT", at(21), "600")
    settle(run, "2026-09", monkeypatch)
    told = json.loads(run("commission", "statement", "ann", "2026-09").out)
    assert (Decimal(told["pnl"]), told["commission"]) == (Decimal(194), "48.50")
    assert told["prices"] == [["binance:BNB/USDT", at(21), "600", 0]]
    assert [(Decimal(flow[1]), flow[2]) for flow in told["flows"]] == [
        (Decimal(1_800), "given"),
        (Decimal(6), "third_asset_fee"),
    ]


def test_a_late_cost_without_a_price_corrects_nothing(
    live: Path, run: Console, typed: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R12, R23: leaving it out would charge too much, in a correction as in a settlement."""
    opened()
    trade(1, 20, 9, 60_000, 60_100)
    settle(run, "2026-09", monkeypatch)
    paid_without_a_price()
    assert "have no price" in typed("commission", "correct", "ann", "--reason", "late").err


def test_a_cost_without_a_price_settles_nothing(live: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """R12, R20: said by name; no statement is written and no mark moves, and the books hold what they held."""
    opened()
    trade(1, 20, 9, 60_000, 60_100)
    paid_without_a_price()
    assert "Of ann 1 costs or losses have no price at the venue (BNB at 2026-09-21 " in settle(
        run, "2026-09", monkeypatch
    )
    with books_open(deployed_from(None)) as connection:
        assert (DatabaseSettlements(connection).charges(ANN), DatabaseSettlements(connection).of(ANN)) == ([], [])
        assert len(list(DatabaseBooks(connection).entries(ACCOUNT))) == 5
    assert "Costs or losses have no price" in " ".join(
        run("commission", "preview", "ann", "--month", "2026-09").out.split()
    )


def paid_without_a_price() -> None:
    """Bought and sold on the 21st, a fee in a coin that the venue had no price of."""
    bought = fill(account=ACCOUNT, fill_id=FillId("9"), fee=Decimal("0.01"), fee_asset="BNB", time_ms=at(21))
    sale = fill(account=ACCOUNT, fill_id=FillId("10"), side=Side.SELL, fee=Decimal(0), time_ms=at(21) + 1)
    with journal() as books:
        for place, each in enumerate((bought, sale)):
            event, entry = OrderFilled(fill=each), fill_entry(each, TRADED)
            books.write(Record(account=ACCOUNT, sequence=5 + place, as_of_ms=0, event=event, entries=[entry]))
    with books_open(deployed_from(None)) as connection:
        DatabasePrices(connection).add({(MarketId("binance:BNB/USDT"), at(21)): Recorded(None)})


def test_who_joined_this_minute_has_nothing_to_settle_yet(live: Path, run: Console, typed: Console) -> None:
    """A period that ends before it began would leave a hole that no later one could follow."""
    opened(int(datetime.now(UTC).timestamp() * 1_000) // 60_000 * 60_000 + 59_999)
    assert "there is nothing to settle" in typed("commission", "settle", "ann", "--leaving", "--reason", "moves").err


def test_goodwill_needs_two_people(live: Path, run: Console, typed: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """R24: offered by one, given when another one types the same; the profit stays as it is. The machine's user is one,
    whatever its environment says of him."""
    opened()
    trade(1, 20, 9, 60_000, 60_200)
    settle(run, "2026-09", monkeypatch)
    give = ("commission", "goodwill", "ann", "5.00", "--reason", "outage")
    monkeypatch.setenv("LOGNAME", "eva")
    assert "another person" in typed(*give).out
    monkeypatch.setenv("LOGNAME", "bob")
    assert f"shell:{pwd.getpwuid(os.getuid()).pw_name} is one" in typed(*give).err
    for name in ("eva", "bob"):
        assert run("users", "add", name, "--role", "billing").code == 0
    assert "another person" in typed("commission", "goodwill", "ann", "6.00", "--reason", "outage", "--as", "eva").out
    assert "another person" in typed(*give, "--as", "eva").out
    assert "eva is one" in typed(*give, "--as", "eva").err
    assert owed() == "50.00"
    assert "owes 5.00 less" in typed(*give, "--as", "bob").out
    assert owed() == "45.00"
    for amount in ("-5", "0.00", "5.001", "0.004", "1e30", "nan", "-inf", "five"):
        assert "no amount of whole cents" in typed("commission", "goodwill", "ann", amount, "--reason", "x").err, amount
    assert owed() == "45.00"
    assert "beancount" not in run("ledger", "export", "--format", "beancount", "--user", "ann").err


def test_other_rates_settle_first_and_hold_from_then_on(live: Path, run: Console, typed: Console) -> None:
    """R17: 100 at the old 25 %; what comes later at the agreed rate; never without consent."""
    began_ms = this_month()
    opened(began_ms)
    trade_at(1, began_ms + 1, 60_000, 60_100)
    assert "consent" in typed("commission", "schedule", "ann", "0=0.10").err
    assert "is no tier" in typed("commission", "schedule", "ann", "zero", "--consent", "mail 7").err
    said = typed("commission", "schedule", "ann", "0=0.10", "--consent", "mail 7", "--now")
    assert said.code == 0, said
    now = json.loads(run("commission", "preview", "ann", "--json").out)
    assert (now["rate"], now["schedule"]["name"][:6]) == ("0.10", "agreed")
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    before = json.loads(run("commission", "statement", "ann", day).out)
    assert (before["rate"], before["period"]["closes_ms"]) == ("0.25", now["period"]["opened_ms"])
    assert (before["commission"], now["opening_mark"]) == ("25.00", "100.00000000")


def test_who_leaves_is_settled_that_day_and_holds_nothing_of_ours(live: Path, run: Console, typed: Console) -> None:
    """R8: with a lot open it is refused by name; once it is sold, the period ends this minute. What the fee left of the lot
    can be neither sold nor taken over, and keeps nobody."""
    began_ms = this_month()
    opened(began_ms)
    now_ms = int(datetime.now(UTC).timestamp() * 1_000)
    bought = fill(account=ACCOUNT, fill_id=FillId("9"), fee=Decimal("0.0001"), time_ms=began_ms + 1)
    sold = {"side": Side.SELL, "quantity": Decimal("0.9998"), "fee": Decimal(0)}
    sale = fill(account=ACCOUNT, fill_id=FillId("10"), time_ms=began_ms + 2, **sold)
    for place, each in enumerate((bought, sale)):
        event, entry = OrderFilled(fill=each), fill_entry(each, TRADED)
        with journal() as books:
            books.write(Record(account=ACCOUNT, sequence=3 + place, as_of_ms=0, event=event, entries=[entry]))
        if place == 0:
            with books_open(deployed_from(None)) as connection:
                around = now_ms // 60_000 * 60_000
                known = {
                    (MarketId("binance:BTC/USDT"), around + n * 60_000): Recorded(Decimal(9)) for n in range(-3, 10)
                }
                DatabasePrices(connection).add(known)
            assert (
                "can't leave while lots are open (0.9999 BTC"
                in typed("commission", "settle", "ann", "--leaving", "--reason", "moves").err
            )
    assert "Settled" in typed("commission", "settle", "ann", "--leaving", "--reason", "moves").out
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    assert json.loads(run("commission", "statement", "ann", day).out)["commission"] == "0.00"


def test_the_page_says_every_fact_and_every_rule_and_runs_nothing(
    live: Path, run: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """R27: one file, without a script or anything from elsewhere."""
    opened()
    trade(1, 20, 9, 60_000, 60_200)
    settle(run, "2026-09", monkeypatch)
    said = json.loads(run("commission", "statement", "ann", "2026-09").out)
    html = tmp_path / "statement.html"
    assert run("commission", "statement", "ann", "2026-09", "--html", html).code == 0
    page = html.read_text()
    for fact in (
        said["hash"],
        said["pnl"],
        said["opening_mark"],
        said["tier_capital"]["amount"],
        said["rate"],
        "50.00",
    ):
        assert fact in page
    for _, amount, what in said["trades"]:
        assert amount in page
        assert what in page
    assert all(f"<td>R{number}</td>" in page for number in range(1, 28))
    assert not any(word in page.lower() for word in ("<script", "http:", "https:", "<link", "<img", "@import"))


def invoice(database: Place, days: int) -> None:
    """ann was charged 50.00 so many days ago."""
    now_ms = int(datetime.now(UTC).timestamp() * 1_000)
    charge = PeriodSettled(
        time_ms=now_ms - days * DAY_MS,
        currency="USDT",
        amount=Decimal("50.00"),
        by="eva",
        opened_ms=days,
        closes_ms=days + 1,
        mark=Decimal(200),
        digest="",
    )
    connection = open_store(database)
    rows = DatabaseSettlements(connection)
    rows.settle(ANN, charge, "{}", after=len(rows.charges(ANN)))
    dispose(connection)


def pay(database: Place) -> None:
    """ann paid it."""
    connection = open_store(database)
    rows = DatabaseSettlements(connection)
    after = len(rows.charges(ANN))
    paid = CommissionPaid(time_ms=after, currency="USDT", amount=Decimal("-50.00"), by="eva")
    rows.write(ANN, paid, after=after)
    dispose(connection)


def test_who_does_not_pay_enters_nothing_and_leaves_as_ever(tmp_path: Path) -> None:
    """R26 in the real trading process: from day 14 no entry, from day 30 no adoption; exits go on; paying lifts it at once."""

    async def story(live: Live) -> None:
        world, database = live.world, live.deployed.database
        live.stood(Mode.LIVE, 100)
        invoice(database, 13)
        await live.enter(BTC, 100.0)
        assert world.refusals() == []
        pay(database)
        invoice(database, 15)
        said = await live.asks(do="close", account="ann-main", market="binance:BTC/USDT", share="1")
        assert "sold" in said
        await live.enter(BTC, 100.0)
        assert world.refusals() == ["unpaid"]
        assert "unpaid for 15 days" in json.loads(await live.asks(do="status"))["unpaid"][0]
        asked = {"account": "ann-main", "market": "binance:BTC/USDT", "quantity": "0.5", "stop_percent": "5"}
        assert "adopted" in await live.asks(do="adopt", **asked)
        await live.asks(do="release", account="ann-main", market="binance:BTC/USDT")
        pay(database)
        invoice(database, 31)
        assert "unpaid for a month" in await live.asks(do="adopt", **asked)
        told(live)
        pay(database)
        await live.enter(BTC, 100.0)
        assert world.refusals() == ["unpaid"]

    def told(live: Live) -> None:
        """What the trading process has booked is read as it was meant, by the prices of a market that never moves."""
        connection, now_ms = live.trading._rows._connection, live.world.clock.now_ms() + 600_000
        source = PriceSource(lambda: now_ms, lambda wanted: dict.fromkeys(wanted, Recorded(Decimal(100))))
        facts = preview(live.deployed, connection, source, "ann", None).facts
        sold = DatabaseBooks(connection).trades(ACCOUNT)[0]
        (dust,), (seat,) = facts.open_lots, live.deployed.seats
        # What the account calls its trade's profit is the change of cash; 0.5 was given at 50 and taken over at 49.95.
        assert sum(gain.amount for gain in facts.gains) - dust.lot.cost == sold.pnl - Decimal("0.05")
        assert dust.lot.quantity < Decimal("0.001")
        assert [flow.amount for flow in facts.flows] == [seat.mandate.capital, 50, Decimal("-49.95")]

    tell(tmp_path, story)
