"""What `./tradepool test` runs: the gates one after another, then the tests. Stops at the first failure.

Usage: `./tradepool test [--long | --quick] [pytest arguments]`. `--quick` is `make check`: no tests but the tidy
ones. `--long` runs the long forms of the same tests. What is left over goes to pytest (`-k name`, a path).
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = ["src", "tests", "scripts"]
# Each worker begins with its half, in order, and takes from the other's when it is through: the long ones stand last.
IN_TURN = ("-n", "2", "--dist", "worksteal")

GATES: list[tuple[str, list[str]]] = [
    ("format", ["ruff", "format", "--check", "--quiet", *CODE]),
    ("lint", ["ruff", "check", "--quiet", *CODE]),
    ("types", ["mypy", *CODE]),
    ("import order", ["lint-imports", "--no-logo"]),
]


def run(name: str, command: list[str]) -> int:
    """Run one section from the repository root, say how long it took; its exit status."""
    print(f"== {name}", flush=True)
    began_s = time.monotonic()
    # The tools beside this very interpreter, so that nothing depends on an activated environment.
    status = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]], cwd=ROOT, check=False
    ).returncode
    # pytest says its seconds itself, and its closing lines are to stay the last ones.
    if command[0] != "pytest" or status != 0:
        verdict = "ok" if status == 0 else f"FAILED (exit {status})"
        print(f"   {name}: {verdict}, {time.monotonic() - began_s:.1f} s", flush=True)
    return status


def main(arguments: list[str]) -> int:
    """Run every section in order; the exit status of the first that fails, else 0."""
    quick = "--quick" in arguments
    rest = [argument for argument in arguments if argument != "--quick"]
    tests = ["pytest", "-q", *rest, "tests/tidy"] if quick else ["pytest", "-q", *IN_TURN, *rest]
    for name, command in [*GATES, ("tidy tests" if quick else "tests", tests)]:
        status = run(name, command)
        if status != 0:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
