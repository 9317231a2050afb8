"""A scratch database restored from a dump, checked, and gone at the end: never on the live server."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.adapters.databases.postgres_address import Address, connected, driver, url_of
from mobius.adapters.databases.postgres_cluster import Cluster, is_cut_off
from mobius.adapters.databases.postgres_facts import PostgresFacts, one, server_of
from mobius.adapters.databases.postgres_making import Filler, create_database
from mobius.adapters.databases.scratch_place import scratch_place
from mobius.archive.durable import require_free_disk
from mobius.errors import MobiusError

if TYPE_CHECKING:
    import psycopg

START = "mobius_scratch_"
_ROOM = 1.3  # of the live size: indexes are built with temporary files


@dataclass(frozen=True, slots=True)
class Scratch:
    """A restored database. `url` is for a service, `address` for whoever needs its parts; `socket`: the folder that
    must be seen for that, None where the database is on a server of `scratch_url`; `cut_off`: its server has no
    network."""

    url: str = field(repr=False)
    address: Address
    rows: Mapping[str, int] = field(hash=False)
    restore_s: float
    server_version: str
    socket: Path | None
    cut_off: bool


@contextlib.contextmanager
def scratch_cluster(
    root: Path, dump: Path, facts: PostgresFacts, *, jobs: int, timeout_s: float
) -> Iterator[Scratch]:
    """On a temporary server of this machine, of the version that was dumped. Nothing in its environment, and nothing
    that it was told, leads to the live one. Raises `MobiusError` or `BackupInvalid`."""
    begun = time.monotonic()
    with scratch_place(root) as place:
        require_free_disk(place.folder, int(facts.size_bytes * _ROOM), f"a scratch copy of {facts.database}")
        cluster = Cluster(place, facts.server_major)
        cluster.make()
        with cluster.started() as postgres:
            doing = f"a scratch database for {facts.database} could not be made"
            with connected(postgres, doing) as db:
                for role in facts.roles:
                    if role != cluster.superuser:
                        db.execute(driver().sql.SQL("CREATE ROLE {}").format(driver().sql.Identifier(role)))
                here = replace(facts.properties, tablespace="pg_default")
                create_database(db, facts.database, here, exactly=True)
                version = server_of(db)[0]
            target = cluster.address(facts.database)
            filler = Filler(target, place.environment, jobs, timeout_s, exactly=True)
            filler.fill(dump, facts)
            took = round(time.monotonic() - begun, 3)
            yield Scratch(
                url_of(target), target, filler.check(facts), took, version, place.socket, is_cut_off()
            )


@contextlib.contextmanager
def scratch_database(
    server: Address, dump: Path, facts: PostgresFacts, *, jobs: int, timeout_s: float
) -> Iterator[Scratch]:
    """On the server of `scratch_url`, which must be another than the live one. Raises as `scratch_cluster` does."""
    begun = time.monotonic()
    doing = f"a scratch database for {facts.database} could not be made on {server}"
    with connected(server, doing) as db:
        version, _, identifier = server_of(db)
        _refuse_the_live_one(server, identifier, facts)
        _sweep(db)
        name = START + secrets.token_hex(6)
        # Whoever holds this lock is alive; the server lets go of it the moment that process is gone.
        db.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        try:
            create_database(db, name, facts.properties, exactly=False)
            target = server.at(name)
            filler = Filler(target, _without_postgres(os.environ), jobs, timeout_s, exactly=False)
            filler.fill(dump, facts)
            took = round(time.monotonic() - begun, 3)
            yield Scratch(url_of(target), target, filler.check(facts), took, version, None, False)
        finally:
            _drop(db, name)


def _refuse_the_live_one(server: Address, identifier: str, facts: PostgresFacts) -> None:
    if not identifier or not facts.system_identifier:
        why = f"it cannot be told whether {server} is another server than the live one"
    elif identifier == facts.system_identifier:
        why = f"{server} is the live server"
    else:
        return
    raise MobiusError(
        f"no rehearsal of {facts.database}: {why}",
        "name another server in scratch_url, or take it out: then it is a temporary one on this machine",
    )


def _sweep(db: psycopg.Connection[Any]) -> None:
    """Drops scratch databases whose process is gone."""
    rows = db.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [START]).fetchall()
    for (name,) in rows:
        if one(db, "SELECT pg_try_advisory_lock(hashtext(%s))", name):
            _drop(db, name)
            db.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])


def _drop(db: psycopg.Connection[Any], name: str) -> None:
    if not name.startswith(START):
        raise AssertionError(f"{name} is no scratch database")
    sql = driver().sql
    force = sql.SQL(" WITH (FORCE)" if db.info.server_version >= 130000 else "")
    db.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)) + force)


def _without_postgres(environ: Mapping[str, str]) -> dict[str, str]:
    """What leads a client to a server by itself is left out; where its certificates lie stays."""
    kept = ("PGPASSFILE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLMODE")
    return {
        name: value
        for name, value in environ.items()
        if (not name.startswith("PG") or name in kept) and "://" not in value
    }
