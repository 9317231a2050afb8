"""Copies of a scratch database of PostgreSQL, made by template, and the plain role that works on them.

A migration may do whatever its author thought of: drop a database, change the server, start a program on its machine.
So it never runs as a superuser. Its role owns what the database holds, and nothing else on the server.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mobius.adapters.databases.postgres_address import Address, driver, in_plain_words
from mobius.adapters.databases.postgres_cluster import SUPERUSER
from mobius.adapters.rehearsal.release_role import refuse_ways_outside
from mobius.errors import MobiusError

START = "mobius_trial_"
ONLOOKER = "mobius trial"  # how our own sessions are called, all but those that are tried
_OURS = re.compile(rf"({START}[0-9a-f]{{12}})(_[a-z]+)?")
_DOING = "the migrations could not be tried"

# Everything of the database that a superuser owns and no extension made, and the words that give it to somebody else.
_GIVE = """
DO $give$ DECLARE each record; BEGIN
FOR each IN SELECT format('ALTER %s %s OWNER TO %I', kind, name, {role}) AS words FROM (
  SELECT 'SCHEMA' AS kind, quote_ident(nspname) AS name, oid, nspowner AS owner FROM pg_namespace
    WHERE nspname !~ '^pg_'
  UNION ALL
  SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
         WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, oid::regclass::text, oid, relowner
    FROM pg_class c WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
    AND NOT (relkind = 'S' AND EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i')
                                       AND d.refclassid = 'pg_class'::regclass))
  UNION ALL
  SELECT 'ROUTINE', oid::regprocedure::text, oid, proowner FROM pg_proc
  UNION ALL
  SELECT CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, oid::regtype::text, oid, typowner FROM pg_type
    WHERE typtype IN ('d', 'e', 'r')
) found JOIN pg_roles r ON r.oid = found.owner
WHERE r.rolsuper AND found.oid >= 16384
AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.objid = found.oid AND e.deptype = 'e')
LOOP EXECUTE each.words; END LOOP; END $give$"""


@dataclass(frozen=True, slots=True)
class Copies:
    """What is made beside the scratch database. `mark`: the start of all names; `admin`: a session that makes them;
    `role`, `password`: who is tried; `powerful`: whether the admin is a superuser."""

    scratch: Address
    mark: str
    admin: Any
    role: str
    password: str
    powerful: bool
    gives: bool  # whether what a superuser owns must be given to the role

    @contextlib.contextmanager
    def copy(self, name: str, of: Address | None = None) -> Iterator[Address]:
        """The whole of `of` (the scratch database) once more, while inside the `with`; sessions in `of` are ended. The
        address is the onlooker's: see `tried_as`."""
        original = (of or self.scratch).database
        copied = f"{self.mark}_{name}"
        sql = driver().sql
        words = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}{}").format(
            sql.Identifier(copied),
            sql.Identifier(original),
            sql.Identifier(self.role),
            # Faster for all but the smallest: what is copied here survives no crash anyhow.
            sql.SQL(" STRATEGY FILE_COPY" if self.admin.info.server_version >= 150_000 else ""),
        )
        with in_plain_words(self.scratch, _DOING):
            self.drop(copied)
            self.end_sessions(original)
            self.admin.execute(words)
            for setting in self._settings_of(original):
                key, _, value = setting.partition("=")
                if key != "role":
                    self.admin.execute(
                        sql.SQL("ALTER DATABASE {} SET {} TO {}").format(
                            sql.Identifier(copied), sql.Identifier(*key.split(".")), _value(key, value)
                        )
                    )
        try:
            address = self.scratch.at(copied)
            if self.gives and of is None:
                with in_plain_words(address, _DOING), contextlib.closing(onlooker(address)) as db:
                    db.execute(sql.SQL(_GIVE).format(role=sql.Literal(self.role)))
            yield address
        finally:
            with contextlib.suppress(driver().Error):  # the server is gone, or another one sweeps it
                self.drop(copied)

    def tried_as(self, address: Address) -> Address:
        """The same database for whoever is tried."""
        if not self.password:
            return address
        return Address(address.name, {**address.parameters, "user": self.role}, {"password": self.password})

    def drop(self, database: str) -> None:
        """Also while somebody is connected to it."""
        _drop(self.admin, database)

    def end_sessions(self, database: str, but: Sequence[int] = ()) -> bool:
        """Those that a pool or an onlooker left, but for these; waits until they are gone. False where one may not be
        (a server before version 14 only says that it was told)."""
        return all(row[0] for row in self.admin.execute(_END, (database, list(but))).fetchall())

    def _settings_of(self, database: str) -> list[str]:
        query = """
            SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
            WHERE d.datname = %s AND s.setrole = 0"""
        return [row[0] for row in self.admin.execute(query, (database,)).fetchall()]


_END = """
SELECT CASE WHEN current_setting('server_version_num')::int >= 140000 THEN pg_terminate_backend(pid, 5000)
       ELSE pg_terminate_backend(pid) END
FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() AND pid <> ALL (%s)"""


@contextlib.contextmanager
def copies_of(scratch: Address) -> Iterator[Copies]:
    """Makes copies of the database at `scratch`, on the same server; they and their role are gone at the end, after a
    kill at next use. Raises `MobiusError` where the server does not let us make databases, or a plain role in, and
    `NotProvenError` where what is in the database leads out of it."""
    mark = f"{START}{secrets.token_hex(6)}"
    with contextlib.ExitStack() as stack:
        with in_plain_words(scratch, _DOING):
            admin = stack.enter_context(contextlib.closing(onlooker(scratch.at("postgres"))))
            _sweep(admin)
            # Whoever holds this lock is alive; the server lets go of it the moment that process is gone.
            admin.execute("SELECT pg_advisory_lock(hashtext(%s))", (mark,))
            with contextlib.closing(onlooker(scratch)) as db:
                refuse_ways_outside(db, scratch)
            copies = _with_role(admin, scratch, mark)
        stack.callback(_drop_role, admin, mark)
        with in_plain_words(scratch, _DOING):
            if copies.password:
                _may_enter(copies)
        yield copies


def onlooker(address: Address) -> Any:
    """A session of ours that looks on: it commits by itself."""
    parameters = {**address.parameters, **address.secrets, "application_name": ONLOOKER}
    return driver().connect(**parameters, autocommit=True)


def _with_role(admin: Any, scratch: Address, mark: str) -> Copies:
    """Who is tried: the user of the address where that is a plain one; in a cluster of our own whoever owns the
    database, as on the live server; else a role made for it."""
    (powerful,) = admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if not powerful:
        return Copies(scratch, mark, admin, scratch.parameters.get("user", ""), "", False, False)
    row = admin.execute(
        "SELECT r.rolname, r.rolsuper FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = %s",
        (scratch.database,),
    ).fetchone()
    owner, owner_is_powerful = row or ("", True)
    is_ours = scratch.parameters.get("user") == SUPERUSER
    sql = driver().sql
    role, password = owner, secrets.token_urlsafe(18)
    if owner_is_powerful or not is_ours:
        role = mark
        admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    admin.execute(
        sql.SQL(
            "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}"
        ).format(sql.Identifier(role), sql.Literal(password))
    )
    for other in _owners(admin, scratch):
        if other != role:
            admin.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(other), sql.Identifier(role)))
    return Copies(scratch, mark, admin, role, password, True, True)


def _owners(admin: Any, scratch: Address) -> list[str]:
    """Of anything in the database; those that are no superusers."""
    query = """
        SELECT DISTINCT r.rolname FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid
        JOIN pg_database d ON d.oid = s.dbid WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o'
        AND d.datname = %s AND NOT r.rolsuper AND r.rolname !~ '^pg_'"""
    return [row[0] for row in admin.execute(query, (scratch.database,)).fetchall()]


def _may_enter(copies: Copies) -> None:
    try:
        with contextlib.closing(onlooker(copies.tried_as(copies.scratch.at("postgres")))):
            return
    except driver().OperationalError:
        user = copies.scratch.parameters.get("user", "")
        raise MobiusError(
            f"the migrations could not be tried: {user} is a superuser of the scratch server, as whom nothing is tried,"
            " and a plain role made for it is not let in",
            f"let {START}* in by password (pg_hba.conf), or name a user in scratch_url that only may create databases",
        ) from None


def _sweep(admin: Any) -> None:
    """Drops the copies and roles whose process is gone."""
    names = admin.execute(
        "SELECT datname, true FROM pg_database WHERE starts_with(datname, %s)"
        " UNION ALL SELECT rolname, false FROM pg_roles WHERE starts_with(rolname, %s)",
        (START, START),
    ).fetchall()
    for name, is_database in names:
        found = _OURS.fullmatch(name)
        if found is None:
            continue
        (free,) = admin.execute("SELECT pg_try_advisory_lock(hashtext(%s))", (found[1],)).fetchone()
        if not free:
            continue
        with contextlib.suppress(driver().Error):  # of another user, who will sweep it
            _drop(admin, name) if is_database else _drop_role(admin, name)
        admin.execute("SELECT pg_advisory_unlock(hashtext(%s))", (found[1],))


def _drop(admin: Any, database: str) -> None:
    force = " WITH (FORCE)" if admin.info.server_version >= 130_000 else ""
    if not force:
        admin.execute(_END, (database, []))
    sql = driver().sql
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}" + force).format(sql.Identifier(database)))


def _drop_role(admin: Any, mark: str) -> None:
    """It owns nothing once its copies are gone; where a migration made it own more elsewhere, it stays."""
    sql = driver().sql
    with contextlib.suppress(driver().Error):
        admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(mark)))


def _value(key: str, value: str) -> Any:
    """As ALTER DATABASE needs it: a list of names as its members."""
    sql = driver().sql
    if key == "search_path":
        return sql.SQL(value)  # as the server wrote it: every name is quoted where it must be
    return sql.Literal(value)
