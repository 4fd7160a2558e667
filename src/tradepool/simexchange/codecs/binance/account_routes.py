"""What an account holds, pays and may do, over REST."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.codecs.binance import answer
from tradepool.simexchange.codecs.binance.gate import Gate
from tradepool.simexchange.codecs.binance.order_routes import PrivateHandler
from tradepool.simexchange.codecs.binance.rejection import MissingParameter
from tradepool.simexchange.codecs.binance.request import Parameters
from tradepool.simexchange.codecs.binance.weights import API
from tradepool.simexchange.keys import ApiKey
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.venue import Venue
from tradepool.simexchange.wallet import DUST_ASSET

SAPI = "/sapi/v1/"
MILLION = 1_000_000
# What one POST withdraw takes: a guess, the real venue has a fee per coin and network.
WITHDRAW_FEE_UNITS = 0
NO_FEES = {"maker": "0.00000000", "taker": "0.00000000", "buyer": "0.00000000", "seller": "0.00000000"}


class AccountRoutes:
    """Balances, fees, and how many orders were placed."""

    def __init__(self, venue: Venue, gate: Gate) -> None:
        """Prepare the table of routes."""
        self._venue, self._gate = venue, gate
        self.table: Mapping[tuple[str, str], PrivateHandler] = {
            ("GET", f"{API}account"): self._account,
            ("GET", f"{API}account/commission"): self._commission,
            ("GET", f"{API}rateLimit/order"): self._order_counts,
            ("GET", f"{SAPI}capital/config/getall"): self._coins,
            ("GET", f"{SAPI}asset/tradeFee"): self._trade_fees,
            ("GET", f"{SAPI}asset/assetDetail"): self._asset_details,
            ("GET", f"{SAPI}account/status"): self._status,
            ("GET", f"{SAPI}account/apiTradingStatus"): self._trading_status,
            ("POST", "/sapi/v3/asset/getUserAsset"): self._assets,
            ("GET", f"{SAPI}bnbBurn"): self._fee_switch,
            ("POST", f"{SAPI}bnbBurn"): self._set_fee_switch,
        }

    def _account(self, account: Account, parameters: Parameters) -> bytes:
        """The three `can...` are the account's, not the key's: a key's are in apiRestrictions."""
        venue = self._venue
        held = parameters.optional("omitZeroBalances").lower() == "true"
        return answer.account_body(account, venue.markets[0], venue.unit, venue.now_ms, omit_zero=held)

    def _commission(self, account: Account, parameters: Parameters) -> bytes:
        market = self._venue.market(parameters.text("symbol"))
        in_third_asset, fees = account.fees.asset is not None, account.fees
        return orjson.dumps(
            {
                "symbol": market.symbol,
                "standardCommission": rates(market, account) | {"buyer": "0.00000000", "seller": "0.00000000"},
                "specialCommission": NO_FEES,
                "taxCommission": NO_FEES,
                "discount": {
                    "enabledForAccount": in_third_asset,
                    "enabledForSymbol": in_third_asset,
                    "discountAsset": fees.asset or DUST_ASSET,
                    "discount": f"{1 - fees.discount_ppm / MILLION:.8f}",
                },
            }
        )

    def _order_counts(self, account: Account, parameters: Parameters) -> bytes:
        return orjson.dumps(self._gate.order_counts(account))

    # ---- what there is

    def _coins(self, account: Account, parameters: Parameters) -> bytes:
        return orjson.dumps([self._coin(account, asset) for asset in account.free])

    def _coin(self, account: Account, asset: str) -> dict[str, object]:
        unit = self._venue.unit(asset)
        network = {
            "network": asset,
            "coin": asset,
            "name": asset,
            "isDefault": True,
            "depositEnable": account.can_deposit,
            "withdrawEnable": account.can_withdraw,
            "withdrawFee": amount_text(self._venue, asset, WITHDRAW_FEE_UNITS),
            "withdrawMin": f"{unit:f}",
            "withdrawMax": "9999999999",
            "withdrawIntegerMultiple": f"{unit:f}",
            "minConfirm": 1,
            "unLockConfirm": 1,
            "sameAddress": False,
            "busy": False,
        }
        return {
            "coin": asset,
            "name": asset,
            "depositAllEnable": account.can_deposit,
            "withdrawAllEnable": account.can_withdraw,
            "free": amount_text(self._venue, asset, account.free[asset]),
            "locked": amount_text(self._venue, asset, account.locked[asset]),
            "freeze": "0",
            "withdrawing": "0",
            "ipoing": "0",
            "ipoable": "0",
            "storage": "0",
            "isLegalMoney": False,
            "trading": True,
            "networkList": [network],
        }

    def _assets(self, account: Account, parameters: Parameters) -> bytes:
        wanted = parameters.optional("asset")
        return orjson.dumps(
            [
                {
                    "asset": asset,
                    "free": amount_text(self._venue, asset, free),
                    "locked": amount_text(self._venue, asset, account.locked[asset]),
                    "freeze": "0",
                    "withdrawing": "0",
                    "ipoable": "0",
                    "btcValuation": "0",
                }
                for asset, free in account.free.items()
                if (free or account.locked[asset]) and wanted in ("", asset)
            ]
        )

    def _trade_fees(self, account: Account, parameters: Parameters) -> bytes:
        markets = self._venue.markets
        if "symbol" in parameters:
            markets = (self._venue.market(parameters.text("symbol")),)
        told = []
        for market in markets:
            each = rates(market, account)
            told.append({"symbol": market.symbol, "makerCommission": each["maker"], "takerCommission": each["taker"]})
        return orjson.dumps(told)

    def _asset_details(self, account: Account, parameters: Parameters) -> bytes:
        wanted = parameters.optional("asset")
        return orjson.dumps(
            {
                asset: {
                    "minWithdrawAmount": f"{self._venue.unit(asset):f}",
                    "depositStatus": account.can_deposit,
                    "withdrawFee": amount_text(self._venue, asset, WITHDRAW_FEE_UNITS),
                    "withdrawStatus": account.can_withdraw,
                }
                for asset in account.free
                if wanted in ("", asset)
            }
        )

    def _status(self, account: Account, parameters: Parameters) -> bytes:
        return b'{"data":"Normal"}'

    def _trading_status(self, account: Account, parameters: Parameters) -> bytes:
        """Nobody is locked here for trading badly, so there is no trigger and no count."""
        told = {"isLocked": not account.can_trade, "plannedRecoverTime": 0, "triggerCondition": {}, "updateTime": 0}
        return orjson.dumps({"data": told})

    def _fee_switch(self, account: Account, parameters: Parameters) -> bytes:
        return orjson.dumps({"spotBNBBurn": account.fees.asset is not None, "interestBNBBurn": False})

    def _set_fee_switch(self, account: Account, parameters: Parameters) -> bytes:
        wanted = parameters.text("spotBNBBurn").lower()
        if wanted not in ("true", "false"):
            raise MissingParameter("spotBNBBurn")
        account.fees = account.fees._replace(asset=DUST_ASSET if wanted == "true" else None)
        return self._fee_switch(account, parameters)


def restrictions(key: ApiKey) -> bytes:
    """What a key may do, under Binance's names."""
    may = key.permissions
    told: dict[str, object] = {
        "ipRestrict": bool(may.addresses),
        "createTime": key.created_ms,
        "enableReading": may.reading,
        "enableWithdrawals": may.withdrawals,
        "enableInternalTransfer": may.internal_transfer,
        "enableMargin": may.margin,
        "enableFutures": may.futures,
        "permitsUniversalTransfer": may.universal_transfer,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": may.trading,
        "enablePortfolioMarginTrading": False,
    }
    if may.trading_until_ms is not None:
        told["tradingAuthorityExpirationTime"] = may.trading_until_ms
    return orjson.dumps(told)


def amount_text(venue: Venue, asset: str, units: int) -> str:
    """So many units of an asset as a plain decimal."""
    return f"{units * venue.unit(asset):f}"


def rates(market: ListedMarket, account: Account) -> dict[str, str]:
    """Maker and taker fee that an account pays in a market, as shares of one."""
    return {
        side: f"{account.fees.rate_ppm(market, is_maker=side == 'maker') / MILLION:.8f}" for side in ("maker", "taker")
    }
