"""One deployer at a time migrates a database: a lock in that database, which ends with the session that holds it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mobius.adapters.databases.postgres_address import Address, driver
from mobius.errors import Locked, MobiusError

if TYPE_CHECKING:
    import psycopg

KEY = (0x6D6F6269, 0x6D696772)  # "mobi", "migr"
_LONGEST_NAME = 63  # of an application, in bytes
_HOLDER = """
    SELECT a.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''), coalesce(host(a.client_addr), ''),
           to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = %s AND l.objsubid = 2
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@contextlib.contextmanager
def sole_migrator(db: psycopg.Connection[Any], address: Address) -> Iterator[None]:
    """Holds the lock in the session `db`, which commits each statement and stays open meanwhile. Raises Locked at once
    while another session has it, naming who and since when. A killed holder's session ends with it: at once, or when
    the server looks after its client again (`settle`, which names us to others)."""
    if not _first(db.execute("SELECT pg_try_advisory_lock(%s, %s)", KEY)):
        holder = _holder(db)
        pid = (
            f"SELECT pg_terminate_backend({holder[0]});"
            if holder and holder[0]
            else "SELECT * FROM pg_locks;"
        )
        raise Locked(
            f"{address} is being migrated by somebody else: {_described(holder)}",
            f"wait for it; if it is dead, end it: {pid}",
        )
    try:
        yield
    finally:
        with contextlib.suppress(driver().OperationalError):  # a session that is gone holds nothing
            db.execute("SELECT pg_advisory_unlock(%s, %s)", KEY)


def refuse_unless_held(db: psycopg.Connection[Any]) -> None:
    """Raises MobiusError where this is not the session that took the lock: a pooler that hands each transaction to
    another one cannot keep it."""
    query = (
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
        " AND classid = %s AND objid = %s AND objsubid = 2"
    )
    if db.execute(query, KEY).fetchone() is None:
        raise MobiusError(
            "the lock of the migration is not held any more: the address leads through a pooler",
            "give the address of the server itself, or a pooler that keeps a session: url of its [[database]]",
        )


def settle(db: psycopg.Connection[Any]) -> None:
    """The settings of a session that migrates: it is named, has all the time it needs, and what it does ends within a
    second after we were killed (PostgreSQL 14 and later; an earlier one ends the statement that runs first)."""
    db.execute("SELECT set_config('application_name', %s, false)", [who_we_are()])
    db.execute("SET statement_timeout = 0")
    db.execute("SET idle_in_transaction_session_timeout = 0")
    if db.info.server_version >= 140_000:
        db.execute("SET client_connection_check_interval = '500ms'")


def who_we_are() -> str:
    """For whoever asks the server."""
    return f"mobius migrates, process {os.getpid()} on {socket.gethostname()}"[:_LONGEST_NAME]


def _holder(db: psycopg.Connection[Any]) -> tuple[Any, ...] | None:
    return db.execute(_HOLDER, KEY).fetchone()


def _described(holder: tuple[Any, ...] | None) -> str:
    if holder is None or holder[0] is None:
        return "they have just finished, or may not be seen"
    pid, application, user, client, since = holder
    where = f" from {client}" if client else ""
    return f'"{application}", user {user}{where}, server process {pid}, connected since {since or "nobody knows when"}'


def _first(cursor: Any) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None
