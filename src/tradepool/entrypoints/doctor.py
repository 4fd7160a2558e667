"""`doctor`: what this machine has, and what to do where something is missing."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tradepool.domain.errors import TradepoolError
from tradepool.presentation.results import Check

PACKAGES = ("ccxt", "numpy", "llvmlite", "polars", "sqlalchemy", "aiohttp", "cryptography")
DATA_VARIABLE = "TRADEPOOL_DATA"
DISK_MIN_MB = 500
SOCKET_PATH_MAX = 100
MB = 1_000_000


class ChecksFailed(TradepoolError):
    """{count} checks failed ({names}); each line above says what to do."""


def checks() -> list[Check]:
    """All checks, in the order in which a fault would be met."""
    return [check for part in PARTS for check in part()]


def _python() -> Iterator[Check]:
    ok = sys.version_info >= (3, 11)
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    yield Check("python", ok, found, "" if ok else "install Python 3.11 or newer")


def _packages() -> Iterator[Check]:
    for name in PACKAGES:
        try:
            yield Check(name, True, version(name), "")
        except PackageNotFoundError:
            yield Check(
                name, False, "not installed", "run ./tradepool doctor in the clone: it installs the locked packages"
            )


def _sqlite() -> Iterator[Check]:
    import pysqlite3

    from tradepool.adapters.database.engine import SQLITE_MIN

    ok = pysqlite3.sqlite_version_info >= SQLITE_MIN
    wanted = ".".join(map(str, SQLITE_MIN))
    yield Check(
        "sqlite", ok, pysqlite3.sqlite_version, "" if ok else f"reinstall pysqlite3: {wanted} or newer is needed"
    )


def _compiler() -> Iterator[Check]:
    from tradepool.core.compiler import native
    from tradepool.core.compiler.program import Program

    try:
        started = time.perf_counter()
        functions = native.load(Program.of_text("def half(a: float) -> float:\n    return divide(a, 2.0)"))
        took, right = time.perf_counter() - started, functions["half"](3.0) == 1.5
        found = f"compiled in {1000 * took:.0f} ms, {'right' if right else 'WRONG'} result"
        yield Check("native compiler", right, found, "" if right else "report this with the output of doctor --json")
    except native.NativeUnavailable as error:
        yield Check("native compiler", False, str(error), "reinstall llvmlite, or use --runner reference")


def _data() -> Iterator[Check]:
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        remedy = f"none needed for the demo; set {DATA_VARIABLE} to a folder with ohlcv/*.parquet to use real candles"
        yield Check("candles", True, f"{DATA_VARIABLE} is not set", remedy)
        return
    count = sum(1 for _ in (Path(named) / "ohlcv").glob("*.parquet"))
    remedy = "" if count else f"point {DATA_VARIABLE} at a folder that holds ohlcv/*.parquet, or unset it"
    yield Check("candles", count > 0, f"{count} candle files in {named}", remedy)


def _disk() -> Iterator[Check]:
    folder = Path(tempfile.gettempdir())
    free_mb = shutil.disk_usage(folder).free // MB
    ok = free_mb >= DISK_MIN_MB and os.access(folder, os.W_OK)
    remedy = "" if ok else f"free at least {DISK_MIN_MB} MB there, or set TMPDIR to a folder you may write to"
    yield Check("temporary folder", ok, f"{folder}: {free_mb:,} MB free", remedy)


def _ports() -> Iterator[Check]:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            found = f"loopback port {server.getsockname()[1]} could be opened"
        yield Check("ports", True, found, "")
    except OSError as error:
        yield Check("ports", False, f"loopback: {error}", "allow programs to listen on 127.0.0.1")
    yield _unix_socket()


def _unix_socket() -> Check:
    folder = tempfile.mkdtemp(prefix="tradepool-")
    path = str(Path(folder) / "v")
    try:
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(path)
        return Check("unix sockets", True, f"a path of {len(path)} characters works", "")
    except OSError as error:
        remedy = f"set TMPDIR to a folder with a path shorter than {SOCKET_PATH_MAX} characters"
        return Check("unix sockets", False, str(error), remedy)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


PARTS: tuple[Callable[[], Iterator[Check]], ...] = (_python, _packages, _sqlite, _compiler, _data, _disk, _ports)
