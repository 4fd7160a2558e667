"""Gathering: the closed trades of users who consent, and backtest trades beside them, into the pool; once each.

A trade is first put on its user's list, under a random id, and then into the file. What is listed and not in the file is
made again, what is in the file is left alone: a kill anywhere in between neither doubles nor loses a trade.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from sqlalchemy import Connection

from tradepool.adapters.database.books import DatabaseBooks
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.journal import DatabaseJournal
from tradepool.adapters.database.pool import DatabasePool, HeldSecret, Listed
from tradepool.adapters.database.secrets import DatabaseSecrets
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.adapters.vault.envelope import (
    KeyDamaged,
    OtherMasterKey,
    new_data_key,
    refuse_other_master,
    unwrapped,
    wrapped,
)
from tradepool.core.market.bars import COLUMNS, Bars
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import AccountId, MarketId, UserId
from tradepool.domain.market import Market
from tradepool.domain.order import Purpose
from tradepool.domain.trade import Trade
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.entrypoints.emergency import by_own_hands
from tradepool.entrypoints.key_vault import master_of
from tradepool.entrypoints.own_hands import OwnHands
from tradepool.entrypoints.pool import file_of
from tradepool.entrypoints.venue_way import Way, way_to
from tradepool.learning.backtests import backtests
from tradepool.learning.features import UNKNOWN, bars_before, features_at
from tradepool.learning.pool import PSEUDONYM_MS, PooledTrade, bar_of, pooled, pseudonym_of
from tradepool.learning.public_names import OWN, Public, public_name
from tradepool.ports.clock import Clock
from tradepool.presentation.pool_page import GatheredJson
from tradepool.presentation.results import SCHEMA
from tradepool.runtime.clock import RealClock
from tradepool.services.backoff import patiently
from tradepool.services.reader import bars_of

# Whose data key the pseudonyms' secret is kept as. No user can be called so.
POOL_USER = UserId("trade pool")
ID_BYTES = 16
# How far back strategies are backtested beside real trades.
BACKTEST_BARS = 10_000
# An entry's first fill comes at most so many bars after the T it was decided at; a later one was not that order's.
LATE_BARS = 2

# A market's bars of a length.
Spot = tuple[MarketId, int]


class KeyNotNeeded(InvalidInput):
    """Account {account} was asked for its key, and candles need none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A trade that is to be pooled: `entry_ms` is the T it was decided at; `public` is None of a user's own strategy."""

    listed: Listed
    trade: Trade
    public: Public | None
    timeframe_ms: int
    entry_ms: int

    @property
    def spot(self) -> Spot:
        """The bars it was decided on."""
        return self.trade.market, self.timeframe_ms


def gather(deployed: Deployed, way: Way | None = None) -> GatheredJson:
    """Bring the pool up to date, once for all users; what was done.

    GatheringAlready, PoolDamaged, what reading the master key raises, and VenueError: nothing is in the pool then that
    was not there before, and the next gathering does it all.
    """
    file = file_of(deployed)
    with file.gathering(), books_open(deployed) as connection:
        rows, pool, now_ms = DatabasePool(connection), file.read(), RealClock().now_ms()
        rows.bury_unwilling()
        rows.forget_secret(now_ms - PSEUDONYM_MS)
        world = DatabaseDeployment(connection, deployed.deployment).world
        _list_new(connection, rows, world)
        known = set(pool.ids)
        listed = [each for each in rows.listed() if each.id not in known and each.world == world]
        missing = _closed(deployed, connection, listed)
        made, beside = list[PooledTrade](), list[PooledTrade]()
        if missing:
            secret = secret_of(deployed, connection, now_ms)
            candles = _candles(deployed, missing, way or way_to(deployed))
            made, beside = _made(missing, candles, secret), _beside(missing, candles)
            beside = [each for each in beside if each.id not in known]
        # Whoever took his word back meanwhile is out before anything is written.
        rows.bury_unwilling()
        gone = rows.tombstones()
        removed = len(gone & known)
        pool = pool.with_rows([*made, *beside]).without(gone)
        file.replace(pool)
        rows.forget(gone)
        added = sum(each.id not in gone for each in made)
        return GatheredJson(schema=SCHEMA, added=added, backtests=len(beside), removed=removed, trades=len(pool))


def secret_of(deployed: Deployed, connection: Connection, now_ms: int) -> bytes:
    """The secret of the pseudonyms, made where there is none. One that does not open is thrown away: that only rotates
    it early. OtherMasterKey, while the configuration names one that was rotated away: nothing is left under that."""
    master, rows = master_of(deployed), DatabasePool(connection)
    refuse_other_master(DatabaseSecrets(connection).data_keys(), master)
    held = rows.secret()
    if held is not None:
        try:
            return unwrapped(held.key, master)
        except (KeyDamaged, OtherMasterKey):
            pass
    fresh = new_data_key()
    rows.keep_secret(HeldSecret(now_ms, wrapped(fresh, POOL_USER, master)))
    return fresh


# ---- whose trades


def _list_new(connection: Connection, rows: DatabasePool, world: str) -> None:
    """Put what users have closed since on their lists."""
    books, known = DatabaseBooks(connection), {each.key for each in rows.listed()}
    for account, user in rows.accounts(rows.willing()).items():
        closed = [Listed.of(each, secrets.token_hex(ID_BYTES), user, world) for each in books.trades(account)]
        rows.add([each for each in {one.key: one for one in closed}.values() if each.key not in known])


def _closed(deployed: Deployed, connection: Connection, missing: Sequence[Listed]) -> list[Closed]:
    """The listed trades as the books have them; one that is in the books no more is left out."""
    books, journal, found = DatabaseBooks(connection), DatabaseJournal(connection), list[Closed]()
    wanted = {each.key[1:]: each for each in missing}
    for account in sorted({each.account for each in missing}):
        entries = _entries(journal, account)
        for trade in books.trades(account):
            listed = wanted.pop(Listed.of(trade, "", UserId(""), "").key[1:], None)
            if listed is not None:
                found.append(_dated(listed, trade, entries.get(trade.market, []), deployed.timeframe_ms))
    return found


def _entries(journal: DatabaseJournal, account: AccountId) -> dict[MarketId, list[int]]:
    """The Ts at which an account decided to enter, by market, in order."""
    found = dict[MarketId, list[int]]()
    for intent in journal.intents(account):
        if intent.purpose is Purpose.ENTRY:
            found.setdefault(intent.market, []).append(intent.time_ms)
    return {market: sorted(times) for market, times in found.items()}


def _dated(listed: Listed, trade: Trade, entries: Sequence[int], timeframe_ms: int) -> Closed:
    """With the T it was decided at: its order's, else the bar its first fill was in (a position that was adopted)."""
    public = public_name(trade.strategy_id)
    timeframe_ms = timeframe_ms if public is None else public.timeframe_ms
    before = bisect_right(entries, trade.entry_time_ms)
    at_ms = trade.entry_time_ms
    if before and at_ms - entries[before - 1] <= LATE_BARS * timeframe_ms:
        at_ms = entries[before - 1]
    entry_ms = bar_of(at_ms, timeframe_ms)
    return Closed(listed=listed, trade=trade, public=public, timeframe_ms=timeframe_ms, entry_ms=entry_ms)


# ---- what the market looked like


def _candles(deployed: Deployed, missing: Sequence[Closed], way: Way) -> Mapping[Spot, tuple[Market, Bars]]:
    """The venue's own candles of the markets that are still listed, as far back as the trades and the backtests need."""
    since = dict[Spot, int]()
    for each in missing:
        first_ms = each.entry_ms - bars_before(each.timeframe_ms) * each.timeframe_ms
        if each.public is not None:
            first_ms = min(first_ms, way[0].now_ms() - BACKTEST_BARS * each.timeframe_ms)
        since[each.spot] = min(since.get(each.spot, first_ms), first_ms)

    async def fetch(hands: OwnHands) -> Mapping[Spot, tuple[Market, Bars]]:
        found = dict[Spot, tuple[Market, Bars]]()
        for (market_id, timeframe_ms), first_ms in since.items():
            if market := hands.listed.get(market_id):
                found[market_id, timeframe_ms] = market, await _history(hands, way[0], market, timeframe_ms, first_ms)
        return found

    return by_own_hands(deployed, fetch, way, _no_key)


async def _history(hands: OwnHands, clock: Clock, market: Market, timeframe_ms: int, since_ms: int) -> Bars:
    """Pages become columns one by one: a year of minutes is too much as nouns."""
    now_ms = await patiently(clock, hands.feed.time_ms)
    pages, next_ms = [bars_of([], timeframe_ms)], max(0, since_ms)
    while next_ms + timeframe_ms <= now_ms:
        page = await patiently(clock, partial(hands.feed.page, market, timeframe_ms, next_ms, now_ms))
        if not page:
            break
        pages.append(bars_of(page, timeframe_ms))
        next_ms = page[-1].open_time_ms + timeframe_ms
    columns = (np.concatenate([getattr(page, name) for page in pages]) for name in ("open_time", *COLUMNS))
    return Bars(timeframe_ms, *columns)


def _no_key(seat: Seated) -> Credentials:
    raise KeyNotNeeded(account=seat.account_id)


# ---- rows


def _made(missing: Sequence[Closed], candles: Mapping[Spot, tuple[Market, Bars]], secret: bytes) -> list[PooledTrade]:
    """The rows of users' trades; what no candle tells is unknown."""
    found = list[PooledTrade]()
    for spot in dict.fromkeys(each.spot for each in missing):
        here = [each for each in missing if each.spot == spot]
        features: Sequence[Sequence[float]] = [UNKNOWN] * len(here)
        if spot in candles:
            features = features_at(candles[spot][1], [each.entry_ms for each in here]).tolist()
        found += [
            pooled(
                each.trade,
                id=each.listed.id,
                pseudonym=pseudonym_of(each.listed.user, secret, each.trade.exit_time_ms),
                strategy=OWN if each.public is None else each.public.name,
                timeframe_ms=each.timeframe_ms,
                entry_ms=each.entry_ms,
                features=row,
            )
            for each, row in zip(here, features, strict=True)
        ]
    return found


def _beside(missing: Sequence[Closed], candles: Mapping[Spot, tuple[Market, Bars]]) -> list[PooledTrade]:
    """Backtests of the built-in strategies among them, on the same markets."""
    wanted = dict.fromkeys((each.public, each.spot) for each in missing if each.spot in candles)
    return [row for public, spot in wanted if public is not None for row in backtests(public, *candles[spot])]
