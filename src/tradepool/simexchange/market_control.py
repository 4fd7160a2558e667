"""The control door's routes for what a market asks and an account pays.

    POST /fees             {"account", "maker_rate"?, "taker_rate"?, "asset"?, "discount"?}    shares, such as "0.001"
    POST /markets/status   {"symbol", "status": TRADING, HALT or BREAK}
    POST /markets/delist   {"symbol", "remove"?}
    POST /markets/filters  {"symbol", "price_tick"?, "quantity_step"?, "quantity_min"?, "notional_min"?, "rules"?: {...} (a Rules)}

What is not named stays: of fees the market's rates and the received asset, of filters what they were. A refusal is
{"error": text} and HTTP 400.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

import msgspec

from tradepool.domain.errors import InvalidInput
from tradepool.simexchange.accounts import FeePlan
from tradepool.simexchange.bodies import read_body
from tradepool.simexchange.listing import MILLION
from tradepool.simexchange.rules import MarketStatus, Rules
from tradepool.simexchange.venue import Venue

Handler = Callable[[bytes], object]


class _Fees(msgspec.Struct, forbid_unknown_fields=True):
    account: str
    maker_rate: Decimal | None = None
    taker_rate: Decimal | None = None
    asset: str | None = None
    discount: Decimal = Decimal("0.25")


class _Status(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    status: MarketStatus


class _Delist(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    remove: bool = True


class _Filters(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    price_tick: Decimal | None = None
    quantity_step: Decimal | None = None
    quantity_min: Decimal | None = None
    notional_min: Decimal | None = None
    rules: Rules | None = None


class MarketControl:
    """The table of these routes: the body's bytes to what is answered. InvalidInput, Refused, msgspec's errors."""

    def __init__(self, venue: Venue) -> None:
        """Prepare the table."""
        self._venue = venue
        self.table: Mapping[tuple[str, str], Handler] = {
            ("POST", "/fees"): self._fees,
            ("POST", "/markets/status"): self._status,
            ("POST", "/markets/delist"): self._delist,
            ("POST", "/markets/filters"): self._filters,
        }

    def _fees(self, raw: bytes) -> object:
        wanted = read_body(raw, _Fees)
        self._venue.account(wanted.account).fees = FeePlan(
            _ppm("maker_rate", wanted.maker_rate),
            _ppm("taker_rate", wanted.taker_rate),
            wanted.asset,
            _ppm("discount", wanted.discount) or 0,
        )
        return {"account": wanted.account}

    def _status(self, raw: bytes) -> object:
        wanted = read_body(raw, _Status)
        self._venue.set_status(wanted.symbol, wanted.status)
        return {"symbol": wanted.symbol, "status": wanted.status}

    def _delist(self, raw: bytes) -> object:
        wanted = read_body(raw, _Delist)
        self._venue.delist(wanted.symbol, remove=wanted.remove)
        return {"symbol": wanted.symbol, "status": "BREAK"}

    def _filters(self, raw: bytes) -> object:
        wanted = read_body(raw, _Filters)
        market = self._venue.market(wanted.symbol).filters.market
        market = replace(
            market,
            price_tick=_above_zero("price_tick", wanted.price_tick, market.price_tick),
            quantity_step=_above_zero("quantity_step", wanted.quantity_step, market.quantity_step),
            quantity_min=_above_zero("quantity_min", wanted.quantity_min, market.quantity_min),
            notional_min=_zero_or_more("notional_min", wanted.notional_min, market.notional_min),
        )
        self._venue.change_filters(wanted.symbol, market, wanted.rules)
        return {"symbol": wanted.symbol}


def _above_zero(what: str, wanted: Decimal | None, now: Decimal) -> Decimal:
    """What is wanted, or what is now; InvalidInput unless it is above zero."""
    if wanted == 0:
        raise InvalidInput(what=what, why="0 is not above zero", remedy="give more, or leave it out")
    return _zero_or_more(what, wanted, now)


def _zero_or_more(what: str, wanted: Decimal | None, now: Decimal) -> Decimal:
    if wanted is not None and wanted < 0:
        raise InvalidInput(what=what, why=f"{wanted} is below zero", remedy="give more, or leave it out")
    return now if wanted is None else wanted


def _ppm(what: str, share: Decimal | None) -> int | None:
    """A share from 0 to 1 in parts per million; InvalidInput when it is none, or finer."""
    if share is None:
        return None
    if not 0 <= share <= 1 or share * MILLION % 1:
        raise InvalidInput(what=what, why=f"{share} is no share in whole millionths", remedy='send one such as "0.001"')
    return int(share * MILLION)
