"""Limits as nouns: what can be meant, and how it is written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradepool.domain.limit import LIMIT_WORDS, Action, BadLimit, Limit, LimitScope, read_key
from tradepool.domain.mandate import Limits, with_limit


def test_every_word_is_written_and_read_in_each_of_its_scopes() -> None:
    for word, meaning in LIMIT_WORDS.items():
        for scope in meaning.denials:
            name = "" if scope is LimitScope.PLATFORM else "BTC/USDT"
            limit = Limit(scope=scope, name=name, word=word, value=Decimal(1))
            assert read_key(limit.key) == (scope, name, word)
            assert limit.denial in meaning.denials.values()


@pytest.mark.parametrize(
    ("key", "value", "action", "words"),
    [
        ("user.ann.colour", 1, Action.REFUSE, "there is no such limit"),
        ("user.ann.price_band_max", 1, Action.REFUSE, "it is not about a user; set it for platform or market"),
        ("platform.exposure_max", 0, Action.REFUSE, "it lets nothing through"),
        ("platform.positions_max", "1.5", Action.REFUSE, "it counts"),
        ("platform.drawdown_max", "1.5", Action.REFUSE, "it is a share"),
        ("strategy.churn.positions_max", 1, Action.HALT, "a strategy can't be halted"),
        ("mandate.ann.exposure_max", 1, Action.FLATTEN, "only those on losses act"),
    ],
)
def test_what_can_not_be_meant_is_refused_by_name(key: str, value: object, action: Action, words: str) -> None:
    scope, name, word = read_key(key)
    with pytest.raises(BadLimit) as refused:
        Limit(scope=scope, name=name, word=word, value=Decimal(str(value)), action=action)
    assert words in str(refused.value)
    assert key in str(refused.value)


@pytest.mark.parametrize("key", ["", "platform", "anybody.ann.exposure_max", "user"])
def test_a_key_names_its_scope(key: str) -> None:
    with pytest.raises(BadLimit, match="no scope is named"):
        read_key(key)


def test_each_limit_of_a_mandate_can_be_set_and_taken_away() -> None:
    wanted: dict[str, int | Decimal] = {
        "positions_max": 2,
        "loss_streak_max": 3,
        "market_notional_max.A/B": Decimal(5),
        "exposure_max": Decimal(7),
    }
    limits = Limits()
    for word, value in wanted.items():
        limits = with_limit(limits, word, Decimal(value))
    assert dict(limits.named()) == wanted
    assert isinstance(limits.positions_max, int)
    for word in wanted:
        limits = with_limit(limits, word, None)
    assert limits == Limits()
