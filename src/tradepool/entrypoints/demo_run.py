"""Running a demo: the live table or quiet lines while it goes, the closing table or JSON when it is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from rich.console import Console
from rich.live import Live

from tradepool.domain.ids import AccountId
from tradepool.entrypoints.app import Platform
from tradepool.entrypoints.progress import DRAW_S, STEPS_BETWEEN_LOOKS, Pace, Ticker, progress_of, quiet
from tradepool.entrypoints.replay import Outcome, Plan, Player, Replay, UserOutcome, replay
from tradepool.entrypoints.single_run import refuse_halted
from tradepool.presentation import demo_view
from tradepool.presentation.formats import limit_texts, plain
from tradepool.presentation.results import (
    SCHEMA,
    DemoJson,
    DemoUser,
    amounts,
    fees_by_asset,
    reasons,
)
from tradepool.services.trading.account_actor import AccountActor

BeforeStep = Callable[[Replay], bool]
RATE_WINDOW_S = 3.0
USERS_SHOWN = 12


@dataclass(slots=True)
class Finished:
    """A demo that is over. `platform` is disconnected; what its accounts hold can still be read."""

    outcome: Outcome
    platform: Platform
    seconds: float


@dataclass(slots=True)
class Watch:
    """Remembers the running platform, and how fast things went lately."""

    platform: Platform | None = None
    _marks: list[tuple[float, int, int]] = field(default_factory=list)

    def seen(self, run: Replay) -> None:
        """Take note of the platform that runs."""
        self.platform = run.platform

    def rates(self, candles: int, orders: int) -> tuple[float, float]:
        """Candles and orders a second over the last few seconds of real time."""
        self._marks.append((time.perf_counter(), candles, orders))
        while len(self._marks) > 2 and self._marks[-1][0] - self._marks[1][0] > RATE_WINDOW_S:
            self._marks.pop(0)
        (then_s, candles_then, orders_then), now_s = self._marks[0], self._marks[-1][0]
        passed_s = now_s - then_s
        if passed_s <= 0:
            return 0.0, 0.0
        return (candles - candles_then) / passed_s, (orders - orders_then) / passed_s


def run_demo(plan: Plan, *, live: bool, speed: float | None) -> Finished:
    """Run it, showing how it goes; `speed` is virtual over real time, None as fast as possible."""
    watch, began_s = Watch(), time.perf_counter()
    # A paced run is asked a few times a second only, so each time counts.
    steps = STEPS_BETWEEN_LOOKS if speed is None else 1
    if not live:
        outcome = replay(plan, _before_step(watch, quiet(steps), speed))
    else:
        with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as screen:

            def draw(run: Replay) -> None:
                screen.update(demo_view.frame(picture(run, watch)), refresh=True)

            outcome = replay(plan, _before_step(watch, Ticker(draw, DRAW_S, steps), speed))
    refuse_halted(outcome)
    assert watch.platform is not None
    return Finished(outcome, watch.platform, time.perf_counter() - began_s)


def _before_step(watch: Watch, ticker: Ticker, speed: float | None) -> BeforeStep:
    inner: BeforeStep = ticker if speed is None else Pace(speed, ticker)

    def before_step(run: Replay) -> bool:
        watch.seen(run)
        return inner(run)

    return before_step


def picture(run: Replay, watch: Watch) -> demo_view.DemoNow:
    """The demo at this moment."""
    seats = list(zip(run.plan.players, run.seats, strict=True))[:USERS_SHOWN]
    orders = sum(run.venue.account(seat.credentials.key).history.order_count for seat in run.seats)
    candles = run.platform.market_data.candles
    candles_rate, orders_rate = watch.rates(candles, orders)
    return demo_view.DemoNow(
        time_ms=run.venue.now_ms,
        progress=progress_of(run),
        candles=candles,
        orders=orders,
        candles_rate=candles_rate,
        orders_rate=orders_rate,
        markets=_markets_now(run),
        users=[_user_now(player, run.platform, seat.account.id) for player, seat in seats],
        more_users=len(run.seats) - len(seats),
    )


def _markets_now(run: Replay) -> list[demo_view.MarketNow]:
    return [
        demo_view.MarketNow(
            symbol=listed.market.symbol,
            price=f"{listed.market.price(listed.price or 0):f}",
            change=(listed.price or 0) / int(listed.open[0]) - 1.0,
        )
        for listed in run.venue.markets
    ]


def _user_now(player: Player, platform: Platform, name: AccountId) -> demo_view.UserNow:
    account = platform.actor(name).account
    equity = account.equity_units() * account.quote_unit
    return demo_view.UserNow(
        name=player.name,
        mandate=mandate_text(player),
        holding=[slot.market.symbol for slot in account.slots.values() if slot.held],
        equity=equity,
        pnl=equity - player.capital,
        trades=len(platform.books.trades(name)),
        quote=account.quote,
        halted=name in platform.desk.halted,
    )


def mandate_text(player: Player) -> str:
    """What a user lets the platform do, in a few words."""
    count = len(player.markets)
    text = f"{player.strategy.name}, {count} market{'s' if count > 1 else ''}"
    return ", ".join([text, *limit_texts(player.limits)])


def demo_json(plan: Plan, finished: Finished) -> DemoJson:
    """The shape that `demo --json` prints."""
    outcome = finished.outcome
    pairs = zip(plan.players, outcome.users, strict=True)
    return DemoJson(
        schema=SCHEMA,
        seed=plan.seed,
        candles=outcome.candles,
        users=[_user_json(plan, player, user, finished.platform) for player, user in pairs],
        orders=outcome.orders,
        fills=outcome.fills,
        refusals=reasons([refusal for user in outcome.users for refusal in user.refusals]),
    )


def _user_json(plan: Plan, player: Player, user: UserOutcome, platform: Platform) -> DemoUser:
    realised = realised_pnl(user)
    return DemoUser(
        id=player.name,
        trades=len(user.trades),
        open_positions=len(user.positions),
        pnl=plain(realised),
        fees=amounts(_fees(plan, user)),
        commission_base=plain(commission_base(realised, platform.actor(user.account.id))),
        ledger_minus_venue=amounts(user.ledger_minus_venue),
    )


def realised_pnl(user: UserOutcome) -> Decimal:
    """Profit of the closed trades."""
    return sum((trade.pnl for trade in user.trades), Decimal(0))


def commission_base(realised: Decimal, actor: AccountActor) -> Decimal:
    """What a commission would be charged on: profit above a mark of zero, open losers counted, open winners at cost."""
    account = actor.account
    losses = sum(min(0, slot.unrealised()) for slot in account.slots.values())
    return max(Decimal(0), realised + losses * account.quote_unit)


def _fees(plan: Plan, user: UserOutcome) -> dict[str, Decimal]:
    mine = {listing.market.symbol: listing.market for listing in plan.listings}
    chosen = {symbol: market for symbol, market in mine.items() if market.id in user.mandate.markets}
    return fees_by_asset(user.trades, user.positions, chosen)


def show_ending(console: Console, plan: Plan, finished: Finished) -> None:
    """The closing table."""
    outcome = finished.outcome
    users = [
        demo_view.UserEnd(
            name=player.name,
            mandate=mandate_text(player),
            trades=len(user.trades),
            open_positions=len(user.positions),
            pnl=realised_pnl(user),
            quote=finished.platform.actor(user.account.id).account.quote,
            fees=_fees(plan, user),
            ledger_minus_venue=dict(user.ledger_minus_venue),
        )
        for player, user in zip(plan.players, outcome.users, strict=True)
    ]
    refused = reasons([refusal for user in outcome.users for refusal in user.refusals])
    said = ", ".join(f"{count} {reason}" for reason, count in refused.items()) or "none"
    summary = (
        f"{outcome.candles:,} candles, {outcome.orders:,} orders, {outcome.fills:,} fills, refused: {said};"
        f" {finished.seconds:.1f} s, {outcome.requests:,} HTTPS requests, seed {plan.seed}"
    )
    console.print(demo_view.ending(users, summary))
