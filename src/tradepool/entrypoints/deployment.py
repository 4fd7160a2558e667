"""The configuration of a deployment and its register as nouns: people, accounts, mandates. Every mistake names its section
and key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, TypeVar

from tradepool.adapters.database.place import Place, place_in
from tradepool.core.risk.symbols import likely
from tradepool.core.strategies.strategy import Strategy
from tradepool.domain.actor import PLATFORM, Actor
from tradepool.domain.candle import TIMEFRAMES_MS
from tradepool.domain.deployment import Deployment, Kind, Mode
from tradepool.domain.errors import InvalidInput, TradepoolError
from tradepool.domain.ids import AccountId, MandateId, MarketId, UserId
from tradepool.domain.limit import RiskPlan
from tradepool.domain.mandate import CanaryCap, EntryKind, EntryOrder, Limits, Mandate
from tradepool.domain.market import EXACT_MAX, UNIT
from tradepool.domain.policy import may, refuse_unless
from tradepool.domain.register import Entry, Thing
from tradepool.domain.user import Role, Status, User
from tradepool.entrypoints.asking import Asker, asker
from tradepool.entrypoints.deployment_settings import (
    AccountSettings,
    LimitSettings,
    MandateSettings,
    UserSettings,
    VenueSettings,
    wrong_cash,
)
from tradepool.entrypoints.inputs import settings_from
from tradepool.entrypoints.mistakes import UNLED, Mistakes, section_named, settings_aside
from tradepool.entrypoints.register_rows import SECTIONS, entries_of, folder_of, overlaid
from tradepool.entrypoints.risk_plan import risk_plan
from tradepool.entrypoints.settings import Settings
from tradepool.entrypoints.strategies import find
from tradepool.runtime.config import PREFIX, nearest

CONFIG_NAME = "tradepool.toml"
# Of the quote asset, or whatever a limit is of: nothing that is traded comes near.
LIMIT_MOST = 10**15
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_DEPLOYMENT_ID = re.compile(r"[a-z0-9]{8}")
Section = TypeVar("Section", UserSettings, AccountSettings, MandateSettings)
Noun = TypeVar("Noun")


class NoDeployment(InvalidInput):
    """No deployment is configured in {file}; run tradepool init, then name its file with --config."""


class BadDeployment(InvalidInput):
    """[{section}] {key} in {file}: {value} {why}; {remedy}."""


class NoSuchUser(InvalidInput):
    """No user is called {user}; add one (tradepool users add, or a section [users.NAME] of {file}){hint}."""


class NotActive(InvalidInput):
    """{user} is {status} here, and may do nothing; tradepool users accept, or ask the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seated:
    """A mandate that is active, its strategy, and how far it may go: at most to `ceiling` (where it is now says its
    database), as a canary within `cap`. `account` is the section it trades on. `off` is why it enters nothing any more,
    `unled` why no strategy says when to sell, either; protections go on."""

    user: User
    account_id: AccountId
    account: AccountSettings
    mandate: Mandate
    strategy: Strategy
    ceiling: Mode
    cap: CanaryCap
    off: str = ""
    unled: TradepoolError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A deployment that makes sense, offline: whether the venue trades its markets is asked when it starts.

    `entries` are what commands have added; `only` whose things alone are here, where `actor` may not see all. `inactive`
    are mandates that are not; `aside` is what was wrong with sections that are left out.
    """

    file: Path
    deployment: Deployment
    folder: Path
    venue: VenueSettings
    timeframe_ms: int
    users: Sequence[User]
    seats: Sequence[Seated]
    settings: Settings
    risk: RiskPlan
    entries: Sequence[Entry] = ()
    actor: Actor = PLATFORM
    only: UserId | None = None
    inactive: Sequence[Seated] = ()
    aside: Sequence[TradepoolError] = ()

    def shows(self, user: str) -> bool:
        """Whether a user's things are here for who asks."""
        return self.only in (None, user)

    def refuse_unknown_user(self, user: str | None) -> None:
        """Raise NoSuchUser for a name that no section has; None is everybody."""
        users = [each.id for each in self.users]
        if user is not None and user not in users:
            raise NoSuchUser(user=repr(user)[:60], file=self.file, hint=nearest(user, users))

    @property
    def mistakes(self) -> list[TradepoolError]:
        """What is wrong with sections that are left out, and with strategies that can't be used."""
        return [*self.aside, *(seat.unled for seat in (*self.seats, *self.inactive) if seat.unled is not None)]

    def but(self, mistakes: Mistakes) -> Deployed:
        """The same; raises the first of its mistakes that is to be raised."""
        wrong = {Mistakes.RAISED: self.mistakes, Mistakes.UNLED: self.aside}.get(mistakes)
        if wrong:
            raise wrong[0]
        return self

    @property
    def database(self) -> Place:
        """Its journal and books. NotAPlace."""
        return place_in(self.folder, self.settings.deployment.database)

    @property
    def socket(self) -> Path:
        """Where the trading process listens for commands."""
        return self.folder / "control.sock"


def config_file(given: Path | None) -> Path:
    """The configuration of the commands that need a deployment: the one named, else the one of this folder."""
    file = given or Path(CONFIG_NAME)
    if not file.is_file():
        raise NoDeployment(file=file)
    return file


def deployed_from(given: Path | None, *, damaged: bool = False, mistakes: Mistakes = Mistakes.RAISED) -> Deployed:
    """Read, check and log as the configuration says, with what commands have added; of it and its mistakes, what who asks may touch.

    A database of another deployment is refused before anything opens it. `damaged`: one that can't be read is taken for
    an empty one. NoDeployment, BadDeployment, WrongDatabase, NotAllowed, and what reading it raises.
    """
    file, aside, asks = config_file(given), list[TradepoolError](), asker()
    settings = settings_aside(file, aside)
    entries = entries_of(settings, damaged=damaged) if settings.deployment.id else ()
    whole = _read(settings, file, entries, aside)
    return (whole if asks is None else _as_asked(whole, asks)).but(mistakes)


def settings_as_asked(given: Path | None) -> Settings:
    """The configuration for a command that needs no deployment, unless a person asks, who has to be somebody of one. What
    `deployed_from` raises."""
    return settings_from(given) if asker() is None else deployed_from(given).settings


def deployed(
    settings: Settings, file: Path, entries: Sequence[Entry] = (), mistakes: Mistakes = Mistakes.RAISED
) -> Deployed:
    """The nouns of a configuration and of what the register adds to it. NoDeployment, BadDeployment, NameTwice."""
    return _read(settings, file, entries, []).but(mistakes)


def _read(settings: Settings, file: Path, entries: Sequence[Entry], aside: list[TradepoolError]) -> Deployed:
    if not settings.deployment.id:
        raise NoDeployment(file=file)
    return _Reading(overlaid(settings, entries, file, aside), file, entries, aside).deployed()


def _as_asked(whole: Deployed, asks: Asker) -> Deployed:
    """What a person may do his action to: everything, or what is his own. NoSuchUser, NotActive, NotAllowed."""
    whole.refuse_unknown_user(asks.user)
    user = next(each for each in whole.users if each.id == asks.user)
    actor = Actor(user.id, user.role)
    if not user.status.runs:
        raise NotActive(user=user.id, status=user.status)
    if may(actor, asks.action):
        return replace(whole, actor=actor)
    refuse_unless(actor, asks.action, user.id)
    settings = whole.settings
    accounts = {name: held for name, held in settings.accounts.items() if held.user == user.id}
    own: dict[str, Mapping[str, object]] = {
        "users": {user.id: settings.users[user.id]},
        "accounts": accounts,
        "mandates": {name: held for name, held in settings.mandates.items() if held.account in accounts},
    }
    entries = [entry for entry in whole.entries if entry.user == user.id]
    sections = {f"{thing}.{name}" for thing, held in own.items() for name in held}
    sections |= {f"{entry.thing.section}.{entry.name}" for entry in entries}
    return replace(
        whole,
        actor=actor,
        only=user.id,
        users=[user],
        seats=[seat for seat in whole.seats if seat.user.id == user.id],
        inactive=[seat for seat in whole.inactive if seat.user.id == user.id],
        settings=settings.model_copy(update=own),
        entries=entries,
        aside=[error for error in whole.aside if section_named(error) in sections],
    )


class _Reading:
    """One configuration being read; `bad` says what is wrong where, and `aside` is what was."""

    def __init__(self, settings: Settings, file: Path, entries: Sequence[Entry], aside: list[TradepoolError]) -> None:
        self._settings, self._file, self._entries = settings, file, entries
        self._kind, self._strategies = Kind(settings.deployment.kind), dict[str, Strategy]()
        self._aside, self._timeframe_ms, self._seats = aside, 0, dict[str, Seated]()

    def deployed(self) -> Deployed:
        settings, venue = self._settings, self._settings.venue
        self._check_id()
        place_in(Path(), settings.deployment.database)
        if venue.timeframe not in TIMEFRAMES_MS:
            self._bad("venue", "timeframe", venue.timeframe, "is no timeframe", nearest(venue.timeframe, TIMEFRAMES_MS))
        self._timeframe_ms = TIMEFRAMES_MS[venue.timeframe]
        self._users = self._each(settings.users, self._user)
        self._accounts = self._each(settings.accounts, self._account)
        mandates = self._each(settings.mandates, self._seat).values()
        seats = list(self._seats.values())
        return Deployed(
            file=self._file,
            deployment=Deployment(id=settings.deployment.id, kind=self._kind),
            folder=folder_of(settings),
            venue=venue,
            timeframe_ms=self._timeframe_ms,
            users=list(self._users.values()),
            seats=seats,
            settings=settings,
            risk=self._risk(seats),
            entries=self._entries,
            inactive=[seat for seat in mandates if self._seats.get(seat.account_id) is not seat],
            aside=self._aside,
        )

    def _each(self, sections: Mapping[str, Section], read: Callable[[str, Section], Noun]) -> dict[str, Noun]:
        """What each section says, by name; without those that are set aside."""
        found = dict[str, Noun]()
        for name, section in sections.items():
            try:
                self._check_name(name, section)
                found[name] = read(name, section)
            except InvalidInput as error:
                self._aside.append(error)
        return found

    def _risk(self, seats: Sequence[Seated]) -> RiskPlan:
        # What an unled mandate's strategy is called, nobody knows.
        strategies = None if any(seat.unled for seat in seats) else [seat.strategy.name for seat in seats]
        try:
            return risk_plan(self._settings, [seat.mandate for seat in seats], strategies)
        except InvalidInput as error:
            self._aside.append(error)
            return RiskPlan(limits=(), clusters={}, deployment=self._settings.deployment.id)

    def _bad(self, section: str, key: str, value: object, why: str, remedy: str) -> NoReturn:
        raise BadDeployment(
            section=section, key=key, file=self._file, value=repr(value)[:60], why=why, remedy=remedy.strip(" ()")
        )

    def _check_id(self) -> None:
        name = self._settings.deployment.id
        if not _DEPLOYMENT_ID.fullmatch(name):
            self._bad("deployment", "id", name, "is no id of a deployment", "let tradepool init write one")

    def _check_name(self, name: str, section: Section) -> None:
        if not _NAME.fullmatch(name):
            (of,) = (each.section for each, kind in SECTIONS.items() if isinstance(section, kind))
            self._bad(of, name, name, "is no name", "use at most 40 of a-z, 0-9, _ and -")

    def _user(self, name: str, section: UserSettings) -> User:
        if section.test and self._kind is Kind.LIVE:
            self._bad(f"users.{name}", "test", True, "is for play money", "use a practice deployment, or no test user")
        statuses = {entry.name: entry.status for entry in self._entries if entry.thing is Thing.USER}
        return User(
            id=UserId(name),
            name=section.name or name,
            role=Role(section.role),
            status=statuses.get(name, Status.ACTIVE),
            locale=section.locale,
            test=section.test,
        )

    def _account(self, name: str, account: AccountSettings) -> AccountSettings:
        section, users = f"accounts.{name}", self._users
        if account.user not in users:
            self._bad(section, "user", account.user, "is no user", f"name one of [users]{nearest(account.user, users)}")
        for key in ("key_env", "secret_env"):
            variable = getattr(account, key)
            if variable.upper().startswith(PREFIX):
                self._bad(section, key, variable, "would be read as a setting", f"call it otherwise than {PREFIX}...")
        for asset, amount in account.cash.items():
            if why := wrong_cash(asset, amount):
                self._bad(f"{section}.cash", asset, str(amount), why, "correct it")
        return account

    def _seat(self, name: str, given: MandateSettings) -> Seated:
        """A mandate, which takes the seat of its account if it is active."""
        section, accounts, seats = f"mandates.{name}", self._accounts, self._seats
        if given.account not in accounts:
            hint = f"name one of [accounts]{nearest(given.account, accounts)}"
            self._bad(section, "account", given.account, "is no account", hint)
        account, mode = accounts[given.account], Mode(given.mode)
        if mode.kind is not self._kind:
            modes = " or ".join(each for each in Mode if each.kind is self._kind)
            why = f"does not belong to a {self._kind} deployment"
            self._bad(section, "mode", given.mode, why, f"use {modes}, or another deployment")
        strategy, unled = self._strategy_or_not(section, given)
        seat = Seated(
            user=self._users[account.user],
            account_id=AccountId(given.account),
            account=account,
            mandate=self._mandate(section, name, given, strategy),
            strategy=strategy,
            ceiling=mode,
            cap=CanaryCap(**given.canary.model_dump()),
            off=str(unled or ""),
            unled=unled,
        )
        if given.active and given.account in seats:
            why = f"is traded by mandate {seats[given.account].mandate.id} already"
            self._bad(section, "account", given.account, why, "give each mandate an account of its own")
        if given.active:
            seats[given.account] = seat
        return seat

    def _strategy_or_not(self, section: str, given: MandateSettings) -> tuple[Strategy, BadDeployment | None]:
        """Its strategy; else what is wrong with that."""
        try:
            return self._strategy(section, given), None
        except BadDeployment as error:
            return UNLED, error

    def _strategy(self, section: str, given: MandateSettings) -> Strategy:
        try:
            # Looked for once: many mandates have the same.
            if given.strategy not in self._strategies:
                found = find(given.strategy, self._settings.strategies.folder).load().strategy
                self._strategies[given.strategy] = found
            strategy = self._strategies[given.strategy].with_parameters(given.parameters)
            strategy.refuse_unless_live()
        except TradepoolError as error:
            self._bad(section, "strategy", given.strategy, f"can't be used: {str(error).rstrip('.')}", "correct it")
        return strategy

    def _mandate(self, section: str, name: str, given: MandateSettings, strategy: Strategy) -> Mandate:
        if not given.markets:
            self._bad(section, "markets", given.markets, "names none", "name at least one, such as BTC/USDT")
        for symbol in given.markets:
            self._check_symbol(section, symbol)
        if len({symbol.partition("/")[2] for symbol in given.markets}) > 1:
            self._bad(section, "markets", given.markets, "have several quote assets", "use one mandate for each")
        self._check_sizes(section, given)
        limits: LimitSettings = given.limits
        try:
            return Mandate(
                id=MandateId(name),
                account=AccountId(given.account),
                strategy_id=strategy.strategy_id(self._timeframe_ms),
                markets=tuple(MarketId(f"{self._settings.venue.id}:{symbol}") for symbol in given.markets),
                weight=given.weight,
                capital=given.capital,
                limits=Limits(**limits.model_dump(exclude={"actions"})),
                entry=EntryOrder(kind=EntryKind(given.entry), slippage_max=given.entry_slippage_max),
            )
        except InvalidInput as error:
            what = str(error.facts["what"])
            self._bad(section, what, str(error.facts["value"]), "is out of range", f"use {error.facts['allowed']}")

    def _check_sizes(self, section: str, given: MandateSettings) -> None:
        """Refuse amounts beyond what is counted: with such a one its account could not start, or not be shown."""
        limits = given.limits.model_dump(exclude={"actions", "market_notional_max"}, exclude_none=True)
        amounts = {**limits, **given.limits.market_notional_max, "capital": given.capital}
        for name, amount in amounts.items():
            most = EXACT_MAX * UNIT if name == "capital" else LIMIT_MOST
            if amount >= most:
                why = "is more than is counted exactly"
                self._bad(section, name, str(amount)[:40], why, f"give less than {most:,.0f}")

    def _check_symbol(self, section: str, symbol: str) -> None:
        known, venue = list(self._settings.venue.symbols), self._settings.venue
        if not re.fullmatch(r"[A-Z0-9]+/[A-Z0-9]+", symbol):
            meant = " or ".join(likely(symbol, known)) or "BTC/USDT"
            self._bad(section, "markets", symbol, "is no symbol", f"write it as the venue does, such as {meant}")
        if self._kind is Kind.PRACTICE and venue.prices != "candles" and symbol not in known:
            meant = " or ".join(likely(symbol, known)) or ", ".join(known)
            why = "is not traded on the practice exchange"
            self._bad(section, "markets", symbol, why, f"did you mean {meant}? Else add it to [venue] symbols")
