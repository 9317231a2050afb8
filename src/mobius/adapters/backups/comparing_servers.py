"""What would be lost of databases on servers, and afterwards what was: the live one beside the dump of the archive.

The dump is restored into a scratch database for that. What there is no time for, or what must not be restored before
anybody said yes, is counted only.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mobius.adapters.backups.returning_databases import Extract
from mobius.adapters.databases.captures import Dumps, member_of
from mobius.adapters.databases.differing import COUNTING_S
from mobius.adapters.databases.differing_servers import counted_on_server, server_pair
from mobius.adapters.databases.leftovers import own_folder
from mobius.adapters.databases.postgres_address import Address
from mobius.archive.durable import human
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.loss import LostRow, TableChange

RESTORED_BYTES_PER_S = 20_000_000  # of the live size, indexes and all, on a slow machine
Facts = Mapping[str, object]


class ServerComparer:
    """Of one environment; dumps are laid out in `run` meanwhile, by `extract(archive, folder, member)`."""

    def __init__(self, dumps: Dumps | None, run: Path, extract: Extract) -> None:
        self._dumps = dumps
        self._run = run
        self._extract = extract

    def changes(
        self, path: Path, metadata: Facts, notes: list[str], *, trusted: bool, until: float
    ) -> Iterator[TableChange]:
        """Every table of every database that the archive has a dump of; a server that does not answer is a note. The
        dump of an archive that is not `trusted` is not restored: it could hold anything. Raises `BackupInvalid`."""
        for name, facts in _servers(metadata):
            try:
                yield from self._changes(path, name, facts, trusted=trusted, until=until)
            except BackupInvalid:
                raise
            except MobiusError as problem:
                notes.append(problem.message)

    def lost(
        self, path: Path, metadata: Facts, untold: dict[str, str], *, key: str, until: float
    ) -> Iterator[LostRow]:
        """Row by row what the databases that were replaced under `key` have otherwise than the archive. What cannot be
        told gets into `untold`, by database or table."""
        for name, facts in _servers(metadata):
            try:
                kept = self._of(name).kept(name, key=key)
                with (
                    self._restored(path, name, facts, until) as then,
                    server_pair(kept, then, name) as pair,
                ):
                    yield from pair.rows(until)
                    untold |= {f"{table} in {name}": why for table, why in pair.untold.items()}
            except MobiusError as problem:
                untold[name] = problem.message

    def _changes(
        self, path: Path, name: str, facts: Facts, *, trusted: bool, until: float
    ) -> list[TableChange]:
        live, rows_then = self._of(name).live(name), _rows(facts)
        try:
            if not trusted:
                raise MobiusError("it is not of the backup folder")
            with self._restored(path, name, facts, until) as then, server_pair(live, then, name) as pair:
                return list(pair.changes(rows_then, until))
        except BackupInvalid:
            raise
        except MobiusError as problem:
            rows = counted_on_server(live, name, max(until, time.monotonic()) + COUNTING_S)
            return list(_counted(name, rows_then, rows, problem.message))

    @contextmanager
    def _restored(self, path: Path, name: str, facts: Facts, until: float) -> Iterator[Address]:
        """The dump as a scratch database. Raises `MobiusError` where there is no time for it."""
        size_bytes, left_s = int(str(facts.get("size_bytes") or 0)), until - time.monotonic()
        if facts.get("engine", "dump") != "dump":
            raise MobiusError(f"the engine {facts['engine']} has no dump to compare with")
        if size_bytes > RESTORED_BYTES_PER_S * max(left_s, 1.0):
            raise MobiusError(f"{human(size_bytes)} are too much to restore for it")
        self._run.mkdir(parents=True, exist_ok=True)
        with own_folder(self._run, "compared-dump") as folder:
            self._extract(path, folder / "copy", member_of(name))
            dump = folder / "copy" / member_of(name)
            with self._of(name).scratch(name, dump, within_s=max(left_s, 1.0)) as scratch:
                yield scratch.address

    def _of(self, name: str) -> Dumps:
        if self._dumps is None or name not in self._dumps.names:
            raise MobiusError(f"the database {name} is not named in mobius.toml")
        return self._dumps


def _servers(metadata: Facts) -> Iterator[tuple[str, Facts]]:
    found = metadata.get("postgresql")
    for name, facts in found.items() if isinstance(found, Mapping) else ():
        yield str(name), facts if isinstance(facts, Mapping) else {}


def _rows(facts: Facts) -> dict[str, int]:
    found = facts.get("tables")
    return {str(name): int(rows) for name, rows in found.items()} if isinstance(found, Mapping) else {}


def _counted(
    name: str, then: Mapping[str, int], now: Mapping[str, int | None], why: str
) -> Iterator[TableChange]:
    for table in sorted({*now, *then}):
        gone, new = table not in now, table not in then
        yield TableChange(
            name, table, then.get(table), now.get(table), counted_only=why, is_new=new, is_gone=gone
        )
