"""Where a chaos run takes place: its folder, with the sockets, the database and the diary its processes share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from tradepool.entrypoints.chaos.plan import Chaos

# How a platform ends that waited in vain for the venue: begun again it may find it there.
GAVE_UP = 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A run and its folder, whose path is short enough for sockets."""

    chaos: Chaos
    folder: Path

    @property
    def venue(self) -> str:
        """The venue's front door."""
        return str(self.folder / "v")

    @property
    def control(self) -> str:
        """Its control door."""
        return str(self.folder / "c")

    @property
    def ca_file(self) -> Path:
        """The authority the venue's certificate is from."""
        return self.folder / "ca.pem"

    @property
    def database(self) -> Path:
        """The platform's memory, which outlives it."""
        return self.folder / "tradepool.sqlite"

    @property
    def diary(self) -> Path:
        """What happened, a line each."""
        return self.folder / "diary.jsonl"

    @property
    def log(self) -> Path:
        """What the platforms said."""
        return self.folder / "platform.log"

    def write(self) -> Path:
        """As a file, for the processes."""
        file = self.folder / "place.json"
        file.write_bytes(msgspec.json.encode(self, enc_hook=str))
        return file


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One life of the platform: where it ends, from when on that counts, and from when on it ends anywhere."""

    point: str = "never"
    count: int = 0
    from_ms: int = 0
    by_ms: int | None = None


def read_place(file: Path) -> Place:
    """A place from its file."""
    return msgspec.json.decode(file.read_bytes(), type=Place, dec_hook=_as_path)


def _as_path(kind: type, text: object) -> object:
    return kind(text)
