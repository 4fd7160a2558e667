"""What one more account client weighs: `python -m tradepool.entrypoints.bench_clients 1000` says kilobytes.

So many gateways, each with a key of its own and its private stream open, before an exchange in another process. The
first one is not counted: it brings what all share.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.ccxt_gateway import CcxtGateway
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.domain.errors import InvalidInput
from tradepool.domain.event import Event
from tradepool.domain.ids import AccountId
from tradepool.entrypoints.bench_memory import pss_mb
from tradepool.entrypoints.replay import VENUE, on_our_venue
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.market_model import model_listings
from tradepool.simexchange.process import write_config

OPENING_AT_ONCE = 20
ACCOUNTS_PER_STREAM = 50
START_MS = 1_640_995_200_000
MARKETS, BARS = ("AAA/USDT", "BBB/USDT", "CCC/USDT"), 20


class TooFewClients(InvalidInput):
    """{count} clients are too few to tell what one more weighs; use 2 or more."""


def credentials(number: int) -> Credentials:
    """A key and a secret as long as real ones."""
    return Credentials(*(hashlib.sha256(f"{kind} {number}".encode()).hexdigest() for kind in ("key", "secret")))


async def kilobytes_each(count: int, folder: Path) -> float:
    """Open so many clients and their streams; what each beyond the first takes."""
    clock = VirtualClock(START_MS)
    session = Session(
        Transport(ca_file=folder / "ca.pem", unix_socket=folder / "v"), accounts_per_stream=ACCOUNTS_PER_STREAM
    )
    feed = CcxtFeed(VENUE, session, clock, lambda time_ms: None, 10**9)
    markets = await feed.markets()
    await feed.read_clock()
    gateways = [
        CcxtGateway(AccountId(f"{n:032x}"), credentials(n), feed.client, markets, session, clock, _ignore, 10**9)
        for n in range(1)
    ]
    await _open(gateways)
    gc.collect()
    before_mb = pss_mb()
    gateways += [
        CcxtGateway(AccountId(f"{n:032x}"), credentials(n), feed.client, markets, session, clock, _ignore, 10**9)
        for n in range(1, count)
    ]
    await _open(gateways[1:])
    gc.collect()
    each = (pss_mb() - before_mb) * 1_000 / (count - 1)
    await asyncio.gather(*(gateway.close() for gateway in gateways))
    await feed.close()
    await session.close()
    return each


def _ignore(_: int | Event | str) -> None:
    return


async def _open(gateways: list[CcxtGateway]) -> None:
    """Streams open and a first question answered, a few at a time."""
    for first in range(0, len(gateways), OPENING_AT_ONCE):
        some = gateways[first : first + OPENING_AT_ONCE]
        await asyncio.gather(*(gateway.open(_ignore, _ignore) for gateway in some))
        await asyncio.gather(*(gateway.balances() for gateway in some))


def main() -> None:
    """Measure; the number is the only thing said."""
    count = int(sys.argv[1])
    if count <= 1:
        raise TooFewClients(count=count)
    folder = Path(tempfile.mkdtemp(prefix="tradepool-"))
    listings = [on_our_venue(each) for each in model_listings(MARKETS, 60_000, START_MS, BARS, 1)]
    keys = [credentials(number) for number in range(count)]
    accounts = {each.key: (each.secret, {"USDT": Decimal(1_000)}) for each in keys}
    places = (UnixSocket(str(folder / "v")), UnixSocket(str(folder / "c")))
    config = write_config(folder / "venue.json", listings, accounts, places, tls_folder=folder)
    command = [sys.executable, "-m", "tradepool.simexchange.process", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as venue:
        try:
            assert venue.stdout is not None, "it was asked for"
            venue.stdout.readline()
            print(asyncio.run(kilobytes_each(count, folder)))
        finally:
            venue.terminate()


if __name__ == "__main__":
    main()
