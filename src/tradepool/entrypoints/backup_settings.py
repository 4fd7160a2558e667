"""The section [backup]: to whom backups are sealed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class BackupSettings(BaseModel):
    """`recovery_key` is the public half of a recovery key, as `tradepool store recovery-key` prints it; no secret."""

    model_config = ConfigDict(extra="forbid")
    recovery_key: str = ""
