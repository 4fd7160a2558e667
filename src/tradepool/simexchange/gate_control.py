"""The control door's routes for keys, limits, accounts' standing and wallet life.

    POST /keys             {"account", "key", "secret" or "public_key" (Ed25519, PEM), "permissions"?: {...}}
    GET  /keys             all of them, without their secrets
    POST /keys/allow       {"key", "permissions": {...}}        narrows or widens; what is not named is as for a new key
    POST /keys/revoke      {"key"}
    POST /limits           {...} (a Limits; {} is Binance's), or null: count nothing
    POST /bans             {"address"}
    POST /standing         {"account", "can_trade"?, "can_withdraw"?, "can_deposit"?}
    POST /deposits         {"account", "asset", "amount", "credit_after_ms"?, "unlock_after_ms"?, "network"?,
                            "shown_after_ms"?, "tx_id"?}
    POST /withdrawals      {"account", "asset", "amount", "fee"?, "address"?, "network"?, "done_after_ms"?, "rejected"?}
    POST /transfers        {"account", "source", "target", "asset", "amount"}        wallets: MAIN, FUNDING, ...
    POST /dividends        {"account", "asset", "amount", "why"?}
    POST /dust             {"account", "assets": [...]}
    GET  /wallets          everything listed, by account; amounts in units

An account is named by its first key. Each answers with what it made; a refusal is {"error": text} and HTTP 400.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal

import msgspec

from tradepool.domain.errors import InvalidInput
from tradepool.simexchange.accounts import Account
from tradepool.simexchange.bodies import DelayMs, read_body
from tradepool.simexchange.keys import READ_AND_TRADE, ApiKey, Permissions, ed25519_key
from tradepool.simexchange.limits import Limiter, Limits
from tradepool.simexchange.venue import Venue

Handler = Callable[[bytes], object]


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _NewKey(_Body):
    account: str
    key: str
    secret: str = ""
    public_key: str = ""
    permissions: Permissions = READ_AND_TRADE


class _Allowed(_Body):
    key: str
    permissions: Permissions


class _Named(_Body):
    key: str


class _Address(_Body):
    address: str


class _Standing(_Body):
    account: str
    can_trade: bool | None = None
    can_withdraw: bool | None = None
    can_deposit: bool | None = None


class _Deposit(_Body):
    account: str
    asset: str
    amount: Decimal
    credit_after_ms: DelayMs = 0
    unlock_after_ms: DelayMs = 0
    network: str = ""
    shown_after_ms: DelayMs = 0
    tx_id: str = ""


class _Withdrawal(_Body):
    account: str
    asset: str
    amount: Decimal
    fee: Decimal = Decimal(0)
    address: str = "elsewhere"
    network: str = ""
    done_after_ms: DelayMs = 0
    rejected: bool = False


class _Transfer(_Body):
    account: str
    source: str
    target: str
    asset: str
    amount: Decimal


class _Dividend(_Body):
    account: str
    asset: str
    amount: Decimal
    why: str = "Airdrop"


class _Dust(_Body):
    account: str
    assets: list[str]


class GateControl:
    """The table of these routes: the body's bytes to what is answered. InvalidInput, Refused, msgspec's errors."""

    def __init__(self, venue: Venue) -> None:
        """Prepare the table."""
        self._venue = venue
        self.table: Mapping[tuple[str, str], Handler] = {
            ("POST", "/keys"): lambda raw: self._add_key(read_body(raw, _NewKey)),
            ("GET", "/keys"): lambda _: {"keys": [_told(key) for key in venue.keys]},
            ("POST", "/keys/allow"): lambda raw: self._allow(read_body(raw, _Allowed)),
            ("POST", "/keys/revoke"): lambda raw: self._revoke(read_body(raw, _Named)),
            ("POST", "/limits"): self._limit,
            ("POST", "/bans"): lambda raw: self._ban(read_body(raw, _Address)),
            ("POST", "/standing"): lambda raw: self._stand(read_body(raw, _Standing)),
            ("POST", "/deposits"): lambda raw: self._deposit(read_body(raw, _Deposit)),
            ("POST", "/withdrawals"): lambda raw: self._withdraw(read_body(raw, _Withdrawal)),
            ("POST", "/transfers"): lambda raw: self._transfer(read_body(raw, _Transfer)),
            ("POST", "/dividends"): lambda raw: self._pay_dividend(read_body(raw, _Dividend)),
            ("POST", "/dust"): lambda raw: self._convert_dust(read_body(raw, _Dust)),
            ("GET", "/wallets"): self._wallets,
        }

    # ---- keys and limits

    def _add_key(self, new: _NewKey) -> object:
        if bool(new.secret) == bool(new.public_key):
            raise InvalidInput(what=f"key {new.key}", why="it needs one proof", remedy="send secret or public_key")
        key = ApiKey(
            name=new.key,
            account=self._venue.account(new.account),
            secret=new.secret.encode(),
            public_key=ed25519_key(new.key, new.public_key) if new.public_key else None,
            created_ms=self._venue.now_ms,
            permissions=new.permissions,
        )
        return _told(self._venue.keys.add(key))

    def _allow(self, allowed: _Allowed) -> object:
        return _told(self._venue.keys.allow(allowed.key, allowed.permissions))

    def _revoke(self, named: _Named) -> object:
        self._venue.keys.revoke(named.key)
        return {"key": named.key}

    def _limit(self, raw: bytes) -> object:
        limits = None if raw.strip() == b"null" else read_body(raw, Limits)
        self._venue.limiter = Limiter(limits) if limits else None
        return {"limits": msgspec.to_builtins(limits) if limits else None}

    def _ban(self, banned: _Address) -> object:
        if self._venue.limiter is None:
            raise InvalidInput(what="ban", why="the venue counts nothing", remedy="POST /limits first")
        return {"until_ms": self._venue.limiter.ban(banned.address, self._venue.now_ms)}

    def _stand(self, standing: _Standing) -> object:
        account = self._venue.account(standing.account)
        for name in ("can_trade", "can_withdraw", "can_deposit"):
            wanted = getattr(standing, name)
            if wanted is not None:
                setattr(account, name, wanted)
        told = {"can_trade": account.can_trade, "can_withdraw": account.can_withdraw}
        return told | {"can_deposit": account.can_deposit}

    # ---- wallets

    def _deposit(self, new: _Deposit) -> object:
        account, now_ms = self._at(new.account)
        made = self._venue.wallet.deposit(
            account, new.asset, new.amount, now_ms, credit_after_ms=new.credit_after_ms,
            unlock_after_ms=new.unlock_after_ms, network=new.network, shown_after_ms=new.shown_after_ms,
            tx_id=new.tx_id,
        )  # fmt: skip
        return asdict(made)

    def _withdraw(self, new: _Withdrawal) -> object:
        account, now_ms = self._at(new.account)
        made = self._venue.wallet.withdraw(
            account, new.asset, new.amount, now_ms, fee=new.fee, address=new.address, network=new.network,
            done_after_ms=new.done_after_ms, rejected=new.rejected,
        )  # fmt: skip
        return asdict(made)

    def _transfer(self, new: _Transfer) -> object:
        account, now_ms = self._at(new.account)
        return asdict(self._venue.wallet.transfer(account, new.source, new.target, new.asset, new.amount, now_ms))

    def _pay_dividend(self, new: _Dividend) -> object:
        account, now_ms = self._at(new.account)
        return asdict(self._venue.wallet.pay_dividend(account, new.asset, new.amount, now_ms, new.why))

    def _convert_dust(self, new: _Dust) -> object:
        account, now_ms = self._at(new.account)
        made = self._venue.wallet.convert_dust(account, new.assets, self._venue.markets, now_ms)
        return {"conversions": [asdict(row) for row in made]}

    def _wallets(self, raw: bytes) -> object:
        told = {}
        for name, account in self._venue.accounts.items():
            log = asdict(self._venue.wallet.log(account))
            held = [
                {"wallet": wallet, "asset": asset, "units": units}
                for (wallet, asset), units in log["elsewhere"].items()
            ]
            told[name] = log | {"elsewhere": held}
        return told

    def _at(self, name: str) -> tuple[Account, int]:
        return self._venue.account(name), self._venue.now_ms


def _told(key: ApiKey) -> dict[str, object]:
    return {"key": key.name, "account": key.account.key, "permissions": msgspec.to_builtins(key.permissions)}
