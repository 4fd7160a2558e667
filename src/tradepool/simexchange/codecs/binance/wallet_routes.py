"""What happened to an account's wallets: deposits, withdrawals, transfers, dividends and dust, asked for and listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

import orjson

from tradepool.domain.market import EXACT_MAX
from tradepool.simexchange.accounts import Account
from tradepool.simexchange.codecs.binance.account_routes import SAPI, amount_text
from tradepool.simexchange.codecs.binance.order_routes import PrivateHandler
from tradepool.simexchange.codecs.binance.rejection import MissingParameter, Rejection
from tradepool.simexchange.codecs.binance.request import Parameters
from tradepool.simexchange.errors import InsufficientBalance, NoConversion
from tradepool.simexchange.fixed import FixedPoint
from tradepool.simexchange.venue import Venue
from tradepool.simexchange.wallet import ASSET, DUST_ASSET, Deposit, DustConversion, Withdrawal, deposit_address

DAY_MS = 86_400_000
SPAN_DAYS_MAX = 90
PENDING, CREDITED, SUCCESS = 0, 6, 1
REJECTED, PROCESSING, COMPLETED = 3, 4, 6

Row = TypeVar("Row", Deposit, Withdrawal)


class WalletRoutes:
    """One user's wallets."""

    def __init__(self, venue: Venue) -> None:
        """Prepare the table of routes."""
        self._venue, self._wallet = venue, venue.wallet
        self.table: Mapping[tuple[str, str], PrivateHandler] = {
            ("GET", f"{SAPI}capital/deposit/hisrec"): self._deposits,
            ("GET", f"{SAPI}capital/deposit/address"): self._address,
            ("GET", f"{SAPI}capital/withdraw/history"): self._withdrawals,
            ("POST", f"{SAPI}capital/withdraw/apply"): self._withdraw,
            ("GET", f"{SAPI}asset/transfer"): self._transfers,
            ("POST", f"{SAPI}asset/transfer"): self._transfer,
            ("GET", f"{SAPI}asset/assetDividend"): self._dividends,
            ("POST", f"{SAPI}asset/dust"): self._convert_dust,
            ("GET", f"{SAPI}asset/dribblet"): self._dust_log,
        }

    # ---- deposits and withdrawals

    def _deposits(self, account: Account, parameters: Parameters) -> bytes:
        now_ms = self._venue.now_ms
        shown = [row for row in self._wallet.log(account).deposits if row.shown_ms <= now_ms]
        rows = self._listed(parameters, shown, lambda row: row.inserted_ms, deposit_status)
        return orjson.dumps([self._deposit(row, now_ms) for row in rows])

    def _deposit(self, row: Deposit, now_ms: int) -> dict[str, object]:
        status = deposit_status(row, now_ms)
        return {
            "id": str(row.id),
            "amount": self._text(row.asset, row.units),
            "coin": row.asset,
            "network": row.network,
            "status": status,
            "address": row.address,
            "addressTag": "",
            "txId": row.tx_id,
            "insertTime": row.inserted_ms,
            "completeTime": row.unlocked_ms if status == SUCCESS else None,
            "transferType": 0,
            "confirmTimes": "0/1" if status == PENDING else "1/1",
            "unlockConfirm": 1,
            "walletType": 0,
            "travelRuleStatus": 0,
        }

    def _address(self, account: Account, parameters: Parameters) -> bytes:
        if not account.can_deposit:
            raise Rejection(-4018, "Current asset is not open for deposit.")
        asset = parameters.text("coin")
        if not ASSET.fullmatch(asset):
            raise Rejection(-1100, "Illegal characters found in a parameter.")
        return orjson.dumps({"coin": asset, "address": deposit_address(account, asset), "tag": "", "url": ""})

    def _withdrawals(self, account: Account, parameters: Parameters) -> bytes:
        now_ms, named = self._venue.now_ms, parameters.optional("withdrawOrderId")
        rows = self._listed(
            parameters,
            [row for row in self._wallet.log(account).withdrawals if named in ("", row.request_id)],
            lambda row: row.applied_ms,
            withdrawal_status,
        )
        return orjson.dumps([self._withdrawal(row, now_ms) for row in rows])

    def _withdrawal(self, row: Withdrawal, now_ms: int) -> dict[str, object]:
        status = withdrawal_status(row, now_ms)
        told: dict[str, object] = {
            "id": str(row.id),
            "amount": self._text(row.asset, row.units),
            "transactionFee": self._text(row.asset, row.fee_units),
            "coin": row.asset,
            "status": status,
            "address": row.address,
            "txId": row.tx_id if status == COMPLETED else "",
            "applyTime": utc_text(row.applied_ms),
            "network": row.network,
            "transferType": 0,
            "info": "",
            "confirmNo": int(status == COMPLETED),
            "walletType": 0,
            "txKey": "",
        }
        if status == COMPLETED:
            told["completeTime"] = utc_text(row.done_ms)
        if row.request_id:
            told["withdrawOrderId"] = row.request_id
        return told

    def _withdraw(self, account: Account, parameters: Parameters) -> bytes:
        if not account.can_withdraw:
            raise Rejection(-4019, "Current asset is not open for withdrawal.")
        asset, address = parameters.text("coin"), parameters.text("address")
        try:
            made = self._wallet.withdraw(
                account,
                asset,
                self._amount(parameters, asset),
                self._venue.now_ms,
                address=address,
                network=parameters.optional("network"),
                request_id=parameters.optional("withdrawOrderId"),
            )
        except InsufficientBalance as error:
            raise Rejection(-4026, "User has insufficient balance") from error
        return orjson.dumps({"id": str(made.id)})

    def _listed(
        self,
        parameters: Parameters,
        rows: Sequence[Row],
        time_of: Callable[[Row], int],
        status_of: Callable[[Row, int], int],
    ) -> list[Row]:
        """The newest first, of one coin and status, within at most 90 days, from an offset."""
        now_ms = self._venue.now_ms
        start, end = self._window(parameters)
        found = [
            row
            for row in reversed(rows)
            if start <= time_of(row) <= end
            and parameters.optional("coin") in ("", row.asset)
            and parameters.optional("status") in ("", str(status_of(row, now_ms)))
        ]
        first = parameters.number("offset", 0)
        return found[first : first + parameters.number("limit", 1_000, 1_000)]

    def _window(self, parameters: Parameters) -> tuple[int, int]:
        """Start and end in ms; 90 days to now without a word. Both named, they may lie 90 days apart."""
        start, end = self._recent(parameters, SPAN_DAYS_MAX)
        if "startTime" in parameters and "endTime" in parameters and end - start > SPAN_DAYS_MAX * DAY_MS:
            raise Rejection(-4047, "Time interval must be within 0-90 days")
        return start, min(end, start + SPAN_DAYS_MAX * DAY_MS)

    # ---- within the venue

    def _transfers(self, account: Account, parameters: Parameters) -> bytes:
        source, target = self._wallets(parameters)
        start, end = self._recent(parameters, 7)
        rows = [
            row
            for row in reversed(self._wallet.log(account).transfers)
            if (row.source, row.target) == (source, target) and start <= row.time_ms <= end
        ]
        size = parameters.number("size", 10, 100)
        first = (max(1, parameters.number("current", 1)) - 1) * size
        told = [
            {
                "asset": row.asset,
                "amount": self._text(row.asset, row.units),
                "type": f"{row.source}_{row.target}",
                "status": "CONFIRMED",
                "tranId": row.id,
                "timestamp": row.time_ms,
            }
            for row in rows[first : first + size]
        ]
        return orjson.dumps({"total": len(rows), "rows": told} if rows else {"total": 0})

    def _transfer(self, account: Account, parameters: Parameters) -> bytes:
        source, target = self._wallets(parameters)
        asset = parameters.text("asset")
        amount = self._amount(parameters, asset)
        try:
            made = self._wallet.transfer(account, source, target, asset, amount, self._venue.now_ms)
        except InsufficientBalance as error:
            raise Rejection(-5002, "You have insufficient balance.") from error
        return orjson.dumps({"tranId": made.id})

    def _wallets(self, parameters: Parameters) -> tuple[str, str]:
        source, _, target = parameters.text("type").partition("_")
        if not source or not target or source == target:
            raise Rejection(-1100, "Illegal characters found in parameter 'type'.")
        return source, target

    def _recent(self, parameters: Parameters, days: int) -> tuple[int, int]:
        """Start and end in ms of a list that shows its last `days` without a word."""
        end = parameters.number("endTime", self._venue.now_ms)
        return parameters.number("startTime", max(0, end - days * DAY_MS)), end

    def _dividends(self, account: Account, parameters: Parameters) -> bytes:
        start, end = self._recent(parameters, SPAN_DAYS_MAX)
        if end - start > 2 * SPAN_DAYS_MAX * DAY_MS:
            raise Rejection(-4047, "Time interval must be within 0-180 days")
        rows = [
            row
            for row in reversed(self._wallet.log(account).dividends)
            if start <= row.time_ms <= end and parameters.optional("asset") in ("", row.asset)
        ]
        told = [
            {
                "id": row.id,
                "amount": self._text(row.asset, row.units),
                "asset": row.asset,
                "divTime": row.time_ms,
                "enInfo": row.why,
                "tranId": row.id,
                "direction": 1,
            }
            for row in rows[: parameters.number("limit", 20, 500)]
        ]
        return orjson.dumps({"rows": told, "total": len(rows)})

    def _convert_dust(self, account: Account, parameters: Parameters) -> bytes:
        assets = parameters.text("asset").split(",")
        try:
            made = self._wallet.convert_dust(account, assets, self._venue.markets, self._venue.now_ms)
        except NoConversion as error:
            raise Rejection(-9000, str(error)) from error
        told = [
            {
                "tranId": row.batch,
                "serviceChargeAmount": self._text(DUST_ASSET, row.charge_units),
                "amount": self._text(row.asset, row.units),
                "operateTime": row.time_ms,
                "transferedAmount": self._text(DUST_ASSET, row.received_units),
                "fromAsset": row.asset,
            }
            for row in made
        ]
        return orjson.dumps(self._totals(made, "totalServiceCharge", "totalTransfered") | {"transferResult": told})

    def _dust_log(self, account: Account, parameters: Parameters) -> bytes:
        """The last 100 conversions of at most 90 days, the newest first, each with its assets."""
        start, end = self._window(parameters)
        batches: dict[int, list[DustConversion]] = {}
        for row in reversed(self._wallet.log(account).dust):
            if start <= row.time_ms <= end:
                batches.setdefault(row.batch, []).append(row)
        told = [self._batch(batch, rows[::-1]) for batch, rows in list(batches.items())[:100]]
        return orjson.dumps({"total": len(told), "userAssetDribblets": told})

    def _batch(self, batch: int, rows: Sequence[DustConversion]) -> dict[str, object]:
        details = [
            {
                "transId": row.id,
                "serviceChargeAmount": self._text(DUST_ASSET, row.charge_units),
                "amount": self._text(row.asset, row.units),
                "operateTime": row.time_ms,
                "transferedAmount": self._text(DUST_ASSET, row.received_units),
                "fromAsset": row.asset,
            }
            for row in rows
        ]
        totals = self._totals(rows, "totalServiceChargeAmount", "totalTransferedAmount")
        return {
            "operateTime": rows[0].time_ms, **totals, "transId": batch, "userAssetDribbletDetails": details
        }  # fmt: skip

    def _totals(self, rows: Iterable[DustConversion], charge: str, received: str) -> dict[str, object]:
        rows = tuple(rows)
        return {
            charge: self._text(DUST_ASSET, sum(row.charge_units for row in rows)),
            received: self._text(DUST_ASSET, sum(row.received_units for row in rows)),
        }

    def _amount(self, parameters: Parameters, asset: str) -> Decimal:
        unit = self._venue.unit(asset)
        if not ASSET.fullmatch(asset):
            raise Rejection(-1100, "Illegal characters found in a parameter.")
        units = parameters.count("amount", FixedPoint(unit), "LOT_SIZE")
        if not 0 < units < EXACT_MAX:
            raise MissingParameter("amount")
        return units * unit

    def _text(self, asset: str, units: int) -> str:
        return amount_text(self._venue, asset, units)


def deposit_status(row: Deposit, now_ms: int) -> int:
    """Binance's number for how a deposit stands."""
    return SUCCESS if now_ms >= row.unlocked_ms else CREDITED if now_ms >= row.credited_ms else PENDING


def withdrawal_status(row: Withdrawal, now_ms: int) -> int:
    """Binance's number for how a withdrawal stands."""
    if now_ms < row.done_ms:
        return PROCESSING
    return REJECTED if row.rejected else COMPLETED


def utc_text(time_ms: int) -> str:
    """A time as the withdrawal history writes it.

    >>> utc_text(1_570_878_722_000)
    '2019-10-12 11:12:02'
    """
    return datetime.fromtimestamp(time_ms // 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
