"""A person's deed as a message to whoever holds the account, and what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from decimal import Decimal

import msgspec

from tradepool.domain.errors import TradepoolError
from tradepool.domain.ids import ClientOrderId, MarketId
from tradepool.services.trading.steering import Steering

# What a process answers to a ping that has been told to stop.
ENDING = "ending"
# What is done to accounts, and takes its time.
DEEDS = frozenset({"flatten", "resume", "keys", "close", "adopt", "release", "cancel"})


class StartsStill(TradepoolError):
    """The trading process is still starting; ask again in a moment."""


class StopsNow(TradepoolError):
    """The trading process is being stopped and begins nothing any more; ask again when it has ended."""


class Answer(msgspec.Struct, frozen=True):
    """What came of a deed: a sentence, or why not."""

    said: str = ""
    why: str = ""


async def carried_out(steering: Steering, asked: Mapping[str, str]) -> str:
    """Do what a message asks of an account. CannotDo, NotYetDone, VenueError."""
    market = MarketId(asked["market"])
    match asked["do"]:
        case "close":
            return await steering.close(market, Decimal(asked["share"]))
        case "adopt":
            quantity = Decimal(asked["quantity"]) if asked["quantity"] else None
            return await steering.adopt(market, quantity, Decimal(asked["stop_percent"]))
        case "release":
            return await steering.release(market)
    return await steering.cancel(ClientOrderId(asked["order"]))


async def answer_of(work: Awaitable[str]) -> str:
    """What goes over the wire: the sentence, or why not."""
    try:
        return msgspec.json.encode(Answer(said=await work)).decode()
    except TradepoolError as error:
        return msgspec.json.encode(Answer(why=str(error))).decode()
