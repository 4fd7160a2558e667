"""Who acts first on a T goes round, and nothing else changes by it: the same trades, each time the same order."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from sqlalchemy import select, text

from tradepool.adapters.database import tables
from tradepool.adapters.database.codec import decode
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.core.strategies import catalog
from tradepool.domain.event import CandlesClosed
from tradepool.domain.ids import AccountId
from tradepool.entrypoints.lock_step import run_in_lock_step
from tradepool.entrypoints.replay import Outcome, Plan, Player, Replay
from tradepool.services.trading.fan_out import InTurn, Rotation, as_they_came
from tradepool.simexchange.market_model import model_listings

USERS, BARS, START_MS, MINUTE_MS = 6, 400, 1_640_995_200_000, 60_000
OFTEN = {"fast": 3, "slow": 8, "stop_atrs": 2.0, "trail_atrs": 2.0}


def plan(in_turn: InTurn) -> Plan:
    listings = model_listings(("AAA/USDT", "BBB/USDT"), MINUTE_MS, START_MS, BARS, 7)
    markets = tuple(listing.market.id for listing in listings)
    strategy = catalog.named("moving_average_cross").with_parameters(OFTEN)
    players = [
        Player(name=f"u{n}", strategy=strategy, markets=markets, capital=Decimal(10_000), weight=Decimal("0.4"))
        for n in range(USERS)
    ]
    return Plan(listings=listings, players=players, in_turn=in_turn)


def played(in_turn: InTurn, folder: Path) -> tuple[Outcome, dict[int, list[AccountId]]]:
    """The outcome, and for each T that changed something, who wrote it down in which order."""
    folder.mkdir()
    planned = plan(in_turn)
    outcome = run_in_lock_step(lambda selector: Replay(planned, folder).run(selector))
    connection = open_store(folder / "tradepool.sqlite")
    t = tables.event.c
    rows = connection.execute(select(t.account, t.body).where(t.kind == "CandlesClosed").order_by(text("rowid"))).all()
    order: dict[int, list[AccountId]] = {}
    for account, body in rows:
        order.setdefault(decode(body, CandlesClosed).time_ms, []).append(account)
    dispose(connection)
    return outcome, order


def test_the_first_place_goes_round_and_the_trades_stay(tmp_path: Path) -> None:
    names = [seat.account.id for seat in plan(as_they_came).seats()]
    house = names[:1]
    plain, as_expected = played(as_they_came, tmp_path / "a")
    turned, order = played(Rotation(house), tmp_path / "b")
    _, again = played(Rotation(house), tmp_path / "c")
    assert all(accounts == [name for name in names if name in accounts] for accounts in as_expected.values())
    assert order == again
    assert len(order) > 20
    firsts = set()
    for accounts in order.values():
        assert sorted(accounts) == sorted(names)
        assert accounts[-1:] == house
        turn = names[1:].index(accounts[0])
        assert accounts[:-1] == [*names[1:][turn:], *names[1:][:turn]]
        firsts.add(accounts[0])
    assert firsts == set(names[1:])
    assert sum(len(user.trades) for user in plain.users) > 20
    for before, after in zip(plain.users, turned.users, strict=True):
        assert (before.trades, before.refusals, before.final_equity) == (
            after.trades,
            after.refusals,
            after.final_equity,
        )
        assert not any(after.ledger_minus_venue.values())


def test_over_many_ts_everybody_is_first_about_as_often_whatever_the_rhythm() -> None:
    """Also for strategies that act once an hour, or once in as many bars as there are users."""
    told = [(AccountId(f"u{n}"), CandlesClosed(time_ms=0, signals=())) for n in range(60)]
    for every_ms in (MINUTE_MS, 60 * MINUTE_MS, 24 * 60 * MINUTE_MS):
        counts = dict.fromkeys((name for name, _ in told), 0)
        for n in range(6_000):
            counts[Rotation()(START_MS + n * every_ms, told)[0][0]] += 1
        assert min(counts.values()) > 60, every_ms
        assert max(counts.values()) < 150, every_ms
    assert Rotation()(0, []) == []
