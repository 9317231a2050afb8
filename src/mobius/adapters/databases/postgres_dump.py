"""Dumps a PostgreSQL database while it is written to: facts and dump from one snapshot."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.adapters.databases.postgres_address import Address, connected
from mobius.adapters.databases.postgres_facts import (
    OLDEST_MAJOR,
    TABLES_NOT_READ,
    PostgresFacts,
    extensions_of,
    one,
    properties_of,
    roles_of,
    rows_of,
    schema_sha256,
    server_of,
    table_sizes,
)
from mobius.adapters.databases.postgres_programs import Program, advice_of, program, running
from mobius.archive.durable import human, in_words
from mobius.errors import BackupInvalid, MobiusError

if TYPE_CHECKING:
    import psycopg

FACTS = "facts.json"
DUMP = "dump"


@dataclass(frozen=True, slots=True)
class Dumper:
    """Dumps one database; `environ` is what pg_dump finds, `nice`: it yields to whatever else runs."""

    address: Address
    environ: Mapping[str, str]
    jobs: int = 2
    timeout_s: float = 3600.0
    nice: bool = False

    def dump(self, into: Path, progress: Callable[[str], None]) -> PostgresFacts:
        """Makes the folder `into`, with `facts.json` and the directory dump `dump/`, uncompressed: the archive
        compresses, and hashes, what it takes in.

        Every commit that ended before the call is in it, nobody is held up but a change of the schema, and the
        rows counted are the rows dumped. Raises `MobiusError`, with nothing left of `into`.
        """
        doing = f"the database {self.address.name} could not be dumped"
        try:
            with in_words(doing, into.parent):
                into.mkdir(mode=0o700, parents=True)
                facts = self._dumped(into / DUMP, doing, progress)
                (into / FACTS).write_text(json.dumps(facts.as_json(), indent=1, sort_keys=True), "utf-8")
        except BaseException:
            shutil.rmtree(into, ignore_errors=True)
            raise
        return facts

    def _dumped(self, target: Path, doing: str, progress: Callable[[str], None]) -> PostgresFacts:
        begun = time.monotonic()
        with connected(self.address, doing, statement_timeout_s=self.timeout_s) as db:
            pg_dump = self.pg_dump_for(db)
            db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # The snapshot is taken here: what is committed later is in neither the dump nor the counts.
            snapshot, at_unix = one(db, "SELECT pg_export_snapshot()"), time.time()
            argv: list[str | Path] = [
                *_politely(self.nice),
                pg_dump.path,
                *(
                    "-Fd",
                    "-Z0",
                    "-j",
                    str(self.jobs),
                    "--no-sync",
                    "--no-password",
                    "--lock-wait-timeout=60s",
                ),
                f"--snapshot={snapshot}",
                f"--file={target}",
                f"--dbname={self.address.conninfo()}",
            ]
            environment = self.address.environment(self.environ)
            with running(argv, env=environment, timeout_s=self.timeout_s) as dumping:
                facts = read_facts(db, self.address.database, at_unix)
                progress(
                    f"dumping {self.address.name}: {human(facts.size_bytes)}, {len(facts.tables)} tables"
                )
                dumping.wait(doing, self.address.redact, advice_of(self.address, target))
            db.execute("COMMIT")
        if not (target / "toc.dat").is_file():
            raise BackupInvalid(
                f"{doing}: pg_dump wrote no table of contents", "run pg_dump by hand, and look"
            )
        size = sum(file.stat().st_size for file in os.scandir(target))
        took = round(time.monotonic() - begun, 3)
        return replace(facts, took_s=took, dumped_by=f"pg_dump {pg_dump.version}", dump_bytes=size)

    def pg_dump_for(self, db: psycopg.Connection[Any]) -> Program:
        """One that is not older than the server. Raises `MobiusError` where there is none."""
        version, major, _ = server_of(db)
        if major < OLDEST_MAJOR:
            raise MobiusError(
                f"the server of {self.address.name} is PostgreSQL {version}, which is older than {OLDEST_MAJOR}",
                "upgrade it: its maintenance has ended",
            )
        return program("pg_dump", major)


def read_facts(
    db: psycopg.Connection[Any], database: str, at_unix: float, *, largest_bytes: int | None = None
) -> PostgresFacts:
    """Of the database connected to, inside the transaction that is open. `largest_bytes`: tables larger than that are
    not counted."""
    version, major, identifier = server_of(db)
    properties = properties_of(db, database)
    assert properties is not None  # we are connected to it
    sizes = table_sizes(db)
    counted = [table for table, size in sizes.items() if largest_bytes is None or size <= largest_bytes]
    return PostgresFacts(
        engine="dump",
        database=database,
        server_version=version,
        server_major=major,
        system_identifier=identifier,
        at_unix=at_unix,
        took_s=0.0,
        size_bytes=one(db, "SELECT pg_database_size(current_database())"),
        properties=properties,
        extensions=extensions_of(db),
        tables=rows_of(db, counted),
        schema_sha256=schema_sha256(db),
        roles=roles_of(db),
    )


def unreadable(db: psycopg.Connection[Any]) -> list[str]:
    """The tables of the service that this user may not read whole: rights are missing, or rows are hidden."""
    rows = db.execute(TABLES_NOT_READ).fetchall()
    return [f"{schema}.{name}" for schema, name in rows]


def _politely(nice: bool) -> list[str]:
    found = shutil.which("nice") if nice else None
    return [found, "-n", "10"] if found else []
