"""E-mail by SMTP, over TLS from its first byte (`tls`) or from before the password (`starttls`); never without."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

from tradepool.ports.notifier import Message, NotDelivered
from tradepool.runtime import egress

TIMEOUT_S = 20.0
# What we call ourselves: a look-up of this machine's own name may take long, and tells others of it.
HELLO = "[127.0.0.1]"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed in, and as whom; without a `user` nobody logs in. `ca_file` is trusted instead of the machine's."""

    host: str
    port: int
    tls: Literal["starttls", "tls"]
    sender: str
    user: str = ""
    password: str = ""
    ca_file: Path | None = None

    def __repr__(self) -> str:
        """Without the password."""
        return f"MailServer({self.host}:{self.port})"


class Mail:
    """One letter a message, to the same people."""

    def __init__(self, server: MailServer, to: Sequence[str]) -> None:
        """Nothing is connected before `send`."""
        self._server, self._to = server, list(to)

    async def send(self, message: Message) -> None:
        """Hand a letter in, in a thread of its own. NotDelivered."""
        with egress.passing():
            await asyncio.to_thread(self._hand_in, message)

    def _letter(self, message: Message) -> EmailMessage:
        letter = EmailMessage()
        letter["Subject"] = " ".join(message.subject.split())
        letter["From"], letter["To"] = self._server.sender, ", ".join(self._to)
        letter["Date"] = format_datetime(datetime.fromtimestamp(message.time_ms / 1_000, UTC))
        letter.set_content(message.text)
        return letter

    def _hand_in(self, message: Message) -> None:
        try:
            letter = self._letter(message)
            with self._connected() as server:
                if self._server.user:
                    server.login(self._server.user, self._server.password)
                server.send_message(letter)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            # The server's own words may repeat what it was told: its number says enough.
            why = f"{type(error).__name__} {getattr(error, 'smtp_code', '')}".strip()
            raise NotDelivered(channel=f"the mail server {self._server.host}", why=why) from None

    def _connected(self) -> smtplib.SMTP:
        s = self._server
        context = ssl.create_default_context(cafile=str(s.ca_file) if s.ca_file else None)
        if s.tls == "tls":
            return smtplib.SMTP_SSL(s.host, s.port, local_hostname=HELLO, timeout=TIMEOUT_S, context=context)
        server = smtplib.SMTP(s.host, s.port, local_hostname=HELLO, timeout=TIMEOUT_S)
        try:
            server.starttls(context=context)
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
        return server
