"""A chaos run: a venue that lives on, a platform killed again and again, and the books compared in the end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from tradepool.domain.errors import TradepoolError
from tradepool.entrypoints.chaos.books import VenueState, compare
from tradepool.entrypoints.chaos.place import GAVE_UP, Life, Place
from tradepool.entrypoints.chaos.plan import BAR_MS, CALM_BARS, START_MS, Death
from tradepool.presentation.chaos_page import ChaosJson
from tradepool.presentation.results import SCHEMA

KILLED = -9
LOG_END = 2_000


class PlatformFailed(TradepoolError):
    """With seed {seed} the platform ended by itself (code {code}) in its life {life}, see {log}: {said}."""


class ProcessFailed(TradepoolError):
    """The process {module} of the chaos run did not start; its code was {code}."""


class Diary(msgspec.Struct, frozen=True):
    """A line a platform wrote: how it died, whose position lacked its stop, who was halted in the end."""

    died: str = ""
    unprotected: str = ""
    account: str = ""
    now_ms: int = 0
    halted: dict[str, str] | str = {}


class _Control(http.client.HTTPConnection):
    """Plain HTTP to the venue's control door."""

    def __init__(self, path: str) -> None:
        super().__init__("venue")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)

    def ask(self, method: str, path: str) -> bytes:
        """What is answered."""
        self.request(method, path)
        return self.getresponse().read()


class Clock(msgspec.Struct, frozen=True):
    """Where the venue stands."""

    now_ms: int
    running: bool


class Exposure(msgspec.Struct, frozen=True):
    """Positions without a stop that covers them."""

    exposed: list[list[str]]


OnLife = Callable[[int, int], None]


def run(place: Place, on_life: OnLife = lambda kills, now_ms: None) -> ChaosJson:
    """Kill and compare. `on_life` hears, after each life, how often the platform was killed and the venue's time.

    Raises PlatformFailed when the platform ended by itself before the candles were over.
    """
    chaos, file = place.chaos, place.write()
    place.diary.touch()
    with ExitStack() as stack:
        stack.enter_context(_process("venue_process", file))
        platform = stack.enter_context(_process("platform_process", file))
        control = _Control(place.control)
        deaths, kills, lives = chaos.deaths(), 0, 0
        for number, death in enumerate(deaths):
            clock = msgspec.json.decode(control.ask("GET", "/clock"), type=Clock)
            lives += 1
            time_ms = _time_of(place, deaths[number:], clock)
            from_ms = clock.now_ms + int(death.after * time_ms)
            by_ms = clock.now_ms + time_ms
            code = _live(platform, control, Life(point=death.point, count=death.count, from_ms=from_ms, by_ms=by_ms))
            if code != KILLED:
                _check(place, lives, code)
                break
            kills += 1
            control.ask("POST", f"/alone?bars={death.dead_bars}")
            on_life(kills, clock.now_ms)
        else:
            lives += 1
            _check(place, lives, _live(platform, control, Life()))
        state = msgspec.json.decode(control.ask("GET", "/state"), type=VenueState)
        bare = msgspec.json.decode(control.ask("GET", "/exposed"), type=Exposure).exposed
        on_life(kills, START_MS + chaos.bars * BAR_MS)
    return _figures(place, kills, state, bare)


def _time_of(place: Place, deaths: Sequence[Death], clock: Clock) -> int:
    """How long a life may last, in ms, so that it and all deaths that are left share what is left of the time."""
    end_ms = START_MS + (place.chaos.bars - 2 * CALM_BARS) * BAR_MS
    alone_ms = sum(death.dead_bars for death in deaths) * BAR_MS
    return max(0, end_ms - clock.now_ms - alone_ms) // len(deaths)


def _live(platform: subprocess.Popen[str], control: _Control, life: Life) -> int:
    """How a life ended. One that gave up because the venue did not answer is begun again, as whoever supervises it does."""
    assert platform.stdin is not None
    assert platform.stdout is not None
    while True:
        platform.stdin.write(msgspec.json.encode(life).decode() + "\n")
        platform.stdin.flush()
        code = int(platform.stdout.readline())
        if code != GAVE_UP:
            return code
        control.ask("POST", "/alone?bars=0")


def _check(place: Place, life: int, code: int) -> None:
    if code:
        said = place.log.read_text(errors="replace")[-LOG_END:]
        raise PlatformFailed(seed=place.chaos.seed, code=code, life=life, log=place.log, said=said)


@contextmanager
def _process(module: str, file: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of ours that has said it is ready; it is ended when left."""
    command = [sys.executable, "-m", f"tradepool.entrypoints.chaos.{module}", str(file)]
    # A session of its own, so that whatever it has forked ends with it.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "ready":
                raise ProcessFailed(module=module, code=process.wait())
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def _figures(place: Place, kills: int, state: VenueState, bare: list[list[str]]) -> ChaosJson:
    chaos, found = place.chaos, compare(place, state)
    diary = [msgspec.json.decode(line, type=Diary) for line in place.diary.read_bytes().splitlines()]
    points = Counter(line.died for line in diary if line.died)
    unprotected = [f"{line.unprotected} of {line.account} at {line.now_ms}" for line in diary if line.unprotected] + [
        f"{symbol} of key {key} in the end: {held} held, {covered} covered" for key, symbol, held, covered in bare
    ]
    halted = dict(diary[-1].halted) if diary and isinstance(diary[-1].halted, dict) else {}
    wrong = [*found.lost, *found.doubled, *unprotected, *found.ledger_off, *(f"{a}: {e}" for a, e in halted.items())]
    return ChaosJson(
        schema=SCHEMA,
        users=chaos.users,
        hours=chaos.hours,
        seed=chaos.seed,
        kills=kills,
        lost=len(found.lost),
        doubled=len(found.doubled),
        unprotected=len(unprotected),
        ledger_off=len(found.ledger_off),
        halted=len(halted),
        orders=found.orders,
        fills=found.fills,
        kill_points=dict(sorted(points.items())),
        wrong=wrong,
    )
