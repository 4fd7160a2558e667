"""Triggers: rows that are only ever added are neither changed nor removed, and rows that are links are linked and counted.

They are built anew whenever the schema was brought up to date, and `verify` asks whether they still stand. They stop our
own mistakes, and whoever can write to the database past them only where he does not drop them.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from tradepool.adapters.database.chain import CHAINED

APPENDED = ("ledger_entry", "event", "audit", "settlement", "register", "promotion", "recorded_price")
_REFUSED = "rows of {} are only ever added"

_ONLY_ADDED = f" begin raise exception '{_REFUSED.format('%')}', tg_table_name; end "
# What a server does for a row that has no number yet; SQLite's INSERT does it itself (`chain.linked`). One that was moved here
# from another store has its number and its digest. The chain is over everybody's rows, whoever's this one is (`walls`).
_LINKS = """
declare
  who text := current_setting('tradepool.actor', true);
  newest bigint;
  before text;
  counted bigint;
begin
  if new.id = 0 then
    perform pg_advisory_xact_lock(6011);
    perform set_config('tradepool.actor', 'all', true);
    execute format('select id, digest from %I order by id desc limit 1', tg_table_name) into newest, before;
    execute format('select %I from deployment', tg_argv[0]) into counted;
    new.id := greatest(coalesce(newest, 0), coalesce(counted, 0)) + 1;
    new.digest := encode(sha256(convert_to(coalesce(before, '') || new.digest, 'UTF8')), 'hex');
    perform set_config('tradepool.actor', who, true);
  end if;
  return new;
end """
_COUNTS = """
declare
  who text := current_setting('tradepool.actor', true);
begin
  perform set_config('tradepool.actor', 'all', true);
  execute format('update deployment set %I = $1', tg_argv[0]) using new.id;
  perform set_config('tradepool.actor', who, true);
  return new;
end """
_FUNCTIONS = {"only_added": _ONLY_ADDED, "chain_links": _LINKS, "chain_counts": _COUNTS}
_OF_FILE = "select name, tbl_name, sql from sqlite_master where type = 'trigger'"
_OF_SERVER = (
    "select t.tgname, c.relname, pg_get_triggerdef(t.oid, true), t.tgenabled in ('O', 'A'), p.proname, p.prosrc "
    "from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid "
    "where not t.tgisinternal and c.relnamespace = to_regnamespace(current_schema())"
)


def build(connection: Connection) -> None:
    """Build all of them anew, and remove such as are none of ours. The caller commits."""
    sqlite = connection.dialect.name == "sqlite"
    for name, (table, _) in _standing(connection).items():
        connection.exec_driver_sql(f'drop trigger "{name}"' + ("" if sqlite else f' on "{table}"'))
    if not sqlite:
        for name, body in _FUNCTIONS.items():
            told = f"create or replace function {name}() returns trigger language plpgsql as $${body}$$"
            connection.exec_driver_sql(told.replace("%", "%%"))
    for _, statement in _wanted(connection).values():
        connection.exec_driver_sql(statement)


def not_as_built(connection: Connection) -> list[str]:
    """The tables whose triggers are not those that were built: one is missing, is another one, or is switched off."""
    wanted, standing = _wanted(connection), _standing(connection)
    differ = [name for name in wanted.keys() | standing.keys() if wanted.get(name) != standing.get(name)]
    return sorted({(wanted.get(name) or standing[name])[0] for name in differ})


def _wanted(connection: Connection) -> Mapping[str, tuple[str, str]]:
    """By name: the table, and the statement as the database says it back."""
    sqlite, found = connection.dialect.name == "sqlite", dict[str, tuple[str, str]]()
    for table in APPENDED:
        for deed in ("update", "delete") if sqlite else ("update", "delete", "truncate"):
            name, each = f"{table}_no_{deed}", "STATEMENT" if deed == "truncate" else "ROW"
            found[name] = (
                table,
                (
                    f"CREATE TRIGGER {name} before {deed} on {table} "
                    f"begin select raise(abort, '{_REFUSED.format(table)}'); end"
                    if sqlite
                    else f"CREATE TRIGGER {name} BEFORE {deed.upper()} ON {table} FOR EACH {each} EXECUTE FUNCTION only_added()"
                ),
            )
    for chained in CHAINED:
        table, counter = chained.table.name, chained.counter
        if sqlite:
            told = f"after insert on {table} begin update deployment set {counter} = new.id; end"
            found[f"{table}_counted"] = table, f"CREATE TRIGGER {table}_counted {told}"
            continue
        for name, when in (("linked", "BEFORE"), ("counted", "AFTER")):
            told = (
                f"{when} INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION chain_{name.replace('ed', 's')}('{counter}')"
            )
            found[f"{table}_{name}"] = table, f"CREATE TRIGGER {table}_{name} {told}"
    return found


def _standing(connection: Connection) -> Mapping[str, tuple[str, str]]:
    if connection.dialect.name == "sqlite":
        return {name: (table, sql) for name, table, sql in connection.exec_driver_sql(_OF_FILE)}
    return {
        # Where what it calls is another one, so is the trigger.
        name: (table, told if on and _FUNCTIONS.get(function) == body else "")
        for name, table, told, on, function, body in connection.exec_driver_sql(_OF_SERVER)
    }
