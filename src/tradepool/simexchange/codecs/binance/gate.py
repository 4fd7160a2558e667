"""What stands between a request and its route: what it costs, whose key it carries and what that key may do."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping

from tradepool.simexchange.accounts import Account
from tradepool.simexchange.codecs.binance.rejection import Rejection
from tradepool.simexchange.codecs.binance.request import Parameters, check_signature, check_time
from tradepool.simexchange.codecs.binance.streams import Ask
from tradepool.simexchange.codecs.binance.weights import API, CONNECT_WEIGHT, method_cost
from tradepool.simexchange.keys import ApiKey, Right
from tradepool.simexchange.limits import Cost, Limiter, Window
from tradepool.simexchange.venue import Venue

# The real venue's keys have 64 letters and digits; tests and demos may name theirs more briefly.
KEY_FORMAT = re.compile(r"[A-Za-z0-9_.:\-]{1,128}")
NO_ADDRESS = "local"

_RIGHTS: Mapping[tuple[str, str], Right] = {
    ("POST", "/sapi/v1/capital/withdraw/apply"): Right.WITHDRAWALS,
    ("POST", "/sapi/v1/asset/transfer"): Right.UNIVERSAL_TRANSFER,
    ("POST", "/sapi/v3/asset/getUserAsset"): Right.READING,
    ("POST", "/sapi/v1/bnbBurn"): Right.READING,
}
# Routes that place orders: they count against the account's order limits and answer with its counts.
PLACING = frozenset(
    ("POST", f"{API}{path}")
    for path in ("order", "order/oco", "orderList/oco", "orderList/oto", "orderList/otoco", "order/cancelReplace")
)
# The same on the ws-api.
PLACING_METHODS = frozenset(("order.place", "order.cancelReplace", "orderList.place", "orderList.place.oco"))
_INTERVALS = ((86_400_000, "DAY", "D"), (60_000, "MINUTE", "M"), (1_000, "SECOND", "S"))


class Gate:
    """The gate of one venue, for REST and the ws-api alike."""

    def __init__(self, venue: Venue) -> None:
        """Stand before a venue; its limiter, keys and clock are asked anew each time."""
        self._venue = venue

    def charge(self, cost: Cost, key: str, address: str) -> None:
        """Count a request before anything else is done about it; TooManyRequests, AddressBanned."""
        if self._venue.limiter:
            self._venue.limiter.spend(address, self._account_name(key), cost, self._venue.now_ms)

    def connect(self, address: str, *, is_api: bool) -> None:
        """Count an attempt to open a WebSocket connection; on the ws-api it weighs like a request too."""
        limiter, now_ms = self._venue.limiter, self._venue.now_ms
        if limiter:
            limiter.connect(address, now_ms)
            if is_api:
                limiter.spend(address, "", Cost(CONNECT_WEIGHT), now_ms)

    def hears(self, connection: Hashable) -> bool:
        """Count a message on a stream connection; False when it was one too many and the connection must end."""
        return self._venue.limiter is None or self._venue.limiter.hears(connection, self._venue.now_ms)

    def check_streams(self, count: int) -> None:
        """Rejection when one connection would read more streams than it may (the words are a guess)."""
        if self._venue.limiter and count > self._venue.limiter.limits.streams_max:
            raise Rejection(2, f"Invalid request: at most {self._venue.limiter.limits.streams_max} streams")

    def charge_ask(self, ask: Ask, address: str) -> None:
        """Count a request on the ws-api."""
        texts = Parameters.of_json(ask.params)
        self.charge(method_cost(ask.method, texts), texts.optional("apiKey"), address)

    def admit(
        self, key: str, parameters: Parameters, signed: tuple[str, str] | None, address: str, right: Right
    ) -> ApiKey:
        """The key that signed; Rejection when it, its place, its proof, its time or its right fails.

        `signed` is the raw text that the signature covers, and the signature; None where the connection has logged on.
        """
        api_key = self._known(key, address)
        if signed is not None:
            parameters.text("signature")
            check_signature(api_key, *signed)
        check_time(parameters, self._venue.clock_ms())
        return self._allowed(api_key, right)

    def let_in(self, key: str, address: str, right: Right) -> ApiKey:
        """A key that needs no proof; Rejection when it, its place or its right fails."""
        return self._allowed(self._known(key, address), right)

    def _allowed(self, api_key: ApiKey, right: Right) -> ApiKey:
        if not api_key.permissions.allows(right, self._venue.clock_ms()):
            if right in (Right.WITHDRAWALS, Right.UNIVERSAL_TRANSFER):
                raise Rejection(-1002, "You are not authorized to execute this request.", status=401)
            raise _refused_key()
        return api_key

    def check_placing(self, account: Account) -> None:
        """Rejection when the account may not trade; TooManyOrders when it has placed as many as it may."""
        if not account.can_trade:
            raise Rejection(-2010, "This action is disabled on this account.")
        if self._venue.limiter:
            self._venue.limiter.check_orders(account.key, self._venue.now_ms)

    def headers(self, cost: Cost, key: str, address: str, *, placed: bool) -> dict[str, str]:
        """What an answer says about limits: weight used, and after an order how many of those."""
        limiter = self._venue.limiter
        if limiter is None:
            return {}
        account = self._account_name(key)
        used = str(limiter.used(address, account, cost, self._venue.now_ms))
        if cost.pool:
            return {f"X-SAPI-USED-{'UID' if cost.per_account else 'IP'}-WEIGHT-1M": used}
        headers = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        for window in limiter.orders if placed else ():
            number, _, letter = _interval(window)
            headers[f"X-MBX-ORDER-COUNT-{number}{letter}"] = str(window.count(account, self._venue.now_ms))
        return headers

    def used(self, ask: Ask, address: str) -> list[dict[str, object]]:
        """The `rateLimits` of an answer on the ws-api: weight used, and after an order how many of those."""
        limiter = self._venue.limiter
        if limiter is None:
            return []
        told = [_described("REQUEST_WEIGHT", limiter.weight, limiter.weight.count(address, self._venue.now_ms))]
        if ask.method in PLACING_METHODS and isinstance(ask.params, dict):
            key = self._venue.keys.find(str(ask.params.get("apiKey")))
            told += self.order_counts(key.account) if key else []
        return told

    def order_counts(self, account: Account) -> list[dict[str, object]]:
        """How many unfilled orders an account has placed in each interval."""
        limiter = self._venue.limiter
        windows = limiter.orders if limiter else ()
        return [_described("ORDERS", window, window.count(account.key, self._venue.now_ms)) for window in windows]

    def _known(self, key: str, address: str) -> ApiKey:
        if not KEY_FORMAT.fullmatch(key):
            raise Rejection(-2014, "API-key format invalid.", status=401)
        api_key = self._venue.keys.find(key)
        if api_key is None or not api_key.permissions.lets_in(address):
            raise _refused_key()
        return api_key

    def _account_name(self, key: str) -> str:
        api_key = self._venue.keys.find(key)
        return api_key.account.key if api_key else key


def needed_right(method: str, path: str) -> Right:
    """What a private route asks of a key: reading to look, trading to act, unless the table says otherwise."""
    return _RIGHTS.get((method, path), Right.READING if method == "GET" else Right.TRADING)


def rate_limits(limiter: Limiter | None) -> list[dict[str, object]]:
    """The `rateLimits` of exchangeInfo."""
    if limiter is None:
        return []
    windows = [("REQUEST_WEIGHT", limiter.weight), *(("ORDERS", window) for window in limiter.orders)]
    return [_described(kind, window) for kind, window in (*windows, ("RAW_REQUESTS", limiter.requests))]


def _described(kind: str, window: Window, count: int | None = None) -> dict[str, object]:
    number, interval, _ = _interval(window)
    told: dict[str, object] = {
        "rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": window.limit
    }  # fmt: skip
    return told if count is None else told | {"count": count}


def _interval(window: Window) -> tuple[int, str, str]:
    return next(
        (window.interval_ms // length, name, letter)
        for length, name, letter in _INTERVALS
        if window.interval_ms % length == 0
    )


def _refused_key() -> Rejection:
    return Rejection(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
