"""Names of things. Each is a string type of its own, so that one can't be passed for another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NewType

from tradepool.domain.errors import InvalidInput

UserId = NewType("UserId", str)
AccountId = NewType("AccountId", str)
MandateId = NewType("MandateId", str)
StrategyId = NewType("StrategyId", str)
MarketId = NewType("MarketId", str)
ClientOrderId = NewType("ClientOrderId", str)
VenueOrderId = NewType("VenueOrderId", str)
FillId = NewType("FillId", str)
LedgerEntryId = NewType("LedgerEntryId", str)

MARK_WIDTH, EPOCH_WIDTH, ACCOUNT_WIDTH, ORDER_WIDTH = 3, 2, 5, 7
NAME_WIDTH = 1 + MARK_WIDTH + EPOCH_WIDTH + ACCOUNT_WIDTH + ORDER_WIDTH
EPOCHS = 36**EPOCH_WIDTH
# An order's name is read with each of its events.
_NAMES_KEPT = 8_192
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class InvalidNaming(InvalidInput):
    """The {what} of this deployment's order names is {value}; use {allowed}."""


def base36(number: int, width: int) -> str:
    """Write a non-negative integer in base 36, zero-padded, so that text order is number order.

    >>> base36(35, 3), base36(36, 3)
    ('00z', '010')
    """
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text.rjust(width, "0")


@dataclass(frozen=True, slots=True)
class Naming:
    """Who names an order: the deployment's mark (3 of [a-z0-9]) and the instance's epoch (0 to 1295).

    A new instance of a deployment takes the next epoch, so what two of them name never collides. The defaults are a
    replay's.
    """

    mark: str = "sim"
    epoch: int = 0

    def __post_init__(self) -> None:
        """Refuse what would not fit into a name."""
        if len(self.mark) != MARK_WIDTH or not set(self.mark) <= set(_DIGITS):
            raise InvalidNaming(what="mark", value=repr(self.mark)[:20], allowed="three of a-z and 0-9")
        if not 0 <= self.epoch < EPOCHS:
            raise InvalidNaming(what="epoch", value=self.epoch, allowed=f"0 to {EPOCHS - 1}")

    def whose(self, name: str, account_number: int) -> Whose:
        """Who gave an order on an account its name.

        >>> mine = Naming("abc", 7)
        >>> mine.whose(client_order_id(1, 5, mine), 1), mine.whose("web_1f3a", 1)
        (<Whose.OURS: 'ours'>, <Whose.FOREIGN: 'foreign'>)
        >>> mine.whose(client_order_id(1, 5, Naming("abc", 6)), 1).value
        'older_instance'
        """
        read = read_client_order_id(name)
        if read is None or (read.naming.mark == self.mark and read.account_number != account_number):
            return Whose.FOREIGN
        if read.naming.mark != self.mark:
            return Whose.OTHER_DEPLOYMENT
        if read.naming.epoch == self.epoch:
            return Whose.OURS
        return Whose.OLDER_INSTANCE if read.naming.epoch < self.epoch else Whose.NEWER_INSTANCE


class Whose(StrEnum):
    """Who named an order."""

    OURS = "ours"
    OLDER_INSTANCE = "older_instance"
    NEWER_INSTANCE = "newer_instance"
    OTHER_DEPLOYMENT = "other_deployment"
    FOREIGN = "foreign"

    @property
    def known(self) -> bool:
        """Whether it can be in our journal."""
        return self in (Whose.OURS, Whose.OLDER_INSTANCE)


@dataclass(frozen=True, slots=True)
class ReadName:
    """What a client order id says."""

    naming: Naming
    account_number: int
    order_number: int


REPLAY_NAMING = Naming()


def client_order_id(account_number: int, order_number: int, naming: Naming = REPLAY_NAMING) -> ClientOrderId:
    """Name an order intent: `o`, mark, epoch, account, number: 18 characters of [a-z0-9] that every known venue takes.

    Text order is the order of epoch, account, number. The same numbers give the same name after a crash, so the venue
    itself can refuse a double.

    >>> client_order_id(7, 1)
    'osim00000070000001'
    """
    who = f"o{naming.mark}{base36(naming.epoch, EPOCH_WIDTH)}"
    return ClientOrderId(f"{who}{base36(account_number, ACCOUNT_WIDTH)}{base36(order_number, ORDER_WIDTH)}")


def cancel_id(name: str) -> str:
    """The name of our request to cancel an order: with any other, somebody else has cancelled it.

    >>> cancel_id(client_order_id(7, 1))
    'csim00000070000001'
    """
    return f"c{name[1:]}"


def pair_id(name: str) -> str:
    """The name of the list that a stop of this name and a target make.

    >>> pair_id(client_order_id(7, 1))
    'psim00000070000001'
    """
    return f"p{name[1:]}"


def is_cancel_id(name: str) -> bool:
    """Whether a request to cancel has a name that a deployment gives.

    >>> is_cancel_id(cancel_id(client_order_id(7, 1))), is_cancel_id("web_1f3a")
    (True, False)
    """
    return name[:1] == "c" and read_client_order_id(f"o{name[1:]}") is not None


@lru_cache(maxsize=_NAMES_KEPT)
def read_client_order_id(name: str) -> ReadName | None:
    """What one of our names says; None for a name that no deployment gives.

    >>> read_client_order_id("osim00000070000001").order_number
    1
    >>> read_client_order_id("x-TKT5PX2F0123456") is None
    True
    """
    if len(name) != NAME_WIDTH or name[0] != "o" or not set(name) <= set(_DIGITS):
        return None
    ends = (1 + MARK_WIDTH, 1 + MARK_WIDTH + EPOCH_WIDTH, 1 + MARK_WIDTH + EPOCH_WIDTH + ACCOUNT_WIDTH)
    mark, epoch, account, number = name[1 : ends[0]], name[ends[0] : ends[1]], name[ends[1] : ends[2]], name[ends[2] :]
    return ReadName(Naming(mark, int(epoch, 36)), int(account, 36), int(number, 36))
