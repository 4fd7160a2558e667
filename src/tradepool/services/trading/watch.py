"""What is looked at beside trading: each key's rights, and whether somebody else orders on an account, or has traded.

The user stream tells foreign orders at once; while it is broken the open orders are asked for. Rounds are spread over
their time, so that a thousand accounts do not ask in the same moment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from tradepool.core.risk import key_rights
from tradepool.domain.errors import KeyRefused, VenueError
from tradepool.domain.event import ForeignOrder
from tradepool.domain.ids import AccountId
from tradepool.domain.key import KeyRights
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import AccountGateway
from tradepool.runtime import telemetry
from tradepool.runtime.supervise import Supervisor
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.hand_trades import look_for_hand_trades

ROUND_S = 30.0
# With 1,000 accounts a look may take a second before somebody has to wait for the next round.
LOOKING_MAX = 32

log = telemetry.logger(__name__)

OnRefused = Callable[[AccountId, Exception], None]


class KeyCheck:
    """One key: taken or refused, and what has changed since. `rights` are as the venue told them last, at `told_ms`."""

    def __init__(self, gateway: AccountGateway, venue: str, account: AccountId, clock: Clock) -> None:
        """Nothing is known yet."""
        self.rights: KeyRights | None = None
        self.told_ms = 0
        self._gateway = gateway
        self._venue = venue
        self._account = account
        self._clock = clock

    async def check(self) -> KeyRights:
        """Ask and judge. Raises KeyRefused (KeyTooStrong, KeyTooWeak among them), or VenueError if it was not told."""
        before, now = self.rights, await self._gateway.rights()
        self.rights, self.told_ms = now, self._clock.now_ms()
        changed = [] if before is None else key_rights.changes(before, now)
        if changed:
            log.warning("the rights of a key have changed", account=self._account, changed=changed)
        if before is None or changed:
            for warning in key_rights.warnings_of(now, self._clock.now_ms()):
                log.warning("a key could be safer", account=self._account, warning=warning)
        key_rights.check_rights(now, self._venue, self._account)
        return now


class Watch:
    """Goes round all accounts every ROUND_S; `on_refused` hears whose key is not good any more."""

    def __init__(self, watched: Sequence[tuple[AccountActor, KeyCheck]], clock: Clock, on_refused: OnRefused) -> None:
        """Nobody is looked at before `run`; `add` may bring more later."""
        self._watched = {actor.account.account.id: (actor, key) for actor, key in watched}
        self._clock = clock
        self._on_refused = on_refused
        self._looking: set[AccountId] = set()
        self._supervisor = Supervisor()

    def add(self, actor: AccountActor, key: KeyCheck) -> None:
        """Look after one more."""
        self._watched[actor.account.account.id] = actor, key

    async def run(self) -> None:
        """Go round until cancelled; a key that was refused is not asked for again. A slow answer holds nobody up."""
        try:
            next_ms = self._clock.now_ms()
            while True:
                accounts = list(self._watched)
                if not accounts:
                    await self._clock.sleep(ROUND_S)
                for number, account in enumerate(accounts, 1):
                    due_ms = next_ms + int(ROUND_S * 1_000 * number / len(accounts))
                    await self._clock.sleep((due_ms - self._clock.now_ms()) / 1_000)
                    self._look(account)
                next_ms = self._clock.now_ms()
        finally:
            await self._supervisor.stop()

    def _look(self, account: AccountId) -> None:
        """Begin to look at an account, unless that is still going on or too many are looked at."""
        if account not in self._looking and len(self._looking) < LOOKING_MAX and account in self._watched:
            self._looking.add(account)
            work = self._look_at(*self._watched[account])
            self._supervisor.start(f"{account} watch", work, lambda name, error: self._refuse(account, error))

    def _refuse(self, account: AccountId, error: Exception) -> None:
        self._watched.pop(account, None)
        self._on_refused(account, error)

    async def _look_at(self, actor: AccountActor, key: KeyCheck) -> None:
        account = actor.account.account.id
        try:
            looks: Sequence[Callable[[], Awaitable[object]]] = (key.check, partial(self._look_around, actor))
            for look in looks:
                try:
                    await look()
                except KeyRefused:
                    raise
                except VenueError as error:
                    log.warning("an account could not be looked at", account=account, error=str(error))
        except KeyRefused as error:
            self._refuse(account, error)
        finally:
            self._looking.discard(account)

    async def _look_around(self, actor: AccountActor) -> None:
        if not actor.account.listening:
            await look_for_foreign_orders(actor)
        else:
            await look_for_hand_trades(actor, self._clock)


async def look_for_foreign_orders(actor: AccountActor) -> None:
    """Ask for the open orders on the account's markets; the account knows its own by their names. VenueError."""
    for slot in actor.account.slots.values():
        for order in await actor.gateway.open_orders(slot.market):
            found = ForeignOrder(time_ms=order.time_ms, name=order.client_order_id, market=order.market)
            # Not by the inbox: who opens the stream again reads nothing until it stands.
            actor.handle(found)
