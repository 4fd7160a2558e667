"""Faults of the whole venue that come with the time: everybody disconnected, all dark, a key or a market taken away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

import msgspec
import orjson

from tradepool.domain.errors import TradepoolError
from tradepool.ports.clock import Clock
from tradepool.simexchange.codecs.websocket import text_frame
from tradepool.simexchange.errors import CannotListen, UnknownKey
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.faults import Rule
from tradepool.simexchange.keys import ApiKey, Keys
from tradepool.simexchange.venue import Venue

RETRY_S = 1.0
GOING_AWAY = 1001
GRID = ("price_tick", "quantity_step", "quantity_min", "notional_min")


class Doors(Protocol):
    """What a server lets such a fault do."""

    def hang_up(self, frame: bytes, code: int) -> None:
        """Send a last frame on every WebSocket and say goodbye."""
        ...

    def shut(self) -> None:
        """Accept nothing any more and end all connections."""
        ...

    async def reopen(self) -> None:
        """Accept again, at the same place. PortInUse, CannotListen."""
        ...


class BadTimes:
    """Carries out the venue's own faults when their time comes."""

    def __init__(self, doors: Doors, venue: Venue, clock: Clock) -> None:
        """Nothing is planned yet."""
        self._doors, self._venue, self._clock = doors, venue, clock
        self._plans: dict[int, asyncio.Task[None]] = {}

    def plan(self, rules: Iterable[Rule]) -> None:
        """Wait for the time of each rule that is not planned yet; what was planned and is gone is called off."""
        wanted = {rule.number: rule for rule in rules if rule.fault.kind != "clock"}
        for number in self._plans.keys() - wanted.keys():
            self._plans.pop(number).cancel()
        for number in wanted.keys() - self._plans.keys():
            self._plans[number] = asyncio.get_running_loop().create_task(self._carry_out(wanted[number]))

    async def close(self) -> None:
        """Call everything off."""
        plans = [plan for plan in self._plans.values() if plan.cancel()]
        self._plans.clear()
        await asyncio.gather(*plans, return_exceptions=True)

    async def _carry_out(self, rule: Rule) -> None:
        await self._until(rule.from_ms)
        rule.struck[""] += 1
        try:
            await self._strike(rule)
        except TradepoolError as error:
            rule.failed = str(error)

    async def _strike(self, rule: Rule) -> None:
        match rule.fault.kind:
            case "reconnect":
                event = {"e": "serverShutdown", "E": self._clock.now_ms()}
                self._doors.hang_up(text_frame(orjson.dumps({"event": event})), GOING_AWAY)
            case "dark":
                await self._dark(rule)
            case "key":
                await self._key(rule)
            case "market":
                await self._market(rule)
            case "filters":
                await self._filters(rule)

    async def _dark(self, rule: Rule) -> None:
        self._doors.shut()
        try:
            await self._until(rule.until_ms)
        finally:
            # Called off or over: either way the venue is there again.
            await self._reopen()

    async def _key(self, rule: Rule) -> None:
        keys = self._venue.keys
        key = self._key_of(rule.fault)
        if key is None:
            raise UnknownKey(key=rule.fault.account)
        change_key(keys, key, rule.fault.state)
        try:
            await self._until(rule.until_ms)
        finally:
            if keys.find(key.name) is None:
                keys.add(key)
            keys.allow(key.name, key.permissions)

    async def _market(self, rule: Rule) -> None:
        symbol = rule.fault.market
        if rule.fault.state == "delisted":
            return self._venue.delist(symbol)
        self._venue.set_status(symbol, "HALT")
        try:
            await self._until(rule.until_ms)
        finally:
            self._venue.set_status(symbol, "TRADING")

    async def _filters(self, rule: Rule) -> None:
        fault, venue = rule.fault, self._venue
        before = venue.market(fault.market).filters.market
        wanted = {name: getattr(fault, name) for name in GRID}
        changed = {name: value for name, value in wanted.items() if value is not None}
        venue.change_filters(fault.market, replace(before, **changed))
        try:
            await self._until(rule.until_ms)
        finally:
            venue.change_filters(fault.market, before)

    def _key_of(self, fault: Fault) -> ApiKey | None:
        """The key a fault names, by itself or by its account's number."""
        for account in self._venue.accounts.values():
            if fault.account == str(account.index + 1):
                return next(iter(self._venue.keys.of(account)), None)
        return self._venue.keys.find(fault.account)

    async def _until(self, time_ms: int | None) -> None:
        if time_ms is None:
            await asyncio.get_running_loop().create_future()
        else:
            await self._clock.sleep((time_ms - self._clock.now_ms()) / 1000)

    async def _reopen(self) -> None:
        while True:
            try:
                return await self._doors.reopen()
            except CannotListen:
                await self._clock.sleep(RETRY_S)


def change_key(keys: Keys, key: ApiKey, state: str) -> None:
    """Take a key away, or what it may do, or let it do more."""
    if state == "revoked":
        keys.revoke(key.name)
    else:
        changed = {"trading": False} if state == "narrowed" else {"withdrawals": True, "universal_transfer": True}
        keys.allow(key.name, msgspec.structs.replace(key.permissions, **changed))
