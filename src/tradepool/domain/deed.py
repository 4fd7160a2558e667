"""What people do to a deployment, and the platform of itself: written down for good."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Who did what to which part of the deployment, when and why."""

    time_ms: int
    by: str
    what: str
    scope: str
    reason: str
