"""Markets that are added to running books, and taken out of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.nouns import BTC, ETH
from tests.services.test_market_books import Story, failure, tell
from tradepool.services.market_books import NotFollowed

SOL, XRP = replace(BTC, base="SOL"), replace(BTC, base="XRP")


def test_markets_added_together_cost_one_subscription_and_every_book_a_snapshot() -> None:
    async def story(at: Story) -> None:
        await at.wait(61)
        at.stream.last_id |= {SOL.id: 7, XRP.id: 8}
        asked = len(at.stream.asked)
        at.books.add([SOL, BTC])
        at.books.add([XRP])
        assert (at.why(SOL), at.why(BTC)) == ("stream lost: markets were added", "stream lost: markets were added")
        await at.run()
        assert (at.stream.subscribed, list(at.stream.markets)) == (2, [BTC, ETH, SOL, XRP])
        assert sorted(at.stream.asked[asked:]) == sorted([BTC.id, ETH.id, SOL.id, XRP.id])
        assert [at.why(market) for market in (BTC, ETH, SOL, XRP)] == [""] * 4
        at.stream.move(SOL)
        assert at.books.book(SOL.id).last_id == 8

    tell(story)


def test_what_is_added_before_the_start_is_subscribed_to_at_the_start() -> None:
    async def story(at: Story) -> None:
        at.books.add([SOL])
        at.stream.last_id[SOL.id] = 7
        await at.run()
        assert (at.stream.subscribed, at.why(SOL)) == (1, "")

    tell(story, start=False)


def test_a_market_that_was_removed_is_not_followed_and_its_frames_are_nobodys() -> None:
    async def story(at: Story) -> None:
        heard: list[int] = []
        at.books.listen(BTC.id, on_change=lambda: heard.append(1))
        at.books.remove(BTC.id)
        at.stream.move(BTC)
        at.stream.move(ETH)
        at.stream.ears.on_bad(BTC.id, "nonsense")
        await at.run()
        assert (heard, at.why(ETH), at.stream.asked) == ([], "", [BTC.id, ETH.id])
        with pytest.raises(NotFollowed):
            at.books.book(BTC.id)
        at.books.add([BTC])
        await at.wait(1)
        assert at.books.book(BTC.id).last_id == 11

    tell(story)


def test_a_market_that_is_removed_while_it_is_asked_for_is_not_asked_for_again() -> None:
    async def story(at: Story) -> None:
        at.stream.failures = [failure()] * 3
        at.stream.while_asked = lambda: at.books.remove(BTC.id) if len(at.stream.asked) == 3 else None
        at.stream.ears.on_bad(BTC.id, "nonsense")
        await at.wait(30)
        assert at.stream.asked[2:].count(BTC.id) == 1

    tell(story)
