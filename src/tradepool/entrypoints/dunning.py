"""R26 in the live path: what an unpaid bill keeps off. Read from the books before each entry; paying lifts it at once."""

from __future__ import annotations

from sqlalchemy import Connection

from tradepool.adapters.database.remembered import Remembered
from tradepool.adapters.database.settlements import DatabaseSettlements
from tradepool.core.commission.bill import Invoice, unpaid
from tradepool.core.commission.dunning import Standing, days_unpaid, standing
from tradepool.domain.denial import Denial
from tradepool.domain.ids import UserId
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed
from tradepool.ports.clock import Clock
from tradepool.runtime.clock import RealClock

WORDS = {
    Standing.ENTRIES_OFF: "nothing is entered until it is paid",
    Standing.REDUCE_ONLY: "reduce-only until it is paid: positions end by their own exits",
}


class Dunning:
    """Exits, stops, cancels and exports are never asked for here."""

    def __init__(self, connection: Connection, clock: Clock | None = None) -> None:
        """`clock` is the machine's time."""
        self._rows, self._clock = DatabaseSettlements(connection), clock or RealClock()
        self._connection = connection
        self._oldest: dict[UserId, Remembered[tuple[Invoice | None]]] = {}

    def standing(self, user: UserId) -> Standing:
        """How a user's oldest unpaid invoice leaves him now."""
        invoice = self._invoice(user)
        if invoice is None:
            return Standing.GOOD
        return standing(invoice.charge.time_ms, self._clock.now_ms(), paid=False)

    def may_enter(self, user: UserId) -> str:
        """Why nothing of a user may be entered now; "" if it may."""
        return "" if self.standing(user) is Standing.GOOD else Denial.UNPAID

    def may_adopt(self, user: UserId) -> str:
        """Why a user may not even give the platform what he holds; "" if he may."""
        return Denial.UNPAID_REDUCE_ONLY if self.standing(user) is Standing.REDUCE_ONLY else ""

    def words(self, user: UserId) -> str:
        """What status and the user are told; "" while nothing is kept off."""
        now = self.standing(user)
        return "" if now is Standing.GOOD else f"{self.owed(user)}: {WORDS[now]}"

    def owed(self, user: UserId) -> str:
        """The oldest invoice that is not paid; "" where all are."""
        invoice = self._invoice(user)
        if invoice is None:
            return ""
        days = days_unpaid(invoice.charge.time_ms, self._clock.now_ms())
        return f"{user}: {invoice.unpaid} {invoice.charge.currency} of commission are unpaid for {days} days"

    def _invoice(self, user: UserId) -> Invoice | None:
        def load() -> tuple[Invoice | None]:
            return (next(iter(unpaid(self._rows.charges(user))), None),)

        remembered = self._oldest.setdefault(user, Remembered(self._connection, load))
        return remembered()[0]


def listed(deployed: Deployed) -> list[str]:
    """What status says of all users, by the books alone."""
    with books_open(deployed) as connection:
        return words_of(deployed, Dunning(connection))


def words_of(deployed: Deployed, dunning: Dunning) -> list[str]:
    """What status says of all users."""
    return [words for user in deployed.users if (words := dunning.words(user.id))]
