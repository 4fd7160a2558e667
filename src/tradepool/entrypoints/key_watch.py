"""The keys of a live deployment while it trades: what is found is written down and told; one that may be used from any
address risks little; one that was refused trades on when it is good again and a person says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

import msgspec
from sqlalchemy import Connection

from tradepool.adapters.database.engine import StoreUnusable
from tradepool.adapters.database.key_looks import DatabaseKeyLooks
from tradepool.core.account.account import Account
from tradepool.core.account.canary import at_stake_with
from tradepool.core.risk.key_rights import DAY_MS, expires_within
from tradepool.domain.denial import Denial
from tradepool.domain.deployment import Kind, Scope, ScopeKind
from tradepool.domain.errors import KeyRefused, TradepoolError
from tradepool.domain.ids import AccountId
from tradepool.domain.key import KeyLook
from tradepool.domain.order import OrderRequest
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.deployment import Deployed, Seated
from tradepool.ports.clock import Clock
from tradepool.presentation.formats import plain
from tradepool.runtime import telemetry
from tradepool.services.alarms import Kind as Alarm
from tradepool.services.alarms import Trouble

log = telemetry.logger(__name__)


class KeysTried(msgspec.Struct):
    """Accounts that trade on with their keys, and those that do not, each with the reason."""

    again: list[str] = []
    still: dict[str, str] = {}

    @property
    def words(self) -> str:
        """For people.

        >>> KeysTried(again=["ann-main"], still={"ben-main": "it may withdraw"}).words
        ' The key of ann-main is good: it enters again. ben-main stays stopped: it may withdraw.'
        """
        again = [f" The key of {account} is good: it enters again." for account in self.again]
        return "".join(
            [*again, *(f" {account} stays stopped: {why.rstrip('.')}." for account, why in self.still.items())]
        )


class KeyWatch:
    """Watches the keys of a platform that has started; practice keys are nobody's business."""

    def __init__(self, deployed: Deployed, platform: Platform, connection: Connection, clock: Clock) -> None:
        """`clock` is the venue's time."""
        live = deployed.deployment.kind is Kind.LIVE
        self._seats = list(deployed.seats) if live else []
        self._accounts = {seat.account_id for seat in self._seats}
        self._most = deployed.settings.vault.unlisted_exposure_max
        self._platform, self._clock = platform, clock
        self._rows = DatabaseKeyLooks(connection)
        self._written = dict(self._rows.all()) if live else {}

    # ---- a key without a list of addresses

    def most(self, seat: Seated) -> Decimal | None:
        """What an account may have at stake because of its key; None: that does not limit it."""
        key = self._platform.keys.get(seat.account_id) if seat.account_id in self._accounts else None
        return self._most if key is not None and key.rights is not None and not key.rights.listed_addresses else None

    @property
    def capped(self) -> tuple[bool, ...]:
        """Whether each account is limited so: another value says that this has changed."""
        return tuple(self.most(seat) is not None for seat in self._seats)

    def may_enter(self, seat: Seated, account: Account, request: OrderRequest) -> str:
        """Why an entry may not go out with this key; "" if it may."""
        most = self.most(seat)
        return Denial.NO_ADDRESS_LIST if most is not None and at_stake_with(account, request) > most else ""

    # ---- what was found

    def beside(self, look: Callable[[], Sequence[Trouble]]) -> Callable[[], Sequence[Trouble]]:
        """Somebody else's look, and this one."""
        return lambda: [*look(), *self.look()]

    def look(self) -> list[Trouble]:
        """Write down what is new about keys, and tell what people should mend."""
        self._write_down()
        return [trouble for seat in self._seats for trouble in self._troubles(seat)]

    def _troubles(self, seat: Seated) -> Iterator[Trouble]:
        key, name = self._platform.keys.get(seat.account_id), seat.account_id

        def of(about: str, text: str) -> Trouble:
            return Trouble(kind=Alarm.KEY, about=f"{name} {about}", text=f"{name}: {text}", user=seat.user.id)

        if key is None:
            return
        if key.rights is None:
            if seat.account_id in self._platform.desk.up:
                yield of("unseen", "the venue does not say what the key may do; nothing is entered until it does")
            return
        days = expires_within(key.rights, self._clock.now_ms())
        if days is not None:
            within = f"{days} {'day' if days == 1 else 'days'}"
            yield of(f"ends {days}", f"the venue ends the key's trading within {within}: renew it there")
        if not key.rights.listed_addresses:
            cap = f"while it may, at most {plain(self._most)} is at stake"
            yield of("addresses", f"the key may be used from any address; {cap}: list this machine's at the venue")

    def _write_down(self) -> None:
        looks = [look for seat in self._seats if (look := self._look(seat.account_id)) is not None]
        new = [look for look in looks if self._is_news(look)]
        if not new:
            return
        try:
            self._rows.save(new)
        except StoreUnusable as error:
            log.error("what was found about keys is not written down", error=str(error))
            return
        self._written |= {look.account: look for look in new}

    def _look(self, account: AccountId) -> KeyLook | None:
        key, stopped = self._platform.keys.get(account), self._platform.desk.halted.get(account)
        refused = str(stopped) if isinstance(stopped, KeyRefused) else ""
        if key is None or not (key.told_ms or refused):
            return None
        looked_ms = self._clock.now_ms() if refused else key.told_ms
        return KeyLook(account=account, looked_ms=looked_ms, rights=key.rights, refused=refused)

    def _is_news(self, look: KeyLook) -> bool:
        """A key is asked every half minute; only a change, or a day, is worth a row."""
        before = self._written.get(look.account)
        if before is None or (before.rights, before.refused) != (look.rights, look.refused):
            return True
        return look.looked_ms - before.looked_ms >= DAY_MS

    # ---- a person's word

    async def resume(self, scope: Scope) -> str:
        """Try the keys in scope that were refused again; KeysTried, as JSON."""
        tried = KeysTried(again=[], still={})
        for seat in self._seats:
            stopped = self._platform.desk.halted.get(seat.account_id)
            covered = scope.kind is not ScopeKind.MARKET and scope.covers(seat.user.id, seat.mandate.markets[0])
            if not covered or not isinstance(stopped, KeyRefused):
                continue
            try:
                await self._platform.try_key(seat.account_id)
                tried.again.append(seat.account_id)
            except TradepoolError as error:
                tried.still[seat.account_id] = str(error)
        return msgspec.json.encode(tried).decode()
