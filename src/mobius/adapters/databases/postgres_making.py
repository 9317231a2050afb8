"""Makes a database like another one, and fills it from a dump."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.adapters.databases.postgres_address import Address, connected, driver
from mobius.adapters.databases.postgres_facts import (
    PostgresFacts,
    Properties,
    differences,
    extensions_of,
    rows_of,
    table_sizes,
)
from mobius.adapters.databases.postgres_programs import advice_of, program, running
from mobius.errors import BackupInvalid, MobiusError

if TYPE_CHECKING:
    import psycopg

# Settings whose value is a list of names: each is quoted by itself.
_LISTS = frozenset(
    [
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    ]
)
_NAME_IN_LIST = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,"]*))\s*(?:,|$)')


def create_database(db: psycopg.Connection[Any], name: str, like: Properties, *, exactly: bool) -> None:
    """An empty database with this encoding and locale; `exactly`: with owner, tablespace, grants and settings, too."""
    sql = driver().sql
    words = [
        sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {}").format(
            sql.Identifier(name), sql.Literal(like.encoding)
        ),
        sql.SQL("LC_COLLATE {} LC_CTYPE {}").format(sql.Literal(like.collate), sql.Literal(like.ctype)),
    ]
    major = db.info.server_version // 10000
    if like.provider == "i":
        words.append(sql.SQL("LOCALE_PROVIDER icu ICU_LOCALE {}").format(sql.Literal(like.locale)))
    elif like.provider == "b":
        words.append(sql.SQL("LOCALE_PROVIDER builtin BUILTIN_LOCALE {}").format(sql.Literal(like.locale)))
    elif major >= 15:
        words.append(sql.SQL("LOCALE_PROVIDER libc"))
    if exactly:
        words.append(sql.SQL("OWNER {}").format(sql.Identifier(like.owner)))
        if like.tablespace != "pg_default":  # to name that one takes a right that few have
            words.append(sql.SQL("TABLESPACE {}").format(sql.Identifier(like.tablespace)))
    try:
        db.execute(sql.SQL(" ").join(words))
    except (driver().errors.WrongObjectType, driver().errors.InvalidParameterValue) as problem:
        raise MobiusError(
            f"the database {name} cannot be made: {str(problem).splitlines()[0]}",
            f"make its locale on that machine: sudo locale-gen {like.collate}",
        ) from None
    if exactly:
        for statement in _properties(name, like):
            db.execute(statement)


def _properties(name: str, like: Properties) -> Iterator[Any]:
    """What CREATE DATABASE cannot say. Every name and value is quoted by psycopg."""
    sql = driver().sql
    database = sql.Identifier(name)
    if like.connection_limit >= 0:
        yield sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(
            database, sql.Literal(like.connection_limit)
        )
    if like.comment:
        yield sql.SQL("COMMENT ON DATABASE {} IS {}").format(database, sql.Literal(like.comment))
    if like.acl is not None:
        yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database)
        yield sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(database, sql.Identifier(like.owner))
        for grantee, privilege, grantable in like.acl:
            if privilege not in ("CREATE", "CONNECT", "TEMPORARY"):
                continue
            yield sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
                sql.SQL(privilege),
                database,
                sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC"),
                sql.SQL(" WITH GRANT OPTION" if grantable else ""),
            )
    for role, settings in like.settings:
        whose = sql.SQL("ALTER DATABASE {}").format(database)
        if role:
            whose = sql.SQL("ALTER ROLE {} IN DATABASE {}").format(sql.Identifier(role), database)
        for setting in settings:
            key, _, value = setting.partition("=")
            yield sql.SQL("{} SET {} TO {}").format(
                whose,
                sql.Identifier(*key.split(".")),
                sql.SQL(", ").join(map(sql.Literal, _values(key, value))),
            )


def _values(key: str, value: str) -> list[str]:
    """A list of names as its members, anything else as it is."""
    if key not in _LISTS:
        return [value]
    members, at = [], 0
    while at < len(value):
        found = _NAME_IN_LIST.match(value, at)
        if found is None or found.end() == at:
            return [value]
        members.append(found[1].replace('""', '"') if found[1] is not None else found[2].strip())
        at = found.end()
    return members or [""]


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills the empty database at `target` from a dump; `exactly`: with owners and grants."""

    target: Address
    environ: Mapping[str, str]
    jobs: int
    timeout_s: float
    exactly: bool

    def fill(self, dump: Path, facts: PostgresFacts) -> None:
        """Restores, and checks. Raises `MobiusError`; the database holds a part then."""
        doing = f"the database {self.target.name} could not be restored"
        with connected(self.target, doing) as db:
            self._refuse_missing_extensions(db, facts, doing)
            major = db.info.server_version // 10000
        dumped_by = re.search(r"(\d+)", facts.dumped_by)
        pg_restore = program("pg_restore", max(major, int(dumped_by[1]) if dumped_by else 0))
        argv = [
            pg_restore.path,
            *("-Fd", "-j", str(self.jobs), "--exit-on-error", "--no-password"),
            # A subscription would fetch from where the live one does.
            *(() if self.exactly else ("--no-owner", "--no-privileges", "--no-subscriptions")),
            f"--dbname={self.target.conninfo()}",
            dump,
        ]
        environment = self.target.environment(self.environ)
        with running(argv, env=environment, timeout_s=self.timeout_s) as restoring:
            restoring.wait(doing, self.target.redact, advice_of(self.target, dump))
        self.check(facts)

    def check(self, facts: PostgresFacts) -> dict[str, int]:
        """The rows of each table. Raises `BackupInvalid` where they are not those that were backed up."""
        with connected(
            self.target,
            f"the restored database {self.target.name} could not be checked",
            statement_timeout_s=self.timeout_s,
        ) as db:
            rows, extensions = rows_of(db, list(table_sizes(db))), extensions_of(db)
        told = differences(facts, rows, extensions)
        if told:
            raise BackupInvalid(
                f"the restored database {self.target.name} is not the one that was backed up",
                "choose another backup: mobius backup list --verified",
                details=tuple(told[:8]),
            )
        return rows

    def _refuse_missing_extensions(
        self, db: psycopg.Connection[Any], facts: PostgresFacts, doing: str
    ) -> None:
        there = {row[0] for row in db.execute("SELECT name FROM pg_available_extensions").fetchall()}
        missing = sorted(facts.extensions.keys() - there)
        if missing:
            raise MobiusError(
                f"{doing}: the server has no extension {', '.join(missing)}",
                f"install it there; for PostgreSQL {facts.server_major} the live server has it",
            )
