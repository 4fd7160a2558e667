"""Every role with every action: the guide's table is the policy's, and the laws that hold whatever the table says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradepool.domain.actor import PLATFORM, Actor
from tradepool.domain.ids import UserId
from tradepool.domain.policy import POLICY, Action, NotAllowed, may, refuse_unless
from tradepool.domain.user import Role

ANN, BEN = UserId("ann"), UserId("ben")
GUIDE = Path("docs/guides/users.md")


def word(role: Role, action: Action) -> str:
    """What a role may do, asked of the policy as the commands ask: all, own, others' (never his own), or nothing."""
    actor = Actor(ANN, role)
    anybody, own = may(actor, action, BEN), may(actor, action, ANN)
    return {(True, True): "all", (False, True): "own", (True, False): "others'", (False, False): "-"}[anybody, own]


def table() -> str:
    """The whole matrix, as the guide shows it."""
    head = f"| may | {' | '.join(Role)} |\n|{' --- |' * (len(Role) + 1)}\n"
    rows = (f"| {action} | {' | '.join(word(role, action) for role in Role)} |\n" for action in Action)
    return head + "".join(rows)


def test_the_guide_shows_the_table() -> None:
    assert table() in GUIDE.read_text(encoding="utf-8"), f"docs/guides/users.md should have:\n{table()}"


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_each_role_with_each_action(role: Role, action: Action) -> None:
    """Refused is named; to nobody's thing his own rights are none; the platform is the operator."""
    actor, rule = Actor(ANN, role), POLICY[action]
    for owner in (ANN, BEN, None):
        if may(actor, action, owner):
            refuse_unless(actor, action, owner)
        else:
            with pytest.raises(NotAllowed, match=f"ann is {role} here, who may not {action}"):
                refuse_unless(actor, action, owner)
    assert may(actor, action) == (role in rule.anybody)
    if not role.house:
        assert not may(actor, action, BEN)
    if rule.two:
        assert not may(actor, action, ANN)
    if role is Role.VIEWER:
        assert may(actor, action, ANN) == (action is Action.LOOK)
    if role is Role.AUDITOR:
        assert may(actor, action, BEN) == (action in (Action.LOOK, Action.WATCH, Action.AUDIT))
    assert not may(actor, Action.SECRETS, ANN)
    assert may(PLATFORM, action, BEN) == (action is not Action.SECRETS)
