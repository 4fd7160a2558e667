"""What the garbage collector walks: never what stands for good, and seldom what a burst of orders brings and takes away."""

from __future__ import annotations

import gc

# So many more containers made than given back until the young ones are walked. With Python's 700 a candle of a thousand
# orders is walked four hundred times, mostly over what is still on its way; with these it is once, for some 20 ms.
YOUNG_MAX = 50_000


def keep_what_stands() -> None:
    """Once a process is up: a thousand accounts are not walked while a candle waits.

    >>> keep_what_stands()
    >>> gc.get_threshold()[0] == YOUNG_MAX and gc.get_freeze_count() > 0
    True
    >>> gc.unfreeze(), gc.set_threshold(700, 10, 10)
    (None, None)
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, *gc.get_threshold()[1:])
