"""The sections of the configuration: one settings class each, filled by `runtime/config` from TOML and environment."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from tradepool.entrypoints.alarm_settings import AlarmSettings
from tradepool.entrypoints.backup_settings import BackupSettings
from tradepool.entrypoints.deployment_settings import (
    AccountSettings,
    DeploymentSettings,
    MandateSettings,
    UserSettings,
    VaultSettings,
    VenueSettings,
)
from tradepool.entrypoints.money_settings import MoneySettings
from tradepool.entrypoints.risk_settings import RiskSettings

if TYPE_CHECKING:
    from tradepool.core.universe.rules import Rules


class LogSettings(BaseModel):
    """What is logged, and for whom: people (`console`) or machines (`json`).

    Commands say how they ended in one line of their own, so by default only what is our mistake is logged beside it.
    """

    model_config = ConfigDict(extra="forbid")
    level: Literal["debug", "info", "warning", "error"] = "error"
    style: Literal["console", "json"] = "console"


class BacktestSettings(BaseModel):
    """What backtest and replay use where no flag says otherwise: quote asset, share of equity, basis points."""

    model_config = ConfigDict(extra="forbid")
    cash: Decimal = Field(default=Decimal(10_000), gt=0)
    weight: Decimal = Field(default=Decimal("0.95"), gt=0, le=1)
    slippage_bp: int = Field(default=1, ge=0, le=1_000)


class StrategiesSettings(BaseModel):
    """Where the operator keeps the strategies of this deployment: texts, and Python files, which are run as they are."""

    model_config = ConfigDict(extra="forbid")
    folder: Path = Path("~/.local/share/tradepool/strategies")


class CandlesSettings(BaseModel):
    """Where the candle store of this deployment is, and whether live trading keeps there what it sees."""

    model_config = ConfigDict(extra="forbid")
    folder: Path = Path("~/.local/share/tradepool/candles")
    record: bool = True


class UniverseSettings(BaseModel):
    """Which markets may be traded; see `core.universe.rules`. A rule that is left out asks for nothing.

    Volume is in the quote asset a day, range, volatility, price step and spread in percent, age in days of candles.
    """

    model_config = ConfigDict(extra="forbid")
    quotes: list[str] = []
    statuses: list[str] = []
    volume_min: float | None = Field(default=None, ge=0)
    range_min: float | None = Field(default=None, ge=0)
    range_max: float | None = Field(default=None, ge=0)
    volatility_min: float | None = Field(default=None, ge=0)
    volatility_max: float | None = Field(default=None, ge=0)
    age_min: float | None = Field(default=None, ge=0)
    step_max: float | None = Field(default=None, ge=0)
    spread_max: float | None = Field(default=None, ge=0)
    conditions: list[str] = []
    allow: list[str] = []
    deny: list[str] = []

    @property
    def rules(self) -> Rules:
        """The same as the core knows them. Raises WrongRule."""
        from tradepool.core.universe.rules import Rules

        return Rules(
            quotes=self.quotes,
            statuses=self.statuses,
            bounds={
                "volume": (self.volume_min, None),
                "range": (self.range_min, self.range_max),
                "volatility": (self.volatility_min, self.volatility_max),
                "age": (self.age_min, None),
                "step": (None, self.step_max),
                "spread": (None, self.spread_max),
            },
            conditions=self.conditions,
            allow=self.allow,
            deny=self.deny,
        )


class Settings(BaseModel):
    """All of it."""

    model_config = ConfigDict(extra="forbid")
    log: LogSettings = LogSettings()
    backtest: BacktestSettings = BacktestSettings()
    strategies: StrategiesSettings = StrategiesSettings()
    candles: CandlesSettings = CandlesSettings()
    universe: UniverseSettings = UniverseSettings()
    deployment: DeploymentSettings = DeploymentSettings()
    venue: VenueSettings = VenueSettings()
    vault: VaultSettings = VaultSettings()
    users: dict[str, UserSettings] = {}
    accounts: dict[str, AccountSettings] = {}
    mandates: dict[str, MandateSettings] = {}
    risk: RiskSettings = RiskSettings()
    alarms: AlarmSettings = AlarmSettings()
    money: MoneySettings = MoneySettings()
    backup: BackupSettings = BackupSettings()
