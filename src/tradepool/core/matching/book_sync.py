"""An order book kept whole over a stream that may drop, repeat or reorder its frames. No gap is passed in silence.

The rule: diffs up to the book's update are old and skipped; the first one after a snapshot bridges it (first_id <=
last_id of the book + 1 <= last_id); every later one begins exactly one after the last. Anything else is a gap: the book
is then not whole, its reason is `why`, and it collects diffs until a snapshot is handed in that they can follow.

A snapshot that was cut off at a depth knows nothing of what lies beyond: a best price out there may be worse than one it
never heard of, so the book is not whole then either; well before, `near_edge` asks for another snapshot.
"""

from __future__ import annotations

from collections import deque

from tradepool.core.matching.depth_book import DepthBook
from tradepool.domain.depth import BookDiff, BookSnapshot

BUFFERED_DIFFS_MAX = 1_000
NO_SNAPSHOT = "no snapshot yet"
OLD_SNAPSHOT = "the snapshot is older than what was seen before"
BEYOND = "the best price is beyond what the snapshot knows"
# Of the way to the last price known, how much must be left, as one part of so many.
EDGE_PART = 4


class BookSync:
    """One market's book and whether it is whole: `why` is empty then, else it says what a new snapshot is needed for.

    `gaps` counts how often a whole book was found not to be: updates missing, or its best prices crossed.

    >>> def diff(first: int, last: int) -> BookDiff:
    ...     return BookDiff(market="m", first_id=first, last_id=last, bids=(), asks=())
    >>> sync = BookSync()
    >>> sync.take(diff(4, 6)), sync.why
    (False, 'no snapshot yet')
    >>> sync.restart(BookSnapshot(market="m", last_id=5, bids=((99, 1),), asks=((101, 1),)))
    True
    >>> sync.take(diff(7, 7)), sync.take(diff(9, 9)), sync.why
    (True, False, 'gap: update 8 expected, 9 came')
    """

    __slots__ = ("_bridged", "_edges", "_newest", "_since", "_waiting", "book", "gaps", "why")

    def __init__(self) -> None:
        """Nothing known."""
        self.book = DepthBook()
        self.why = NO_SNAPSHOT
        self.gaps = 0
        self._bridged = False
        self._waiting: deque[BookDiff] = deque(maxlen=BUFFERED_DIFFS_MAX)
        self._newest = 0
        # The update from which a whole book collects diffs for its next snapshot; None while it does not.
        self._since: int | None = None
        # By sign (1 bids, -1 asks): the key of the last price known, and how far the best was from it.
        self._edges: dict[int, tuple[int, int]] = {}

    @property
    def whole(self) -> bool:
        """Whether the book is what the venue's was after update `book.last_id`."""
        return not self.why

    @property
    def waiting(self) -> int:
        """Diffs kept for the next snapshot; beyond BUFFERED_DIFFS_MAX the oldest go."""
        return len(self._waiting)

    @property
    def near_edge(self) -> bool:
        """Whether a whole book's best price has come near the last one its snapshot knew: time for another one."""
        return self.whole and any(EDGE_PART * left < far for left, far in self._ways())

    def refresh(self) -> None:
        """Collect diffs for a snapshot that is asked for from now on, though the book is whole and stays so."""
        if self.whole:
            self._waiting.clear()
            self._since = self.book.last_id

    def take(self, diff: BookDiff) -> bool:
        """Take the next diff of the stream, and say whether the book is whole after it."""
        if self.why:
            # Its numbers may begin anew with another connection.
            self._newest = max(self._newest, diff.last_id) if self._waiting else diff.last_id
            self._waiting.append(diff)
            return False
        self._newest = max(self._newest, diff.last_id)
        if self._since is not None:
            self._waiting.append(diff)
        last_id = self.book.last_id
        if diff.last_id <= last_id:
            return True
        if diff.first_id != last_id + 1 and (self._bridged or diff.first_id > last_id):
            return self._break(f"gap: update {last_id + 1} expected, {diff.first_id} came", diff)
        self.book.apply(diff)
        self._bridged = True
        if self.book.is_crossed:
            return self._break("crossed: best bid at or above best ask", None)
        if any(left < 0 for left, _ in self._ways()):
            self.suspend(BEYOND)
        return self.whole

    def restart(self, snapshot: BookSnapshot) -> bool:
        """Begin anew with a snapshot and the diffs that waited for it; False when they do not follow it.

        Those from the first that does not follow are kept: a later snapshot will be followed by them. A book that is whole
        stays as it is when the snapshot was taken before it began to collect.
        """
        if self._since is not None and snapshot.last_id < self._since:
            return False
        gaps, newest, self._since = self.gaps, self._newest, None
        waiting, self._waiting = self._waiting, deque(maxlen=BUFFERED_DIFFS_MAX)
        self.book.load(snapshot)
        self._bridged, self.why = False, ""
        self._newest = max(newest, snapshot.last_id)
        self._edges = _edges_of(snapshot)
        if self.book.is_crossed:
            self._break("crossed: the snapshot is", None)
        for diff in waiting:
            self.take(diff)
        # A snapshot that does not help is no other gap than the one it was asked for.
        self.gaps = gaps
        if self.whole and self.book.last_id < newest:
            self.why, self._waiting = OLD_SNAPSHOT, waiting
        return self.whole

    def _ways(self) -> list[tuple[int, int]]:
        """How far each best price is from the last one known, in ticks (negative: beyond), and how far it was."""
        bests = {1: self.book.best_bid, -1: self.book.best_ask}
        keys = {sign: sign * best[0] if best else None for sign, best in bests.items()}
        return [(-1 if (key := keys[sign]) is None else key - edge, far) for sign, (edge, far) in self._edges.items()]

    def suspend(self, why: str) -> None:
        """Not whole any more, for a reason seen from outside: a broken connection, silence. Diffs are collected anew."""
        self.why, self._since = why, None
        self._waiting.clear()

    def _break(self, why: str, diff: BookDiff | None) -> bool:
        self.gaps += 1
        self.suspend(why)
        if diff is not None:
            self._waiting.append(diff)
        return False


def _edges_of(snapshot: BookSnapshot) -> dict[int, tuple[int, int]]:
    """The last key known of each side that was cut off, and how far the best was from it."""
    found = {}
    for sign, levels in ((1, snapshot.bids), (-1, snapshot.asks)):
        keys = [sign * ticks for ticks, units in levels if units]
        if keys and len(levels) >= snapshot.depth > 0:
            found[sign] = (min(keys), max(keys) - min(keys))
    return found
