"""A live trading process whose every secret was planted, through all that may go wrong, until it is told to crash.

It opens the vault as `start` does. The exchange client says all it has, to whoever reads the log: it is verbose, and on
some accounts it fails with everything that it can see in the words of its error.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import ccxt.async_support
import ccxt.pro
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from tests.contract.watch_kit import BTC, CASH, ETH, PRICES, SAFE, World
from tests.nouns import signal
from tests.simexchange.exchange_kit import bars, flat
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.domain.event import CandlesClosed
from tradepool.entrypoints.deployment import Deployed, Seated, deployed_from
from tradepool.entrypoints.keys import KeyOf, keys_of
from tradepool.entrypoints.lock_step import IdleSelector, run_in_lock_step
from tradepool.entrypoints.replay import connection_of
from tradepool.entrypoints.running import books_of
from tradepool.entrypoints.trading import Trading
from tradepool.runtime import telemetry
from tradepool.runtime.clock import VirtualClock
from tradepool.runtime.supervise import outcome_of
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.fault_kinds import Fault
from tradepool.simexchange.keys import ApiKey, ed25519_key
from tradepool.simexchange.listing import Listing
from tradepool.simexchange.server import Server
from tradepool.simexchange.tls import make_tls_files
from tradepool.simexchange.venue import Venue

MINUTES = 4
POISONED = "a05"
PRIVATE = "* /api/v3/*"


def faults(names: dict[str, str]) -> list[Fault]:
    """Auth errors, pages of HTML, answers cut short, connections that end."""
    return [
        Fault(kind="html", account=names["a01"], share=0.5, route=PRIVATE),
        Fault(kind="status", status=502, account=names["a02"], share=0.5, route=PRIVATE),
        Fault(kind="cut_json", account=names["a03"], share=0.5, route=PRIVATE),
        Fault(kind="code", code=-1000, account=names["a04"], share=0.5, route=PRIVATE),
        Fault(kind="reset", account=names["a06"], share=0.5, route=PRIVATE),
        Fault(kind="cut_body", account=names["a07"], share=0.5, route=PRIVATE),
        Fault(kind="firewall", account=names["a08"], share=0.5, route=PRIVATE),
        Fault(kind="terminated", stream="user", share=0.1),
    ]


def taken(names: dict[str, str]) -> list[Fault]:
    """Keys that are taken away, or may do more than before."""
    states = {"a09": "revoked", "a10": "widened", "e01": "revoked", "e02": "narrowed"}
    return [Fault(kind="key", account=names[each], state=state) for each, state in states.items()]


def talkative(client: type[Any]) -> None:
    """Let ccxt print what it sends and hears, and fail with it in the name of one account."""
    fetch = client.fetch

    async def telling(self: Any, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        if self.apiKey == POISONED and "account" in url:
            raise RuntimeError(f"poisoned {method} {url} {headers} {body} {self.apiKey} {self.secret} {vars(self)}")
        return await fetch(self, url, method, headers, body)

    client.fetch, client.verbose = telling, True


def open_accounts(venue: Venue, held: dict[str, Credentials]) -> None:
    """The accounts of those keys; of an Ed25519 pair the venue has the public half."""
    for credentials in held.values():
        name, secret = credentials.key, credentials.secret
        is_pair = "PRIVATE KEY" in secret
        account = venue.open_account(f"of {name}" if is_pair else name, secret, {"USDT": CASH})
        if is_pair:
            public = load_pem_private_key(secret.encode(), None).public_key()
            pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
            venue.keys.add(ApiKey(name=name, account=account, public_key=ed25519_key(name, pem)))
        venue.keys.allow(name, SAFE)


def passed(world: World, due_ms: int) -> bool:
    """Whether it is so late."""
    return world.clock.now_ms() >= due_ms


async def story(trading: Trading, world: World, names: dict[str, str]) -> dict[str, Any]:
    """Candles, entries and faults for some minutes; what came of it."""
    for minute in range(MINUTES):
        for fault in (faults(names), taken(names))[minute] if minute < 2 else ():
            world.server.faults.add(fault, world.venue.now_ms)
        now, due_ms = world.clock.now_ms(), world.clock.now_ms() + 60_000
        for actor in trading._platform.desk.actors:
            wish = signal(BTC, time_ms=now, close=100.0 + minute, high=101.0 + minute)
            actor.post(CandlesClosed(time_ms=now, signals=(wish,)))
        await world.until(partial(passed, world, due_ms), 120_000)
        trading._keys.look()
        await trading._answer({"do": "status"})
    told = {str(account): type(error).__name__ for account, error in trading._platform.desk.halted.items()}
    return {"halted": told, "orders": sum(len(world.venue.orders(key)) for key in world.venue.accounts)}


def main(folder: Path) -> None:
    """Trade, say what came of it on standard output, wait for a line, and die as a crashed process does."""
    faulthandler.enable()
    telemetry.configure("DEBUG", "json")
    for client in (ccxt.async_support.binance, ccxt.pro.binance):
        talkative(client)
    deployed: Deployed = deployed_from(folder / "tradepool.toml")
    key_of = keys_of(deployed)
    held = {str(seat.account_id): credentials for seat in deployed.seats if (credentials := opened(key_of, seat))}
    names = {account: credentials.key for account, credentials in held.items()}
    files, came = make_tls_files(folder), dict[str, Any]()

    async def run(selector: IdleSelector) -> None:
        listings = [Listing(each, bars(flat(30, PRICES[each.base]))) for each in (BTC, ETH)]
        venue = Venue(listings, 0)
        open_accounts(venue, held)
        # The venue's own clock goes on with its steps only, and what comes with the time would wait for one.
        clock = VirtualClock(venue.now_ms)
        server = Server(venue, UnixSocket(str(folder / "v")), files.server_context(), clock=clock)
        place, connection = await server.start(), books_of(deployed, "")
        trading = Trading(deployed, connection, clock, connection_of(place, files), key_of)
        world = World(folder, selector, server, venue, clock, [], trading._platform)
        running = asyncio.ensure_future(trading.run())
        desk = trading._platform.desk
        await world.until(lambda: running.done() or (trading._standing.ready and not desk.starting))
        came.update(await story(trading, world, names))
        print(json.dumps(came), flush=True)
        sys.stdin.readline()
        os.abort()

    run_in_lock_step(run)


def opened(key_of: KeyOf, seat: Seated) -> Credentials | None:
    """The key of an account, if it opens: one was damaged."""
    found = outcome_of(partial(key_of, seat))
    if isinstance(found, Exception):
        telemetry.logger("planted").warning("a key does not open", error=found, exc_info=found)
        return None
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
