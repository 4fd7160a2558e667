"""Which process trades a deployment: it holds a lock in the deployment's folder, with its number in it."""

from __future__ import annotations

import fcntl
from pathlib import Path

LOCK_FILE = "running.lock"


def pid_in(folder: Path) -> int | None:
    """The process that trades the deployment whose folder this is, hanging or not; None when there is none."""
    try:
        with (folder / LOCK_FILE).open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(lock.read() or 0)
    except FileNotFoundError:
        pass
    return None
