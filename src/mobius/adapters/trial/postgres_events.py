"""What tells of the statements of a program that we cannot look into: triggers, in a schema of ours on the copy.

Event triggers tell of every statement that changes the schema, with its locks, and of rewrites; triggers on the tables
that are there tell of every one that changes rows. All of it is gone before anything is compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mobius.adapters.databases.postgres_address import driver, first_line
from mobius.adapters.trial.postgres_catalog import LOG, Relation
from mobius.adapters.trial.postgres_observers import strongest

# Nothing that goes wrong in here may be felt by the statement that is looked at.
_MAKE = f"""
CREATE SCHEMA {LOG};
CREATE UNLOGGED TABLE {LOG}.log (
  n bigint GENERATED ALWAYS AS IDENTITY, pid int, began float8, ended float8, tag text, query text, relation oid,
  locks jsonb);
CREATE FUNCTION {LOG}.note(said text, rewritten oid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $note$ BEGIN
  INSERT INTO {LOG}.log (pid, began, ended, tag, query, relation, locks)
  SELECT pg_backend_pid(), extract(epoch FROM statement_timestamp()), extract(epoch FROM clock_timestamp()), said,
    current_query(), rewritten,
    (SELECT jsonb_agg(jsonb_build_array(l.relation::bigint, l.mode)) FROM pg_locks l
     WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND l.relation >= 16384);
EXCEPTION WHEN OTHERS THEN NULL; END $note$;
CREATE FUNCTION {LOG}.changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
  $changed$ BEGIN PERFORM {LOG}.note(TG_OP, NULL); RETURN NULL; END $changed$;
GRANT USAGE ON SCHEMA {LOG} TO PUBLIC;"""
_EVENTS = f"""
CREATE FUNCTION {LOG}.ended() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
  $ended$ BEGIN PERFORM {LOG}.note(TG_TAG, NULL); END $ended$;
CREATE FUNCTION {LOG}.rewritten() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
  $rewritten$ BEGIN PERFORM {LOG}.note(TG_TAG, pg_event_trigger_table_rewrite_oid()); END $rewritten$;
CREATE EVENT TRIGGER {LOG}_ended ON ddl_command_end EXECUTE FUNCTION {LOG}.ended();
CREATE EVENT TRIGGER {LOG}_rewritten ON table_rewrite EXECUTE FUNCTION {LOG}.rewritten();"""


@dataclass(frozen=True, slots=True)
class Event:
    """One statement as a trigger told of it; times as of the server's clock. `rewritten`: a relation, 0 for none."""

    pid: int
    began: float
    ended: float
    tag: str
    query: str
    rewritten: int
    locks: dict[int, str]


def install(db: Any, tables: list[Relation], *, powerful: bool) -> list[str]:
    """Makes them; returns which of them could not look, one sentence each. `powerful`: whether we may make event
    triggers, which takes a superuser."""
    psycopg = driver()
    try:
        db.execute(_MAKE)
    except psycopg.Error as error:
        return [f"no trigger could look on, so that short statements were not seen: {first_line(str(error))}"]
    blind = []
    for table in tables:
        try:
            db.execute(
                f"CREATE TRIGGER {LOG} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table.quoted}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {LOG}.changed()"
            )
        except psycopg.Error as error:
            blind.append(f"changes of {table.shown} were not seen: {first_line(str(error))}")
    if not powerful:
        return [*blind, "no event trigger could look on (the user of the scratch server is no superuser): of statements"
                " that change the schema, those were seen that took longer than 2 ms"]  # fmt: skip
    try:
        db.execute(_EVENTS)
    except psycopg.Error as error:
        blind.append(f"no event trigger could look on: {first_line(str(error))}")
    return blind


def events_of(db: Any) -> list[Event]:
    """What they told, in its order; nothing of a transaction that was rolled back."""
    there = db.execute("SELECT to_regclass(%s)", (f"{LOG}.log",)).fetchone()[0]
    if there is None:
        return []
    rows = db.execute(
        f"SELECT pid, began, ended, tag, query, relation, locks FROM {LOG}.log ORDER BY n"
    ).fetchall()
    return [
        Event(pid, began, ended, tag, query or "", int(relation or 0), _strongest(locks or []))
        for pid, began, ended, tag, query, relation, locks in rows
    ]


def remove(db: Any) -> None:
    """Takes all of it away, with the triggers."""
    db.execute(f"DROP EVENT TRIGGER IF EXISTS {LOG}_ended")
    db.execute(f"DROP EVENT TRIGGER IF EXISTS {LOG}_rewritten")
    db.execute(f"SET client_min_messages = error; DROP SCHEMA IF EXISTS {LOG} CASCADE")


def _strongest(pairs: list[list[Any]]) -> dict[int, str]:
    locks: dict[int, str] = {}
    for relation, mode in pairs:
        locks[int(relation)] = strongest(locks.get(int(relation), ""), mode)
    return locks
