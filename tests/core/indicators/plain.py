"""Plain forms in NumPy: windows cut out one by one, averages in a loop; nothing of the platform's is used."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tradepool.core.compiler.vocabulary import Floats


def rolled(x: Floats, n: int, function: Callable[[Floats], float]) -> Floats:
    """A function of each whole window."""
    return np.array([function(x[i - n + 1 : i + 1]) if i + 1 >= n else np.nan for i in range(len(x))])


def mean(x: Floats, n: int) -> Floats:
    """Mean of a window."""
    return rolled(x, n, lambda w: float(np.mean(w)))


def total(x: Floats, n: int) -> Floats:
    """Sum of a window."""
    return rolled(x, n, lambda w: float(np.sum(w)))


def spread(x: Floats, n: int) -> Floats:
    """Population standard deviation of a window."""
    return rolled(x, n, lambda w: float(np.std(w)))


def top(x: Floats, n: int) -> Floats:
    """Largest of a window."""
    return rolled(x, n, lambda w: float(np.max(w)))


def bottom(x: Floats, n: int) -> Floats:
    """Smallest of a window."""
    return rolled(x, n, lambda w: float(np.min(w)))


def weighted(x: Floats, n: int) -> Floats:
    """Weighted mean of a window, the newest weighing most."""
    return rolled(x, n, lambda w: float(np.average(w, weights=np.arange(1, n + 1))))


def averaged(x: Floats, n: int, weight: float) -> Floats:
    """Average that fades, seeded by the mean of the first n known values."""
    out, first = np.full(len(x), np.nan), int(np.flatnonzero(~np.isnan(x))[0])
    out[first + n - 1] = np.mean(x[first : first + n])
    for i in range(first + n, len(x)):
        out[i] = out[i - 1] + weight * (x[i] - out[i - 1])
    return out


def ema(x: Floats, n: int) -> Floats:
    """Exponential average."""
    return averaged(x, n, 2.0 / (n + 1.0))


def wilder(x: Floats, n: int) -> Floats:
    """Wilder's average."""
    return averaged(x, n, 1.0 / n)


def ago(x: Floats, n: int = 1) -> Floats:
    """The value n bars ago."""
    return np.concatenate((np.full(n, np.nan), x[:-n])) if n else x


def ratio(a: Floats, b: Floats, otherwise: float = np.nan) -> Floats:
    """A quotient, or something else where the divisor is not above zero."""
    return np.where(b > 0.0, a / np.where(b > 0.0, b, 1.0), otherwise + 0.0 * b)


def rsi(x: Floats, n: int) -> Floats:
    """Relative strength index."""
    change = x - ago(x)
    gain, loss = wilder(np.fmax(change, 0.0) + 0.0 * change, n), wilder(np.fmax(-change, 0.0) + 0.0 * change, n)
    return 100.0 * ratio(gain, gain + loss, 0.5)


def held(found: NDArray[np.bool_], x: Floats) -> Floats:
    """The value at the last bar at which something was found."""
    out, last = np.full(len(x), np.nan), np.nan
    for i in range(len(x)):
        last = x[i] if found[i] else last
        out[i] = last
    return out


def peaks(x: Floats, left: int, right: int) -> NDArray[np.bool_]:
    """At each bar, whether the one `right` bars ago is above all since and not below the `left` before it."""
    found = np.zeros(len(x), bool)
    for i in range(left + right, len(x)):
        at = i - right
        found[i] = bool((x[at] > x[at + 1 : i + 1]).all() and (x[at] >= x[at - left : at]).all())
    return found
