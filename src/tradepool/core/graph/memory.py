"""How each primitive is written into a step: the state rows it keeps, and the lines of one bar.

Nothing divides inside a recursion: reciprocals and smoothing constants are computed once, before the loop.
"""

from __future__ import annotations

from collections.abc import Callable

from tradepool.core.graph.expr import Expr, Number, Window
from tradepool.core.graph.lengths import bars_in
from tradepool.core.graph.recursion import write_before, write_component, write_recursive
from tradepool.core.graph.whole import plus
from tradepool.core.graph.writer import Ring, Writer, indented

LARGEST = "1.7976931348623157e308"


class View:
    """A window of one source: its ring, this bar's value, and the length as source text."""

    def __init__(self, writer: Writer, window: Expr) -> None:
        """Look at a window node; its ring is made if it is the first of its source."""
        source, bars = window.args
        assert isinstance(source, Number)
        self.writer, self.source, self.window = writer, source, window
        self.ring: Ring = writer.ring(source)
        self.x = writer.atom(source)
        self.n = writer.whole(bars_in(bars))

    @property
    def share(self) -> str:
        """1 / n."""
        return self.writer.hoist(f"divide(1.0, to_float({self.n}))")

    @property
    def leaving(self) -> str:
        """What entered n bars ago and leaves now, zero while the window fills."""
        atoms = self.writer.scope.atoms
        if ("leaving", self.window) not in atoms:
            name = self.writer.local(self.ring.back(self.n), f"value leaving ({self.window!r})")
            atoms["leaving", self.window] = name
        return atoms["leaving", self.window]


def oldest_to_newest(writer: Writer, views: list[View], lines: list[str]) -> list[str]:
    """Run lines for each value of full windows, which they name {y} and {w}; {k} counts from 1."""
    k = writer.fresh("k")
    n = views[0].n
    names = [writer.fresh("n") for _ in views]
    inner = dict(zip("yw", names, strict=False), k=k)
    newest = dict(zip("yw", (view.x for view in views), strict=False), k=n)
    # What entered n - k bars ago; the newest is not in the ring yet.
    older = [f"{name} = {view.ring.back(f'({n} - {k})')}" for name, view in zip(names, views, strict=True)]
    body = [*older, *(line.format(**inner) for line in lines)]
    return [f"for {k} in range(1, {n}):", *indented(body), *(line.format(**newest) for line in lines)]


def write_previous(writer: Writer, expr: Expr) -> str:
    """Keep the value for the next bar once everything has read the old one."""
    state = writer.keep(expr)
    writer.scope.moved.append([f"{state} = {writer.atom(expr.args[0])}"])
    return state


def write_recursion(writer: Writer, expr: Expr) -> str:
    """Sum up to the seed, then decay toward each new value."""
    source, bars = expr.args
    n, x = writer.whole(bars_in(bars)), writer.atom(source)
    mean = writer.hoist(f"divide(1.0, to_float({n}))")
    weight = mean if expr.op.startswith("wilder") else writer.hoist(f"divide(2.0, to_float({n}) + 1.0)")
    decay = writer.hoist(f"1.0 - {weight}")
    state, bar = writer.keep(expr), writer.scope.bar
    start, seeded = writer.whole(source.first_valid), writer.whole(expr.first_valid)
    seeded_before = plus(expr.first_valid, 1)
    following = f"{state} = {weight} * {x} + {decay} * {state}"
    lines = [
        f"if {bar} >= {writer.whole(seeded_before)}:",
        f"    {following}",
        "else:" if start == "0" else f"elif {bar} >= {start}:",
    ]
    # From a sum: that of all but the last value has decayed once.
    first = f"{state} - ({state} - {x}) * {mean}" if expr.op == "wilder_from_sum" else state
    seeding = [f"{state} += {x}", f"if {bar} == {seeded}:", f"    {state} = ({first}) * {mean}"]
    lines += indented([f"{state} = {x}"] if expr.op == "ema_from_first" else seeding)
    writer.scope.lines += writer.once_past(seeded_before, [following], lines)
    writer.scope.lines += _start_over(writer, expr, state, x)
    return state


def _start_over(writer: Writer, expr: Expr, state: str, x: str) -> list[str]:
    """An average that met a nan starts over at the next known value."""
    over = [f"if is_nan({state}):", f"    {state} = {x}"]
    return writer.since(expr.first_valid, over) if writer.unsure(expr) else []


def write_smooth(writer: Writer, expr: Expr) -> str:
    """Start at the first value, then move toward each new one by the weight of its bar."""
    x, weight = (writer.atom(arg) for arg in expr.args)
    state = writer.keep(expr)
    following = f"{weight} * {x} + (1.0 - {weight}) * {state}"
    first = f"{writer.scope.bar} <= {writer.whole(expr.first_valid)}"
    lines = [f"{state} = {x} if {first} else {following}", *_start_over(writer, expr, state, x)]
    writer.scope.lines += lines
    return state


def _when_anew(writer: Writer, window: Expr, total: str) -> str:
    """A sum over a full window is computed anew at an anchor, and as long as it has a nan."""
    anew = f"({writer.anchor()} or is_nan({total}))" if writer.unsure(window) else writer.anchor()
    return f"if {anew} and {writer.scope.bar} >= {writer.whole(window.first_valid)}:"


def _running_sum(writer: Writer, window: Expr) -> str:
    key = ("sum", window)
    if key not in writer.scope.atoms:
        view = View(writer, window)
        leaving = view.leaving
        total = writer.keep(window, "sum of")
        anew = [f"{total} = 0.0", *oldest_to_newest(writer, [view], [f"{total} += {{y}}"])]
        lines = [f"{total} += {view.x} - {leaving}", _when_anew(writer, window, total), *indented(anew)]
        writer.scope.lines += writer.since(view.source.first_valid, lines)
        writer.scope.atoms[key] = total
    return writer.scope.atoms[key]


def write_sum(writer: Writer, expr: Expr) -> str:
    """A running sum, anchored; or the mean it gives."""
    total = _running_sum(writer, expr.args[0])
    return total if expr.op == "rolling_sum" else writer.local(f"{total} * {View(writer, expr.args[0]).share}", expr)


def write_variance(writer: Writer, expr: Expr) -> str:
    """Running sums of distances from a base near the values (else the squares would swallow them), anchored."""
    (window,) = expr.args
    view, bar = View(writer, window), writer.scope.bar
    x, leaving, slides = view.x, view.leaving, writer.whole(plus(window.first_valid, 1))
    base, total, squares = (writer.keep(expr, part) for part in ("base of", "sum of", "squares of"))
    enters, leaves, away = (writer.fresh("n") for _ in range(3))
    again = [f"{away} = {{y}} - {base}", f"{total} += {away}", f"{squares} += {away} * {away}"]
    anew = [f"{base} = {x}", f"{total} = 0.0", f"{squares} = 0.0", *oldest_to_newest(writer, [view], again)]
    lines = [
        f"if {bar} == {writer.whole(view.source.first_valid)}:",
        f"    {base} = {x}",
        f"{enters} = {x} - {base}",
        f"{leaves} = {leaving} - {base} if {bar} >= {slides} else 0.0",
        f"{total} += {enters} - {leaves}",
        f"{squares} += ({enters} - {leaves}) * ({enters} + {leaves})",
        _when_anew(writer, window, total),
        *indented(anew),
    ]
    writer.scope.lines += writer.since(view.source.first_valid, lines)
    mean = writer.local(f"{total} * {view.share}", f"mean distance from the base of {expr!r}")
    return writer.local(f"maximum({squares} * {view.share} - {mean} * {mean}, 0.0)", expr)


def write_wma(writer: Writer, expr: Expr) -> str:
    """A running sum, and one in which each value loses one weight a bar; both anchored."""
    (window,) = expr.args
    view = View(writer, window)
    leaving, total, weighted = view.leaving, writer.keep(expr, "sum of"), writer.keep(expr, "weighted sum of")
    most, k = writer.hoist(f"to_float({view.n})"), writer.fresh("n")
    again = [f"{k} += 1.0", f"{weighted} += {k} * {{y}}", f"{total} += {{y}}"]
    lines = [
        f"{weighted} += {most} * {view.x} - {total}",
        f"{total} += {view.x} - {leaving}",
        _when_anew(writer, window, total),
        f"    {total} = 0.0",
        f"    {weighted} = 0.0",
        f"    {k} = 0.0",
        *indented(oldest_to_newest(writer, [view], again)),
    ]
    writer.scope.lines += writer.since(view.source.first_valid, lines)
    share = writer.hoist(f"divide(2.0, {most} * ({most} + 1.0))")
    return writer.local(f"{weighted} * {share}", expr)


def write_extreme_age(writer: Writer, expr: Expr) -> str:
    """The same as for the extreme itself, which is kept beside its age."""
    (window,) = expr.args
    sign, view, bar = ">=" if expr.op == "since_highest" else "<=", View(writer, window), writer.scope.bar
    state, age, k = writer.keep(expr, "extreme of"), writer.keep(expr), writer.fresh("n")
    take = [f"if {{y}} {sign} {state} or is_nan({state}):", f"    {state} = {{y}}", f"    {age} = {k}"]
    rescan = oldest_to_newest(writer, [view], [f"{k} -= 1.0", *take])
    newest = [f"{state} = {view.x}", f"{age} = 0.0"]
    lines = [
        f"{age} += 1.0",
        f"if {bar} == {writer.whole(view.source.first_valid)} or {view.x} {sign} {state} or is_nan({state}):",
        *indented(newest),
        f"elif {bar} >= {writer.whole(plus(window.first_valid, 1))} and {age} >= to_float({view.n}):",
        *indented([f"{state} = {writer.hoist('divide(0.0, 0.0)')}", f"{k} = to_float({view.n})", *rescan]),
    ]
    writer.scope.lines += writer.since(view.source.first_valid, lines)
    return age


def write_extreme(writer: Writer, expr: Expr) -> str:
    """The extreme of this block of n values, and of those of the block before that are still in the window.

    The latter are found once a block, going back from its end (van Herk, 1992). A nan is passed over: either word gives
    its second operand then, and nothing known is an infinity until the end.
    """
    (window,) = expr.args
    word, sign = ("maximum", "-") if expr.op == "highest" else ("minimum", "")
    view, varies, nothing = View(writer, window), writer.varies(window), writer.hoist(f"{sign}1e308 * 10.0")
    n, state, place = view.n, writer.keep(expr), writer.state(f"place in its block {expr!r}", kind="int", varies=varies)
    array, first = writer.rows_of(f"from there to the end of the block {expr!r}", view.ring.size, varies=varies)
    best, k = (writer.fresh(letter) for letter in "nk")
    # Adding zero makes one zero of both, whichever came first.
    x = writer.local(f"{view.x} + 0.0", f"{view.source!r} + 0.0")
    begins = f"{state} = {word}({x}, where({place} == 0, {nothing}, {state}))"
    writer.scope.lines += writer.since(view.source.first_valid, [begins])
    older = f"{array}[{first} + minimum({place} + 1, {n} - 1)]"
    old = writer.local(f"{nothing} if {place} == {n} - 1 else {older}", f"what is left of the block before {expr!r}")
    both = writer.local(f"{word}({state}, {old})", f"known {expr!r}")
    found = writer.local(f"where({both} == {nothing}, {writer.hoist('divide(0.0, 0.0)')}, {both})", expr)
    ends = [
        f"{place} += 1",
        f"if {place} == {n}:",
        f"    {place} = 0",
        f"    {best} = {word}({x}, {nothing})",
        f"    {array}[{first} + {n} - 1] = {best}",
        f"    for {k} in range(1, {n}):",
        f"        {best} = {word}({view.ring.back(k)} + 0.0, {best})",
        f"        {array}[{first} + {n} - 1 - {k}] = {best}",
    ]
    writer.scope.lines += writer.since(view.source.first_valid, ends)
    return found


def write_quantile(writer: Writer, expr: Expr) -> str:
    """The window once more in order of size: one value leaves its place, the others close up, one enters."""
    window, share = expr.args
    view, bar = View(writer, window), writer.scope.bar
    n = view.n
    array, first = writer.rows_of(f"ordered {window!r}", view.ring.size, varies=writer.varies(window))
    x, old, hole, k, stop, h = (writer.fresh(letter) for letter in "nnqkqq")
    start = writer.whole(window.args[0].first_valid)

    def slot(index: str) -> str:
        return f"{array}[{first} + {index}]"

    # Adding zero makes one zero of both; a nan is put last.
    ordered = [f"{name} = where(is_nan({v}), {LARGEST}, {v} + 0.0)" for name, v in ((x, view.x), (old, view.leaving))]
    lines = [
        *ordered,
        f"{hole} = minimum({bar} - {start}, {n})",
        f"if {hole} == {n}:",
        f"    {hole} = 0",
        f"    for {k} in range({n}):",
        f"        {hole} += where({slot(k)} < {old}, 1, 0)",
        f"    for {k} in range({hole}, {n} - 1):",
        f"        {slot(k)} = {slot(f'{k} + 1')}",
        f"    {hole} = {n} - 1",
        f"{stop} = {hole}",
        f"for {k} in range({stop}):",
        f"    if {slot(f'{stop} - 1 - {k}')} > {x}:",
        f"        {slot(f'{stop} - {k}')} = {slot(f'{stop} - 1 - {k}')}",
        f"        {hole} = {stop} - 1 - {k}",
        f"{slot(hole)} = {x}",
    ]
    writer.scope.lines += writer.since(window.args[0].first_valid, lines)
    place = writer.local(f"to_float({n} - 1) * minimum(1.0, maximum(0.0, {writer.atom(share)}))", f"place of {expr!r}")
    writer.scope.lines.append(f"{h} = floor_to_int({place})")
    below, above = slot(h), slot(f"minimum({h} + 1, {n} - 1)")
    return writer.local(f"{below} + ({above} - {below}) * ({place} - to_float({h}))", expr)


# Sums over the whole window at each bar: {x} and {u} are this bar's values, {y} and {w} each value, {a} ... the sums,
# {m} the mean.
_LINE = ["{a} += (to_float({k}) - {middle}) * ({y} - {x})", "{b} += {y} - {x}", "{c} += ({y} - {x}) * ({y} - {x})"]
_PAIR = [*_LINE[1:], "{a} += {w} - {u}", "{d} += ({w} - {u}) * ({w} - {u})", "{e} += ({y} - {x}) * ({w} - {u})"]
_SPREADS = "square_root({c} - {b} * {b} * {share}) * square_root({d} - {a} * {a} * {share})"
_SCANS: dict[str, tuple[str, list[str], str]] = {
    "rank": ("a", ["{a} += where({y} < {x}, 1.0, where({y} == {x}, 0.5, 0.0))"], "{a} * {share} + ({x} - {x})"),
    "moment_1": ("a", ["{a} += absolute({y} - {m})"], "{a} * {share}"),
    "moment_3": ("a", ["{a} += ({y} - {m}) * ({y} - {m}) * ({y} - {m})"], "{a} * {share}"),
    "moment_4": ("a", ["{a} += (({y} - {m}) * ({y} - {m})) * (({y} - {m}) * ({y} - {m}))"], "{a} * {share}"),
    "slope": ("a", _LINE[:1], "{a} * {spread}"),
    "fitted": ("ab", _LINE[:2], "{x} + {b} * {share} + {a} * {spread} * (to_float({n}) - {middle})"),
    "r2": ("abc", _LINE, "minimum(1.0, divide({a} * {a} * {spread}, {c} - {b} * {b} * {share}))"),
    "correlation": (
        "abcde",
        _PAIR,
        f"maximum(-1.0, minimum(1.0, divide({{e}} - {{a}} * {{b}} * {{share}}, {_SPREADS})))",
    ),
}


def write_scan(writer: Writer, expr: Expr) -> str:
    """Look at every value of the window: nothing is remembered beside the ring, so nothing drifts."""
    letters, lines, result = _SCANS[expr.op]
    views = [View(writer, window) for window in expr.args if isinstance(window, Window)]
    n = views[0].n
    names = {letter: writer.fresh("n") for letter in letters}
    if not isinstance(expr.args[-1], Window):
        names["m"] = writer.atom(expr.args[-1])
    names |= {letter: view.x for letter, view in zip("xu", views, strict=False)} | {"n": n, "share": views[0].share}
    if "{middle}" in lines[0]:
        names["middle"] = writer.hoist(f"(to_float({n}) + 1.0) * 0.5")
        names["spread"] = writer.hoist(f"divide(12.0, to_float({n}) * (to_float({n}) * to_float({n}) - 1.0))")
    keep = {letter: f"{{{letter}}}" for letter in "ywk"}
    scan = oldest_to_newest(writer, views, [line.format(**{**keep, **names}) for line in lines])
    writer.scope.lines += [f"{names[letter]} = 0.0" for letter in letters]
    writer.scope.lines += writer.since(expr.first_valid, scan)
    return writer.local(result.format(**names), expr)


def write_since(writer: Writer, expr: Expr) -> str:
    """Count up from the last bar at which it held."""
    held, state, known = writer.atom(expr.args[0]), writer.keep(expr), writer.keep(expr, "ever", kind="bool")
    lines = [f"{state} = 0.0 if {held} else {state} + 1.0", f"{known} = {known} or {held}"]
    writer.scope.lines += writer.since(expr.first_valid, lines)
    return writer.local(f"{state} if {known} else {writer.hoist('divide(0.0, 0.0)')}", expr)


def write_cumulative(writer: Writer, expr: Expr) -> str:
    """A running sum."""
    x, state = writer.atom(expr.args[0]), writer.keep(expr)
    held = f"where({writer.atom(expr.args[1])}, 0.0, {state})" if len(expr.args) == 2 else state
    x = f"where(is_nan({x}), 0.0, {x})" if writer.unsure(expr.args[0]) else x
    writer.scope.lines += writer.since(expr.first_valid, [f"{state} = {held} + {x}"])
    return state


def write_session(writer: Writer, expr: Expr) -> str:
    """Whether the number of the session differs from the bar before."""
    now = writer.local(f"floor_div({writer.scope.clock}, {writer.bars_of(str(expr.value))})", f"number of {expr!r}")
    state = writer.state(f"{expr!r} of the bar before", kind="int", varies=False)
    writer.scope.moved.append([f"{state} = {now}"])
    return writer.local(f"{now} != {state}", expr)


WRITE: dict[str, Callable[[Writer, Expr], str]] = {
    "previous": write_previous,
    "was": write_previous,
    "ema": write_recursion,
    "ema_from_first": write_recursion,
    "wilder": write_recursion,
    "wilder_from_sum": write_recursion,
    "delayed": lambda writer, expr: writer.atom(expr.args[0]),
    "before": write_before,
    "recursion": write_recursive,
    "component": write_component,
    "smooth": write_smooth,
    # What leaves a window of n is what entered n bars ago.
    "lag": lambda writer, expr: View(writer, expr.args[0]).leaving,
    "rolling_sum": write_sum,
    "sma": write_sum,
    "wma": write_wma,
    "since_highest": write_extreme_age,
    "since_lowest": write_extreme_age,
    "variance": write_variance,
    "highest": write_extreme,
    "lowest": write_extreme,
    "quantile": write_quantile,
    "since": write_since,
    "cumulative": write_cumulative,
    "session": write_session,
    **dict.fromkeys(_SCANS, write_scan),
}
