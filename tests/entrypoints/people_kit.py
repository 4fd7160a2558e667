"""A small deployment, and its command line: what the tests of people ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.entrypoints.console import Console, Said
from tradepool.adapters.database.deployment import DatabaseDeployment, Deed
from tradepool.adapters.database.engine import dispose, open_store
from tradepool.entrypoints.deployment import Deployed, deployed_from


class People:
    """A deployment of ann and ben (sections of the file) in a folder, and its command line."""

    def __init__(self, console: Console, folder: Path, kind: str = "practice") -> None:
        self._console, self.file = console, folder / "tradepool.toml"
        told = ("--kind", kind, "--folder", folder / "d", "--file", self.file)
        assert console("init", "--yes", *told).code == 0

    def __call__(self, *arguments: object) -> str:
        """What a command said that did it."""
        said = self.say(*arguments)
        assert said.code == 0, said.err
        return said.out

    def say(self, *arguments: object) -> Said:
        """With --as, the configuration is named before it."""
        if "--as" not in arguments:
            return self._console(*arguments, "--config", self.file)
        at = arguments.index("--as")
        return self._console("--config", self.file, *arguments[at : at + 2], *arguments[:at], *arguments[at + 2 :])

    def refused(self, *arguments: object) -> str:
        """What a command said that did not."""
        said = self.say(*arguments)
        assert (said.code, said.out, said.err.count("\n")) == (1, "", 1), said
        return said.err

    def json(self, *arguments: object) -> Any:
        return json.loads(self(*arguments, "--json"))

    @property
    def found(self) -> Deployed:
        return deployed_from(self.file)

    def deeds(self) -> list[Deed]:
        connection = open_store(self.found.database)
        deeds = DatabaseDeployment(connection, self.found.deployment).deeds()
        dispose(connection)
        return list(deeds)
