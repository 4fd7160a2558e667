"""The sections that make a configuration a deployment: its folder, its venue, and who trades what with how much.

People, accounts and mandates that are added by command are sections too: rows of the register, laid over these.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tradepool.adapters.exchanges.translate import Impossible, asset_from
from tradepool.domain.errors import InvalidInput
from tradepool.domain.market import UNIT
from tradepool.entrypoints.risk_settings import Act
from tradepool.simexchange.accounts import whole_units
from tradepool.simexchange.bodies import check_numbers


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DeploymentSettings(_Section):
    """Who this installation is, whether its money is real, the folder its sockets are in, and its database: `sqlite` is a
    file in that folder, an URL (`postgresql://role@host/name`, without a password) a server."""

    id: str = ""
    kind: Literal["practice", "live"] = "practice"
    folder: Path = Path("~/.local/share/tradepool/practice")
    database: str = "sqlite"


class VenueSettings(_Section):
    """Where it trades, and on which candles; `accounts_per_stream` user streams share a connection (0: each has its own).
    What follows is about the practice exchange only."""

    id: str = "binance"
    timeframe: str = "1m"
    accounts_per_stream: int = Field(default=50, ge=0)
    prices: Literal["model", "mirror", "candles"] = "model"
    symbols: list[str] = ["BTC/USDT", "ETH/USDT"]
    candles: list[Path] = []
    exchange: Path | None = None
    seed: int = Field(default=7, ge=0, lt=2**31)


class VaultSettings(_Section):
    """Where the master key of the exchange keys is: a file outside the deployment's folder, or, if it is set, the variable
    of the environment that holds the same text, or the service of the system's keyring. `unlisted_exposure_max` is what an
    account may have at stake, in the quote asset, while its key may be used from any address."""

    master_key: Path = Path("~/.config/tradepool/master.key")
    master_key_env: str = ""
    master_key_keyring: str = ""
    unlisted_exposure_max: Decimal = Field(default=Decimal(500), ge=0)


class UserSettings(_Section):
    """A person; `mail` and `webhook_env` (a variable of the environment) are where alarms about his accounts go. A test
    user is for practice only."""

    name: str = ""
    role: Literal["operator", "risk", "billing", "support", "auditor", "user", "viewer"] = "user"
    locale: str = Field(default="en", pattern=r"^[a-z]{2}(-[A-Z]{2})?$")
    test: bool = False
    mail: str = ""
    webhook_env: str = ""


class AccountSettings(_Section):
    """A user's account at the venue. `cash` is what a practice account is opened with; the other two name the variables
    of the environment that hold a real one's key and secret (without them they are asked for)."""

    user: str
    cash: dict[str, Decimal] = {"USDT": Decimal(10_000)}
    key_env: str = ""
    secret_env: str = ""


class LimitSettings(_Section):
    """Limits of a mandate; what is left out does not limit. Those on losses may have `actions`, as in [risk]."""

    order_notional_max: Decimal | None = None
    daily_loss_max: Decimal | None = None
    market_notional_max: dict[str, Decimal] = {}
    exposure_max: Decimal | None = None
    positions_max: int | None = None
    trade_risk_max: Decimal | None = None
    weekly_loss_max: Decimal | None = None
    drawdown_max: Decimal | None = None
    loss_streak_max: int | None = None
    cool_down_minutes: int = 1_440
    actions: dict[str, Act] = {}


class CanarySettings(_Section):
    """What a mandate may have at stake while it is a canary, in the quote asset, and for how long it has to be one: there
    is no way past it."""

    order_notional_max: Decimal = Field(default=Decimal(25), gt=0)
    exposure_max: Decimal = Field(default=Decimal(50), gt=0)
    positions_max: int = Field(default=1, ge=1)
    hours_min: int = Field(default=72, ge=1)


class MandateSettings(_Section):
    """What a user lets the platform do with an account. `mode` is how far it may go at most: `mandates promote` takes it
    there, rung by rung. `entry` is how entries are ordered, `entry_slippage_max` how far beyond the close an ioc, fok or
    limit may pay, a share."""

    account: str
    strategy: str
    markets: list[str]
    capital: Decimal
    weight: Decimal = Decimal("0.95")
    parameters: dict[str, int | float] = {}
    entry: Literal["market", "ioc", "fok", "post_only", "limit"] = "market"
    entry_slippage_max: Decimal = Decimal(0)
    limits: LimitSettings = LimitSettings()
    canary: CanarySettings = CanarySettings()
    mode: Literal["practice", "shadow", "canary", "live"] = "practice"
    active: bool = True


def wrong_cash(asset: str, amount: Decimal) -> str:
    """Why an account can't be given so much play money, "" if it can: by what the practice exchange asks, and whoever reads
    what it holds. One account must not end another's start."""
    if amount < 0:
        return "is below zero"
    try:
        asset_from(asset)
        check_numbers(amount, asset)
        whole_units(asset, amount, UNIT)
    except (Impossible, InvalidInput) as error:
        return f"can't be: {str(error).rstrip('.')}"
    return ""
