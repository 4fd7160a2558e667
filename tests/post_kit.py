"""A web server and a mail server as the world has them, in a thread each; they keep what they are given."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tradepool.runtime import egress
from tradepool.simexchange.tls import TlsFiles, make_tls_files

WAIT_S = 60


@dataclass
class Box:
    """What has come, in order; `port` is where."""

    port: int = 0
    posts: list[dict[str, Any]] = field(default_factory=list)
    letters: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    beats: int = 0
    status: int = 200
    changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self) -> None:
        """Something has come."""
        with self.changed:
            self.changed.notify_all()

    def posted(self, words: str, after: int = 0) -> dict[str, Any]:
        """The first post with these words after so many, as soon as it is there."""
        found: dict[str, Any] = self._until(
            lambda: next((post for post in self.posts[after:] if words in post["text"]), None)
        )
        return found

    def beaten(self, more: int) -> None:
        """Wait for so many signs of life more."""
        wanted = self.beats + more
        self._until(lambda: self.beats >= wanted)

    def _until(self, look: Any) -> Any:
        with self.changed:
            assert self.changed.wait_for(look, WAIT_S), (self.posts, self.beats)
            return look()


def _outside(work: Callable[[], object]) -> threading.Thread:
    """Run it in a thread that no seal of this process holds: a server is not a part of what is sealed."""
    with egress.passing():
        thread = threading.Thread(target=copy_context().run, args=(work,))
    thread.start()
    return thread


@contextmanager
def web_server(tls: TlsFiles | None = None) -> Iterator[Box]:
    """Takes JSON by POST, and GETs as signs of life; answers `status`, a redirect by its own address."""
    box = Box()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if box.status == 200:
                box.posts.append(body)
            self._answer()

        def do_GET(self) -> None:
            box.beats += 1
            self._answer()

        def _answer(self) -> None:
            self.send_response(box.status)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
            box.note()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the test's terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.server_context().wrap_socket(server.socket, server_side=True)
    box.port = server.server_address[1]
    thread = _outside(lambda: server.serve_forever(poll_interval=0.05))
    try:
        yield box
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Post:
    """One conversation of the mail server: as much of SMTP as a client needs."""

    def __init__(self, box: Box, context: ssl.SSLContext, secure: bool) -> None:
        self._box, self._context, self._secure = box, context, secure

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        to: list[str] = []
        while line := (await reader.readline()).decode().strip():
            word = line.upper()
            if word.startswith("EHLO"):
                offer = "AUTH PLAIN" if self._secure else "STARTTLS"
                writer.write(f"250-here\r\n250 {offer}\r\n".encode())
            elif word == "STARTTLS":
                writer.write(b"220 go on\r\n")
                await writer.drain()
                await writer.start_tls(self._context)
                self._secure = True
            elif word.startswith("AUTH PLAIN "):
                self._box.logins.append(base64.b64decode(line[11:]).decode().replace("\0", " ").strip())
                writer.write(b"235 welcome\r\n" if self._box.status == 200 else b"535 no\r\n")
            elif word.startswith("RCPT TO:"):
                to.append(line[8:].strip("<> "))
                writer.write(b"250 ok\r\n")
            elif word == "DATA":
                writer.write(b"354 go on\r\n")
                raw = await reader.readuntil(b"\r\n.\r\n")
                self._box.letters.append((to, message_from_bytes(raw[:-5], policy=policy.default)))
                self._box.note()
                writer.write(b"250 taken\r\n")
            elif word == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        await writer.drain()
        writer.close()


@contextmanager
def mail_server(tls: TlsFiles, *, secure: bool = False) -> Iterator[Box]:
    """Takes letters from whoever speaks TLS: from the first byte (`secure`) or after STARTTLS."""
    box, started, loop = Box(), threading.Event(), asyncio.new_event_loop()
    context = tls.server_context()

    async def serve() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _Post(box, context, secure).talk(reader, writer)

        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context if secure else None)
        box.port = server.sockets[0].getsockname()[1]
        started.set()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = _outside(run)
    assert started.wait(WAIT_S)
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def authority(folder: Path) -> TlsFiles:
    """Certificates for this machine."""
    return make_tls_files(folder)
