"""`tradepool users` and `tradepool accounts`. Heavy imports inside, as in `cli`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tradepool.entrypoints.inputs import Config

Json = Annotated[bool, Parameter(help="One JSON object on standard output, nothing else there.")]
Reason = Annotated[str | None, Parameter(help="Why; it is written down.")]
User = Annotated[str, Parameter(help="His name here: a-z, 0-9 and _.")]
Cash = Annotated[
    list[str] | None,
    Parameter(consume_multiple=True, help="Play money it is opened with, ASSET=AMOUNT [default: USDT=10000]."),
]

users_app = App(name="users", help="People: add, list, show, set, invite, accept, pause, resume, close.")
accounts_app = App(name="accounts", help="Their accounts at the venue: add, list, show, set, pause, resume, close.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is said of a person; what is left out is as it is, or at its default."""

    called: Annotated[str | None, Parameter(help="His full name.")] = None
    role: Annotated[
        Literal["operator", "risk", "billing", "support", "auditor", "user", "viewer"] | None,
        Parameter(help="What he may do [default: user]."),
    ] = None
    mail: Annotated[str | None, Parameter(help="Where alarms about his accounts go.")] = None
    locale: Annotated[str | None, Parameter(help="The language he reads, such as en or de-AT [default: en].")] = None
    test: Annotated[bool | None, Parameter(help="A test user: practice only.")] = None

    @property
    def values(self) -> dict[str, object]:
        """What was said, by the keys of a section [users.NAME]."""
        said = {"name": self.called, "role": self.role, "mail": self.mail, "locale": self.locale, "test": self.test}
        return {key: value for key, value in said.items() if value is not None}


AS_IT_IS = Person()

# ---- users


@users_app.default
@users_app.command(name="list")
def users_list(*, json: Json = False, config: Config = None) -> None:
    """Everybody: role, status, accounts, and whether from the file or by command."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.people import users
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.people_page import UsersJson, users_page

    rows = users(deployed_from(config))
    if json:
        say(UsersJson(rows))
    else:
        show(users_page(rows))


@users_app.command(name="show")
def users_show(user: User, *, json: Json = False, config: Config = None) -> None:
    """One person, and every change: who, when, from, to."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.people import users
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.people_page import user_page

    found = deployed_from(config)
    found.refuse_unknown_user(user)
    row = next(row for row in users(found) if row.user == user)
    if json:
        say(row)
    else:
        show(user_page(row))


@users_app.command(name="add")
def users_add(user: User, *, person: Person = AS_IT_IS, reason: Reason = None, config: Config = None) -> None:
    """Add a person who may act at once; `users invite` asks him first."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.people import add_user

    print(add_user(deployed_from(config), user, person.values, reason))


@users_app.command(name="set")
def users_set(user: User, *, person: Person = AS_IT_IS, reason: Reason = None, config: Config = None) -> None:
    """Change what is said of a person; every version is kept."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.people import set_user

    print(set_user(deployed_from(config), user, person.values, reason))


@users_app.command(name="invite")
def users_invite(user: User, *, person: Person = AS_IT_IS, reason: Reason = None, config: Config = None) -> None:
    """A code that makes a person active, once, within 24 hours; it is shown now and never again. An older one is void."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.people import invite
    from tradepool.presentation.formats import iso

    code, expires_ms = invite(deployed_from(config), user, person.values, reason)
    print(
        f"Give {user} this, by a way that nobody else reads; tradepool users accept asks for it until {iso(expires_ms)}:"
    )
    print(code)


@users_app.command(name="accept")
def users_accept(*, config: Config = None) -> None:
    """Become active by the code of an invitation, asked for unseen: others on the machine can read a command line."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.inputs import ask_hidden
    from tradepool.entrypoints.people import accept

    deployed = deployed_from(config)
    print(accept(deployed, ask_hidden("Code of the invitation (not shown): ")))


@users_app.command(name="pause")
def users_pause(user: User, *, reason: Reason = None, config: Config = None) -> None:
    """Enter nothing for any of his accounts from now on; exits and protections go on."""
    from tradepool.domain.register import Thing
    from tradepool.entrypoints.changing import pause
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.mistakes import Mistakes

    print(pause(deployed_from(config, mistakes=Mistakes.SET_ASIDE), Thing.USER, user, reason))


@users_app.command(name="resume")
def users_resume(user: User, *, reason: Reason = None, config: Config = None) -> None:
    """Let his accounts enter again; a pause by somebody of the house he can't end himself."""
    from tradepool.domain.register import Thing
    from tradepool.entrypoints.changing import resume
    from tradepool.entrypoints.deployment import deployed_from

    print(resume(deployed_from(config), Thing.USER, user, reason))


@users_app.command(name="close")
def users_close(user: User, *, reason: Reason = None, config: Config = None) -> None:
    """A person leaves, for good, once his accounts are closed; his books stay."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.mistakes import Mistakes
    from tradepool.entrypoints.people import close_user

    print(close_user(deployed_from(config, mistakes=Mistakes.UNLED), user, reason))


# ---- accounts


@accounts_app.default
@accounts_app.command(name="list")
def accounts_list(*, json: Json = False, config: Config = None) -> None:
    """Every account: whose, how it stands, which mandate trades it; those that only the books know any more, too."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.people import accounts
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.people_page import AccountsJson, accounts_page

    rows = accounts(deployed_from(config))
    if json:
        say(AccountsJson(rows))
    else:
        show(accounts_page(rows))


@accounts_app.command(name="show")
def accounts_show(account: str, *, json: Json = False, config: Config = None) -> None:
    """One account, and every change: who, when, from, to."""
    from tradepool.entrypoints import people
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.saying import say, show
    from tradepool.presentation.people_page import account_page

    row = people.account(deployed_from(config), account)
    if json:
        say(row)
    else:
        show(account_page(row))


@accounts_app.command(name="add")
def accounts_add(
    user: User,
    *,
    name: Annotated[str | None, Parameter(help="What it is called [default: the user and a number].")] = None,
    cash: Cash = None,
    reason: Reason = None,
    config: Config = None,
) -> None:
    """Add a user's account at the venue; of a live deployment its key comes next (keys add)."""
    from tradepool.domain.register import Thing
    from tradepool.entrypoints.changing import amounts, new_name
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.people import add_account

    found = deployed_from(config)
    found.refuse_unknown_user(user)
    account = new_name(found, Thing.ACCOUNT, user, name)
    print(add_account(found, account, user, amounts("--cash", cash), reason))


@accounts_app.command(name="set")
def accounts_set(account: str, *, cash: Cash = None, reason: Reason = None, config: Config = None) -> None:
    """Other play money, for an account that the practice exchange has not opened yet."""
    from tradepool.entrypoints.changing import amounts
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.people import set_account

    print(set_account(deployed_from(config), account, amounts("--cash", cash), reason))


@accounts_app.command(name="pause")
def accounts_pause(account: str, *, reason: Reason = None, config: Config = None) -> None:
    """Enter nothing on it from now on; exits and protections go on."""
    from tradepool.domain.register import Thing
    from tradepool.entrypoints.changing import pause
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.mistakes import Mistakes

    print(pause(deployed_from(config, mistakes=Mistakes.SET_ASIDE), Thing.ACCOUNT, account, reason))


@accounts_app.command(name="resume")
def accounts_resume(account: str, *, reason: Reason = None, config: Config = None) -> None:
    """Let it enter again; what somebody of the house has paused, its user can't."""
    from tradepool.domain.register import Thing
    from tradepool.entrypoints.changing import resume
    from tradepool.entrypoints.deployment import deployed_from

    print(resume(deployed_from(config), Thing.ACCOUNT, account, reason))


@accounts_app.command(name="close")
def accounts_close(account: str, *, reason: Reason = None, config: Config = None) -> None:
    """Close an account that no mandate trades; its books stay."""
    from tradepool.entrypoints.deployment import deployed_from
    from tradepool.entrypoints.mistakes import Mistakes
    from tradepool.entrypoints.people import close_account

    print(close_account(deployed_from(config, mistakes=Mistakes.UNLED), account, reason))
