"""What a platform leaves behind: nothing, whatever one part of it raises."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from tests.contract.watch_kit import World, tell
from tradepool.simexchange.server import SocketLink
from tradepool.simexchange.tls import TlsFiles


def test_one_that_can_not_close_keeps_nobody_else_from_it(tmp_path: Path, files: TlsFiles) -> None:
    """The last one opened fails; the session, opened first, is closed all the same, and the error is told."""

    async def story(world: World) -> None:
        async def fail() -> None:
            raise RuntimeError("can not close")

        world.platform._closing.append(fail)
        with pytest.raises(RuntimeError, match="can not close"):
            await world.platform.close()
        assert world.platform.session.http.closed
        await world.platform.close()

    tell(story, tmp_path, files)


def test_accounts_that_share_a_connection_leave_it_at_once(tmp_path: Path, files: TlsFiles) -> None:
    """The venue is asked for nothing that it would answer on a connection that is gone."""

    async def story(world: World) -> None:
        streams, said, send = world.platform.session.shared_streams, list[bytes](), SocketLink.send

        def heard(link: SocketLink, data: bytes) -> None:
            said.append(data)
            send(link, data)

        assert streams is not None
        assert streams.connections == 1
        with mock.patch.object(SocketLink, "send", heard):
            await world.platform.close()
            await world.settle()
        assert (streams.connections, said) == (0, [])
        assert not world.links()

    tell(story, tmp_path, files, accounts_per_stream=50)


def test_who_trades_live_asks_within_the_venues_limits(tmp_path: Path, files: TlsFiles) -> None:
    """Without a broker of its own a watched platform counts what it asks."""

    async def story(world: World) -> None:
        assert world.platform._broker is not None
        uses = (await world.platform._broker.snapshot()).uses
        assert next(use.used for use in uses if use.name == "requests in 5 minutes") > 5

    tell(story, tmp_path, files)
