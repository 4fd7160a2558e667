"""What a platform is built from: accounts with their mandates and keys, and everything that is handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
from sqlalchemy import Connection

from tradepool.adapters.exchanges.transport import ANSWER_MS, Transport
from tradepool.adapters.exchanges.vault import Credentials
from tradepool.core.risk.suspension import Suspensions
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.errors import TradepoolError
from tradepool.domain.ids import REPLAY_NAMING, AccountId, Naming, StrategyId
from tradepool.domain.limit import RiskPlan
from tradepool.domain.mandate import Mandate
from tradepool.domain.order import OrderRequest
from tradepool.domain.trade import Origin
from tradepool.domain.user import Account as AccountNoun
from tradepool.ports.candles import CandleStore
from tradepool.ports.clock import Clock
from tradepool.ports.exchange import AccountGateway
from tradepool.ports.journal import Journal
from tradepool.ports.risk import RiskStore
from tradepool.ports.weights import WeightBroker
from tradepool.services.account_reads import Exposure
from tradepool.services.trading.fan_out import InTurn, as_they_came
from tradepool.services.trading.flow_desk import FlowRules

WrapGateway = Callable[[AccountGateway], AccountGateway]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """An account with its mandate and the key to it."""

    account: AccountNoun
    mandate: Mandate
    credentials: Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What a platform is built from. `on_time` hears the venue's time from every frame; `traces` see every request.

    `sealed` lets nothing but the guarded session connect in the whole process while the platform runs: for a process
    that does nothing else. `watched` looks after keys, clock, markets, limits and foreign orders beside trading: in live trading,
    not in a replay, whose time such questions would cost. `naming` marks this deployment's and instance's orders.
    `candles` is where candles are kept, and read from at a start; a replay has none.
    `beside` brings accounts up beside trading, protections and the most exposed first (`services/trading/starting`),
    instead of all before anybody trades.
    A request is given up after `answer_ms` of the machine's time.
    `broker` paces all requests; None: by the venue's limits when `watched`, else nothing does. `read_every_ms` is how often accounts are read; None:
    as live ones are when `watched`, else never. `risk` are the limits above one mandate; without it there are none.
    `suspensions` are kept where the caller keeps them (None: in memory). `together`: accounts
    decide in groups, whose records share a transaction: where a sync of the disk costs, in live trading. While `entries_off`, no account hears that a level
    rose: nothing is entered, and nothing written down about it. `refused` are accounts that can't be taken, and why;
    `may_enter` is asked of an entry before limits are, which count what they let through. `flows` are the rules by which
    deposits and the like are booked, when `watched`.
    """

    venue: str
    timeframe_ms: int
    transport: Transport
    clock: Clock
    connection: Connection
    strategies: Mapping[StrategyId, Strategy]
    seats: Sequence[Seat]
    origin: Origin
    on_time: Callable[[int], None] = lambda time_ms: None
    traces: Sequence[aiohttp.TraceConfig] = ()
    keep_alive_ms: int = 30_000
    journal: Journal | None = None
    wrap_gateway: WrapGateway = lambda gateway: gateway
    sealed: bool = False
    watched: bool = False
    beside: bool = False
    accounts_per_stream: int = 0
    answer_ms: int = ANSWER_MS
    naming: Naming = REPLAY_NAMING
    broker: WeightBroker | None = None
    candles: CandleStore | None = None
    read_every_ms: Mapping[Exposure, int] | None = None
    risk: tuple[RiskPlan, RiskStore] | None = None
    in_turn: InTurn = as_they_came
    together: bool = False
    entries_off: Callable[[], bool] = lambda: False
    suspensions: Suspensions | None = None
    on_strategy_failed: Callable[[StrategyId], None] = lambda strategy: None
    refused: Mapping[AccountId, TradepoolError] = field(default_factory=dict)
    may_enter: Callable[[OrderRequest], str] = lambda request: ""
    flows: FlowRules | None = None

    def __post_init__(self) -> None:
        """Raise NotYetLive for a strategy that the live account could not follow: nothing is connected yet."""
        for strategy in self.strategies.values():
            strategy.refuse_unless_live()
