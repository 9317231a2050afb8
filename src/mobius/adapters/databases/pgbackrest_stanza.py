"""One stanza of pgBackRest: what it has, and running it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.adapters.databases.postgres_facts import one
from mobius.adapters.databases.postgres_programs import running
from mobius.adapters.databases.scratch_place import server_uid
from mobius.errors import MobiusError

if TYPE_CHECKING:
    import psycopg

_PRIVATE = ("--log-level-file=off", "--log-level-console=warn", "--log-level-stderr=warn")


@dataclass(frozen=True, slots=True)
class Stanza:
    """`environ` may hold PGBACKREST_*; as root, pgBackRest runs as the user `postgres`."""

    name: str
    environ: Mapping[str, str]

    def newest_backup(self) -> Mapping[str, Any]:
        stanza = self._info()
        good = [backup for backup in stanza.get("backup", []) if not backup.get("error")]
        if not good:
            name = self.name
            raise MobiusError(
                f"pgBackRest has no backup of the stanza {name}: nothing to go back from",
                f"pgbackrest --stanza={name} backup",
            )
        newest: Mapping[str, Any] = good[-1]
        return newest

    def _info(self) -> Mapping[str, Any]:
        name = self.name
        text = self.run(["--output=json", "info"], f"the stanza {name} cannot be looked at", timeout_s=60)
        try:
            stanzas = json.loads(text[text.index("[") :])
        except ValueError:
            raise MobiusError(
                f"pgbackrest info says what is no JSON: {text[:200]}",
                f"run it by hand: pgbackrest --stanza={name} info",
            ) from None
        found = next((each for each in stanzas if each.get("name") == name and each.get("db")), None)
        if found is None:
            raise MobiusError(
                f"pgBackRest knows no stanza {name}", f"pgbackrest --stanza={name} stanza-create, then backup"
            )
        return dict(found)

    def await_wal(self, db: psycopg.Connection[Any], wal: str, doing: str, *, timeout_s: float) -> None:
        """Until the repository has this WAL file, which is after everything that was committed before the point."""
        until = time.monotonic() + timeout_s
        while not any(_has(archive, wal) for archive in self._info().get("archive", [])):
            if time.monotonic() > until:
                failed = one(db, "SELECT last_failed_wal FROM pg_stat_archiver")
                raise MobiusError(
                    f"{doing}: {wal} did not arrive in the repository"
                    + (f"; the server could not archive {failed}" if failed else ""),
                    f"pgbackrest --stanza={self.name} check, and look into the server's log",
                )
            time.sleep(0.2)

    def run(self, words: Sequence[str], doing: str, *, timeout_s: float) -> str:
        found = shutil.which("pgbackrest", path=self.environ.get("PATH"))
        if found is None:
            raise MobiusError(f"{doing}: pgbackrest is not installed", "apt install pgbackrest")
        argv = [found, f"--stanza={self.name}", *_PRIVATE, *words]
        with running(
            argv, env=self.environment(), timeout_s=timeout_s, cwd=Path("/"), uid=server_uid()
        ) as run:
            return run.wait(doing, str, lambda text: _advice(text, self.name))

    def environment(self) -> dict[str, str]:
        """Its own settings, and nothing that leads to a database."""
        kept = {name: value for name, value in self.environ.items() if name.startswith("PGBACKREST_")}
        return {**kept, "PATH": self.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _has(archive: Mapping[str, Any], wal: str) -> bool:
    """Names of one timeline sort by position."""
    newest = str(archive.get("max") or "")
    return newest[:8] == wal[:8] and newest >= wal


def _advice(text: str, stanza: str) -> str:
    if "No space left" in text:
        return "free some space: a scratch copy is as large as the whole server"
    if "timeout expired" in text:
        return "raise timeout of the database in mobius.toml"
    if "Permission denied" in text or "unable to open" in text:
        return "let the user postgres read pgBackRest's configuration and repository"
    return f"pgbackrest --stanza={stanza} check"
