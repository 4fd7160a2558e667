"""The control door's routes for faults.

POST   /faults         {"kind": "late", "delay": "5s", ...} or a list of them; their times count from now
GET    /faults         every fault in force, and how often it matched and struck
DELETE /faults         {"number": N} takes one out of force, nothing takes all
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from tradepool.simexchange.fault_reading import BrokenFault, read_fault, unknown
from tradepool.simexchange.server import Server
from tradepool.simexchange.venue import Venue


class FaultControl:
    """The table of these routes: the body's bytes to what is answered. BrokenFault, msgspec's errors."""

    def __init__(self, venue: Venue, server: Server) -> None:
        """Prepare the table."""
        self._venue, self._faults = venue, server.faults
        self.table: Mapping[tuple[str, str], Callable[[bytes], object]] = {
            ("POST", "/faults"): self._add,
            ("GET", "/faults"): lambda raw: self._faults.told(),
            ("DELETE", "/faults"): self._remove,
        }

    def _add(self, raw: bytes) -> object:
        asked = msgspec.json.decode(raw, type=dict[str, object] | list[dict[str, object]])
        faults = [read_fault(words) for words in (asked if isinstance(asked, list) else [asked])]
        return {"numbers": [self._faults.add(fault, self._venue.now_ms).number for fault in faults]}

    def _remove(self, raw: bytes) -> object:
        asked = msgspec.json.decode(raw, type=dict[str, int]) if raw else {}
        if not asked:
            self._faults.clear()
        elif not self._faults.remove(asked.get("number", 0)):
            numbers = [str(rule.number) for rule in self._faults]
            raise BrokenFault(where="The fault", why=unknown("fault", asked.get("number"), numbers))
        return {"left": len(list(self._faults))}
