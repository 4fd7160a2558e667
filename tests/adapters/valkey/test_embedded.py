"""A real server: started, joined, stopped, killed, found again."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import valkey.asyncio

from tradepool.adapters.valkey.embedded import EmbeddedValkey, SocketPathTooLong, ValkeyUnavailable
from tradepool.runtime.clock import RealClock


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: pytest's own are too long for sockets."""
    with tempfile.TemporaryDirectory(prefix="vk") as name:
        yield Path(name) / "here"


def test_the_first_starts_it_the_others_join_and_only_the_first_ends_it(folder: Path) -> None:
    """What was written survives; the second's stop is none."""

    async def main() -> None:
        first, second = EmbeddedValkey(folder, RealClock()), EmbeddedValkey(folder, RealClock())
        assert await first.start()
        assert not await second.start()
        client = valkey.asyncio.Valkey(unix_socket_path=str(first.socket))
        await client.set("kept", "yes")
        await second.stop()
        assert await client.get("kept") == b"yes"
        await client.aclose()
        await first.stop()
        assert await second.start(), "it is gone, so the next one starts it"
        client = valkey.asyncio.Valkey(unix_socket_path=str(first.socket))
        assert await client.get("kept") == b"yes"
        await client.aclose()
        await second.stop()
        await second.stop()

    asyncio.run(main())


def test_a_server_that_was_killed_is_started_again_over_its_old_socket(folder: Path) -> None:
    """Its socket file is still there and nobody listens."""

    async def main() -> None:
        server = EmbeddedValkey(folder, RealClock())
        await server.start()
        assert server._server is not None
        os.kill(server._server.pid, signal.SIGKILL)
        await server._server.wait()
        assert server.socket.exists()
        assert await server.start()
        await server.stop()

    asyncio.run(main())


def test_it_listens_to_nobody_but_us(folder: Path) -> None:
    """No TCP port, and a socket only its owner may use."""

    async def main() -> None:
        server = EmbeddedValkey(folder, RealClock())
        await server.start()
        client = valkey.asyncio.Valkey(unix_socket_path=str(server.socket))
        assert (await client.config_get("port"))["port"] == "0"
        assert server.socket.stat().st_mode & 0o777 == 0o700
        await client.aclose()
        await server.stop()

    asyncio.run(main())


def test_bad_places_are_named(folder: Path) -> None:
    """A name too long for a socket; a file where the folder should be writable."""
    with pytest.raises(SocketPathTooLong, match="takes 107; use a shorter folder"):
        EmbeddedValkey(folder / ("x" * 100), RealClock())

    folder.mkdir()
    (folder / "appendonlydir").write_text("in the way")

    async def main() -> None:
        with pytest.raises(ValkeyUnavailable, match="it ended with"):
            await EmbeddedValkey(folder, RealClock()).start()

    asyncio.run(main())
