"""Which markets may be traded: rules over facts of the venue and over expressions of their candles."""
