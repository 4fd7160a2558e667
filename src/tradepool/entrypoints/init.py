"""`tradepool init`: a few questions, then a commented configuration and the folder of a deployment.

Practice unless somebody asks for real money by name. No key and no secret is ever asked for here, or written.
"""

from __future__ import annotations

import os
import secrets
import string
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template

from rich.prompt import Confirm, Prompt

from tradepool.domain.errors import InvalidInput
from tradepool.entrypoints.deployment import deployed
from tradepool.entrypoints.inputs import BadFlag, settings_from
from tradepool.entrypoints.saying import console

KINDS = ("practice", "live")
PRICES = ("model", "mirror")
STRATEGIES = ("moving_average_cross", "trend_pullback")
USERS_MAX = 8
NAMES = ("ann", "ben", "cem", "dea", "eli", "fay", "gus", "hal")

HEAD = Template("""\
# A deployment of tradepool: who trades what, where, with how much. Check it with: tradepool config explain
# Every value can be set in the environment too: TRADEPOOL_VENUE__TIMEFRAME=5m
# More people: more sections like these, or by command (tradepool users add): docs/guides/users.md

[deployment]
id = "$id"        # drawn once; the database carries it too, and its orders begin with it
kind = "$kind"    # practice or live; what was opened as one is never used as the other
folder = "$folder"    # database, sockets, log: 0700
# database = "postgresql://role@host/name"    # books on a server, without its password: docs/guides/stores.md

[log]
level = "info"         # debug, info, warning, error
style = "$style"      # console for people, json for machines

[venue]
id = "binance"         # the venue, by ccxt's name; a practice exchange speaks as it does
timeframe = "$timeframe"       # the candles that strategies act on
""")
ALARMS = """
# Who hears of trouble, and who outside notices when nothing is heard: docs/guides/alarms.md; tradepool notify test
# [alarms]
# webhook_env = "OPS_WEBHOOK"    # the variable of the environment that holds the address
# alive_env = "ALIVE_URL"        # asked for every minute while all is well
"""
PRACTICE_VENUE = Template("""\
prices = "$prices"       # model: a seeded market model; mirror: the venue's live prices; candles: files of yours
symbols = ["BTC/USDT", "ETH/USDT"]
seed = 7               # of the market model
# candles = ["BINANCE-BTC-USDT-5m.parquet"]
# exchange = "folder"  # an exchange of your own: tradepool exchange serve --folder FOLDER
""")
USER = Template("""
[users.$user]
name = "$name"

[accounts.$user-main]
user = "$user"
$money

[mandates.$user-first]
account = "$user-main"
strategy = "$strategy"    # tradepool strategies list
markets = ["BTC/USDT", "ETH/USDT"]
capital = 5000         # of the quote asset: no more than this is ever traded
weight = 0.45          # the share of it that one position may take
mode = "$mode"$modes
active = true

[mandates.$user-first.limits]
order_notional_max = 2500    # of the quote asset
daily_loss_max = 0.05        # a share of the day's start
# More limits, and those of users, markets and the platform ([risk]): docs/guides/risk.md; tradepool risk show.
""")
PRACTICE_MONEY = "cash = { USDT = 10000 }    # play money the account is opened with"
LIVE_MONEY = Template('''\
# The variables of the environment that hold a trade-only key; without them it is asked for at the start.
key_env = "${upper}_KEY"
secret_env = "${upper}_SECRET"''')

MODES = """\
    # at most; it begins as a shadow (written down, not sent), and each rung is
                       # asked for: tradepool mandates promote. shadow < canary (a few small orders) < live"""


class FileInTheWay(InvalidInput):
    """{file} is there already; name another file, or say --overwrite to replace it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be set up; None asks, or takes the default when nobody can be asked."""

    file: Path
    folder: Path | None = None
    kind: str | None = None
    prices: str | None = None
    timeframe: str | None = None
    users: Sequence[str] | None = None
    overwrite: bool = False
    yes: bool = False


def init(wanted: Wanted) -> list[Path]:
    """Ask, check, write; the paths that were written. BadFlag, FileInTheWay, BadDeployment."""
    if wanted.file.exists() and not wanted.overwrite:
        raise FileInTheWay(file=wanted.file)
    if not wanted.yes and sys.stdin.isatty():
        wanted = _asked(wanted)
    text = configuration(wanted)
    folder = folder_of(wanted)
    folder.expanduser().mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(folder.expanduser(), 0o700)
    wanted.file.parent.mkdir(parents=True, exist_ok=True)
    written = wanted.file.with_name(f".{wanted.file.name}.new")
    written.write_text(text, encoding="utf-8")
    try:
        # What init writes is read once as start would, before it is put in its place.
        deployed(settings_from(written), wanted.file)
        written.replace(wanted.file)
    finally:
        written.unlink(missing_ok=True)
    return [wanted.file, folder.expanduser()]


def folder_of(wanted: Wanted) -> Path:
    """Where the deployment's data goes."""
    return wanted.folder or Path(f"~/.local/share/tradepool/{wanted.kind or KINDS[0]}")


def configuration(wanted: Wanted) -> str:
    """The text of the file; what was not chosen is at its default. BadFlag."""
    kind, prices = wanted.kind or KINDS[0], wanted.prices or PRICES[0]
    for flag, value, known in (("--kind", kind, KINDS), ("--prices", prices, PRICES)):
        if value not in known:
            raise BadFlag(flag=flag, value=repr(value)[:40], wanted=" or ".join(known))
    users = wanted.users or NAMES[:2]
    if len(users) > USERS_MAX or not all(user.isascii() and user.isalnum() and user.islower() for user in users):
        raise BadFlag(flag="--users", value=" ".join(users)[:60], wanted=f"at most {USERS_MAX} names of a-z and 0-9")
    alphabet = string.ascii_lowercase + string.digits
    parts = [
        HEAD.substitute(
            id="".join(secrets.choice(alphabet) for _ in range(8)),
            kind=kind,
            folder=folder_of(wanted),
            style="console",
            timeframe=wanted.timeframe or "1m",
        )
    ]
    if kind == "practice":
        parts.append(PRACTICE_VENUE.substitute(prices=prices))
    parts.extend(_user(kind, user, STRATEGIES[n % len(STRATEGIES)]) for n, user in enumerate(users))
    return "".join([*parts, ALARMS])


def _user(kind: str, user: str, strategy: str) -> str:
    practice = kind == "practice"
    return USER.substitute(
        user=user,
        name=user.capitalize(),
        money=PRACTICE_MONEY if practice else LIVE_MONEY.substitute(upper=user.upper()),
        strategy=strategy,
        mode="practice" if practice else "live",
        # Real money begins with orders that are only written down, whatever the ceiling.
        modes="" if practice else MODES,
    )


def _asked(wanted: Wanted) -> Wanted:
    """The questions whose answer no flag gave."""
    screen = console(stderr=True)
    kind = wanted.kind or Prompt.ask("Practice or live", choices=list(KINDS), default=KINDS[0], console=screen)
    prices = wanted.prices
    if kind == "practice" and prices is None:
        prices = Prompt.ask("Prices of the practice exchange", choices=list(PRICES), default=PRICES[0], console=screen)
    timeframe = wanted.timeframe or Prompt.ask("Candles", default="1m", console=screen)
    users = wanted.users or Prompt.ask("Users", default=" ".join(NAMES[:2]), console=screen).split()
    answered = replace(wanted, kind=kind, prices=prices, timeframe=timeframe, users=users)
    folder = Path(Prompt.ask("Folder of its data", default=str(folder_of(answered)), console=screen))
    if not Confirm.ask(f"Write {wanted.file}", default=True, console=screen):
        raise KeyboardInterrupt
    return replace(answered, folder=folder)
