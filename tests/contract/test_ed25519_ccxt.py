"""Ed25519 keys: a whole platform signs with one beneath unmodified ccxt, and the ws-api's sessions take nothing else."""

from __future__ import annotations

import base64
import hmac
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.contract import gate_kit
from tests.contract.gate_kit import Gated
from tests.contract.watch_kit import SAFE, World, tell
from tests.simexchange.exchange_kit import MINUTE
from tradepool.adapters.exchanges.vault import Credentials, KeyKindUnknown, Vault
from tradepool.adapters.exchanges.venues import BINANCE
from tradepool.domain.errors import KeyRefused
from tradepool.simexchange.keys import ApiKey, Permissions, ed25519_key
from tradepool.simexchange.tls import TlsFiles


def halves(private: Ed25519PrivateKey) -> tuple[str, str]:
    """The private half in PEM, and the public one."""
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), public.decode()


@pytest.mark.parametrize("shared", [0, 50])
def test_a_platform_trades_with_an_ed25519_key(place: Path, files: TlsFiles, shared: int) -> None:
    """C-901: reads, orders, cancels and the user stream, on a connection of its own or a shared one; the account whose
    private half is another's is stopped by name, and HMAC goes on beside."""

    def before(world: World) -> None:
        for number, (mine, registered) in enumerate([(PAIR, PAIR), (OTHER, PAIR)]):
            keys, name = world.venue.keys, f"ed{number}"
            account = world.venue.account(world.key(number))
            key = ed25519_key(name, halves(registered)[1])
            keys.add(ApiKey(name=name, account=account, public_key=key, permissions=SAFE))
            credentials = Credentials(name, halves(mine)[0])
            world.seats[number] = replace(world.seats[number], credentials=credentials)

    async def story(world: World) -> None:
        account = world.seats[0].account.id
        await world.enter()
        orders = world.venue.orders(account_key(world, 0))
        assert [order.kind.name for order in orders] == ["MARKET", "STOP_LOSS"]
        gateway, slot = world.actor().gateway, next(iter(world.actor().account.slots.values()))
        assert len(await gateway.open_orders(slot.market)) == 1
        owner = world.venue.account(account_key(world, 0))
        world.venue.cancel(owner, "BTCUSDT", orders[-1].id, request_id="web_1")
        await world.until(lambda: len(world.venue.orders(account_key(world, 0))) == 3, MINUTE)
        halted = world.platform.desk.halted
        assert list(halted) == [world.seats[1].account.id]
        assert account not in halted
        assert isinstance(halted[world.seats[1].account.id], KeyRefused)
        assert "-1022" in str(halted[world.seats[1].account.id])

    tell(story, place, files, before=before, accounts_per_stream=shared)


PAIR, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def account_key(world: World, number: int) -> str:
    """What the venue calls the account of a seat: after its first key."""
    found = world.venue.keys.find(f"ed{number}")
    assert found is not None
    return found.account.key


def test_a_key_of_another_kind_is_refused_when_it_is_put_in() -> None:
    """C-902: a curve that the venue does not take, and PEM that is none; neither is repeated in the error."""
    curve = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for secret in (curve, "-----BEGIN PRIVATE KEY-----\nbroken"):
        with pytest.raises(KeyKindUnknown) as caught:
            Vault(BINANCE.reach).put("ann", Credentials("k", secret))
        assert secret[-20:] not in str(caught.value)


# ---- sessions


class Talk:
    """A connection to the ws-api that no client sits on."""

    def __init__(self, running: Gated, socket: Any) -> None:
        self._running, self._socket = running, socket

    async def ask(self, method: str, private: Ed25519PrivateKey | None = None, /, **params: Any) -> Any:
        """One request, signed if there is something to sign it with; its answer."""
        if private is not None:
            params["timestamp"] = self._running.venue.clock_ms()
            text = "&".join(f"{name}={params[name]}" for name in sorted(params))
            params["signature"] = base64.b64encode(private.sign(text.encode())).decode()
        await self._socket.send_json({"id": 1, "method": method, "params": params})
        return await self.hear()

    async def hear(self) -> Any:
        """The next frame."""
        return await self._socket.receive_json()


def test_a_session_speaks_for_the_key_that_logged_on(files: TlsFiles) -> None:
    """C-903: requests need no signature then, the user stream opens, another key may be named ad hoc; logged out, all is
    as before; HMAC keys, wrong signatures and revoked keys are refused."""

    async def story(running: Gated) -> None:
        venue = running.venue
        for name, private in (("ed", PAIR), ("reads", OTHER)):
            public = ed25519_key(name, halves(private)[1])
            venue.keys.add(ApiKey(name=name, account=venue.account("key"), public_key=public))
        venue.keys.allow("reads", Permissions(trading=False))
        talk = Talk(running, await running.session.ws_connect("https://ws-api.binance.com/ws-api/v3"))
        status = (await talk.ask("session.status"))["result"]
        assert (status["apiKey"], status["authorizedSince"], status["userDataStream"]) == (None, None, False)
        assert (await talk.ask("userDataStream.subscribe"))["error"]["code"] == -1102
        assert (await talk.ask("session.logon", OTHER, apiKey="ed"))["error"]["code"] == -1022
        assert (await talk.ask("session.logon", PAIR, apiKey="key"))["error"]["code"] == -1022
        on = (await talk.ask("session.logon", PAIR, apiKey="ed"))["result"]
        assert (on["apiKey"], on["authorizedSince"]) == ("ed", venue.clock_ms())
        order: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
        now: dict[str, Any] = {"timestamp": venue.clock_ms()}
        assert (await talk.ask("order.place", **order, **now))["result"]["status"] == "FILLED"
        assert (await talk.ask("order.place", **order))["error"]["code"] == -1102
        assert (await talk.ask("order.place", OTHER, apiKey="reads", **order))["error"]["code"] == -2015
        assert (await talk.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        assert (await talk.ask("session.status"))["result"]["userDataStream"] is True
        assert (await talk.ask("session.logout"))["result"]["apiKey"] is None
        assert (await talk.ask("account.status", **now))["error"]["code"] == -2014
        await talk.ask("session.logon", PAIR, apiKey="ed")
        venue.keys.revoke("ed")
        assert (await talk.hear())["event"]["e"] == "eventStreamTerminated"
        assert (await talk.ask("account.status", **now))["error"]["code"] == -2015

    assert len(gate_kit.tell(story, files).orders("key")) == 1


def test_a_session_is_for_public_keys_only(files: TlsFiles) -> None:
    """C-904: an HMAC key proves itself and is refused all the same."""

    async def story(running: Gated) -> None:
        socket = await running.session.ws_connect("https://ws-api.binance.com/ws-api/v3")
        text = f"apiKey=key&timestamp={running.venue.clock_ms()}"
        signature = hmac.digest(b"secret", text.encode(), "sha256").hex()
        params = {"apiKey": "key", "timestamp": running.venue.clock_ms(), "signature": signature}
        await socket.send_json({"id": 1, "method": "session.logon", "params": params})
        assert (await socket.receive_json())["error"]["code"] == -4056

    gate_kit.tell(story, files)
