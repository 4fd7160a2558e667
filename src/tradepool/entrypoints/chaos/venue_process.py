"""The venue of a chaos run, a process of its own: `python -m tradepool.entrypoints.chaos.venue_process PLACE.json`.

It prints `ready` and serves until SIGTERM. Its time is shared with whatever platform is alive (`together`).
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tradepool.entrypoints.chaos.place import Place, read_place
from tradepool.entrypoints.chaos.together import GoingOn, WorkingSelector
from tradepool.entrypoints.chaos.weather import weather
from tradepool.runtime.clock import VirtualClock
from tradepool.simexchange.door import UnixSocket
from tradepool.simexchange.server import Server
from tradepool.simexchange.shocks import shocked
from tradepool.simexchange.tls import make_tls_files
from tradepool.simexchange.venue import Venue


async def serve(place: Place, selector: WorkingSelector) -> None:
    """Serve the plan's markets and accounts in the chaos's weather, until SIGTERM, or until its starter is gone."""
    plan, scenario = place.chaos.plan(), weather(place.chaos)
    bar_ms, start_ms = plan.timeframe_ms, int(plan.listings[0].bars.open_time[0])
    venue = Venue(shocked(plan.listings, scenario.shocks, start_ms), plan.slippage_bp)
    for seat, player in zip(plan.seats(), plan.players, strict=True):
        quote = plan.listings[0].market.quote
        venue.open_account(seat.credentials.key, seat.credentials.secret, {quote: player.capital})
    clock = VirtualClock(venue.now_ms)
    tls = make_tls_files(place.folder)
    server = Server(venue, UnixSocket(place.venue), tls.server_context(), scenario, clock)
    control = GoingOn(venue, server, UnixSocket(place.control), selector, clock, bar_ms)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    # Nothing is ever written there: it becomes readable when whoever started it has gone.
    loop.add_reader(sys.stdin, over.set)
    await server.start()
    await control.start()
    print("ready", flush=True)
    await over.wait()
    await control.stop()
    await server.stop()


def main() -> int:
    """Serve what the file says."""
    place, selector = read_place(Path(sys.argv[1])), WorkingSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(serve(place, selector))
    return 0


if __name__ == "__main__":
    sys.exit(main())
