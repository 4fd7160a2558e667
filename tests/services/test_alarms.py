"""When something is said, to whom, and that whoever does not listen holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from tradepool.domain.errors import TradepoolError
from tradepool.domain.ids import UserId
from tradepool.ports.notifier import Message, NotDelivered
from tradepool.runtime.clock import VirtualClock
from tradepool.services.alarms import (
    LINES_MAX,
    LOOK_S,
    REPEAT_MAX_MS,
    REPEAT_MS,
    RULES,
    WAITING_MAX,
    AlarmBook,
    Alarms,
    Channel,
    Kind,
    Trouble,
)

ANN, BEN = UserId("ann"), UserId("ben")


def trouble(kind: Kind = Kind.UNPROTECTED, about: str = "BTC", user: UserId | None = ANN) -> Trouble:
    return Trouble(kind=kind, about=about, text=f"{about} is wrong, apiKey=abcdef", user=user)


@pytest.mark.parametrize("kind", list(Kind))
def test_it_is_said_once_it_has_lasted_and_over_once_it_is_calm(kind: Kind) -> None:
    rule, book, wrong = RULES[kind], AlarmBook(), trouble(kind)
    assert not rule.after_ms or book.hear([wrong], 0) == []
    assert book.safe or not rule.after_ms
    assert [said.word for said in book.hear([wrong], rule.after_ms)] == ["ALARM"]
    assert book.safe is not rule.unsafe
    assert book.hear([wrong], rule.after_ms + 1) == []
    ends_ms = rule.after_ms + 1 + max(rule.calm_ms, 1)
    assert book.hear([], ends_ms - 1) == [] or not rule.calm_ms
    over = [] if rule.once else ["OVER"]
    assert [said.word for said in book.hear([], ends_ms)] == over or not rule.calm_ms
    assert book.safe
    assert book.hear([], ends_ms + 1) == []


def test_what_comes_and_goes_at_once_is_never_said() -> None:
    book = AlarmBook()
    said = [book.hear([trouble()] if at % 2 else [], at * 9_000) for at in range(20)]
    assert said == [[]] * 20


def test_it_is_repeated_ever_more_seldom() -> None:
    book, words = AlarmBook(), []
    for minute in range(60 * 24 * 3):
        words += [(minute, said.word) for said in book.hear([trouble()], minute * 60_000)]
    first, *still = words
    assert first == (1, "ALARM")
    assert {word for _, word in still} == {"STILL"}
    gaps = [(after - before) * 60_000 for (before, _), (after, _) in pairwise(words)]
    assert gaps[0] == REPEAT_MS
    assert all(after == min(2 * before, REPEAT_MAX_MS) for before, after in pairwise(gaps))


def test_what_is_said_once_is_not_repeated_and_said_anew_when_it_comes_back() -> None:
    book, words = AlarmBook(), list[str]()
    for minute in range(60 * 24):
        found = [] if minute in range(600, 700) else [trouble(Kind.KEY)]
        words += [said.word for said in book.hear(found, minute * 60_000)]
    assert words == ["ALARM", "ALARM"]


class Ear:
    """A channel that takes messages, or does not."""

    def __init__(self, deaf: bool = False) -> None:
        self.heard: list[Message] = []
        self.deaf, self.tries, self.beats = deaf, 0, 0
        self.error: Exception | None = None

    async def send(self, message: Message) -> None:
        self.tries += 1
        if self.error is not None:
            raise self.error
        if self.deaf:
            raise NotDelivered(channel="an ear", why="it is deaf")
        self.heard.append(message)

    async def beat(self) -> None:
        await self.send(Message(subject="", text="", time_ms=0))
        self.beats += 1


class Blind(TradepoolError):
    """The database is gone."""


class House:
    """Alarms over what a test says is wrong, on virtual time."""

    def __init__(self) -> None:
        self.wrong: list[Trouble] | Exception = []
        self.clock = VirtualClock(1_700_000_000_000)
        self.operator, self.ann, self.ben, self.deaf = Ear(), Ear(), Ear(), Ear(deaf=True)
        self.life = Ear()
        channels = [Channel(self.deaf), Channel(self.operator), Channel(self.ann, ANN), Channel(self.ben, BEN)]
        self.alarms = Alarms(self._look, channels, self.clock, "practice abc")
        self.alarms.life = self.life, 60.0

    def _look(self) -> Sequence[Trouble]:
        if isinstance(self.wrong, Exception):
            raise self.wrong
        return self.wrong

    async def passes(self, seconds: float) -> None:
        for _ in range(int(seconds / LOOK_S)):
            self.clock.advance_to(self.clock.now_ms() + int(LOOK_S * 1_000))
            for _ in range(10):
                await asyncio.sleep(0)


def in_house(work: object) -> House:
    """Run it in a house whose alarms run."""

    async def main() -> House:
        house = House()
        running = asyncio.create_task(house.alarms.run())
        await asyncio.sleep(0)
        await work(house)  # type: ignore[operator]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return house

    return asyncio.run(main())


def test_each_hears_what_is_his_and_nothing_secret() -> None:
    async def work(house: House) -> None:
        await house.passes(10)
        house.wrong = [trouble(), trouble(Kind.HALT, "platform", None), trouble(Kind.STOPPED, "ben-main", BEN)]
        await house.passes(20)
        house.wrong = []
        await house.passes(60)

    house = in_house(work)
    subjects = [message.subject for message in house.operator.heard]
    assert subjects == [
        "[practice abc] ALARM halt: platform is wrong, apiKey=*** and 1 more",
        "[practice abc] ALARM unprotected: BTC is wrong, apiKey=***",
        "[practice abc] OVER halt: platform is wrong, apiKey=***",
        "[practice abc] OVER unprotected: BTC is wrong, apiKey=*** and 1 more",
    ]
    assert [m.text for m in house.ann.heard] == [
        f"{w} unprotected: BTC is wrong, apiKey=***" for w in ("ALARM", "OVER")
    ]
    assert [m.text for m in house.ben.heard] == [
        f"{w} stopped: ben-main is wrong, apiKey=***" for w in ("ALARM", "OVER")
    ]
    assert (house.deaf.heard, house.deaf.tries > 1) == ([], True)


def test_the_sign_of_life_ends_while_it_is_unsafe_and_comes_back() -> None:
    async def work(house: House) -> None:
        await house.passes(240)
        assert house.life.beats == 5
        house.wrong = [trouble(Kind.HALT, "platform", None)]
        await house.passes(120)
        assert house.life.beats == 7
        house.wrong = Blind()
        await house.passes(300)
        assert house.life.beats <= 8
        before = house.life.beats
        house.wrong = []
        await house.passes(120)
        assert house.life.beats >= before + 1
        house.life.deaf = True
        await house.passes(120)
        house.life.deaf = False
        await house.passes(120)

    house = in_house(work)
    assert house.life.tries > house.life.beats
    assert any("nobody can see how it stands: The database is gone" in m.text for m in house.operator.heard)


def test_nothing_is_over_that_nobody_can_see() -> None:
    """Halted and bare before the look failed, and after: not that it is over, and not anew. What ended meanwhile is said."""

    async def work(house: House) -> None:
        wrong = [trouble(), trouble(Kind.HALT, "platform", None), trouble(Kind.STOPPED, "ben-main", BEN)]
        house.wrong = wrong
        await house.passes(12)
        house.operator.heard.clear()
        house.wrong = Blind()
        await house.passes(REPEAT_MS / 1_000 + 10)
        house.wrong = wrong[:2]
        await house.passes(60)

    lines = "\n".join(message.text for message in in_house(work).operator.heard).splitlines()
    said = [line.partition(":")[0] for line in lines]
    assert said == ["ALARM blind", "STILL unprotected", "STILL halt", "OVER stopped", "OVER blind"]


def test_a_thousand_troubles_are_one_message_and_a_deaf_channel_keeps_only_the_newest() -> None:
    async def work(house: House) -> None:
        house.wrong = [trouble(Kind.STOPPED, f"u{n}", None) for n in range(1_000)]
        await house.passes(4)
        [message] = house.operator.heard
        assert message.subject.endswith("and 999 more")
        assert len(message.text.splitlines()) == LINES_MAX + 1
        for n in range(3 * WAITING_MAX):
            house.wrong = [trouble(Kind.HALT, str(n), None)]
            await house.passes(2)

    house = in_house(work)
    assert house.alarms._channels[0].waiting.qsize() == WAITING_MAX
    assert len(house.operator.heard) > 3 * WAITING_MAX


def test_errors_nobody_foresaw_end_no_alarm() -> None:
    """What looks is blind, a channel has not delivered; the next one is looked for, and tried."""

    async def work(house: House) -> None:
        house.operator.error = KeyError("secret")
        house.wrong = OSError(5, "Input/output error")
        await house.passes(30)
        assert house.operator.heard == []
        house.operator.error = None
        await house.passes(300)
        assert "blind: nobody can see how it stands: OSError" in house.operator.heard[0].text
        house.wrong = []
        await house.passes(60)
        assert "OVER blind" in house.operator.heard[-1].text

    in_house(work)
