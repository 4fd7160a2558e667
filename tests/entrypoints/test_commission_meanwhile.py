"""Two people at one bill: what the slower one decided from is not as it was, so nothing of it is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.entrypoints.commission_kit import ACCOUNT, at, journal, live_in, opened, trade
from tests.entrypoints.commission_kit import settle as settled
from tests.entrypoints.console import Console, console_of
from tests.nouns import BTC, fill
from tradepool.adapters.database.register import ChangedMeanwhile
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.core.commission.bill import unpaid
from tradepool.core.commission.recorded import Minute, Recorded
from tradepool.core.ledger.posting import fill_entry
from tradepool.domain.event import OrderFilled
from tradepool.domain.ids import FillId, UserId
from tradepool.domain.order import Side
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.commission import settle
from tradepool.entrypoints.commission_deeds import correct
from tradepool.entrypoints.deployment import deployed_from
from tradepool.entrypoints.venue_prices import PriceSource
from tradepool.ports.journal import Record

Closes = Callable[[Collection[Minute]], Mapping[Minute, Recorded]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Console:
    """The command line."""
    return console_of(capsys)


@pytest.fixture
def live(tmp_path: Path, run: Console, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A live deployment."""
    return live_in(tmp_path, run, monkeypatch)


def at_once(wanted: Collection[Minute]) -> Mapping[Minute, Recorded]:
    """The venue's answer."""
    return dict.fromkeys(wanted, Recorded(Decimal(59_960)))


def settling(closes: Closes = at_once) -> None:
    """October is settled."""
    deployed = deployed_from(None)
    with books_open(deployed) as connection:
        settle(deployed, connection, PriceSource(lambda: at(20, 11), closes), "ann", "2026-10", "its end")


def correcting(closes: Closes = at_once) -> None:
    """What is late is corrected."""
    deployed = deployed_from(None)
    with books_open(deployed) as connection:
        correct(deployed, connection, PriceSource(lambda: at(20, 11), closes), "ann", "told late")


def filled(number: int, side: Side, time_ms: int, price: int) -> None:
    """One bitcoin, at no fee."""
    each = fill(account=ACCOUNT, fill_id=FillId(str(number)), side=side, price=Decimal(price), fee=Decimal(0))
    each = replace(each, time_ms=time_ms)
    with journal() as books:
        event, entry = OrderFilled(fill=each), fill_entry(each, BTC)
        books.write(Record(account=ACCOUNT, sequence=number, as_of_ms=0, event=event, entries=[entry]))


@pytest.mark.parametrize(("slow", "quick"), [(settling, correcting), (correcting, settling)])
def test_what_was_decided_from_an_older_bill_is_not_charged(
    live: Path,
    run: Console,
    monkeypatch: pytest.MonkeyPatch,
    slow: Callable[..., None],
    quick: Callable[..., None],
) -> None:
    """R7, R23: 100 in September, less 99.96 for a lot that is told of late, sold in October for 100 more; another one is
    open then, and 99.96 lower. The venue takes its time over a price, and somebody else is done before."""
    opened()
    trade(1, 20, 9, 60_000, 60_100)
    assert "Settled" in settled(run, "2026-09", monkeypatch)
    filled(5, Side.BUY, at(21), 60_000)
    filled(6, Side.SELL, at(20, 10), 60_100)
    filled(7, Side.BUY, at(21, 10), 60_000)

    def slowly(wanted: Collection[Minute]) -> Mapping[Minute, Recorded]:
        quick()
        return at_once(wanted)

    with pytest.raises(ChangedMeanwhile, match="Nothing was done: the bill of ann was changed by somebody else"):
        slow(slowly)
    slow()
    with books_open(deployed_from(None)) as connection:
        charges = DatabaseSettlements(connection).charges(UserId("ann"))
    assert (len(charges), sum(each.unpaid for each in unpaid(charges))) == (3, Decimal("25.01"))
    for month in ("2026-09", "2026-10"):
        Path("statement.json").write_text(run("commission", "statement", "ann", month).out)
        assert "the same bytes" in run("commission", "statement", "--verify", "statement.json").out
