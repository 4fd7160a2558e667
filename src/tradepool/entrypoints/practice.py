"""The practice exchange of a deployment: the one that is served in its folder, or one that is started for it.

It is a process of its own and goes on when trading stops, as a real venue does: stops rest there meanwhile. Ending it
ends the play money; the next start finds a new world and begins new books.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from tradepool.adapters.exchanges.transport import Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.domain.deployment import Kind
from tradepool.domain.errors import TradepoolError
from tradepool.domain.ids import AccountId
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.exchange_place import ExchangeAway, Served, open_accounts, read_place
from tradepool.entrypoints.exchange_run import PacedClock
from tradepool.ports.clock import Clock
from tradepool.runtime.clock import RealClock

OPENING_S, LOOK_S = 60.0, 0.1
LOG_FILE = "exchange.log"


class ExchangeFailed(TradepoolError):
    """The practice exchange did not open: {why}; its own words are in {log}."""


class AccountNotOpened(TradepoolError):
    """The practice exchange did not open account {account}: {why}; correct its cash (tradepool accounts set {account}, or its section), then start again."""


def folder_of(deployed: Deployed) -> Path:
    """Where the practice exchange of a deployment keeps its files."""
    return deployed.venue.exchange.expanduser() if deployed.venue.exchange else deployed.folder / "exchange"


def exchange_for(deployed: Deployed) -> tuple[Served, dict[AccountId, TradepoolError]]:
    """The exchange, started if there is none, with the deployment's accounts open; what is wrong with those that it did not
    open, which is no other's trouble. ExchangeFailed, ExchangeAway."""
    folder = folder_of(deployed)
    served = read_place(folder)
    if served is None and deployed.venue.exchange is not None:
        raise ExchangeAway(folder=folder, why="nobody serves there (tradepool exchange serve --folder)")
    if served is None:
        served = _started(deployed, folder)
    keys = {practice_key(deployed, seat.account_id): seat for seat in deployed.seats}
    refused = open_accounts(folder, served, {key.key: (key.secret, seat.account.cash) for key, seat in keys.items()})
    return served, {
        seat.account_id: AccountNotOpened(account=seat.account_id, why=refused[key.key].facts["why"])
        for key, seat in keys.items()
        if key.key in refused
    }


def _started(deployed: Deployed, folder: Path) -> Served:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    venue, log = deployed.venue, folder / LOG_FILE
    prices = {
        "model": ["--model", *venue.symbols],
        "mirror": ["--mirror", venue.id, "--symbols", *venue.symbols],
        "candles": ["--candles", *(str(file.expanduser()) for file in venue.candles)],
    }[venue.prices]
    flags = ["--port", "0", "--users", "1", "--seed", str(venue.seed), "--folder", str(folder)]
    command = [sys.executable, "-m", "tradepool.entrypoints.cli", "exchange", "serve", *prices, *flags]
    with log.open("ab") as words:
        # A session of its own: Ctrl-C at the terminal is meant for trading, not for the exchange.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True)
    served = asyncio.run(_opened(folder, child))
    if served is None:
        child.kill()
        raise ExchangeFailed(why="it ended, or took longer than a minute", log=log)
    return served


async def _opened(folder: Path, child: subprocess.Popen[bytes]) -> Served | None:
    """The exchange that a process serves, as soon as it does; None when it ends before, or takes too long."""
    clock = RealClock()
    until_ms = clock.now_ms() + int(OPENING_S * 1_000)
    while clock.now_ms() < until_ms and child.poll() is None:
        served = read_place(folder)
        if served is not None and served.pid == child.pid:
            return served
        await clock.sleep(LOOK_S)
    return None


def end_exchange(deployed: Deployed) -> bool:
    """End the exchange that was started for a deployment; whether there was one."""
    served = read_place(folder_of(deployed))
    if served is not None:
        os.kill(served.pid, signal.SIGTERM)
    return served is not None


def practice_key(deployed: Deployed, account: AccountId) -> Credentials:
    """The key of a practice account. It follows from the deployment: play money needs no secrecy."""
    key, secret = (
        hashlib.sha256(f"practice {kind} {deployed.deployment.id} {account}".encode()).hexdigest()
        for kind in ("key", "secret")
    )
    return Credentials(key=key, secret=secret)


def transport_of(served: Served) -> Transport:
    """How it is reached: every host name leads there and nowhere else."""
    return Transport(ca_file=Path(served.ca_file), loopback_port=served.port)


def clock_of(served: Served) -> Clock:
    """The exchange's time."""
    return PacedClock(RealClock(), served.start_ms, served.speed, served.began_ms)


def place_of(deployed: Deployed) -> tuple[Clock, Transport, str, dict[AccountId, TradepoolError]]:
    """The venue's time, the way there, its world ("" for the real one), and what is wrong with accounts it did not open."""
    if deployed.deployment.kind is Kind.LIVE:
        return RealClock(), Transport(), "", {}
    served, closed = exchange_for(deployed)
    return clock_of(served), transport_of(served), served.world, closed
