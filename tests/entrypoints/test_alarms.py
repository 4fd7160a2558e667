"""Alarms as their people get them: the real trading process, a real web server, a real mail server."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.entrypoints.test_start import Place, exchange, place
from tests.post_kit import authority, mail_server, web_server
from tradepool.entrypoints.exchange_place import read_place

__all__ = ["exchange", "place"]


def test_a_test_is_sent_over_every_channel_of_a_person(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = place("notify", "test")
    assert (said.returncode, "The operator has no channel; name one in [alarms]" in said.stderr) == (1, True)
    assert "did you mean ann?" in place("notify", "test", "anne").stderr
    tls = authority(tmp_path)
    with web_server() as web, mail_server(tls) as post:
        place.config(f"""{place.text}
[alarms]
webhook_env = "OPS_HOOK"
ca_file = "{tls.ca_file}"
[alarms.mail]
host = "localhost"
port = {post.port}
sender = "pool@example.com"
user = "pool"
password_env = "MAIL_WORD"
""")
        said = place("notify", "test")
        assert "[alarms] webhook_env names the environment variable OPS_HOOK, which is not set" in said.stderr
        assert "OPS_HOOK, which is not set" in place("start").stderr
        monkeypatch.setenv("OPS_HOOK", f"http://127.0.0.1:{web.port}/T0/quiet")
        monkeypatch.setenv("MAIL_WORD", "xyzzy")
        assert place("notify", "test").stdout == "alarms.webhook: sent\n"
        place.config(place.text.replace("[users.ann]", '[users.ann]\nmail = "ann@example.com"'))
        assert place("notify", "test", "ann").stdout == "users.ann.mail: sent\n"
        web.status = 500
        said = place("notify", "test")
        assert (said.returncode, said.stdout) == (1, "")
        assert (
            "1 of 1 channels failed; the first: the webhook of 127.0.0.1 did not take it: it answered 500"
            in said.stderr
        )
        assert "quiet" not in said.stderr
    assert f"practice {place.id}] TEST" in web.posts[0]["text"]
    [(to, letter)] = post.letters
    assert (to, post.logins) == (["ann@example.com"], ["pool xyzzy"])
    assert "for ann come this way" in letter.get_content()


def test_while_it_trades_alarms_come_and_the_sign_of_life_ends_with_the_data(
    place: Place, exchange: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_server() as web, web_server() as watcher:
        monkeypatch.setenv("OPS_HOOK", f"http://127.0.0.1:{web.port}/")
        monkeypatch.setenv("ALIVE", f"http://127.0.0.1:{watcher.port}/")
        alarms = (
            '[alarms]\nwebhook_env = "OPS_HOOK"\nalive_env = "ALIVE"\nalive_every_s = 1\ndisk_free_min_mb = 1000000000'
        )
        place.config(f"{place.text}\n{alarms}\n")
        served = read_place(exchange)
        assert served is not None
        with place.trading():
            assert "1000000000 are wanted" in web.posted("ALARM disk low")["text"]
            watcher.beaten(2)
            place("halt", "--user", "ann", "--reason", "thin secret=abc", typed="ann\n")
            halted = web.posted("ALARM halt: user ann is halted by")
            assert "thin secret=***" in halted["text"]
            watcher.beaten(1)
            place("resume", "--user", "ann", "--reason", "fine", typed="ann\n")
            web.posted("OVER halt: user ann")
            os.kill(served.pid, signal.SIGSTOP)
            try:
                web.posted("ALARM data stale: market data is")
                beats = watcher.beats
                place("halt", "--user", "ben", "--reason", "to have something to wait for", typed="ben\n")
                web.posted("ALARM halt: user ben")
                assert watcher.beats <= beats + 1
            finally:
                os.kill(served.pid, signal.SIGCONT)
