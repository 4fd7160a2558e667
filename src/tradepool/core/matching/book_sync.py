"""An order book kept whole over a stream that may drop, repeat or reorder its frames. No gap is passed in silence.

The rule: diffs up to the book's update are old and skipped; the first one after a snapshot bridges it (first_id <=
last_id of the book + 1 <= last_id); every later one begins exactly one after the last. Anything else is a gap: the book
is then not whole, its reason is `why`, and it collects diffs until a snapshot is handed in that they can follow.
"""

from __future__ import annotations

from collections import deque

from tradepool.core.matching.depth_book import DepthBook
from tradepool.domain.depth import BookDiff, BookSnapshot

BUFFERED_DIFFS_MAX = 1_000
NO_SNAPSHOT = "no snapshot yet"


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

    __slots__ = ("_bridged", "_waiting", "book", "gaps", "why")

    def __init__(self) -> None:
        """Nothing known."""
        self.book = DepthBook()
        self.why = NO_SNAPSHOT
        self.gaps = 0
        self._bridged = False
        self._waiting: deque[BookDiff] = deque(maxlen=BUFFERED_DIFFS_MAX)

    @property
    def whole(self) -> bool:
        """Whether the book is what the venue's was after update `book.last_id`."""
        return not self.why

    @property
    def waiting(self) -> int:
        """Diffs kept for the next snapshot; beyond BUFFERED_DIFFS_MAX the oldest go."""
        return len(self._waiting)

    def take(self, diff: BookDiff) -> bool:
        """Take the next diff of the stream, and say whether the book is whole after it."""
        if self.why:
            self._waiting.append(diff)
            return False
        last_id = self.book.last_id
        if diff.last_id <= last_id:
            return True
        if diff.first_id != last_id + 1 and (self._bridged or diff.first_id > last_id):
            return self._break(f"gap: update {last_id + 1} expected, {diff.first_id} came", diff)
        self.book.apply(diff)
        self._bridged = True
        return not self.book.is_crossed or self._break("crossed: best bid at or above best ask", None)

    def restart(self, snapshot: BookSnapshot) -> bool:
        """Begin anew with a snapshot and the diffs that waited for it; False when they do not follow it.

        Those from the first that does not follow are kept: a later snapshot will be followed by them.
        """
        gaps = self.gaps
        waiting, self._waiting = self._waiting, deque(maxlen=BUFFERED_DIFFS_MAX)
        self.book.load(snapshot)
        self._bridged, self.why = False, ""
        if self.book.is_crossed:
            self._break("crossed: the snapshot is", None)
        for diff in waiting:
            self.take(diff)
        # A snapshot that does not help is no other gap than the one it was asked for.
        self.gaps = gaps
        return self.whole

    def suspend(self, why: str) -> None:
        """Not whole any more, for a reason seen from outside: a broken connection, silence. Diffs are collected anew."""
        self.why = why
        self._waiting.clear()

    def _break(self, why: str, diff: BookDiff | None) -> bool:
        self.gaps += 1
        self.suspend(why)
        if diff is not None:
            self._waiting.append(diff)
        return False
