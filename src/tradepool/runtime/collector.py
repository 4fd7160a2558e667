"""What the garbage collector walks: never what stands for good, and seldom what a burst of orders brings and takes away."""

from __future__ import annotations

import gc

# So many more containers made than given back until the young ones are walked. With Python's 700 they are walked some 140
# times for a thousand orders, mostly over what is still on its way; with these once, for some 15 ms on a busy machine.
YOUNG_MAX = 20_000


def keep_what_stands() -> None:
    """Once a process is up: a thousand accounts are not walked while a candle waits.

    >>> before = gc.get_threshold()
    >>> keep_what_stands()
    >>> gc.get_threshold()[0] == YOUNG_MAX and gc.get_freeze_count() > 0
    True
    >>> gc.unfreeze(), gc.set_threshold(*before)
    (None, None)
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, *gc.get_threshold()[1:])
