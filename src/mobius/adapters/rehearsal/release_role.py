"""Who a release is on a scratch PostgreSQL: never the superuser, who could run programs outside of the boot."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from mobius.adapters.databases.postgres_address import Address, connected, driver, url_of
from mobius.adapters.rehearsal.not_proven import NotProvenError

ROLE = "mobius_release"
TRIED_AS = "mobius_trial_"  # how roles begin that migrations are tried as
# Whatever lets SQL act outside of the database, for anybody: the server is not inside the boot.
OUTSIDE = """
    SELECT 'the untrusted language ' || lanname FROM pg_language
        WHERE NOT lanpltrusted AND lanname NOT IN ('internal', 'c')
    UNION ALL SELECT 'the foreign data wrapper ' || fdwname FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'the function ' || proname FROM pg_proc WHERE proname IN ('dblink_connect', 'http_get')
    LIMIT 1
"""


def url_for_release(scratch: Address, live_user: str) -> str:
    """The address for the release: as the role that it has on the live server where the dump knows that, else as one
    that may do what any owner in there may. No superuser, and no member of a role of PostgreSQL's own.

    Raises `NotProvenError` where the database itself has ways to the outside that anybody may use, `MobiusError`
    where the scratch server does not answer.
    """
    sql = driver().sql
    with connected(
        scratch, f"a role for the release could not be made in the scratch copy of {scratch.name}"
    ) as db:
        refuse_ways_outside(db, scratch)
        roles = [
            str(row[0]) for row in db.execute("SELECT rolname FROM pg_roles WHERE NOT rolsuper").fetchall()
        ]
        owners = [role for role in roles if not role.startswith("pg_") and role != ROLE]
        name, password = live_user if live_user in owners else ROLE, secrets.token_urlsafe(18)
        if name == ROLE:
            if name not in roles:
                db.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
            for owner in owners:
                db.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(owner), sql.Identifier(name)))
            db.execute(
                sql.SQL("GRANT ALL ON DATABASE {} TO {}").format(
                    sql.Identifier(scratch.database), sql.Identifier(name)
                )
            )
            _give_what_the_superuser_owns(db, name)
        else:
            _give_what_migrations_made(db, name, owners)
        harmless = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}"
        db.execute(sql.SQL("ALTER ROLE {} " + harmless).format(sql.Identifier(name), sql.Literal(password)))
    there = replace(scratch, parameters={**scratch.parameters, "user": name}, secrets={"password": password})
    return url_of(there)


def url_for_command(scratch: Address, live_user: str) -> str:
    """The same for a migration on a copy of the scratch database: whoever the address names, unless that is a
    superuser. Raises as `url_for_release` does."""
    with connected(scratch, f"the scratch copy of {scratch.name} does not answer") as db:
        is_super = db.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        if is_super == (False,):
            refuse_ways_outside(db, scratch)
            return url_of(scratch)
    return url_for_release(scratch, live_user)


def refuse_ways_outside(db: object, scratch: Address) -> None:
    """Raises `NotProvenError` where the database that `db` is connected to has ways to the outside for anybody."""
    if row := db.execute(OUTSIDE).fetchone():  # type: ignore[attr-defined]
        raise NotProvenError(
            f"{scratch.name} has {row[0]}, by which a rehearsed release could leave its scratch copy"
        )


def _give_what_migrations_made(db: object, name: str, owners: Sequence[str]) -> None:
    """On the live server they run as the release does; in a trial as a role of its own, which is to own nothing now."""
    sql = driver().sql
    for tried_as in (owner for owner in owners if owner.startswith(TRIED_AS)):
        words = sql.SQL("REASSIGN OWNED BY {} TO {}").format(sql.Identifier(tried_as), sql.Identifier(name))
        db.execute(words)  # type: ignore[attr-defined]


def _give_what_the_superuser_owns(db: object, name: str) -> None:
    """Where nothing in the dump says who owns it, the release does as it pleases with it."""
    sql = driver().sql
    found = db.execute(  # type: ignore[attr-defined]
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
    ).fetchall()
    for (schema,) in found:
        for what in ("ALL TABLES", "ALL SEQUENCES", "ALL FUNCTIONS"):
            db.execute(  # type: ignore[attr-defined]
                sql.SQL("GRANT ALL ON " + what + " IN SCHEMA {} TO {}").format(
                    sql.Identifier(schema), sql.Identifier(name)
                )
            )
        db.execute(  # type: ignore[attr-defined]
            sql.SQL("GRANT ALL ON SCHEMA {} TO {}").format(sql.Identifier(schema), sql.Identifier(name))
        )
