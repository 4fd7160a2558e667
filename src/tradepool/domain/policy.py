"""Who may do what: one table, from which every check and the test of every role with every action is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tradepool.domain.actor import Actor
from tradepool.domain.errors import InvalidInput
from tradepool.domain.ids import UserId
from tradepool.domain.user import Role


class NotAllowed(InvalidInput):
    """Nothing was done: {who} is {role} here, who may not {what}{whose}; ask another person who may ({roles})."""


class Action(StrEnum):
    """What is done, as a sentence would say it."""

    LOOK = "look at books and orders"
    WATCH = "look at the whole platform"
    AUDIT = "look at who did what"
    PEOPLE = "add and change people"
    INVITE = "invite users"
    ACCOUNTS = "add and change accounts"
    MANDATES = "add and change mandates"
    PAUSE = "pause entries"
    RESUME = "let entries go on after a pause"
    TRADE = "close, adopt and release positions, and cancel orders"
    HALT = "halt, flatten and suspend"
    LIFT = "lift what was halted or suspended"
    LIMITS = "set limits"
    PROMOTE = "let a mandate go a rung farther"
    KEYS = "add, check and burn keys"
    CONSENT = "give and withdraw consent to the trade pool"
    BILLING = "settle commission"
    CORRECT = "correct the books"
    PLATFORM = "start, stop, back up and set up"
    SECRETS = "read a secret"


@dataclass(frozen=True, slots=True)
class Rule:
    """Roles that may do it to anybody's things, and roles that may do it to their own.

    `two`: nobody does it to his own things, whatever his role: one person wishes it, another one does it.
    """

    anybody: frozenset[Role]
    own: frozenset[Role] = frozenset()
    two: bool = False


def _rule(*anybody: Role, own: tuple[Role, ...] = (), two: bool = False) -> Rule:
    return Rule(frozenset(anybody), frozenset(own), two)


_EVERYBODY = tuple(Role)
_HOUSE = tuple(role for role in Role if role.house)
_OWNER = tuple(role for role in Role if role is not Role.VIEWER)

POLICY: Mapping[Action, Rule] = {
    Action.LOOK: _rule(*_HOUSE, own=_EVERYBODY),
    Action.WATCH: _rule(*_HOUSE),
    Action.AUDIT: _rule(Role.OPERATOR, Role.RISK, Role.AUDITOR),
    Action.PEOPLE: _rule(Role.OPERATOR),
    Action.INVITE: _rule(Role.OPERATOR, Role.SUPPORT),
    Action.ACCOUNTS: _rule(Role.OPERATOR, own=_OWNER),
    Action.MANDATES: _rule(Role.OPERATOR, own=_OWNER),
    Action.PAUSE: _rule(Role.OPERATOR, Role.RISK, Role.SUPPORT, own=_OWNER),
    Action.RESUME: _rule(Role.OPERATOR, Role.RISK, own=_OWNER),
    Action.TRADE: _rule(Role.OPERATOR, Role.RISK, own=_OWNER),
    Action.HALT: _rule(Role.OPERATOR, Role.RISK),
    Action.LIFT: _rule(Role.OPERATOR, Role.RISK),
    Action.LIMITS: _rule(Role.OPERATOR, Role.RISK, two=True),
    Action.PROMOTE: _rule(Role.OPERATOR, Role.RISK, two=True),
    Action.KEYS: _rule(Role.OPERATOR, own=_OWNER),
    Action.CONSENT: _rule(Role.OPERATOR, own=_OWNER),
    Action.BILLING: _rule(Role.OPERATOR, Role.BILLING, two=True),
    Action.CORRECT: _rule(Role.OPERATOR, Role.BILLING, two=True),
    Action.PLATFORM: _rule(Role.OPERATOR),
    Action.SECRETS: _rule(),
}


def may(actor: Actor, action: Action, owner: UserId | None = None) -> bool:
    """Whether he may do it to a thing of `owner`; None is a thing of the platform, which is nobody's own.

    >>> ann = Actor(UserId("ann"), Role.USER)
    >>> [may(ann, Action.KEYS, UserId(owner)) for owner in ("ann", "ben")], may(ann, Action.HALT)
    ([True, False], False)
    >>> risk = Actor(UserId("ria"), Role.RISK)
    >>> [may(risk, Action.LIMITS, UserId(owner)) for owner in ("ann", "ria")]
    [True, False]
    """
    rule = POLICY[action]
    if rule.two and owner is not None and owner == actor.user:
        return False
    return actor.role in rule.anybody or (owner is not None and owner == actor.user and actor.role in rule.own)


def refuse_unless(actor: Actor, action: Action, owner: UserId | None = None) -> None:
    """Raise NotAllowed unless he may."""
    if not may(actor, action, owner):
        rule = POLICY[action]
        roles = ", ".join(sorted(rule.anybody)) or "nobody"
        whose = " of his own" if rule.two and owner == actor.user else ""
        raise NotAllowed(who=actor.user or "the platform", role=actor.role, what=action, whose=whose, roles=roles)
