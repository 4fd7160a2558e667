"""What all tests share: the real market data, or the market model in its place, and the `--long` form.

`TRADEPOOL_DATA` names the folder of real data (default: `shared/data` beside the repository). Set but unreadable,
every test that asks for data fails; absent, the same tests run on the market model and the last line says so.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import settings

if TYPE_CHECKING:
    from tests.postgres_kit import Postgres
    from tradepool.adapters.database.place import Place
    from tradepool.simexchange.tls import TlsFiles

ROOT = Path(__file__).resolve().parent.parent
DATA_VARIABLE = "TRADEPOOL_DATA"
DEFAULT_DATA = ROOT.parent / "shared" / "data"

Series = Callable[[str], Path]


def data_folder() -> Path | None:
    """The folder of real data, None when there is none; `OSError` when it is named but cannot be read."""
    named = os.environ.get(DATA_VARIABLE)
    folder = Path(named) if named else DEFAULT_DATA
    if not named and not folder.is_dir():
        return None
    if next((folder / "ohlcv").glob("*.parquet"), None) is None:
        raise FileNotFoundError(f"{DATA_VARIABLE}={folder} holds no ohlcv/*.parquet that can be read; mend or unset it")
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: whole series, more seeds, more kills."""
    parser.addoption("--long", action="store_true", help="run the long forms of the same tests")


def pytest_configure(config: pytest.Config) -> None:
    """Property tests draw the same cases each time in the short form; the long form draws more, and new ones."""
    settings.register_profile("short", deadline=None, derandomize=True)
    settings.register_profile("long", deadline=None, max_examples=2_000, print_blob=True)
    settings.load_profile("long" if config.getoption("--long") else "short")


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """A test that sets up logging, as every command does, leaves it as it found it."""
    kept, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**kept)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def long(pytestconfig: pytest.Config) -> bool:
    """Whether the long form was asked for."""
    return bool(pytestconfig.getoption("--long"))


@pytest.fixture(scope="session")
def real_data() -> Path | None:
    """The folder with `ohlcv/` and `ticks/`, or None: then use the market model. Fails when named but unreadable."""
    try:
        return data_folder()
    except OSError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def series(real_data: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Series:
    """A function: the name of a series (`BINANCE-BTC-USDT-5m`) -> its candle file, real or made by the market model."""
    folder = tmp_path_factory.mktemp("market-model")

    def find(name: str) -> Path:
        if real_data is None:
            # Imported here: most tests need no series, and the model is heavier than they are.
            from tests.model_series import write_series

            return write_series(name, folder)
        path = real_data / "ohlcv" / f"{name}.parquet"
        if not path.is_file():
            pytest.fail(f"{path} is missing from the real data", pytrace=False)
        return path

    return find


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL server; it is started by the first test that asks for it."""
    from tests.postgres_kit import running

    with running() as server:
        yield server


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """Certificates of one authority, for all venues that tests serve."""
    from tradepool.simexchange.tls import make_tls_files

    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where a store may be: a test that asks for it runs on both."""
    if request.param == "sqlite":
        yield tmp_path / "t.sqlite"
        return
    server: Postgres = request.getfixturevalue("postgres")
    made = server.new()
    yield made
    server.drop(made)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say as the very last line, after pytest's own, which data the tests ran on."""
    if hasattr(config, "workerinput"):
        return
    try:
        state = "absent" if data_folder() is None else "present"
    except OSError:
        state = "unreadable"
    print(f"real data: {state}")
