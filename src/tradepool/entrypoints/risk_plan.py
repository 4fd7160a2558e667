"""The limits of a configuration as nouns: of [risk], and of the mandates where they act. BadLimit names what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import NoReturn

from tradepool.core.risk.symbols import likely
from tradepool.domain.ids import MarketId
from tradepool.domain.limit import Action, BadLimit, Limit, LimitScope, RiskPlan
from tradepool.domain.mandate import Mandate
from tradepool.entrypoints.deployment_settings import LimitSettings
from tradepool.entrypoints.risk_settings import ScopeLimits
from tradepool.entrypoints.settings import Settings
from tradepool.runtime.config import nearest


def risk_plan(settings: Settings, mandates: Iterable[Mandate], strategies: Iterable[str] | None) -> RiskPlan:
    """All limits, each checked; `mandates` and `strategies` are the active ones (None: not all are known). BadLimit."""
    risk, known = settings.risk, _Known(settings, strategies)
    found = list(_limits(LimitScope.PLATFORM, "", risk.platform))
    for scope, sections in (
        (LimitScope.USER, risk.users),
        (LimitScope.STRATEGY, risk.strategies),
        (LimitScope.MARKET, risk.markets),
        (LimitScope.CLUSTER, risk.clusters),
    ):
        for name, section in sections.items():
            known.check(scope, name)
            found += _limits(scope, name, section)
    for name, cluster in risk.clusters.items():
        for symbol in cluster.markets:
            known.check(LimitScope.MARKET, symbol)
        if not cluster.markets:
            _bad(f"cluster.{name}", "it names no markets", 'list them: markets = ["BTC/USDT", "ETH/USDT"]')
    for mandate in mandates:
        found += _of_mandate(mandate, settings.mandates[mandate.id].limits)
    clusters = {name: frozenset(known.market(each) for each in c.markets) for name, c in risk.clusters.items()}
    return RiskPlan(limits=tuple(found), clusters=clusters, deployment=settings.deployment.id)


def _limits(scope: LimitScope, name: str, section: ScopeLimits) -> Iterator[Limit]:
    values: Mapping[str, Decimal | None] = section.model_dump(exclude={"actions", "markets"})
    _check_actions(scope, name, section.actions, [word for word, value in values.items() if value is not None])
    for word, value in values.items():
        if value is not None:
            action = Action(section.actions.get(word, Action.REFUSE))
            yield Limit(scope=scope, name=name, word=word, value=value, action=action)


def _of_mandate(mandate: Mandate, section: LimitSettings) -> Iterator[Limit]:
    values = dict(mandate.limits.named())
    _check_actions(LimitScope.MANDATE, mandate.id, section.actions, list(values))
    for word, value in values.items():
        action = Action(section.actions.get(word, Action.REFUSE))
        yield Limit(scope=LimitScope.MANDATE, name=mandate.id, word=word, value=Decimal(value), action=action)


def _check_actions(scope: LimitScope, name: str, actions: Mapping[str, str], words: list[str]) -> None:
    for word in actions:
        if word not in words:
            key = ".".join(part for part in (scope.value, name, word) if part)
            _bad(key, "it has an action and no value", f"give it one{nearest(word, words)}")


class _Known:
    """What limits may be about."""

    def __init__(self, settings: Settings, strategies: Iterable[str] | None) -> None:
        self._users, self._strategies = list(settings.users), None if strategies is None else sorted(set(strategies))
        self._venue = settings.venue.id
        traded = (symbol for mandate in settings.mandates.values() for symbol in mandate.markets)
        self._symbols = sorted({*traded, *settings.venue.symbols})

    def market(self, symbol: str) -> MarketId:
        return MarketId(f"{self._venue}:{symbol}")

    def check(self, scope: LimitScope, name: str) -> None:
        """Raise BadLimit unless there is such a user, strategy or market; a cluster is called anything."""
        names = {LimitScope.USER: self._users, LimitScope.STRATEGY: self._strategies}.get(scope)
        if names is not None and name not in names:
            _bad(
                f"{scope}.{name}", f"no {scope} is called that", f"name one of {', '.join(names)}{nearest(name, names)}"
            )
        if scope is LimitScope.MARKET and name not in self._symbols:
            meant = " or ".join(likely(name, self._symbols)) or ", ".join(self._symbols)
            _bad(f"{scope}.{name}", "no mandate trades it", f"name one that is traded ({meant})")


def _bad(key: str, why: str, remedy: str) -> NoReturn:
    raise BadLimit(key=key, value="", why=why, remedy=remedy)
