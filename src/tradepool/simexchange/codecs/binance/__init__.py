"""Binance spot, as unmodified clients expect it.

- `request` reads what was sent: parameters, key, timestamp, signature over the raw bytes
- `rejection` says a refusal with Binance's code and words
- `order_request` reads an order or a list of orders; `order_routes` and `list_routes` answer about them
- `answer` writes orders, trades, balances and candles; `info` the exchangeInfo
- `rest` is the table of routes, `api_methods` the same by the ws-api's names, `streams` the market and user streams
"""
