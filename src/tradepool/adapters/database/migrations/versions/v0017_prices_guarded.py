"""Prices on record are guarded with all other rows that are only ever added: their triggers are built after it (`triggers`)."""

from __future__ import annotations

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """The triggers, which are built anew, are all."""


def downgrade() -> None:
    """They are built by what is older, too."""
