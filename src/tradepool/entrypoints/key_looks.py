"""A look at an account's key with a connection of its own: what its venue says that it may do, and whether that is good."""

from __future__ import annotations

import asyncio

from tradepool.adapters.exchanges.ccxt_feed import CcxtFeed
from tradepool.adapters.exchanges.ccxt_gateway import CcxtGateway
from tradepool.adapters.exchanges.rate_limits import limits_of
from tradepool.adapters.exchanges.transport import Session, Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.adapters.exchanges.venues import facts_of
from tradepool.core.risk.key_rights import check_rights
from tradepool.domain.errors import KeyRefused
from tradepool.domain.ids import AccountId
from tradepool.domain.key import KeyLook, KeyRights
from tradepool.entrypoints.deployment import Deployed
from tradepool.runtime.clock import RealClock
from tradepool.runtime.egress import sealed
from tradepool.runtime.throttle import Throttle

KEEP_ALIVE_MS = 30_000


def looked_at(
    deployed: Deployed, account: AccountId, credentials: Credentials, transport: Transport
) -> tuple[KeyLook, KeyRefused | None]:
    """What is found, and why the key can't be traded with, if so. KeyKindUnknown; VenueError where the venue does not say."""
    rights, refused = None, None
    try:
        rights = asyncio.run(_rights_of(deployed, account, credentials, transport))
        check_rights(rights, deployed.venue.id, account)
    except KeyRefused as error:
        refused = error
    why = "" if refused is None else str(refused)
    return KeyLook(account=account, looked_ms=RealClock().now_ms(), rights=rights, refused=why), refused


async def _rights_of(
    deployed: Deployed, account: AccountId, credentials: Credentials, transport: Transport
) -> KeyRights:
    clock, venue = RealClock(), deployed.venue.id
    reach = facts_of(venue).reach
    with sealed(reach.names, lambda error: None):
        session = Session(transport, (), reach, lambda error: None, 0)
        broker, ignore = Throttle(limits_of(venue), clock), _ignore
        feed = CcxtFeed(venue, session, clock, ignore, KEEP_ALIVE_MS, broker)
        try:
            # The clients of accounts are made after the feed's, whose markets they share.
            await feed.markets()
            await feed.read_clock()
            gateway = CcxtGateway(account, credentials, feed.client, (), session, clock, ignore, KEEP_ALIVE_MS, broker)
            try:
                return await gateway.rights()
            finally:
                await gateway.close()
        finally:
            await feed.close()
            await session.close()


def _ignore(time_ms: int) -> None:
    """Nobody's clock follows the venue's here."""
