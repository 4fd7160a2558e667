"""No key, no package host and no path of somebody's machine is ever committed."""

from __future__ import annotations

import math
import re
import string
from collections import Counter

import pytest

from tests.tidy.source import texts

# Everything below is put together from parts, so that this file does not hold what it looks for.
PLACES = re.compile(
    "|".join(
        (
            r"(?<![\w.])/(?:wo" + r"rk|fa" + r"rm|ro" + r"ot|home/\w+|opt/py" + r"pi)/",
            r"\bfa" + r"rm-",
            r"\.lib" + r"rary\b",
            r"py" + r"pi\.o" + r"rg",
            r"python" + r"hosted",
            r"registry\.n" + r"pm",
            r"registry\.yarn" + r"pkg",
            r"deb\.deb" + r"ian",
            r"proxy\.go" + r"lang",
            r"crates\.i" + r"o\b",
            r"anaconda\.o" + r"rg",
        )
    ),
    re.IGNORECASE,
)
KEYS = {
    "private key": r"-----BEGIN [A-Z ]*PRIV" + r"ATE KEY-----\s+[A-Za-z0-9+/=\s]{40,}",
    "AWS key": r"\bAKIA[0-9A-Z]{16}\b",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})",
    "Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{20,}",
    "Stripe key": r"\b[rs]k_live_[A-Za-z0-9]{20,}",
    "Google key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "Telegram bot token": r"\b\d{8,10}:[A-Za-z0-9_-]{35}\b",
    "JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
}
_NAMED = re.compile(
    r"(?:secret|api_?key|token|passw(?:or)?d|passphrase|private_?key)\w*[\"']?\s*[:=]\s*[\"']([^\"'\s]{20,})[\"']", re.I
)
# Exchange keys are long runs of letters of both cases and digits.
_LONG_RUN = re.compile(r"[\"']([A-Za-z0-9+/_-]{40,128}={0,2})[\"']")
NAMED_BITS_MIN, LONG_RUN_BITS_MIN = 3.7, 4.6


def bits_per_character(text: str) -> float:
    """Shannon's entropy: words have 3 to 4, random letters and digits 5 to 6."""
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


def secrets_in(text: str) -> list[str]:
    """What looks like a secret, by kind and with its first letters only."""
    found = [f"{kind} {match[0][:8]}" for kind, pattern in KEYS.items() for match in re.finditer(pattern, text)]
    for value in _NAMED.findall(text):
        if bits_per_character(value) > NAMED_BITS_MIN and any(c.isdigit() for c in value):
            found.append(f"value of a secret {value[:4]}")
    for value in _LONG_RUN.findall(text):
        mixed = all(
            any(c in kind for c in value) for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits)
        )
        if mixed and bits_per_character(value) > LONG_RUN_BITS_MIN:
            found.append(f"random text {value[:4]}")
    return found


def test_no_secret_is_committed() -> None:
    found = {path: secrets_in(text) for path, text in texts() if not path.endswith(".lock")}
    assert {path: kinds for path, kinds in found.items() if kinds} == {}


def test_no_place_of_a_machine_or_package_host_is_committed() -> None:
    found = [
        f"{path}:{number}: {line.strip()[:80]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if PLACES.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        "-----BEGIN EC PRIV" + "ATE KEY-----\n" + "MHcCAQEEIB" * 6 + "\n",
        "AKIA" + "ABCDEFGHIJ234567",
        "ghp_" + "a1B2" * 9,
        "api_key = '" + "q8Zr2LmX0pWc" + "5TnB7vKd'",
        "x = '" + "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0" + "MuIgwCIPy6utIco14y7Ju91duEh8A'",
    ],
)
def test_a_planted_secret_is_found(planted: str) -> None:
    assert secrets_in(planted) != []


@pytest.mark.parametrize("planted", ["see /wo" + "rk/x", "https://py" + "pi.org/simple", "/ro" + "ot/.ssh"])
def test_a_planted_place_is_found(planted: str) -> None:
    assert PLACES.search(planted)
