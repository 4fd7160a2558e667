"""Coins that come and go without an order, on all accounts of one venue: noticed, looked for in its histories, booked.

What the venue holds is compared with the books every five minutes, and soon after the stream tells of a balance. Where
they differ, or once a day, the venue's histories are asked, from the youngest flow that is known on and some way back:
they may be late. Each flow that is not in the books becomes an event. What no history explains in PATIENCE is booked as
unexplained, said, and, when it is a large part of all there is, puts the account into quarantine; so does a venue that says
for as long what can't be, an asset that it does not list, and a fee in a coin that nobody can value.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from tradepool.core.account.flows import in_opening
from tradepool.core.account.prices import prices_of
from tradepool.core.ledger.explaining import Gaps, HeldBooks, explained_late, is_jump, takes_back
from tradepool.domain.errors import TradepoolError, VenueError
from tradepool.domain.flow import FlowCause, FlowNamed, FlowSeen, FlowsKnown, Move, Quarantined
from tradepool.domain.ids import AccountId, MarketId
from tradepool.domain.ledger import Transfer
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import AnswerImpossible
from tradepool.runtime import telemetry
from tradepool.runtime.supervise import Supervisor
from tradepool.services.account_reads import Holdings
from tradepool.services.trading.account_actor import AccountActor
from tradepool.services.trading.account_feed import AccountFeed

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
TICK_S = 1.0
# After a frame, a start or a flow: what belongs to it comes within that time. Frames are heeded once in the second, and
# while books and venue differ they are compared each time the third has passed.
SOON_MS, HEED_MS, AGAIN_MS = 5_000, 20_000, 60_000
# A look into the histories is a dozen requests, so that a thousand accounts that start are looked at in minutes.
CHECKING_MAX = 4
# How long it is shown that something could not be explained.
SHOWN_MS = HOUR_MS

log = telemetry.logger(__name__)


class UnlistedAsset(TradepoolError):
    """{venue} told of {amounts} on account {account}, and lists no such coin and no market of one: nobody can say what it is worth; it is in the books as it was told: see at the venue what it is, then run tradepool resume."""


class UnpricedFee(TradepoolError):
    """{account} paid fees in {assets}, of which {venue} lists no market against {money}: nobody can say what they cost, and its commission can't be settled; let {venue} take fees out of what is traded."""


# An account's transfers that events after a sequence made.
Transfers = Callable[[AccountId, int], Iterable[Transfer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRules:
    """How often books and venue are compared, how long an explanation may take, how far back histories are asked again,
    and from what share of all that an account holds on an unexplained amount is a jump."""

    every_ms: int = 5 * MINUTE_MS
    patience_ms: int = 15 * MINUTE_MS
    back_ms: int = 30 * DAY_MS
    jump_share: Decimal = Decimal("0.2")


@dataclass(slots=True)
class _Watched:
    """An account, its books as far as they were read, and when it is due. `said` is what could not be explained last, and
    when; `trouble` why it could not be compared, or ""; `absurd_ms` since when the venue says what can't be; `unlisted` are
    assets that it names and does not list, and that are not in the books yet."""

    actor: AccountActor
    due_ms: int
    books: HeldBooks = field(default_factory=HeldBooks)
    read: int = 0
    gaps: Gaps = field(default_factory=Gaps)
    looked_ms: int = 0
    checked_ms: int = 0
    said: tuple[int, str] = (0, "")
    trouble: str = ""
    absurd_ms: int | None = None
    unlisted: set[str] = field(default_factory=set)


class FlowDesk:
    """Watches over what no order moved. Begins with `run`."""

    def __init__(
        self,
        feed: AccountFeed,
        transfers: Transfers,
        listed: Container[MarketId],
        clock: Clock,
        rules: FlowRules | None = None,
    ) -> None:
        """Nobody is watched before `admit`; `clock` is the venue's, `feed` knows what the accounts hold, `listed` are the
        venue's markets."""
        self._feed, self._transfers, self._listed, self._clock = feed, transfers, listed, clock
        self._rules = rules or FlowRules()
        self._watched: dict[AccountId, _Watched] = {}
        self._checking: set[AccountId] = set()
        self._supervisor = Supervisor()
        feed.on_balances = self._hear

    def admit(self, actor: AccountActor) -> None:
        """Watch over an account that is up."""
        self._watched[actor.account.account.id] = _Watched(actor, self._clock.now_ms() + SOON_MS)

    async def run(self) -> None:
        """Check whoever is due, until cancelled."""
        try:
            while True:
                self._check_due()
                await self._clock.sleep(TICK_S)
        finally:
            await self._supervisor.stop()

    def trouble(self, account: AccountId) -> str:
        """What a person should know of an account's balances now; "" where there is nothing."""
        watched = self._watched.get(account)
        if watched is None:
            return ""
        said_ms, said = watched.said
        return watched.trouble or (said if self._clock.now_ms() - said_ms < SHOWN_MS else "")

    def unpriced(self, account: AccountId) -> str:
        """Costs of an account that have no price, for people; "" where there are none. What is traded needs none as a fee."""
        watched = self._watched.get(account)
        error = None if watched is None else self._unpriced(watched)[1]
        return "" if error is None else str(error)

    def _unpriced(self, watched: _Watched) -> tuple[list[str], UnpricedFee | None]:
        """Coins of fees that have no price, and what to say of them."""
        account, slots = watched.actor.account.account, watched.actor.account.slots.values()
        venue, quotes = account.venue, sorted({slot.market.quote for slot in slots})
        found = [
            asset
            for asset in sorted(watched.books.third_fees)
            if not any(MarketId(f"{venue}:{asset}/{quote}") in self._listed for quote in quotes)
        ]
        words = {"assets": ", ".join(found), "venue": venue, "money": " and ".join(quotes)}
        return found, UnpricedFee(account=account.id, **words) if found else None

    def _hear(self, account: AccountId) -> None:
        """The stream told of its balances: what an order did is booked in a moment, what is left then is a flow."""
        watched = self._watched.get(account)
        if watched is not None:
            soon_ms = max(self._clock.now_ms() + SOON_MS, watched.checked_ms + HEED_MS)
            watched.due_ms = min(watched.due_ms, soon_ms)

    def _check_due(self) -> None:
        now_ms = self._clock.now_ms()
        for account, watched in self._watched.items():
            if len(self._checking) >= CHECKING_MAX:
                return
            if watched.due_ms <= now_ms and account not in self._checking:
                self._checking.add(account)
                work = self._check(account, watched)
                self._supervisor.start(f"{account} flows", work, partial(self._failed, account))

    def _failed(self, account: AccountId, task: str, error: Exception) -> None:
        """It is in the log, and what it was about is seen by whoever compares books and venue; the next check is due."""
        self._watched[account].trouble = str(error)

    async def _check(self, account: AccountId, watched: _Watched) -> None:
        watched.due_ms = self._clock.now_ms() + self._rules.every_ms
        try:
            await self.check(account)
            watched.trouble, watched.absurd_ms = "", None
        except VenueError as error:
            log.warning("an account's flows can't be looked at", account=account, error=str(error))
            watched.due_ms, watched.trouble = self._clock.now_ms() + AGAIN_MS, str(error)
            if isinstance(error, AnswerImpossible):
                self._distrust(watched, error)
        finally:
            watched.checked_ms = self._clock.now_ms()
            self._checking.discard(account)

    def _distrust(self, watched: _Watched, error: AnswerImpossible) -> None:
        """One absurd answer is a slip of the venue's; who hears nothing else does not know what the account holds."""
        now_ms = self._clock.now_ms()
        watched.absurd_ms = now_ms if watched.absurd_ms is None else watched.absurd_ms
        if now_ms - watched.absurd_ms >= self._rules.patience_ms:
            watched.absurd_ms = now_ms
            watched.actor.post(Quarantined(time_ms=now_ms, why=str(error)))

    # ---- one account

    async def check(self, account: AccountId) -> None:
        """Compare one account's books with its venue, and book what its histories tell. VenueError."""
        watched, flows = self._watched[account], self._watched[account].actor.account.flows
        if watched.actor.busy:
            watched.due_ms = self._clock.now_ms() + SOON_MS
            return
        held = await self._feed.lately(account, self._rules.every_ms)
        lacking = self._lacking(watched, held)
        if lacking is None:
            watched.due_ms = self._clock.now_ms() + HEED_MS
            return
        self._stop_once(watched)
        if lacking or not flows.begun or self._wants_look(watched):
            if await self._look(watched, lacking):
                return
            # It may have changed while the histories were asked for.
            lacking = self._lacking(watched, self._feed.holdings(account))
        if lacking is not None and self._ripe(watched, lacking):
            # A difference that the stream alone tells may be a frame that was lost: the venue is asked.
            lacking = self._lacking(watched, await self._feed.anew(account))
        if lacking is not None:
            self._wait_or_book(watched, lacking)

    def _stop_once(self, watched: _Watched) -> None:
        """For what fees cost in a coin that nobody can value: a person has to know before there are more."""
        coins, error = self._unpriced(watched)
        if error is not None and not watched.actor.account.flows.unpriced.issuperset(coins):
            log.critical("fees in coins without a price", account=error.facts["account"], assets=error.facts["assets"])
            why = f"{str(error).rstrip('.')}, then run tradepool resume"
            watched.actor.post(Quarantined(time_ms=self._clock.now_ms(), why=why, unpriced=tuple(coins)))

    def _ripe(self, watched: _Watched, lacking: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """What has been lacking for so long that it is booked without an explanation."""
        now_ms = self._clock.now_ms()
        watched.gaps.see(lacking, now_ms)
        return watched.gaps.ripe(now_ms, self._rules.patience_ms)

    def _wants_look(self, watched: _Watched) -> bool:
        """Once a day although books and venue agree; every hour while an explanation, or a chain's id, may still come."""
        now_ms = self._clock.now_ms()
        waits = now_ms - watched.said[0] < DAY_MS or bool(watched.actor.account.flows.nameless)
        return now_ms - watched.looked_ms >= (HOUR_MS if waits else DAY_MS)

    def _lacking(self, watched: _Watched, held: Holdings | None) -> dict[str, Decimal] | None:
        """What the books lack; None while something is on its way that may explain it."""
        actor = watched.actor
        if held is None or actor.busy or not actor.account.opened:
            return None
        watched.books.add(self._transfers(actor.account.account.id, watched.read))
        watched.read = actor.sequence
        return watched.books.lacking(held.balances)

    async def _look(self, watched: _Watched, lacks: Iterable[str]) -> bool:
        """Ask the histories, and for what assets they or the balances (`lacks`) name first; whether histories told anything
        that is not booked. VenueError."""
        actor, now_ms = watched.actor, self._clock.now_ms()
        flows = actor.account.flows
        since_ms = max(flows.last_ms, actor.opened_ms, watched.looked_ms) - self._rules.back_ms
        told = await actor.gateway.flows(since_ms)
        named = {*lacks, *(move.asset for flow in flows.news(told) for move in flow.moves)}
        watched.unlisted.update(await actor.gateway.unlisted(named - watched.books.held.keys() - watched.unlisted))
        lacking = self._lacking(watched, self._feed.holdings(actor.account.account.id))
        if lacking is None:
            watched.due_ms = self._clock.now_ms() + HEED_MS
            return True
        watched.looked_ms, old = now_ms, frozenset[str]()
        if not flows.begun:
            known = in_opening(told, actor.opened_ms, lacking)
            actor.post(FlowsKnown(time_ms=now_ms, keys=known))
            old = frozenset(known)
        for flow in flows.names(told):
            actor.post(FlowNamed(time_ms=now_ms, key=flow.key, tx_id=flow.tx_id))
        news = [flow for flow in flows.news(told) if flow.key not in old]
        moves = [move for flow in news for move in flow.moves]
        self._quarantine(watched, self._unlisted(watched, moves))
        for flow in news:
            log.info("a flow", account=actor.account.account.id, cause=flow.cause.value, reference=flow.reference)
            self._book(watched, flow)
        if news:
            watched.due_ms = self._clock.now_ms() + SOON_MS
            self._guess(watched, explained_late(moves, lacking, watched.books.unexplained))
        return bool(news)

    def _wait_or_book(self, watched: _Watched, lacking: Mapping[str, Decimal]) -> None:
        """What has lasted is booked without an explanation; what is younger is looked for again."""
        now_ms, rules, books = self._clock.now_ms(), self._rules, watched.books
        ripe = self._ripe(watched, lacking)
        if lacking:
            watched.due_ms = now_ms + (SOON_MS if ripe else AGAIN_MS)
        if not ripe or not watched.actor.account.listening:
            return
        new = {asset: n for asset, n in ripe.items() if not takes_back(n, books.unexplained.get(asset, Decimal(0)))}
        if new:
            words = _words(new)
            why = f"the venue holds {words} that no history of it explains"
            watched.said = now_ms, f"{why}; booked as unexplained"
            log.critical("a balance changed and nobody says why", account=watched.actor.account.account.id, moved=words)
            is_large = is_jump(new, books.held, prices_of(watched.actor.account), rules.jump_share)
            came = [Move(asset=asset, amount=amount) for asset, amount in new.items()]
            self._quarantine(watched, [why] * is_large + self._unlisted(watched, came))
        self._guess(watched, ripe)

    def _unlisted(self, watched: _Watched, moves: Iterable[Move]) -> list[str]:
        """What to say of assets that the venue does not list. Once they are in the books they are known: they stop an
        account once, however often somebody sends more."""
        amounts = dict[str, Decimal]()
        for move in moves:
            if move.asset in watched.unlisted:
                amounts[move.asset] = amounts.get(move.asset, Decimal(0)) + move.amount
        watched.unlisted.difference_update(amounts)
        if not amounts:
            return []
        account, words = watched.actor.account.account, _words(amounts)
        log.critical("the venue names assets that it does not list", account=account.id, moved=words)
        return [str(UnlistedAsset(venue=account.venue, account=account.id, amounts=words))]

    def _quarantine(self, watched: _Watched, whys: Sequence[str]) -> None:
        """Before what it is about is booked: after a crash between the two it is told once more."""
        if whys:
            watched.actor.post(Quarantined(time_ms=self._clock.now_ms(), why="; ".join(whys)))

    def _guess(self, watched: _Watched, amounts: Mapping[str, Decimal]) -> None:
        """Book what nobody explains, or take it back."""
        now_ms = self._clock.now_ms()
        if moves := tuple(Move(asset=asset, amount=amount) for asset, amount in amounts.items()):
            flow = FlowSeen(time_ms=now_ms, cause=FlowCause.UNEXPLAINED, moves=moves, reference=str(now_ms))
            self._book(watched, flow)

    def _book(self, watched: _Watched, flow: FlowSeen) -> None:
        """What these assets lack from now on is another gap, be it as large."""
        watched.actor.post(flow)
        for move in flow.moves:
            watched.gaps.seen.pop(move.asset, None)


def _words(amounts: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{amount:+f} {asset}" for asset, amount in amounts.items())
