"""When a strategy itself is to blame for orders that are refused: many accounts, on more than one market."""

from __future__ import annotations

from tradepool.core.risk.suspension import ACCOUNTS_MAX, ERRORS_WITHIN_MS, LASTS_MS, Trouble
from tradepool.domain.ids import AccountId, MarketId, StrategyId
from tradepool.domain.suspended import AUTOMATIC, Suspended, SuspendedKind

# On one market alone it would be the market.
MARKETS_MIN = 2


class StrategyFailures:
    """Who had an order refused lately, strategy by strategy.

    >>> failures, strategy = StrategyFailures(), StrategyId("s")
    >>> [failures.failed(strategy, MarketId(f"v:{n % 2}/B"), AccountId(f"u{n}"), n) for n in range(5)]
    [False, False, False, False, True]
    """

    def __init__(self) -> None:
        """Nobody had."""
        self._failed: dict[StrategyId, dict[tuple[AccountId, MarketId], int]] = {}

    def failed(self, strategy: StrategyId, market: MarketId, account: AccountId, now_ms: int) -> bool:
        """Note a refused order; whether it is the strategy by now. Then it is counted from the beginning."""
        before = self._failed.get(strategy, {})
        recent = {who: at for who, at in before.items() if at > now_ms - ERRORS_WITHIN_MS} | {(account, market): now_ms}
        accounts, markets = {account for account, _ in recent}, {market for _, market in recent}
        to_blame = len(accounts) >= ACCOUNTS_MAX and len(markets) >= MARKETS_MIN
        self._failed[strategy] = {} if to_blame else recent
        return to_blame


def blamed(name: str, now_ms: int) -> Suspended:
    """The platform's own word on such a strategy, which is called that."""
    return Suspended(
        kind=SuspendedKind.STRATEGY,
        name=name,
        since_ms=now_ms,
        until_ms=now_ms + LASTS_MS[Trouble.ERRORS],
        by=AUTOMATIC,
        reason="its orders are refused on several markets, for many accounts",
        trouble=Trouble.ERRORS.value,
    )
