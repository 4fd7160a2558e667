"""A period that was settled: the event, and a statement that has the hash which the event holds."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

from tradepool.domain.charge import PeriodSettled


def settled(opened_ms: int, words: str) -> tuple[PeriodSettled, str]:
    """50.00 for a period of ten ms, and a statement that says these words."""
    body = {"words": words}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    charge = PeriodSettled(
        time_ms=opened_ms,
        currency="USDT",
        amount=Decimal("50.00"),
        by="eva",
        opened_ms=opened_ms,
        closes_ms=opened_ms + 10,
        mark=Decimal(200),
        digest=digest,
    )
    return charge, json.dumps({**body, "hash": digest}, indent=1, sort_keys=True)
