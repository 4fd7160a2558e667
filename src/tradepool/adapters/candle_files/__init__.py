"""Candles kept as Parquet files, one market and timeframe a file: `EXCHANGE-BASE-QUOTE-TIMEFRAME.parquet`."""
