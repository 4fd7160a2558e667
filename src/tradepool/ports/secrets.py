"""Secrets at rest, as they are stored: sealed under a user's data key, which is itself wrapped by the master key."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tradepool.domain.ids import AccountId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a secret is bound to, beside its exchange: it opens as this user's, of this account, field and version, and as
    nothing else."""

    user: UserId
    account: AccountId
    field: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecret:
    """A secret that only its user's data key opens."""

    place: Place
    nonce: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A user's data key that only the master key named `master` opens."""

    user: UserId
    master: str
    nonce: bytes
    wrapped: bytes


class SecretStore(Protocol):
    """Where sealed secrets and wrapped keys are kept."""

    def data_keys(self) -> Sequence[WrappedKey]:
        """Every user's data key, by user."""
        ...

    def secrets(self) -> Sequence[SealedSecret]:
        """Every secret, by place."""
        ...

    def changing(self) -> AbstractContextManager[None]:
        """One transaction: what is read in it is not changed by others meanwhile, and all or nothing of it is written."""
        ...

    def replace(self, keys: Sequence[WrappedKey], secrets: Sequence[SealedSecret]) -> None:
        """Make these the only ones there are, within `changing`; what was before is not on the disk any more after it."""
        ...

    def forget_pool_secret(self) -> None:
        """Throw the pseudonyms' secret away, which the master key wraps as well, within `changing`; as `replace`."""
        ...
