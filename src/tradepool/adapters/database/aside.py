"""Putting a whole store aside under another name, and another one into its place. Nobody may have either open."""

from __future__ import annotations

import re
from pathlib import Path

from tradepool.adapters.database.engine import dispose, open_store, transaction
from tradepool.adapters.database.place import SCHEMA, Place, Server

WRITTEN_BESIDE = ("", "-wal", "-shm")


def put_aside(place: Place, name: str) -> str:
    """The store's rows are kept under that name, and its place is empty; where they are now, for people. StoreUnusable."""
    aside = aside_of(place, name)
    if isinstance(place, Path) and isinstance(aside, Path):
        for suffix in WRITTEN_BESIDE:
            old = place.with_name(place.name + suffix)
            if old.exists():
                old.rename(aside.with_name(aside.name + suffix))
        return aside.name
    assert isinstance(place, Server)
    _rename(place, {place.schema: schema_of(name)})
    return f"schema {schema_of(name)}"


def aside_of(place: Place, name: str) -> Place:
    """Where what is put aside under that name is."""
    return place.with_name(f"{name}.sqlite") if isinstance(place, Path) else place.with_schema(schema_of(name))


def replace(place: Place, new: Place, name: str) -> str:
    """Another store of the same kind comes into a store's place, which is put aside. StoreUnusable."""
    if isinstance(place, Path) and isinstance(new, Path):
        aside = put_aside(place, name)
        new.rename(place)
        return aside
    assert isinstance(place, Server)
    assert isinstance(new, Server)
    schema = schema_of(name)
    _rename(place, {place.schema: schema, new.schema: place.schema})
    return f"schema {schema}"


def schema_of(name: str) -> str:
    """A name as a schema may have it.

    >>> schema_of("replaced-1000")
    'tradepool_replaced_1000'
    """
    return f"{SCHEMA}_{re.sub(r'[^a-z0-9]', '_', name.removeprefix(f'{SCHEMA}-').lower())}"[:60]


def _rename(server: Server, names: dict[str, str]) -> None:
    connection = open_store(server)
    try:
        with transaction(connection):
            for old, new in names.items():
                connection.exec_driver_sql(f"alter schema {old} rename to {new}")
    finally:
        dispose(connection)
