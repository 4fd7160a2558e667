"""Writes a step's source: state rows, the lines before the loop, the lines of one bar, the lines at its end.

Every identifier is made here (`n3` a value of this bar, `s4` a state row, `p0` a parameter, `k1` a number computed
before the loop, `v2` the first bar at which something is valid); a user's text never becomes source.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tradepool.core.graph.expr import Expr, describe
from tradepool.core.graph.parameter import Parameter
from tradepool.core.graph.span import NONE, Span

BAR = "bar"


@dataclass(slots=True)
class Writer:
    """Collects the pieces of one step; `parameters` fixes their order in the parameter row."""

    parameters: tuple[Parameter, ...]
    rows: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    bar: list[str] = field(default_factory=list)
    end_of_bar: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    legend: dict[str, str] = field(default_factory=dict)
    uses_blocks: bool = False
    _hoisted: dict[str, str] = field(default_factory=dict)
    _atoms: dict[int, str] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        """Read the parameters, whole ones as int."""
        for index, item in enumerate(self.parameters):
            name, value = f"p{index}", f"parameters[{index}]"
            self.before.append(f"{name} = {f'floor_to_int({value})' if item.is_integer else value}")
            self.legend[name] = item.name

    def fresh(self, letter: str) -> str:
        """An identifier not used before."""
        self._count += 1
        return f"{letter}{self._count - 1}"

    def state(self, meaning: str, name: str | None = None, *, kind: str = "float") -> str:
        """A local that lives in a state row from call to call, zero (or false) at the very first bar."""
        name = name or self.fresh("s")
        place = f"state[{len(self.rows)}]"
        self.rows.append(meaning)
        self.legend[name] = meaning
        load, store = {
            "float": (place, name),
            "int": (f"floor_to_int({place})", f"to_float({name})"),
            "bool": (f"{place} == 1.0", f"where({name}, 1.0, 0.0)"),
        }[kind]
        self.before.append(f"{name} = {load}")
        self.after.append(f"{place} = {store}")
        return name

    def ring(self, meaning: str, size: int) -> int:
        """State rows for `size` values, read and written in place; the first row's index."""
        first = len(self.rows)
        self.rows.extend(f"{meaning}[{index}]" for index in range(size))
        return first

    def hoist(self, text: str, letter: str = "k") -> str:
        """A number that needs computing only once, before the loop; the same text is one number."""
        if text not in self._hoisted:
            self._hoisted[text] = self.fresh(letter)
            self.before.append(f"{self._hoisted[text]} = {text}")
        return self._hoisted[text]

    def local(self, text: str, expr: Expr) -> str:
        """A value of this bar."""
        name = self.fresh("n")
        self.bar.append(f"{name} = {text}")
        self.legend[name] = describe(expr)
        return name

    def keep(self, expr: Expr, atom: str) -> None:
        """Remember what stands for an expression."""
        self._atoms[id(expr)] = atom

    def atom(self, expr: Expr) -> str:
        """What stands for an expression already written; a whole parameter used as a number becomes one here."""
        if isinstance(expr.value, Parameter) and expr.value.is_integer:
            return self.hoist(f"to_float({self.whole(expr)})")
        return self._atoms[id(expr)]

    def whole(self, length: Expr) -> str:
        """A parameter or a literal as it stands: a window length is an int."""
        if isinstance(length.value, Parameter):
            return f"p{self.parameters.index(length.value)}"
        return str(length.value)

    def span(self, span: Span) -> str:
        """A span as an int: a literal, or computed before the loop."""
        names = {item.name: f"p{index}" for index, item in enumerate(self.parameters)}
        text = ""
        for constant, terms in span.ordered:
            parts = [names[name] if times == 1 else f"{times} * {names[name]}" for name, times in terms]
            total = " + ".join([*parts, str(constant)] if constant or not parts else parts).replace("+ -", "- ")
            text = f"maximum({text}, {total})" if text else total
        return self.hoist(text, "v") if " " in text else text

    def since(self, span: Span, lines: list[str]) -> None:
        """Lines that run from the first bar at which `span` bars came before."""
        if span == NONE:
            self.bar.extend(lines)
        else:
            self.bar.append(f"if {BAR} >= {self.span(span)}:")
            self.bar.extend(indented(lines))


def indented(lines: list[str], levels: int = 1) -> list[str]:
    """The lines, further in."""
    return ["    " * levels + line for line in lines]
