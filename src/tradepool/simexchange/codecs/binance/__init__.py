"""Binance spot, as unmodified clients expect it.

- `request` reads what was sent: parameters, key, timestamp, signature over the raw bytes
- `rejection` says a refusal with Binance's code and words
- `answer` writes orders, trades, balances and candles; `info` the exchangeInfo
- `rest` is the table of routes, `streams` the market and user streams
"""
