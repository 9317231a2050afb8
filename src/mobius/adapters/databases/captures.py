"""The databases of an environment that live on servers: captured for a backup, tried out, put back."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobius.adapters.databases.leftovers import own_folder
from mobius.adapters.databases.pgbackrest import Pgbackrest
from mobius.adapters.databases.postgres_address import Address, address_of, connected, named_address, parsed
from mobius.adapters.databases.postgres_cluster import require_programs
from mobius.adapters.databases.postgres_dump import DUMP, FACTS, Dumper, unreadable
from mobius.adapters.databases.postgres_facts import (
    PostgresFacts,
    facts_from,
    one,
    server_of,
)
from mobius.adapters.databases.postgres_restore import Names, Restorer, kept_from_before, may_restore
from mobius.adapters.databases.postgres_scratch import Scratch, scratch_cluster, scratch_database
from mobius.adapters.places import Places
from mobius.adapters.redaction import passwords_in
from mobius.archive.durable import human, require_free_disk
from mobius.archive.manifest import Source
from mobius.errors import BackupInvalid, MobiusError, UsageError
from mobius.model.settings import DatabaseSettings, EnvironmentSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.rules.release_point import Point


@dataclass(frozen=True, slots=True)
class Captured:
    """`sources` go into the archive, `facts` (by name of the database) into its metadata, `points` are when."""

    sources: tuple[Source, ...] = ()
    facts: Mapping[str, Mapping[str, Any]] | None = None
    points: tuple[Point, ...] = ()


class Dumps:
    """Every `[[database]]` of one environment. Nothing is asked of a server before a method is called."""

    def __init__(
        self, service: str, settings: EnvironmentSettings, places: Places, environ: Mapping[str, str]
    ) -> None:
        self._service = service
        self._settings = settings
        self._places = places
        self._environ = environ

    @property
    def names(self) -> tuple[str, ...]:
        """Of the databases, as mobius.toml has them."""
        return tuple(database.name for database in self._settings.databases)

    # -- for a backup -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def captured(self, progress: Callable[[str], None]) -> Iterator[Captured]:
        """`capture` in a folder of its own beside the backups, which is gone at the end; after a crash at next use."""
        if not self.names:
            yield Captured()
            return
        folder = self._settings.backup.folder
        folder.mkdir(parents=True, exist_ok=True)
        with own_folder(folder, ".dumps") as into:
            yield self.capture(into, progress)

    def capture(self, into: Path, progress: Callable[[str], None]) -> Captured:
        """Captures every database, one after the other, into `into`/NAME. Raises `MobiusError` naming the one that
        could not be, and what to do."""
        sources, facts, points = [], {}, []
        for database in self._settings.databases:
            target = into / database.name
            one_of = self._capture(database, target, progress)
            sources.append(Source(member_of(database.name), target))
            facts[database.name] = one_of.as_json()
            kind = "postgresql" if database.engine == "dump" else database.engine
            points.append(Point(database.name, kind, round(one_of.at_unix, 3), one_of.took_s))
        return Captured(tuple(sources), facts, tuple(points))

    def size_bytes(self) -> int:
        """About what dumps take before they are packed. Raises `MobiusError` where a server does not answer."""
        total = 0
        for database in self._settings.databases:
            if database.engine == "dump":
                total += self._size_bytes(database)
        return total

    # -- for a way back ---------------------------------------------------------------------------------------

    def scratch(
        self,
        name: str,
        dump: Path,
        progress: Callable[[str], None] = lambda _: None,
        *,
        within_s: float = math.inf,
    ) -> AbstractContextManager[Scratch]:
        """A database restored from `dump` (the folder that `capture` made, as the archive gave it back), its rows and
        extensions checked: on a temporary server of this machine, or that of `scratch_url`; gone at the end, after a
        crash at next use. It cannot reach the live one. Raises `MobiusError`, `BackupInvalid` on entering; the former
        where filling it takes longer than `within_s`, too."""
        database, facts = self._named(name), facts_of(name, dump)
        progress(f"restoring the database {name} into a scratch server")
        root, timeout_s = self._places.root, min(database.timeout_s, within_s)
        if facts.engine == "pgbackrest":
            return Pgbackrest(database, self._environ).scratch(root, facts)
        if database.scratch_url:
            server = parsed(f"scratch_url of {name}", database.scratch_url)
            return scratch_database(server, dump / DUMP, facts, jobs=database.jobs, timeout_s=timeout_s)
        return scratch_cluster(root, dump / DUMP, facts, jobs=database.jobs, timeout_s=timeout_s)

    def restore(
        self, name: str, dump: Path, progress: Callable[[str], None], *, key: str
    ) -> Mapping[str, Any]:
        """The live database is the one in `dump`, and what was there before is kept as DATABASE_before_KEY: `prepare`
        and `exchange` in one."""
        self.prepare(name, dump, progress, key=key)
        return self.exchange(name, progress, key=key)

    def is_prepared(self, name: str, *, key: str) -> bool:
        """Whether `prepare` with this key has nothing left to do, and needs no dump."""
        database = self._named(name)
        return database.engine == "dump" and self._restorer(database).is_prepared(key=key)

    def prepare(self, name: str, dump: Path, progress: Callable[[str], None], *, key: str) -> None:
        """Restores `dump` beside the live database, and checks it there; nobody is disturbed. May be repeated. Raises
        `MobiusError` with nothing changed: with the commands to give by hand where pgBackRest has the database."""
        database, facts = self._named(name), facts_of(name, dump)
        if facts.engine == "pgbackrest":
            raise Pgbackrest(database, self._environ).refusal(facts)
        self._restorer(database).prepare(dump / DUMP, facts, key=key, progress=progress)

    def exchange(self, name: str, progress: Callable[[str], None], *, key: str) -> Mapping[str, Any]:
        """Puts what was prepared in the place of the live database, by two renames in one transaction; its connections
        are ended. May be repeated, also after a kill; see `postgres_restore.Restorer`."""
        return self._restorer(self._named(name)).exchange(key=key, progress=progress)

    def take_back(self, name: str, *, key: str) -> None:
        """Undoes `exchange` and `prepare`; neither done is a success."""
        database = self._named(name)
        if database.engine == "dump":
            self._restorer(database).take_back(key=key)

    def _restorer(self, database: DatabaseSettings) -> Restorer:
        address = address_of(database, self._settings, self._places, self._environ)
        return Restorer(address, self._environ, database.jobs, database.timeout_s)

    def live(self, name: str) -> Address:
        """Where the live database is."""
        return address_of(self._named(name), self._settings, self._places, self._environ)

    def kept(self, name: str, *, key: str) -> Address:
        """Where the database is that `exchange` with this key put aside."""
        live = self.live(name)
        return live.at(Names.of(live.database, key).before)

    # -- looking ----------------------------------------------------------------------------------------------

    def preflight(self) -> tuple[CheckResult, ...]:
        """Looks, changes nothing: does each server answer, is there a pg_dump that fits, may everything be read?"""
        return tuple(self._looked_at(database) for database in self._settings.databases)

    def secrets(self) -> set[str]:
        """The addresses that hold a password, and the passwords, for whoever takes them out of texts; what is not
        known is left out."""
        found = set()
        for database in self._settings.databases:
            with contextlib.suppress(MobiusError):
                address = named_address(database, self._settings, self._places, self._environ)
                if passwords := passwords_in(address):
                    found |= {address, *passwords}
        return found

    def _capture(
        self, database: DatabaseSettings, target: Path, progress: Callable[[str], None]
    ) -> PostgresFacts:
        address = address_of(database, self._settings, self._places, self._environ)
        if database.engine == "pgbackrest":
            stem = f"mobius_{self._service}_{self._settings.name}_{time.time():.0f}"
            return Pgbackrest(database, self._environ).capture(address, target, stem, progress)
        require_free_disk(target.parent, self._size_bytes(database), f"the dump of {database.name}")
        nice = self._settings.backup.nice
        dumper = Dumper(address, self._environ, database.jobs, database.timeout_s, nice)
        return dumper.dump(target, progress)

    def _size_bytes(self, database: DatabaseSettings) -> int:
        address = address_of(database, self._settings, self._places, self._environ)
        with connected(address, f"the size of {database.name} is not known") as db:
            return int(one(db, "SELECT pg_database_size(current_database())"))

    def _looked_at(self, database: DatabaseSettings) -> CheckResult:
        name, begun = f"database {database.name}", time.monotonic()
        try:
            address = address_of(database, self._settings, self._places, self._environ)
            with connected(address, f"{address} cannot be asked", statement_timeout_s=30.0) as db:
                version, major, _ = server_of(db)
                size = human(one(db, "SELECT pg_database_size(current_database())"))
                unread, unable, kept = unreadable(db), may_restore(db), kept_from_before(db)
                if database.engine == "pgbackrest":
                    how = Pgbackrest(database, self._environ).look(db)
                else:
                    how = f"pg_dump {Dumper(address, self._environ).pg_dump_for(db).version}"
                if database.engine == "pgbackrest" or not database.scratch_url:
                    require_programs(major)  # for the rehearsal
                user = one(db, "SELECT current_user")
        except MobiusError as problem:
            return CheckResult(name, Outcome.FAIL, problem.message, _ms(begun), problem.hint)
        if unread:
            told = f"{user} may not read all rows of {', '.join(unread[:5])}"
            advice = f"GRANT pg_read_all_data TO {user}; and BYPASSRLS where rows are hidden"
            return CheckResult(name, Outcome.FAIL, told, _ms(begun), advice)
        told = f"PostgreSQL {version}, {size}, {how}" + (f"; {unable}" if unable else "")
        told += f"; kept from before a restore, to be dropped by you: {', '.join(kept)}" if kept else ""
        return CheckResult(name, Outcome.PASS, told, _ms(begun))

    def _named(self, name: str) -> DatabaseSettings:
        for database in self._settings.databases:
            if database.name == name:
                return database
        raise UsageError(
            f"the backup holds a database {name}, which mobius.toml does not name",
            f'add [[database]] with name = "{name}" and its address',
        )


def member_of(name: str) -> str:
    """Where a database lies in the archive."""
    return f"databases/{name}"


def facts_of(name: str, dump: Path) -> PostgresFacts:
    """What was known of it when it was captured. Raises `BackupInvalid`."""
    try:
        return facts_from((dump / FACTS).read_bytes(), name)
    except OSError as problem:
        raise BackupInvalid(
            f"the backup does not hold the database {name}: {problem.strerror}", "mobius backup list"
        ) from problem


def _ms(begun: float) -> float:
    return round((time.monotonic() - begun) * 1000, 3)
