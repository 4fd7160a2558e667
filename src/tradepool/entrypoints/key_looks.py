"""A look at an account's key with a connection of its own: what its venue says that it may do, and whether that is good."""

from __future__ import annotations

import asyncio

from tradepool.adapters.exchanges.transport import Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.core.risk.key_rights import check_rights
from tradepool.domain.errors import KeyRefused
from tradepool.domain.ids import AccountId
from tradepool.domain.key import KeyLook, KeyRights
from tradepool.entrypoints.deployment import Deployed
from tradepool.entrypoints.venue_way import Way, asked
from tradepool.runtime.clock import RealClock


def looked_at(
    deployed: Deployed, account: AccountId, credentials: Credentials, transport: Transport
) -> tuple[KeyLook, KeyRefused | None]:
    """What is found, and why the key can't be traded with, if so. KeyKindUnknown; VenueError where the venue does not say."""
    clock, rights, refused = RealClock(), None, None
    try:
        rights = asyncio.run(_rights_of(deployed, account, credentials, (clock, transport)))
        check_rights(rights, deployed.venue.id, account)
    except KeyRefused as error:
        refused = error
    why = "" if refused is None else str(refused)
    return KeyLook(account=account, looked_ms=clock.now_ms(), rights=rights, refused=why), refused


async def _rights_of(deployed: Deployed, account: AccountId, credentials: Credentials, way: Way) -> KeyRights:
    async with asked(deployed.venue.id, way) as venue:
        # The clients of accounts are made after the feed's, whose markets they share.
        await venue.listed()
        await venue.feed.read_clock()
        gateway = venue.gateway(account, credentials, ())
        try:
            return await gateway.rights()
        finally:
            await gateway.close()
