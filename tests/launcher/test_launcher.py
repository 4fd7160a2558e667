"""`./tradepool` says in one line what is missing, starts fast, and finds pip's index for uv."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("sh", "readlink", "dirname", "cat", "cksum", "mkdir", "rm", "date", "grep", "sleep", "sed", "awk", "tr")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the launcher and what it reads, but no environment yet."""
    folder = tmp_path / "clone"
    (folder / "requirements").mkdir(parents=True)
    for name in ("tradepool", "pyproject.toml", "requirements.lock", "requirements-dev.lock", "requirements/uv.lock"):
        shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A folder of programs without any Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        program = shutil.which(name)
        assert program is not None
        (folder / name).symlink_to(program)
    return folder


def start(clone: Path, path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(path / "sh"), str(clone / "tradepool"), "doctor"]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, timeout=30, check=False)


def script(file: Path, body: str) -> None:
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def test_no_python_is_said_with_the_packages_to_install(clone: Path, bare_path: Path) -> None:
    done = start(clone, bare_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "apt install python3 python3-venv" in done.stderr
    assert not (clone / ".venv.lock").exists()


def test_an_old_python_is_as_good_as_none(clone: Path, bare_path: Path) -> None:
    script(bare_path / "python3", "exit 1")
    assert "Python 3.11 or newer is needed" in start(clone, bare_path).stderr


def test_a_python_without_venv_is_said_with_the_package_to_install(clone: Path, bare_path: Path) -> None:
    script(bare_path / "python3", 'case "$*" in *ensurepip*) exit 1 ;; esac')
    done = start(clone, bare_path)
    assert done.returncode == 1
    assert "apt install python3-venv python3-pip" in done.stderr
    assert not (clone / ".venv").exists()


def functions(clone: Path) -> str:
    """The launcher's text up to where it begins to act."""
    return (clone / "tradepool").read_text().split('\ncase "${1:-}"')[0]


def run_in_launcher(clone: Path, commands: str) -> list[str]:
    """Lines that commands print when they run where the launcher's functions are known."""
    shell = ["sh", "-c", f"{functions(clone)}\n{commands}", str(clone / "tradepool")]
    plain = {"PATH": os.environ["PATH"]}
    return subprocess.run(shell, env=plain, capture_output=True, text=True, check=True).stdout.splitlines()


def test_uv_looks_where_pip_looks(clone: Path, tmp_path: Path) -> None:
    """A pip that tells of two indexes: the environment's wins; what it does not set is left unset."""
    listing = (
        "global.index-url='https://file.example/simple'\n:env:.index-url='https://env.example/simple'\n"
        "global.extra-index-url='\\nhttps://a.example/simple\\nhttps://b.example/simple'\nglobal.cert='/x/ca.pem'"
    )
    script(tmp_path / "python", f"cat <<'EOF'\n{listing}\nEOF")
    show = "for v in UV_DEFAULT_INDEX UV_INDEX SSL_CERT_FILE UV_FIND_LINKS; do eval echo \\${$v:-}; done"
    assert run_in_launcher(clone, f"PY={tmp_path / 'python'}\nfollow_pip\n{show}") == [
        "https://env.example/simple",
        "https://a.example/simple https://b.example/simple",
        "/x/ca.pem",
        "",
    ]


@pytest.fixture
def ready_clone(clone: Path) -> Path:
    """A clone whose environment is this one, stamped as the launcher stamps it."""
    (clone / ".venv" / "bin").mkdir(parents=True)
    script(clone / ".venv" / "bin" / "python", f'exec "{sys.executable}" "$@"')
    run_in_launcher(clone, 'printf "dev %s\\n" "$(fingerprint)" >"$STAMP"')
    return clone


def test_a_second_start_does_nothing_but_start(ready_clone: Path, tmp_path: Path) -> None:
    """Nothing is prepared, and nothing heavy is imported before a command needs it (how long it takes: `bench`)."""
    command = [str(ready_clone / "tradepool"), "--help"]
    verbose = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=verbose, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "tradepool.entrypoints" in imported
    assert [line for line in done.stderr.splitlines() if not line.startswith("import time:")] == []
    assert {"numpy", "polars", "ccxt", "llvmlite", "sqlalchemy", "aiohttp"} & imported == set()


def test_a_changed_lock_is_noticed(ready_clone: Path) -> None:
    assert run_in_launcher(ready_clone, "is_ready runtime && echo ready") == ["ready"]
    with (ready_clone / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert run_in_launcher(ready_clone, "is_ready runtime || echo stale") == ["stale"]
