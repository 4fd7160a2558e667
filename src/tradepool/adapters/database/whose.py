"""Whose a database is, seen without touching it: before it is opened for good, which brings its schema up to date."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pysqlite3

from tradepool.adapters.database.deployment import WrongDatabase
from tradepool.adapters.database.place import Place
from tradepool.domain.deployment import Deployment


def refuse_foreign(path: Place, deployment: Deployment) -> None:
    """Raise WrongDatabase for a file that another deployment has taken. A server, and a file that is not there, that nobody
    has taken or that can't be read, are left to whoever opens them."""
    if not isinstance(path, Path) or not path.is_file():
        return
    held = _holder(path)
    if held is not None and held != (deployment.id, deployment.kind.value):
        raise WrongDatabase(path=path, held=held[0], held_kind=held[1], id=deployment.id, kind=deployment.kind.value)


def _holder(path: Path) -> tuple[str, str] | None:
    """Id and kind of its deployment. Where nobody has it open, it is read as it lies, and no file is made beside it."""
    log = path.with_name(path.name + "-wal")
    mode = "mode=ro" if log.exists() else "immutable=1"
    try:
        with closing(pysqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True)) as raw:
            row = raw.execute("select id, kind from deployment").fetchone()
    except pysqlite3.Error:
        return None
    return None if row is None else (str(row[0]), str(row[1]))
