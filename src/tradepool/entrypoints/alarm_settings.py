"""Section [alarms]: who is told when something is wrong, and how. No secret is in it: addresses of webhooks, which often
carry a token, and the password of the mail server are read from the variables of the environment that it names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class MailSettings(BaseModel):
    """The mail server letters are handed in at; without `user` nobody logs in."""

    model_config = ConfigDict(extra="forbid")
    host: str = ""
    port: int = Field(default=587, ge=1, le=65_535)
    tls: Literal["starttls", "tls"] = "starttls"
    sender: str = ""
    user: str = ""
    password_env: str = ""


class AlarmSettings(BaseModel):
    """The operator's channels; what a user is told of his own accounts is in [users]. `alive_env` names the variable with
    the address that is asked for every `alive_every_s` seconds while all is well. `ca_file` is trusted instead of the
    machine's authorities. `disk_free_min_mb` is what has to be free where the database is, `reserve_mb` what is set aside there for exits on a full disk."""

    model_config = ConfigDict(extra="forbid")
    webhook_env: str = ""
    mail_to: list[str] = []
    mail: MailSettings = MailSettings()
    alive_env: str = ""
    alive_every_s: float = Field(default=60.0, ge=1)
    ca_file: Path | None = None
    disk_free_min_mb: int = Field(default=1_024, ge=0)
    reserve_mb: int = Field(default=64, ge=0)
