"""What changes something is in the audit: of every command, found in the command line, and who did it and why."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.entrypoints.commission_kit import at, live_in, opened, trade
from tests.entrypoints.console import Console, Said
from tests.entrypoints.isolation import every_command
from tests.entrypoints.people_kit import People
from tradepool.adapters.database.deployment import DatabaseDeployment
from tradepool.adapters.database.promotions import DatabasePromotions
from tradepool.domain.deed import Deed
from tradepool.domain.deployment import Mode, Promotion
from tradepool.entrypoints.asking import me
from tradepool.entrypoints.books import books_open
from tradepool.entrypoints.deployment import Deployed, deployed_from

# In the order in which they are run below.
OF_PEOPLE = """
users add, users set, users pause, users resume, users invite, users accept, accounts add, accounts set, accounts pause,
accounts resume, mandates add, mandates set, mandates pause, mandates resume, mandates close, accounts close, users close,
halt, resume, flatten, risk set, risk resume, suspend, suspend lift, positions adopt, store recovery-key, store backup,
store migrate, store restore
"""
OF_MONEY = """
keys master, keys add, keys rotate, keys burn, pool consent, mandates promote, commission settle, commission pay,
commission correct, commission goodwill, commission schedule, ledger correct
"""
# What takes a running exchange or a server: test_start and test_store_whole look at the audit themselves.
ELSEWHERE = "start, stop, positions close, positions release, orders cancel, store move"
# They look, or make files and processes of their own; nothing that holds for a person's money is another one after them.
CHANGE_NOTHING = """
accounts, accounts list, accounts show, audit show, audit verify, backtest, balance, bench, chaos, commission preview,
commission statement, config explain, config show, data check, data download, data export, data import, data list,
data repair, demo, doctor, exchange limits, exchange serve, explain, init, keys check, keys list, ledger balance,
ledger export, ledger verify, mandates, mandates list, mandates preview, mandates show, notify test, orders, orders list,
pool export, pool gather, pool show, pool status, positions, positions list, replay, report slippage, risk show, signals,
status, store drill, store verify, strategies check, strategies list, strategies new, strategies show,
suspend list, sweep, test, trades, trades list, universe show, users, users list, users show, why
"""


def names(text: str) -> list[str]:
    return text.strip().replace("\n", " ").split(", ")


def test_of_every_command_it_is_known_whether_it_changes_something() -> None:
    """A new one that does is run below."""
    known = [name for text in (OF_PEOPLE, OF_MONEY, ELSEWHERE, CHANGE_NOTHING) for name in names(text)]
    assert sorted(known) == sorted(command for command, _ in every_command())


class Audited:
    """A command line after each line of which the audit has one deed more at least, with its name and reason."""

    def __init__(self, say: Callable[..., Said], found: Callable[[], Deployed], patch: pytest.MonkeyPatch) -> None:
        self._say, self._found, self._patch, self.ran = say, found, patch, list[str]()

    def deeds(self) -> list[Deed]:
        with books_open(self._found()) as connection:
            return list(DatabaseDeployment(connection, self._found().deployment).deeds())

    def __call__(self, line: str, what: str = "", typed: str = "", code: int = 0) -> str:
        """`what` the deed is called, if not as the command; `code` 1 for what is audited and then can't be done here."""
        words, before = line.split(), self.deeds()
        self._patch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        said = self._say(*words)
        assert said.code == code, (line, said)
        command = next(name for name in (" ".join(words[:2]), words[0]) if name in dict(every_command()))
        after = self.deeds()
        assert after[: len(before)] == before, line
        assert len(after) > len(before), line
        newest = after[-1]
        assert (newest.what, newest.by.split(" and ")[0]) == (what or command, me()), line
        assert "--reason" not in words or newest.reason.endswith(words[words.index("--reason") + 1]), line
        self.ran.append(command)
        return said.out


def test_what_changes_people_and_what_they_trade(
    tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = People(console, tmp_path)
    audited, key = Audited(people.say, lambda: people.found, monkeypatch), "platform.exposure_max"
    audited("users add cem --reason new")
    audited("users set cem --called Cem --reason typo")
    audited("users pause cem --reason away")
    audited("users resume cem --reason back")
    code = audited("users invite dea --reason asked").split()[-1]
    audited("users accept", typed=code)
    audited("accounts add cem --reason first")
    audited("accounts set cem-1 --cash USDT=500 --reason less")
    audited("accounts pause cem-1 --reason away")
    audited("accounts resume cem-1 --reason back")
    audited("mandates add cem --strategy donchian_turtle --capital 500 --reason first")
    audited("mandates set cem-1 --capital 400 --reason less")
    audited("mandates pause cem-1 --reason away")
    audited("mandates resume cem-1 --reason back")
    audited("mandates close cem-1 --reason over")
    audited("accounts close cem-1 --reason over")
    audited("users close cem --reason over")
    audited("halt --all --reason odd", typed=people.found.deployment.id)
    audited("resume --all --reason fine", typed=people.found.deployment.id)
    # There is no exchange to sell on.
    audited("flatten --user ann --reason odd", typed="ann", code=1)
    audited(f"risk set {key} 7 --reason less", typed=key)
    audited("risk resume platform --reason seen", typed="platform")
    audited("suspend BTC/USDT --reason depeg")
    audited("suspend lift BTC/USDT --reason fine", "lift suspension")
    audited("positions adopt BTC/USDT --user ann --reason mine", "adopt", typed="BTC/USDT", code=1)
    audited(f"store recovery-key {tmp_path}/key")
    audited(f"store backup {tmp_path}/copy --plain")
    audited("store migrate")
    audited(f"store restore {tmp_path}/copy --reason drill", "restore", typed=people.found.deployment.id)
    assert audited.ran == names(OF_PEOPLE)
    scopes = [deed.scope for deed in audited.deeds() if deed.what.startswith("store")]
    assert scopes[1] == f"plain, in {tmp_path}/copy"
    assert scopes[0].endswith(f", its secret half in {tmp_path}/key")
    assert "All as it was written" in people("audit", "verify")


def test_what_changes_money_keys_and_how_far_a_mandate_goes(
    tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = live_in(tmp_path, console, monkeypatch)
    file.write_text(f'{file.read_text()}\n[vault]\nmaster_key = "{tmp_path}/keys/master"\n')
    audited = Audited(console, lambda: deployed_from(None), monkeypatch)
    opened()
    trade(1, 20, 9, 60_000, 60_100)
    audited("keys master")
    # Nobody has registered the pair at the venue.
    audited("keys add ann-main --ed25519", "keys add, pair made", code=1)
    audited("keys rotate")
    audited("keys burn ann-main --reason leaked", typed="ann")
    audited("pool consent ann")
    (seat,) = deployed_from(None).seats
    with books_open(deployed_from(None)) as connection:
        DatabasePromotions(connection).promote(
            Promotion(
                time_ms=at(22),
                by="eva",
                mandate=seat.mandate.id,
                strategy_id=seat.mandate.strategy_id,
                before=Mode.CANARY,
                after=Mode.LIVE,
                reason="",
            )
        )
    audited("mandates promote ann-first --to shadow --reason calmer", typed="ann-first")
    assert audited.deeds()[-1].scope == "mandate ann-first: live -> shadow"
    audited("commission settle ann 2026-09 --reason due", typed="ann")
    audited("commission pay ann 2026-09 --reason transfer")
    trade(2, 21, 9, 60_000, 59_960)
    audited("commission correct ann --reason late", typed="ann")
    audited("commission goodwill ann 1.00 --reason outage", typed="ann")
    audited("commission schedule ann 0=0.10 --consent mail", typed="ann")
    moved = "--debit venue --credit capital --asset USDT --amount 1 --reason before"
    audited(f"ledger correct ann-main {moved}", typed="ann-main\nBob")
    assert audited.ran == names(OF_MONEY)
    assert "All as it was written" in console("audit", "verify").out
