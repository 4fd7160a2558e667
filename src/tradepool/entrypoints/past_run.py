"""The backtest of what an account traded by, period after period, over the venue's own candles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tradepool.core.account import account_step as step
from tradepool.core.account.account import Account
from tradepool.core.backtest.mandate_rows import Carried
from tradepool.core.backtest.mandate_run import Change, Traded, run_mandate
from tradepool.core.backtest.result import MandateResult
from tradepool.core.backtest.run import Setting
from tradepool.core.market.bars import Bars
from tradepool.core.market.market_step import MarketStep
from tradepool.core.risk.symbols import listed_market
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.candle import Candle
from tradepool.domain.ids import MarketId, StrategyId
from tradepool.domain.mandate import Mandate
from tradepool.domain.market import Market
from tradepool.entrypoints.own_hands import OwnHands
from tradepool.entrypoints.past_terms import Answered, Period
from tradepool.services.reader import bars_of


class PastRun:
    """The periods that one backtest answers for, and what it reads."""

    def __init__(
        self, asked: Answered, strategies: Mapping[StrategyId, Strategy], venue: str, timeframe_ms: int
    ) -> None:
        """`strategies` are those of the periods, at least; nothing is read yet."""
        self._asked, self._timeframe_ms = asked, timeframe_ms
        self._steps = {
            name: MarketStep(strategies[name], timeframe_ms)
            for name in {period.mandate.strategy_id for period in asked.periods}
        }
        self._strategies, self._venue = strategies, venue
        self._candles: dict[MarketId, Sequence[Candle]] = {}

    async def read(self, hands: OwnHands) -> None:
        """Ask the venue for the candles of all markets that were traded or read. VenueError, UnknownMarket."""
        markets, history = dict[MarketId, Market](), max(each.history for each in self._steps.values())
        for period in self._asked.periods:
            beside = map(self._beside, self._steps[period.mandate.strategy_id].source.others)
            markets |= {market.id: market for market in period.markets}
            markets |= {name: listed_market(hands.listed, name) for name in beside if name not in markets}
        # Of markets it reads beside its own, a step needs as many bars before its own first.
        since_ms = self._asked.periods[0].time_ms - (2 * history + 3) * self._timeframe_ms
        # What closes while others are asked for has no beside yet.
        until_ms = min(await hands.feed.time_ms(), self._asked.until_ms)
        for name, market in markets.items():
            past = await hands.feed.history(market, self._timeframe_ms, since_ms)
            self._candles[name] = [candle for candle in past if candle.close_time_ms <= until_ms]

    def _beside(self, symbol: str) -> MarketId:
        return MarketId(f"{self._venue}:{symbol}")

    def results(self, starts: Sequence[int], held: Account | None) -> dict[int, MandateResult]:
        """What the backtest finds, by the time from which it counts: a step began so many bars before it was started, which
        was at one of these times. `held` is the account as it was then (None: as it was taken over)."""
        first = self._asked.periods[0]
        begun = {tuple(self._begin(first, market, at) for market in first.markets): at for at in starts}
        found = dict[int, MandateResult]()
        for at_ms in begun.values():
            changes, since_ms = self._changes(at_ms), at_ms if held is None else first.since_ms
            if changes and (what := changes[0].traded) is not None:
                found[since_ms] = run_mandate(
                    what.strategy,
                    what.markets,
                    changes[0].setting,
                    others=what.others,
                    changes=changes[1:],
                    since_ms=since_ms,
                    carried=None if held is None else _carried(held),
                )
        return found

    def _changes(self, at_ms: int) -> list[Change]:
        """The periods, the first one from that time on; each with candles from where its strategy began on a market."""
        found, bars = list[Change](), dict[tuple[StrategyId, MarketId], Bars]()
        for number, period in enumerate(self._asked.periods):
            name = period.mandate.strategy_id
            begun_ms = period.time_ms if number else at_ms
            for market in period.markets:
                if (name, market.id) not in bars:
                    past = self._candles[market.id][self._begin(period, market, begun_ms) :]
                    bars[name, market.id] = bars_of(past, self._timeframe_ms)
            markets = [(market, bars[name, market.id]) for market in period.markets if len(bars[name, market.id])]
            if markets:
                others = self._steps[name].source.others
                read = {each: bars_of(self._candles[self._beside(each)], self._timeframe_ms) for each in others}
                traded = Traded(self._strategies[name], markets, read)
                found.append(Change(period.since_ms, _setting(period.mandate), period.resumed, traded))
        return found

    def _begin(self, period: Period, market: Market, at_ms: int) -> int:
        closed = sum(candle.close_time_ms <= at_ms for candle in self._candles[market.id])
        return max(0, closed - self._steps[period.mandate.strategy_id].history)


def _setting(mandate: Mandate) -> Setting:
    return Setting(mandate.capital, mandate.weight, mandate.limits, 0, mandate.entry)


def _carried(account: Account) -> Carried:
    """What an account has, without what is on its way."""
    wallet = list(account.wallet)
    wallet[step.RESERVED] = 0
    return Carried(wallet, {name: (slot.market, slot.row, slot.mark) for name, slot in account.slots.items()})
