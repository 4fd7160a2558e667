"""The text report tells what a run was, and why it closed no trade."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal

from rich.console import Console

from tradepool.domain.ids import AccountId, MandateId, StrategyId
from tradepool.domain.mandate import NO_LIMITS, Limits
from tradepool.domain.order import Purpose, Refusal, Side
from tradepool.domain.position import Position
from tradepool.domain.trade import Origin, Trade
from tradepool.presentation.figures import figures
from tradepool.presentation.finished_run import FinishedRun, run_json
from tradepool.presentation.report import report, why_no_trades
from tradepool.presentation.results import as_json, fees_by_asset
from tradepool.simexchange.market_model import model_market

MARKET = model_market("BTC/USDT")
ACCOUNT = AccountId("a")
START_MS = 1_704_067_200_000


def trade(number: int, pnl: str) -> Trade:
    return Trade(
        account=ACCOUNT,
        strategy_id=StrategyId("s"),
        market=MARKET.id,
        side=Side.BUY,
        entry_time_ms=START_MS + number * 3_600_000,
        entry_price=Decimal("60000.01"),
        exit_time_ms=START_MS + number * 3_600_000 + 300_250,
        exit_price=Decimal("61000.00"),
        quantity=Decimal("0.010000"),
        entry_fee=Decimal("0.00001000"),
        exit_fee=Decimal("0.61000000"),
        pnl=Decimal(pnl),
        exit_reason=Purpose.TRAILING,
        origin=Origin.BACKTEST,
    )


def position(*, unsellable: bool = False) -> Position:
    return Position(
        account=ACCOUNT,
        mandate=MandateId("m"),
        strategy_id=StrategyId("s"),
        market=MARKET.id,
        quantity=Decimal("0.02997000"),
        average_entry_price=Decimal("60000.01"),
        opened_time_ms=START_MS,
        entry_fee=Decimal("0.00003000"),
        stop_price=None,
        unsellable=unsellable,
    )


def run(**changes: object) -> FinishedRun:
    finished = FinishedRun(
        strategy="moving_average_cross",
        values={"fast": 12, "stop_atrs": 3.0},
        markets=(MARKET,),
        timeframe_ms=300_000,
        slippage_bp=1,
        bars_each=(500,),
        start_ms=START_MS,
        end_ms=START_MS + 500 * 300_000,
        cash=Decimal(10_000),
        weight=Decimal("0.950"),
        limits=NO_LIMITS,
        final_equity=Decimal("10008.30000000"),
        trades=(),
        open_positions=(),
        refusals=(),
        signals=0,
        lookback=26,
    )
    return replace(finished, **changes)  # type: ignore[arg-type]  # the changes are the test's own


def text_of(finished: FinishedRun) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(report(finished, "Backtest of"))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def refusals(count: int) -> list[Refusal]:
    return [Refusal(account=ACCOUNT, market=MARKET.id, time_ms=START_MS, reason="insufficient_cash")] * count


def test_every_reason_for_no_trades_is_told() -> None:
    assert "needs 26 bars" in why_no_trades(run(bars_each=(20,)))
    assert "never gave an entry signal" in why_no_trades(run())
    assert "3 refused, mostly insufficient_cash" in why_no_trades(run(signals=3, refusals=refusals(3)))
    assert "last bar" in why_no_trades(run(signals=1))


def test_many_trades_are_cut_in_the_middle() -> None:
    text = text_of(run(trades=[trade(number, "1") for number in range(40)]))
    assert "... 28 more" in text
    assert "say little" not in text
    assert "no losing trade" in text


def test_figures_are_honest() -> None:
    found = figures([trade(0, "20"), trade(1, "-10"), trade(2, "-5")], Decimal(100), Decimal(105), ())
    assert (found.trades, found.win_rate, found.max_drawdown) == (3, 1 / 3, 15 / 120)
    assert found.profit_factor == 20 / 15
    assert round(found.total_return, 12) == 0.05


def test_json_is_plain() -> None:
    text = as_json(run_json(run(trades=[trade(0, "8.30000000")])))
    assert '"final_equity":"10008.3"' in text
    assert '"exit_time":"2024-01-01T00:05:00.250Z"' in text
    assert '"parameters":{"fast":12,"stop_atrs":3.0}' in text
    assert '"fees":{"BTC":"0.00001","USDT":"0.61"}' in text


def test_open_positions_are_told_with_their_fees() -> None:
    finished = run(open_positions=[position(unsellable=True)])
    text = as_json(run_json(finished))
    assert '"fees":{"BTC":"0.00003","USDT":"0"}' in text
    assert '"quantity":"0.02997","entry_fee":"0.00003","stop_price":null,"unsellable":true' in text
    assert "too small to be sold or protected" in text_of(finished)
    assert "too small" not in text_of(run(open_positions=[position()]))


def test_weight_and_limits_are_told() -> None:
    finished = run(limits=Limits(order_notional_max=Decimal(500), daily_loss_max=Decimal("0.020")))
    text = as_json(run_json(finished))
    assert '"weight":"0.95","limits":{"order_notional_max":"500","daily_loss_max":"0.02"}' in text
    assert "weight 0.95 of the equity, orders <= 500, day's loss <= 2 %" in text_of(finished)


def test_fees_are_by_asset() -> None:
    assert fees_by_asset([trade(0, "1"), trade(1, "1")], [position()], {MARKET.symbol: MARKET}) == {
        "BTC": Decimal("0.00005"),
        "USDT": Decimal("1.22"),
    }
