"""Books that move to another kind of store in the middle of a run, and back: it goes on as if nothing had happened."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from tests.postgres_kit import Postgres
from tests.whole.lives import Lives, held, tell
from tests.whole.test_faults import place as short_place
from tests.whole.test_faults import player
from tradepool.adapters.database import copying
from tradepool.adapters.database.copying import Balances, Fingerprint, copy_rows, fingerprint
from tradepool.adapters.database.engine import dispose, open_store, transaction
from tradepool.adapters.database.place import Place
from tradepool.adapters.database.tables import METADATA
from tradepool.adapters.database.verify import verify_books
from tradepool.core.strategies import catalog
from tradepool.entrypoints.replay import Plan, on_our_venue
from tradepool.simexchange.market_model import model_listings

__all__ = ["short_place"]

START_MS, BAR_MS, BARS = 1_640_995_200_000, 300_000, 160
OFTEN = {"fast": 3, "slow": 8, "stop_atrs": 2.0, "trail_atrs": 2.0}
Said = tuple[dict[str, Fingerprint], Balances]


def plan_of(users: int) -> Plan:
    """Many on one market, who trade often."""
    (listing,) = [on_our_venue(m) for m in model_listings(["AAA/USDT"], BAR_MS, START_MS, BARS, 9)]
    strategy = catalog.named("moving_average_cross").with_parameters(OFTEN)
    weights = [Decimal("0.5") - Decimal(n) / 1_000 for n in range(users)]
    everybody = [replace(player(strategy.name, [listing], weight), strategy=strategy) for weight in weights]
    return Plan(listings=[listing], players=everybody)


def move(source: Place, target: Place) -> None:
    """All books, compared."""
    old, new = open_store(source), open_store(target)
    with copying.held(old), transaction(new):
        copy_rows(old, new)
    dispose(old)
    dispose(new)


def lived(users: int, folder: Path, places: list[Place]) -> Said:
    """A run of as many lives as there are places, the books moved in between; what they say in the end."""
    told: list[Said] = []

    async def story(lives: Lives) -> None:
        for number, place in enumerate(places):
            if number and place != places[number - 1]:
                move(places[number - 1], place)
            async with lives.life(epoch=number, database=place) as life:
                if number < len(places) - 1:
                    await life.bars(BARS // 4)
                    await life.until(lambda: held(life) == users)
                    assert held(life) == users
                else:
                    await life.bars(BARS)
        connection = open_store(places[-1])
        assert verify_books(connection) == []
        said = {table.name: fingerprint(connection, table) for table in METADATA.sorted_tables}
        told.append((said, copying.balances(connection)))
        dispose(connection)

    tell(plan_of(users), folder, story)
    return told[0]


def test_a_run_goes_on_in_another_kind_of_store(short_place: Path, postgres: Postgres, long: bool) -> None:
    """Equal row by row, and by trial balance, to a run that stayed where it was."""
    users, server = 100 if long else 4, postgres.new()
    stayed, first, last = (short_place / name / "t.sqlite" for name in ("a", "b", "c"))
    for file in (stayed, first, last):
        file.parent.mkdir(parents=True)
    expected, balances = lived(users, short_place / "x", [stayed] * 3)
    moved, theirs = lived(users, short_place / "y", [first, server, last])
    assert moved == expected
    assert theirs == balances
    assert expected["trade"].rows > users
    postgres.drop(server)


def test_a_server_that_breaks_off_stops_nobody_for_long(short_place: Path, postgres: Postgres) -> None:
    """Its connections are cut while everybody holds something: what was decided meanwhile is written when it is back."""
    server, told = postgres.new(), list[Balances]()

    async def story(lives: Lives) -> None:
        async with lives.life(database=server) as life:
            for _ in range(3):
                await life.bars(BARS // 8)
                await life.until(lambda: held(life) == 3)
                postgres.cut_off(server)
            await life.bars(BARS)
            assert life.platform.desk.halted == {}
        connection = open_store(server)
        assert verify_books(connection) == []
        told.append(copying.balances(connection))
        dispose(connection)

    tell(plan_of(3), short_place / "x", story)
    assert len(told[0]) > 6
    postgres.drop(server)
