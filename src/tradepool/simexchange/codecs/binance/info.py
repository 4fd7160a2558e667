"""exchangeInfo: every rule the venue enforces, in Binance's shape. Written once; only the server time changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import orjson

from tradepool.simexchange.codecs.binance.request import KINDS
from tradepool.simexchange.filters import ORDERS_MAX
from tradepool.simexchange.listing import ListedMarket

_TIME_MARK = b'"serverTime":0'
_LIMITS_MARK = b'"rateLimits":[]'


class ExchangeInfo:
    """The exchangeInfo of a venue's markets."""

    def __init__(self, markets: Iterable[ListedMarket]) -> None:
        """Write each market's part once."""
        self._symbols = {market.symbol: symbol_info(market) for market in markets}
        self._whole = self._encoded(list(self._symbols))

    def body(self, symbols: list[str] | None, now_ms: int, rate_limits: Sequence[Mapping[str, object]] = ()) -> bytes:
        """JSON for some symbols, or for all, with the limits that hold now."""
        text = self._whole if symbols is None else self._encoded(symbols)
        if rate_limits:
            text = text.replace(_LIMITS_MARK, b'"rateLimits":' + orjson.dumps(rate_limits), 1)
        return text.replace(_TIME_MARK, b'"serverTime":%d' % now_ms, 1)

    def _encoded(self, symbols: list[str]) -> bytes:
        return orjson.dumps(
            {
                "timezone": "UTC",
                "serverTime": 0,
                "rateLimits": [],
                "exchangeFilters": [],
                "symbols": [self._symbols[symbol] for symbol in symbols],
            }
        )


def symbol_info(market: ListedMarket) -> dict[str, object]:
    """One market's rules."""
    base_places, quote_places = _places(market.market.base_unit), _places(market.market.quote_unit)
    return {
        "symbol": market.symbol,
        "status": "TRADING",
        "baseAsset": market.base,
        "baseAssetPrecision": base_places,
        "quoteAsset": market.quote,
        "quotePrecision": quote_places,
        "quoteAssetPrecision": quote_places,
        "baseCommissionPrecision": base_places,
        "quoteCommissionPrecision": quote_places,
        "orderTypes": list(KINDS),
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": False,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(market),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def _filters(market: ListedMarket) -> list[dict[str, object]]:
    price, quantity = market.price_text.text, market.quantity_text.text
    lot = {"minQty": quantity(market.min_steps), "maxQty": quantity(market.max_steps), "stepSize": quantity(1)}
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": price(1),
            "maxPrice": price(market.max_ticks),
            "tickSize": price(1),
        },
        {"filterType": "LOT_SIZE", **lot},
        {"filterType": "MARKET_LOT_SIZE", **lot},
        {
            "filterType": "NOTIONAL",
            "minNotional": market.quote_text.text(market.min_notional),
            "applyMinToMarket": True,
            "maxNotional": market.quote_text.text(2**53 - 1),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": ORDERS_MAX},
    ]


def _places(unit: Decimal) -> int:
    exponent = unit.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
