"""Candles on a dense time grid: a folder a series, a file a column, read through memory maps."""
