"""exchangeInfo: every rule the venue enforces, in Binance's shape. Written once; only the server time changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import orjson

from tradepool.simexchange.codecs.binance.order_request import KINDS
from tradepool.simexchange.listing import ListedMarket
from tradepool.simexchange.venue import Venue

_TIME_MARK = b'"serverTime":0'
_LIMITS_MARK = b'"rateLimits":[]'


class ExchangeInfo:
    """The exchangeInfo of a venue's markets, written anew when one of them changed."""

    def __init__(self, venue: Venue) -> None:
        """Write each market's part once."""
        self._venue = venue
        self._write()

    def body(self, symbols: list[str] | None, now_ms: int, rate_limits: Sequence[Mapping[str, object]] = ()) -> bytes:
        """JSON for some symbols, or for all, with the limits that hold now."""
        if self._changes != self._venue.rule_changes:
            self._write()
        text = self._whole if symbols is None else self._encoded(symbols)
        if rate_limits:
            text = text.replace(_LIMITS_MARK, b'"rateLimits":' + orjson.dumps(rate_limits), 1)
        return text.replace(_TIME_MARK, b'"serverTime":%d' % now_ms, 1)

    def _write(self) -> None:
        self._changes = self._venue.rule_changes
        self._symbols = {market.symbol: symbol_info(market) for market in self._venue.markets if market.is_listed}
        self._whole = self._encoded(list(self._symbols))

    def _encoded(self, symbols: list[str]) -> bytes:
        return orjson.dumps(
            {
                "timezone": "UTC",
                "serverTime": 0,
                "rateLimits": [],
                "exchangeFilters": [],
                "sors": [],
                "symbols": [self._symbols[symbol] for symbol in symbols],
            }
        )


def symbol_info(market: ListedMarket) -> dict[str, object]:
    """One market's rules."""
    base_places, quote_places = _places(market.market.base_unit), _places(market.market.quote_unit)
    return {
        "symbol": market.symbol,
        "status": market.status,
        "baseAsset": market.base,
        "baseAssetPrecision": base_places,
        "quoteAsset": market.quote,
        "quotePrecision": quote_places,
        "quoteAssetPrecision": quote_places,
        "baseCommissionPrecision": base_places,
        "quoteCommissionPrecision": quote_places,
        "orderTypes": list(KINDS),
        "icebergAllowed": False,
        "ocoAllowed": market.filters.rules.pairs,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(market),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def _filters(market: ListedMarket) -> list[dict[str, object]]:
    filters, rules = market.filters, market.filters.rules
    price, quantity, quote = market.price_text.text, market.quantity_text.text, market.quote_text.text
    lot = {"minQty": quantity(filters.min_steps), "stepSize": quantity(filters.step)}
    told: list[dict[str, object]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": price(filters.tick),
            "maxPrice": price(filters.max_ticks),
            "tickSize": price(filters.tick),
        },
        {"filterType": "LOT_SIZE", **lot, "maxQty": quantity(filters.max_steps)},
        {"filterType": "MARKET_LOT_SIZE", **lot, "maxQty": quantity(filters.market_max_steps)},
        {
            "filterType": "NOTIONAL",
            "minNotional": quote(filters.min_notional),
            "applyMinToMarket": rules.min_to_market,
            "maxNotional": quote(filters.max_notional),
            "applyMaxToMarket": rules.max_to_market,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.orders_max},
    ]
    if rules.band is not None:
        band = rules.band
        told.append(
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": f"{band.bid_up:f}",
                "bidMultiplierDown": f"{band.bid_down:f}",
                "askMultiplierUp": f"{band.ask_up:f}",
                "askMultiplierDown": f"{band.ask_down:f}",
                "avgPriceMins": 0,
            }
        )
    if rules.stops_max is not None:
        told.append({"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": rules.stops_max})
    if rules.position_max is not None:
        told.append({"filterType": "MAX_POSITION", "maxPosition": market.base_text.text(filters.position_max)})
    return told


def _places(unit: Decimal) -> int:
    exponent = unit.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
