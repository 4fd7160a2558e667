"""Who in this process may open a connection. Once it is sealed, only code inside `passing()` may.

CPython tells an audit hook of every internet socket, connect, look-up of a name, datagram, child process and foreign
library before it happens, and takes an exception for a no. So code that brings its own session, `requests` or a bare socket is stopped
as well, in whatever thread it runs.

What this does **not** stop, and only walls outside of the process can (a firewall, a signer of its own): code in C that
makes its own system calls; the look-up of a name that `socket.connect` itself is given; what is written to a file; and
code that knows this module and takes the seal off. Keys are safe from the latter only where they never are.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from tradepool.domain.errors import TradepoolError

OnAlarm = Callable[[TradepoolError], None]

_CONNECTS = frozenset(("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"))
# There is no word of `listen`: a socket that is not bound listens as well.
_MADE, _INTERNET = "socket.__new__", (socket.AF_INET, socket.AF_INET6)
_LOOK_UPS = frozenset(("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"))
_ELSEWHERE = frozenset(
    (
        *("subprocess.Popen", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "os.forkpty"),
        *("pty.spawn", "ctypes.dlopen"),
    )
)
_FOREIGN = "ctypes.dlsym"
_WATCHED = _CONNECTS | _LOOK_UPS | _ELSEWHERE | {_MADE, _FOREIGN}


class EgressRefused(TradepoolError):
    """Something in this process tried {what} outside of the guarded sessions and was stopped; nothing may trade before the installed packages are checked against their lock."""


class _Seal:
    """The one seal of the process; an audit hook can't be taken out again, so it looks here."""

    def __init__(self) -> None:
        self.on_alarm: OnAlarm | None = None
        self.names: Collection[str] = ()
        self.hooked = False


_seal = _Seal()
_passing: ContextVar[bool] = ContextVar("passing", default=False)


@contextmanager
def passing() -> Iterator[None]:
    """Let this task, and tasks it starts, connect: for connectors that have checked where to."""
    token = _passing.set(True)
    try:
        yield
    finally:
        _passing.reset(token)


@contextmanager
def sealed(names: Collection[str], on_alarm: OnAlarm) -> Iterator[None]:
    """Seal the process meanwhile. `names` may be looked up by anybody (threads that look up carry no context);
    `on_alarm` hears of each refusal, in the thread it happened in."""
    if not _seal.hooked:
        sys.addaudithook(_hook)
        _seal.hooked = True
    before = _seal.on_alarm, _seal.names
    _seal.on_alarm, _seal.names = on_alarm, names
    try:
        yield
    finally:
        _seal.on_alarm, _seal.names = before


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    on_alarm = _seal.on_alarm
    if on_alarm is None or event not in _WATCHED or _passing.get():
        return
    if event in _LOOK_UPS and _text(arguments[0]) in _seal.names:
        return
    if event == _MADE and arguments[1] not in _INTERNET:
        return
    if event == _FOREIGN and _ours(arguments[0]):
        return
    error = EgressRefused(what=event)
    on_alarm(error)
    raise error


def _ours(library: object) -> bool:
    """The compiler of strategies, the only foreign library that works in a sealed process."""
    return Path(str(getattr(library, "_name", ""))).name.startswith("libllvmlite")


def _text(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, str | bytes) else ""
