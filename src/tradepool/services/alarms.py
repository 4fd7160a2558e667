"""Alarms: what is not as it should be is said once it has lasted, again ever more seldom, and once more when it is over.

Somebody else looks (`look`); here is when what was found is said, to whom, and the sign of life to a watcher outside,
who hears it only while all is well. A channel that fails holds up no other channel and no trade.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tradepool.domain.errors import TradepoolError
from tradepool.domain.ids import UserId
from tradepool.ports.clock import Clock
from tradepool.ports.notifier import Message, Notifier, SignOfLife
from tradepool.runtime import telemetry
from tradepool.runtime.supervise import Supervisor, outcome_of
from tradepool.services.backoff import TRIES, Backoff

LOOK_S = 2.0
# An order that was not answered for so long is looked at as unknown; it is said when it has been for a minute.
ANSWER_MS = 10_000
# The first repetition; each further one after twice the time.
REPEAT_MS, REPEAT_MAX_MS = 15 * 60_000, 8 * 3_600_000
LINES_MAX, WAITING_MAX = 40, 50

log = telemetry.logger(__name__)


class Kind(StrEnum):
    """What may be wrong."""

    STARTING = "start"
    UNPROTECTED = "unprotected"
    UNKNOWN_ORDER = "unknown order"
    DIFFERENCE = "venue difference"
    BALANCE = "balance"
    QUARANTINE = "quarantine"
    STREAM = "user stream"
    FOREIGN = "foreign order"
    STOPPED = "stopped"
    HALT = "halt"
    STALE = "data stale"
    DISK_LOW = "disk low"
    DISK_FULL = "disk full"
    BLIND = "blind"
    KEY = "key"
    UNPAID = "unpaid"
    SUSPENDED = "suspended"
    LIMIT = "limit reached"


@dataclass(frozen=True, slots=True)
class Rule:
    """It is said after it has lasted `after_ms`, and over when it was gone for `calm_ms`. While it is `unsafe`, no sign of
    life goes out. What is said `once` is not said again, and not that it is over."""

    after_ms: int = 0
    calm_ms: int = 30_000
    unsafe: bool = True
    once: bool = False


RULES: Mapping[Kind, Rule] = {
    # A thousand accounts have their protections looked at within a minute.
    Kind.STARTING: Rule(after_ms=120_000),
    Kind.UNPROTECTED: Rule(after_ms=10_000),
    Kind.UNKNOWN_ORDER: Rule(after_ms=60_000 - ANSWER_MS),
    Kind.DIFFERENCE: Rule(after_ms=60_000),
    # What matters of it is a difference, which is unsafe by itself.
    Kind.BALANCE: Rule(after_ms=300_000, unsafe=False),
    Kind.QUARANTINE: Rule(),
    # Meanwhile the venue is asked, and exits go on.
    Kind.STREAM: Rule(after_ms=60_000),
    # The owner's own order, mostly: what rests is safe, and he says when it is over.
    Kind.FOREIGN: Rule(unsafe=False),
    Kind.STOPPED: Rule(),
    # A person's own wish: all is well, and it is over when he says so.
    Kind.HALT: Rule(calm_ms=0, unsafe=False),
    Kind.STALE: Rule(after_ms=5_000),
    Kind.DISK_LOW: Rule(unsafe=False),
    Kind.DISK_FULL: Rule(),
    Kind.BLIND: Rule(after_ms=10_000),
    # A person's homework, of days.
    Kind.KEY: Rule(unsafe=False, once=True),
    Kind.UNPAID: Rule(unsafe=False),
    # Exits go on there, and it ends by itself.
    Kind.SUSPENDED: Rule(unsafe=False, once=True),
    Kind.LIMIT: Rule(unsafe=False, once=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that was found wrong: `about` what of its kind, in words, and whose account it is (None: everybody's)."""

    kind: Kind
    about: str
    text: str
    user: UserId | None = None


@dataclass(slots=True)
class _Known:
    """A trouble since it was first found; `said` counts how often it was."""

    trouble: Trouble
    since_ms: int
    seen_ms: int
    said: int = 0
    next_ms: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """A line to be told: a word (ALARM, STILL, OVER) and what about."""

    word: str
    trouble: Trouble

    @property
    def line(self) -> str:
        """As it is read, with nothing secret in it.

        >>> Said("OVER", Trouble(kind=Kind.HALT, about="ann", text="ann is halted, secret=abc")).line
        'OVER halt: ann is halted, secret=***'
        """
        return telemetry.redact_text(f"{self.word} {self.trouble.kind}: {self.trouble.text}")


class AlarmBook:
    """What is wrong now, and what of it was said. Times come in.

    >>> book, halt = AlarmBook(), Trouble(kind=Kind.HALT, about="ann", text="ann is halted")
    >>> [said.word for now_ms, found in ((0, [halt]), (1, [halt]), (REPEAT_MS, [halt]), (REPEAT_MS + 1, []))
    ...  for said in book.hear(found, now_ms)]
    ['ALARM', 'STILL', 'OVER']
    """

    def __init__(self) -> None:
        """All is well."""
        self._known: dict[tuple[Kind, str], _Known] = {}

    @property
    def safe(self) -> bool:
        """Whether nothing that was said makes it unsafe."""
        return not any(known.said and RULES[kind].unsafe for (kind, _), known in self._known.items())

    def hear(self, found: Iterable[Trouble], now_ms: int) -> list[Said]:
        """Take in all that is wrong at a time; what is to be said of it. While nobody can see, what was known stays as it was:
        of that it is neither said that it goes on nor that it is over."""
        is_blind = False
        for trouble in found:
            is_blind |= trouble.kind is Kind.BLIND
            key = trouble.kind, trouble.about
            known = self._known.setdefault(key, _Known(trouble, now_ms, now_ms))
            known.trouble, known.seen_ms = trouble, now_ms
        said = []
        for key, known in list(self._known.items()):
            rule = RULES[known.trouble.kind]
            if is_blind and known.trouble.kind is not Kind.BLIND:
                known.seen_ms = now_ms
            elif known.seen_ms < now_ms:
                if now_ms - known.seen_ms >= (rule.calm_ms if known.said else 0):
                    del self._known[key]
                    said += [Said("OVER", known.trouble)] if known.said and not rule.once else []
            elif not known.said and now_ms - known.since_ms >= rule.after_ms:
                said.append(self._say("ALARM", known, now_ms))
            elif known.said and now_ms >= known.next_ms and not rule.once:
                said.append(self._say("STILL", known, now_ms))
        return said

    def _say(self, word: str, known: _Known, now_ms: int) -> Said:
        known.next_ms = now_ms + min(REPEAT_MS << min(known.said, 10), REPEAT_MAX_MS)
        known.said += 1
        return Said(word, known.trouble)


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to a person: the operator (None), who hears everything, or a user, who hears of what is his."""

    notifier: Notifier
    user: UserId | None = None
    waiting: asyncio.Queue[Message] = field(default_factory=lambda: asyncio.Queue(WAITING_MAX))

    def hears(self, trouble: Trouble) -> bool:
        """Whether a trouble is told here."""
        return self.user is None or self.user == trouble.user


class Alarms:
    """Looks every LOOK_S on the machine's clock, and tells."""

    def __init__(
        self,
        look: Callable[[], Sequence[Trouble]],
        channels: Sequence[Channel],
        clock: Clock,
        name: str,
    ) -> None:
        """`look` tells all that is wrong now; `name` is the deployment's. `life` is where a sign of life goes, and each how
        many seconds: None until there is any."""
        self.book = AlarmBook()
        self.life: tuple[SignOfLife, float] | None = None
        self._look, self._channels, self._clock, self._name = look, channels, clock, name
        self._beat_ms = 0
        self._beating: asyncio.Task[None] | None = None
        self._supervisor = Supervisor()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            for channel in self._channels:
                self._supervisor.start("notifier", self._deliver(channel), lambda name, error: None)
            while True:
                self.look()
                await self._clock.sleep(LOOK_S)
        finally:
            await self._supervisor.stop()

    def look(self) -> None:
        """Look once, and tell what is to be told."""
        now_ms = self._clock.now_ms()
        said = self.book.hear(self._found(), now_ms)
        for each in said:
            log.warning("alarm", said=each.line)
        for channel in self._channels:
            mine = [each for each in said if channel.hears(each.trouble)]
            if mine:
                self._put(channel, message_of(mine, self._name, now_ms))
        if self.life is not None and self.book.safe and now_ms >= self._beat_ms:
            self._beat(*self.life, now_ms)

    def _found(self) -> Sequence[Trouble]:
        found = outcome_of(self._look)
        if isinstance(found, Exception):
            log.error("nobody can see how it stands", exc_info=found)
            return [Trouble(kind=Kind.BLIND, about="", text=f"nobody can see how it stands: {_words(found)}")]
        return found

    def _put(self, channel: Channel, message: Message) -> None:
        if channel.waiting.full():
            channel.waiting.get_nowait()
        channel.waiting.put_nowait(message)

    async def _deliver(self, channel: Channel) -> None:
        while True:
            message, backoff = await channel.waiting.get(), Backoff(self._clock)
            for tries_left in reversed(range(TRIES)):
                # Whatever goes wrong, the next alarm is tried.
                [failed] = await asyncio.gather(channel.notifier.send(message), return_exceptions=True)
                if failed is None:
                    break
                log.warning("an alarm was not delivered", error=_words(failed), tries_left=tries_left)
                await backoff.wait()

    def _beat(self, life: SignOfLife, every_s: float, now_ms: int) -> None:
        if self._beating is None or self._beating.done():
            self._beat_ms = now_ms + int(every_s * 1_000)
            # What fails is in the log: whoever waits for the sign alarms by himself.
            self._beating = self._supervisor.start("sign of life", life.beat(), lambda name, error: None)


def _words(error: BaseException) -> str:
    """The text of an error that nobody foresaw may hold a secret."""
    return str(error) if isinstance(error, TradepoolError) else type(error).__name__


def message_of(said: Sequence[Said], name: str, time_ms: int) -> Message:
    """What one look found, as one message; the rest of a long list is counted."""
    first, more = said[0].line, len(said) - 1
    subject = f"[{name}] {first[:120]}" + (f" and {more} more" if more else "")
    lines = [each.line for each in said[:LINES_MAX]]
    rest = [f"and {len(said) - LINES_MAX} more"] if len(said) > LINES_MAX else []
    return Message(subject=subject, text="\n".join([*lines, *rest]), time_ms=time_ms)
