"""No secret leaves through a log line, whatever shape it comes in."""

from __future__ import annotations

import json
import logging

import pytest

from tradepool.runtime import telemetry

HIDDEN = "hidden0123456789"


@pytest.mark.parametrize(
    "text",
    [
        f"https://api.example/order?symbol=X&signature={HIDDEN}",
        f"signature={HIDDEN}&timestamp=5",
        f"headers {{'X-MBX-APIKEY': '{HIDDEN}'}}",
        f'{{"apiKey": "{HIDDEN}"}}',
        f"X-MBX-APIKEY: {HIDDEN}",
        f"secret={HIDDEN}",
        f"password: '{HIDDEN}, with blanks'",
        f"Authorization: Bearer {HIDDEN}",
        f"authorization={HIDDEN}",
        f"api_secret = {HIDDEN}",
        f"listenKey={HIDDEN}",
        f"-----BEGIN EC PRIVATE KEY-----\n{HIDDEN}\n-----END EC PRIVATE KEY-----",
    ],
)
def test_a_secret_inside_a_text_is_masked(text: str) -> None:
    assert HIDDEN not in telemetry.redact_text(text)
    assert telemetry.MASK in telemetry.redact_text(text)


def test_plain_text_is_left_alone() -> None:
    text = "order 5 of ann on BTC/USDT refused: insufficient_cash, needs 10.03 USDT"
    assert telemetry.redact_text(text) == text


def test_json_lines_go_to_standard_error_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(style="json")
    log = telemetry.logger("tests")
    try:
        raise ValueError(f"POST ...&signature={HIDDEN}")
    except ValueError as error:
        log.error("refused", apiKey=HIDDEN, account="ann", nested=[{"token": HIDDEN}], error=error, exc_info=error)
    logging.getLogger("ccxt").warning("request %s", {"X-MBX-APIKEY": HIDDEN})
    printed = capsys.readouterr()
    assert printed.out == ""
    assert HIDDEN not in printed.err
    first, second = (json.loads(line) for line in printed.err.splitlines())
    assert (first["event"], first["account"], first["apiKey"]) == ("refused", "ann", "***")
    assert "ValueError" in first["exception"]
    assert second["level"] == "warning"


def test_the_value_of_a_local_never_reaches_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(style="console")
    key_of_ann = HIDDEN
    try:
        raise ValueError(len(key_of_ann))
    except ValueError:
        telemetry.logger("tests").exception("broken")
    assert HIDDEN not in capsys.readouterr().err


def test_levels_below_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(level="warning")
    telemetry.logger("tests").info("quiet")
    assert capsys.readouterr().err == ""
