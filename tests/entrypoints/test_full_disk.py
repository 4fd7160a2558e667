"""The disk is full, for real: the deployment's folder is a small filesystem of its own, in a namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASE = Path(__file__).with_name("full_disk_case.py")
SIZE_MB = 32


def test_on_a_full_disk_exits_go_on_and_entries_wait(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Runs the cases of `full_disk_case.py` where they may mount a filesystem, and asks that all of them passed."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a filesystem in a namespace of his own")
    disk = tmp_path_factory.mktemp("disk")
    command = f'mount -t tmpfs -o size={SIZE_MB}m tradepool "{disk}" && exec "$@"'
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(CASE)]
    found = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command, "sh", *tests],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"FULL_DISK": str(disk)},
        timeout=300,
    )
    assert found.returncode == 0, found.stdout[-6_000:]
    assert "4 passed" in found.stdout
