"""Messages arrive, at the one place they are for, out of a sealed process; and no error repeats a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.post_kit import authority, mail_server, web_server
from tradepool.adapters.notify.mail import Mail, MailServer
from tradepool.adapters.notify.webhook import NoSuchAddress, Webhook
from tradepool.domain.errors import TradepoolError
from tradepool.ports.notifier import Message, NotDelivered
from tradepool.runtime.egress import sealed

WORDS = Message(subject="[practice abc] ALARM halt:\n ann", text="ann is halted\nben too", time_ms=1_700_000_000_000)


def sealed_run(work: Callable[[], Awaitable[None]]) -> list[TradepoolError]:
    """Run it where nobody may connect but who checked where to; what the seal refused."""
    refused: list[TradepoolError] = []

    async def main() -> None:
        with sealed((), refused.append):
            await work()

    asyncio.run(main())
    return refused


def test_a_webhook_takes_a_message_and_a_sign_of_life() -> None:
    with web_server() as box:
        hook = Webhook(f"http://localhost:{box.port}/T0/secretsecret", "HOOK")

        async def work() -> None:
            await hook.send(WORDS)
            await hook.beat()

        assert sealed_run(work) == []
    assert box.posts[0]["text"] == "[practice abc] ALARM halt:\n ann\nann is halted\nben too"
    assert box.beats == 1


def test_a_webhook_over_tls_is_who_its_certificate_says(tmp_path: Path) -> None:
    tls = authority(tmp_path)
    with web_server(tls) as box:
        address = f"https://localhost:{box.port}/secretsecret"
        assert sealed_run(lambda: Webhook(address, "HOOK", tls.ca_file).send(WORDS)) == []
        with pytest.raises(NotDelivered, match="the webhook of localhost did not take it: Client") as caught:
            sealed_run(lambda: Webhook(address, "HOOK").send(WORDS))
    assert len(box.posts) == 1
    assert "secretsecret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_answers_otherwise_did_not_take_it(status: int) -> None:
    """A redirect is not followed: it may lead anywhere."""
    with web_server() as box:
        box.status = status
        with pytest.raises(NotDelivered, match=f"it answered {status}"):
            sealed_run(lambda: Webhook(f"http://127.0.0.1:{box.port}/x", "HOOK").send(WORDS))
    with pytest.raises(NotDelivered, match="ClientConnector"):
        sealed_run(lambda: Webhook(f"http://127.0.0.1:{box.port}/x", "HOOK").send(WORDS))


@pytest.mark.parametrize(
    "address", ["http://example.com/x", "ftp://x/y", "hooks.example.com/x", "", "http://[", "https://"]
)
def test_an_address_without_tls_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(NoSuchAddress, match="The address in HOOK is no https:// address"):
        Webhook(address, "HOOK")


@pytest.mark.parametrize("secure", [True, False])
def test_a_letter_goes_over_tls_before_anything_secret(tmp_path: Path, secure: bool) -> None:
    tls = authority(tmp_path)
    with mail_server(tls, secure=secure) as box:
        server = MailServer(
            host="localhost",
            port=box.port,
            tls="tls" if secure else "starttls",
            sender="pool@example.com",
            user="pool",
            password="pass word",
            ca_file=tls.ca_file,
        )
        assert "pass word" not in repr(server)
        mail = Mail(server, ["ann@example.com", "ops@example.com"])
        assert sealed_run(lambda: mail.send(WORDS)) == []
        box.status = 535
        with pytest.raises(
            NotDelivered, match="the mail server localhost did not take it: SMTPAuthenticationError 535"
        ):
            sealed_run(lambda: mail.send(WORDS))
    assert box.logins == ["pool pass word"] * 2
    [(to, letter)] = box.letters
    assert to == ["ann@example.com", "ops@example.com"]
    assert letter["Subject"] == "[practice abc] ALARM halt: ann"
    assert letter.get_content().splitlines()[:2] == ["ann is halted", "ben too"]


def test_a_mail_server_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    with mail_server(authority(tmp_path)) as box:
        server = MailServer(host="localhost", port=box.port, tls="starttls", sender="a@b", user="a", password="p")
        with pytest.raises(NotDelivered, match="SSLCertVerificationError"):
            sealed_run(lambda: Mail(server, ["c@d"]).send(WORDS))
    assert (box.letters, box.logins) == ([], [])


def test_a_file_of_authorities_that_is_gone_is_a_word_not_delivered(tmp_path: Path) -> None:
    """And not an error that nobody expects of a channel."""
    server = MailServer(host="127.0.0.1", port=1, tls="tls", sender="a@b.c", ca_file=tmp_path / "no.pem")
    message = Message(subject="s", text="t", time_ms=0)
    for channel in (Webhook("https://localhost:1/x", "V", tmp_path / "no.pem"), Mail(server, ["a@b.c"])):
        with pytest.raises(NotDelivered, match="FileNotFoundError"):
            asyncio.run(channel.send(message))
    with pytest.raises(NotDelivered, match="mail server"):
        asyncio.run(Mail(server, ["a@b.c\nBcc: d@e.f"]).send(message))
