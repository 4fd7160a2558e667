"""Settings come from defaults, file and environment; a misspelt key is refused in one line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from tradepool.runtime import config


class Log(BaseModel):
    level: str = "info"
    keep_days: int = Field(default=7, gt=0)


class Settings(BaseModel):
    log: Log = Log()
    capital: Decimal = Decimal("100")
    markets: list[str] = []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tradepool.toml"
    path.write_text('capital = "250.5"\nmarkets = ["BTC/USDT"]\n[log]\nlevel = "debug"\n')
    return path


def test_the_file_fills_the_class(file: Path) -> None:
    settings = config.load(Settings, file)
    assert settings == Settings(log=Log(level="debug"), capital=Decimal("250.5"), markets=["BTC/USDT"])


def test_a_section_of_a_section_may_be_left_out(tmp_path: Path) -> None:
    class Many(BaseModel):
        logs: dict[str, Log] = {}

    path = tmp_path / "many.toml"
    path.write_text('[logs.a]\nlevle = 1\n[logs.b]\nlevel = "debug"\n')
    with pytest.raises(config.UnknownSetting, match=r"logs\.a\.levle"):
        config.load(Many, path)
    assert config.load(Many, path, ["logs.a"]) == Many(logs={"b": Log(level="debug")})


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEPOOL_LOG__KEEP_DAYS", "3")
    monkeypatch.setenv("TRADEPOOL_MARKETS", '["ETH/USDT"]')
    settings = config.load(Settings, file)
    assert settings.log == Log(level="debug", keep_days=3)
    assert settings.markets == ["ETH/USDT"]


def test_a_name_without_the_prefix_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPITAL", "1")
    assert config.load(Settings).capital == Decimal("100")


@pytest.mark.parametrize(
    ("text", "key", "meant"),
    [("captal = 1", "captal", "capital"), ("[log]\nlevle = 'x'", "log.levle", "level"), ("[lgo]", "lgo", "log")],
)
def test_a_misspelt_key_is_refused_by_name(tmp_path: Path, text: str, key: str, meant: str) -> None:
    file = tmp_path / "tradepool.toml"
    file.write_text(text)
    with pytest.raises(config.UnknownSetting) as caught:
        config.load(Settings, file)
    message = str(caught.value)
    assert f"Setting {key} in {file} is not known (did you mean {meant}?)" in message
    assert "\n" not in message


def test_a_misspelt_name_of_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEPOOL_LOG__LEVLE", "debug")
    with pytest.raises(
        config.UnknownSetting, match=r"TRADEPOOL_LOG__LEVLE in the environment .*TRADEPOOL_LOG__LEVEL\?"
    ):
        config.load(Settings)


def test_the_tests_own_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEPOOL_DATA", "anywhere")
    assert config.load(Settings) == Settings()


def test_a_bad_value_names_key_and_source(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEPOOL_LOG__KEEP_DAYS", "0")
    with pytest.raises(config.BadSetting, match=r"^Setting log\.keep_days in the environment is not valid: .*"):
        config.load(Settings, file)
    monkeypatch.delenv("TRADEPOOL_LOG__KEEP_DAYS")
    file.write_text("capital = 'much'")
    with pytest.raises(config.BadSetting, match=rf"^Setting capital in {file} is not valid: .*"):
        config.load(Settings, file)


@pytest.mark.parametrize("content", [b"a = = 1", b"\xff\xfe"])
def test_a_broken_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tradepool.toml"
    file.write_bytes(content)
    with pytest.raises(config.ConfigFileUnreadable) as caught:
        config.load(Settings, file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigFileUnreadable, match="No such file"):
        config.load(Settings, tmp_path / "nowhere.toml")
