"""What a listed market tells the world of its candles."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.simexchange.exchange_kit import bars, flat, market
from tradepool.simexchange.codecs.binance.market_rows import volume_text
from tradepool.simexchange.listing import ListedMarket, Listing


@given(st.lists(st.floats(min_value=0, allow_infinity=False), min_size=1, max_size=20))
def test_volumes_arrive_on_the_wire_exactly(volumes: list[float]) -> None:
    candles = replace(bars(flat(len(volumes))), volume=np.array(volumes))
    listed = ListedMarket(0, Listing(market(), candles))
    texts = [volume_text(float(volume)) for volume in listed.volume]
    assert [float(text) for text in texts] == volumes
    assert all(re.fullmatch(r"-?\d+(\.\d+)?", text) for text in texts)
