"""One line in, one line out; only the owner may speak; whoever hangs or is gone answers None."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from tradepool.domain.errors import TradepoolError
from tradepool.runtime.command_socket import CommandSocket, NotDone, PathTooLong, ask


class TooLate(TradepoolError):
    """{name} is late."""


async def echo(asked: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in asked.items())


async def hang(asked: Mapping[str, str]) -> str:
    await asyncio.Event().wait()
    return ""


def test_an_ask_is_answered_and_only_the_owner_may(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def story() -> tuple[str | None, int]:
        commands = CommandSocket(path, echo)
        await commands.start()
        answer = await asyncio.to_thread(ask, path, {"do": "status"}, 10)
        mode = stat.S_IMODE(path.stat().st_mode)
        await commands.stop()
        return answer, mode

    assert asyncio.run(story()) == ("do=status", 0o600)
    assert not path.exists()
    assert ask(path, {}, 1) is None


def test_what_hangs_or_hears_nonsense_answers_none(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def story() -> str | None:
        commands = CommandSocket(path, hang)
        await commands.start()
        return await asyncio.to_thread(ask, path, {"do": "status"}, 0.05)

    assert asyncio.run(story()) is None
    # The file of a process that died is there still; nobody listens.
    assert path.exists()
    assert ask(path, {}, 1) is None


def test_a_path_the_kernel_would_refuse_is_named(tmp_path: Path) -> None:
    with pytest.raises(PathTooLong, match="shorter path"):
        CommandSocket(tmp_path / ("x" * 120), echo)


@pytest.mark.parametrize(("error", "words"), [(TooLate(name="ann"), "ann is late"), (KeyError("x"), "KeyError: 'x'")])
def test_an_error_of_the_process_is_said_and_is_no_silence(tmp_path: Path, error: Exception, words: str) -> None:
    async def breaks(asked: Mapping[str, str]) -> str:
        raise error

    async def story() -> None:
        commands = CommandSocket(tmp_path / "s", breaks)
        await commands.start()
        try:
            for _ in range(2):
                with pytest.raises(NotDone, match=words):
                    await asyncio.to_thread(ask, tmp_path / "s", {"do": "status"}, 10)
        finally:
            await commands.stop()

    asyncio.run(story())
