"""A peer's process: `python -m peers PACKAGE` says what it imported, then answers each request, a JSON line each."""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module, metadata

# The folder this was started in holds modules of ours whose names others may have, too.
sys.path.pop(0)


def main() -> None:
    """Serve until the input ends. Whatever a package prints goes to standard error, answers to standard output."""
    package = sys.argv[1]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    engine = import_module(f".with_{package}", __package__)
    from .work import Request, load

    hello = {
        "import_cpu_s": time.process_time() - cpu_s,
        "import_wall_s": time.perf_counter() - wall_s,
        "version": metadata.version(package),
    }
    print(json.dumps(hello), file=answers, flush=True)
    for line in sys.stdin:
        request = Request(**json.loads(line))
        run = engine.prepare(request, load(request.bars))
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        found = run()
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
        said = {"cpu_s": cpu_s, "wall_s": wall_s, "trades": found.trades, "final_equity": found.final_equity}
        print(json.dumps(said | {"rows": found.rows() if request.rows else []}), file=answers, flush=True)


main()
