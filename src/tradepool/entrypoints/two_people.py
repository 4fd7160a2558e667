"""What takes two people: the first one's command is an offer, in the audit; the same command of another one carries it out.

Each of them asks under his own name (`--as`). The operator of the machine has no role, and nobody beside him who could be asked.
"""

from __future__ import annotations

from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.domain.deed import Deed
from tradepool.entrypoints.asking import asker, me
from tradepool.runtime.clock import RealClock

OFFER_MS = 86_400_000
OFFERED = "Offered: it is done when another person who may do it types the same command within a day."


def agreed(rows: DatabaseDeployment, what: str, scope: str, reason: str) -> tuple[str, ...]:
    """Who does it: both, the one who offered first, where somebody else has offered the very same within a day; nobody where
    that is yet to come, and this is the offer now; the operator of the machine alone."""
    if asker() is None:
        return (me(),)
    now_ms, offer, offered_by = RealClock().now_ms(), f"{what} offered", list[str]()
    for deed in rows.deeds():
        if deed.scope == scope and deed.what == what:
            # What was offered until then is used up.
            offered_by.clear()
        elif deed.scope == scope and deed.what == offer and deed.by != me() and now_ms - deed.time_ms < OFFER_MS:
            offered_by.append(deed.by)
    if offered_by:
        return offered_by[-1], me()
    rows.audit(Deed(time_ms=now_ms, by=me(), what=offer, scope=scope, reason=reason))
    return ()
