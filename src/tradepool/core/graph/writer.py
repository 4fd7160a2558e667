"""Writes a step's source: state rows, the lines before the loop, the lines of one bar, the lines at its end.

Every identifier is made here (`n3` a value of this bar, `s4` a state row, `p0` a parameter, `v1` a whole number derived
from parameters, `k1` a number computed before the loop); a user's text never becomes source. What depends on a varying
parameter lives in the arrays `swept` and `own`, everything else in `parameters` and `state`: one value for all sets.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tradepool.core.graph.described import describe
from tradepool.core.graph.expr import Boolean, Expr, External, Number, parameters, walk
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.primitives import BLOCK
from tradepool.core.graph.whole import Term, Whole, names_in, ratio
from tradepool.domain.candle import TIMEFRAMES_MS

# What may give a nan at any bar.
UNSURE = frozenset(
    ("of", "external", "divide", "square_root", "log", "power", "slope", "fitted", "r2", "correlation", "since")
)
PRICES = ("open", "high", "low", "close", "volume")


@dataclass(slots=True)
class Scope:
    """The bars that a group of nodes counts, and the lines written for one of them."""

    name: str = ""
    bar: str = "bar"
    clock: str = "clock[i]"
    prices: dict[str, str] = field(
        default_factory=lambda: {**{name: f"{name}[i]" for name in PRICES}, "open": "open_[i]"}
    )
    anchored: str = "anchored"
    timeframe_ms: int | None = None
    lines: list[str] = field(default_factory=list)
    moved: list[list[str]] = field(default_factory=list)
    atoms: dict[object, str] = field(default_factory=dict)
    sizes: dict[Expr, int] = field(default_factory=dict)
    rings: dict[Expr, Ring] = field(default_factory=dict)


@dataclass(slots=True)
class Ring:
    """The last `size` values of a source in state rows from `first` on; `place` is where this bar's will go."""

    array: str
    first: int
    place: str
    size: int

    def back(self, bars: str) -> str:
        """What entered so many bars ago, 1 to `size`; zero if nothing had."""
        if bars == str(self.size):
            return f"{self.array}[{self.first} + {self.place}]"
        index = f"where({self.place} < {bars}, {self.place} - {bars} + {self.size}, {self.place} - {bars})"
        return f"{self.array}[{self.first} + {index}]"


class Writer:
    """Collects the pieces of one step."""

    def __init__(self, roots: Sequence[Expr], varying: Collection[str] = ()) -> None:
        """Number the parameters, whole ones read as int, and the inputs from outside."""
        self.parameters: tuple[Parameter, ...] = parameters(*roots)
        self.varying = frozenset(varying) & {item.name for item in self.parameters}
        self.rows: dict[str, list[str]] = {"state": [], "own": []}
        self.sources: dict[str, list[Parameter | Whole]] = {"parameters": [], "swept": []}
        self._varying: set[int] = set()
        self._unsure: set[int] = set()
        nodes = walk(*roots)
        for node in nodes:
            varies = isinstance(node.value, Parameter) and self.varies(node.value)
            if varies or any(id(arg) in self._varying for arg in node.args):
                self._varying.add(id(node))
                # What a recursion remembers has no operands that would tell.
                self._varying.update(id(arg) for arg in node.args if arg.op == "before")
            unsure = node.op in UNSURE or any(id(arg) in self._unsure for arg in node.args)
            if unsure and not isinstance(node, Boolean):
                self._unsure.add(id(node))
        self.others = tuple(dict.fromkeys(str(node.value) for node in nodes if node.op == "of"))
        self.externals = tuple(dict.fromkeys(node.value for node in nodes if isinstance(node.value, External)))
        self.before: list[str] = []
        self.after: list[str] = []
        self.legend: dict[str, str] = {}
        self.scope = Scope()
        self._once: dict[object, str] = {}
        self._count = 0
        for index, item in enumerate(self.parameters):
            self._read(item, f"p{index}", item.name, is_whole=item.is_integer)
        # The counter every step keeps.
        self.state("bars seen", self.scope.bar, kind="int", varies=False)

    def _read(self, what: Parameter | Whole, name: str, meaning: str, *, is_whole: bool) -> str:
        array = "swept" if self.varies(what) else "parameters"
        place = f"{array}[{len(self.sources[array])}]"
        self.sources[array].append(what)
        self.before.append(f"{name} = {f'floor_to_int({place})' if is_whole else place}")
        self.legend[name] = meaning
        return name

    def varies(self, what: Expr | Parameter | Whole) -> bool:
        """Whether it may differ between parameter sets of one call."""
        if isinstance(what, Parameter):
            return what.name in self.varying
        if isinstance(what, Expr):
            return id(what) in self._varying
        return bool(names_in(what) & self.varying)

    def unsure(self, expr: Expr) -> bool:
        """Whether it may be nan after its look-back; only then a step is written so that memories get over one."""
        return id(expr) in self._unsure

    def fresh(self, letter: str) -> str:
        """An identifier not used before."""
        self._count += 1
        return f"{letter}{self._count - 1}"

    def rows_of(self, meaning: str, size: int, *, varies: bool) -> tuple[str, int]:
        """Rows of memory, zero before the first bar: the array, and the first row's index."""
        array = "own" if varies else "state"
        meaning, first = f"{meaning}{self.scope.name}", len(self.rows[array])
        self.rows[array] += [meaning] if size == 1 else [f"{meaning}[{index}]" for index in range(size)]
        return array, first

    def state(self, meaning: str, name: str | None = None, *, kind: str = "float", varies: bool) -> str:
        """A local that lives in memory from call to call, zero (or false) at the very first bar."""
        name = name or self.fresh("s")
        array, first = self.rows_of(meaning, 1, varies=varies)
        place = f"{array}[{first}]"
        self.legend[name] = meaning
        load, store = {
            "float": (place, name),
            "int": (f"floor_to_int({place})", f"to_float({name})"),
            "bool": (f"{place} == 1.0", f"where({name}, 1.0, 0.0)"),
        }[kind]
        self.before.append(f"{name} = {load}")
        self.after.append(f"{place} = {store}")
        return name

    def keep(self, expr: Expr, part: str = "", *, kind: str = "") -> str:
        """The memory of a node, or one part of it."""
        kind = kind or ("bool" if isinstance(expr, Boolean) else "float")
        return self.state(f"{part} {expr!r}".strip(), kind=kind, varies=self.varies(expr))

    def hoist(self, text: str) -> str:
        """A number that needs computing only once, before the loop; the same text is one number."""
        if text not in self._once:
            self._once[text] = self.fresh("k")
            self.before.append(f"{self._once[text]} = {text}")
        return self._once[text]

    def local(self, text: str, meaning: Expr | str) -> str:
        """A value of this bar."""
        name = self.fresh("n")
        self.scope.lines.append(f"{name} = {text}")
        self.legend[name] = meaning if isinstance(meaning, str) else describe(meaning)
        return name

    def atom(self, expr: Expr) -> str:
        """What stands for an expression already written; a whole parameter used as a number becomes one here."""
        if isinstance(expr.value, Parameter):
            name = f"p{self.parameters.index(expr.value)}"
            return self.hoist(f"to_float({name})") if expr.value.is_integer else name
        return self.scope.atoms[expr]

    def whole(self, whole: Whole) -> str:
        """A whole number: a literal, a parameter, or derived from parameters in Python and read beside them."""
        if isinstance(whole, int):
            return str(whole)
        if whole.op == "parameter":
            return next(f"p{index}" for index, item in enumerate(self.parameters) if item.name == whole.args[0])
        if whole not in self._once:
            self._once[whole] = self._read(whole, self.fresh("v"), str(whole), is_whole=True)
        return self._once[whole]

    def bars_of(self, timeframe: str) -> str:
        """How many bars of this scope make one of a longer timeframe. Raises NotAMultiple."""
        longer, shorter = TIMEFRAMES_MS[timeframe], self.scope.timeframe_ms
        return self.whole(ratio(longer, shorter) if shorter else Term("ratio", (longer,)))

    def ring(self, source: Number) -> Ring:
        """The ring of a source: one for all windows over it, written at the end of a bar."""
        scope = self.scope
        if source not in scope.rings:
            size = scope.sizes[source]
            place = scope.atoms.get(("place", size)) or self._place(size)
            array, first = self.rows_of(f"last values of {source!r}", size, varies=self.varies(source))
            scope.rings[source] = Ring(array, first, place, size)
            scope.moved.append(self.since(source.first_valid, [f"{array}[{first} + {place}] = {self.atom(source)}"]))
        return scope.rings[source]

    def _place(self, size: int) -> str:
        # The same for all parameter sets and all sources: it counts bars from the first one, valid or not.
        place = self.state(f"place in rings of {size}", kind="int", varies=False)
        self.scope.moved.append([f"{place} += 1", f"if {place} == {size}:", f"    {place} = 0"])
        self.scope.atoms["place", size] = place
        return place

    def once_past(self, whole: Whole, steady: list[str], general: list[str]) -> list[str]:
        """The general lines, and where sets differ the steady ones instead as soon as every set is past that many bars.

        Then no mask is computed for a warm-up that is over for all.
        """
        if not self.varies(whole):
            return general
        over = f"if {self.scope.bar} >= {self.whole(Term('most', (whole,)))}:"
        return [over, *indented(steady), "else:", *indented(general)]

    def since(self, whole: Whole, lines: list[str]) -> list[str]:
        """Lines that run from the first bar before which so many came."""
        return lines if whole == 0 else [f"if {self.scope.bar} >= {self.whole(whole)}:", *indented(lines)]

    def anchor(self) -> str:
        """The local that is true at the first bar of every block of `BLOCK` bars of absolute time."""
        scope = self.scope
        if "block" not in scope.atoms:
            scope.atoms["block"] = self.state("block of the bar before", kind="int", varies=False)
        return scope.anchored

    def body(self, before: Sequence[str] = (), after: Sequence[str] = ()) -> list[str]:
        """All lines of one bar of this scope. Memory moves last first: an older value is taken before a newer moves."""
        scope, anchor = self.scope, list[str]()
        if "block" in scope.atoms:
            now, block = self.fresh("b"), scope.atoms["block"]
            change = [f"{now} = floor_div({scope.clock}, {BLOCK})", f"{scope.anchored} = {now} != {block}"]
            anchor = [*change, f"{block} = {now}"]
        moved = [line for lines in reversed(scope.moved) for line in lines]
        return [*before, *anchor, *scope.lines, *after, *moved, f"{scope.bar} += 1"]


def indented(lines: Sequence[str], levels: int = 1) -> list[str]:
    """The lines, further in."""
    return ["    " * levels + line for line in lines]
