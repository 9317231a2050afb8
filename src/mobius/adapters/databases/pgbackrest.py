"""pgBackRest as the engine for a database too large to dump: a restore point is named, and tried out, never replayed
into the live server by us."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.adapters.databases.pgbackrest_stanza import Stanza
from mobius.adapters.databases.postgres_address import Address, connected, driver, url_of
from mobius.adapters.databases.postgres_cluster import Cluster, is_cut_off
from mobius.adapters.databases.postgres_dump import FACTS, read_facts
from mobius.adapters.databases.postgres_facts import (
    PostgresFacts,
    differences,
    extensions_of,
    one,
    rows_of,
    table_sizes,
)
from mobius.adapters.databases.postgres_programs import program, running
from mobius.adapters.databases.postgres_scratch import Scratch
from mobius.adapters.databases.scratch_place import scratch_place
from mobius.archive.durable import require_free_disk
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.settings import DatabaseSettings

if TYPE_CHECKING:
    import psycopg

COUNTED_BYTES = 1 << 30  # a larger table is not counted: that alone could take as long as the backup
ARCHIVE_TIMEOUT_S = 300.0
# Of what a standby must have no less than its primary; recovery refuses to start otherwise.
_AT_LEAST = {
    "max_connections": "max_connections",
    "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders",
    "max_prepared_xacts": "max_prepared_transactions",
    "max_locks_per_xact": "max_locks_per_transaction",
}


@dataclass(frozen=True, slots=True)
class Pgbackrest:
    """One stanza. `environ` may hold PGBACKREST_*; as root, pgBackRest runs as the user `postgres`."""

    database: DatabaseSettings
    environ: Mapping[str, str]

    @property
    def stanza(self) -> Stanza:
        """What pgBackRest calls the server."""
        return Stanza(self.database.stanza, self.environ)

    def capture(
        self, address: Address, into: Path, name: str, progress: Callable[[str], None]
    ) -> PostgresFacts:
        """Names a restore point, and returns once everything up to it is in the repository. `into` gets `facts.json`.

        Tables whose number of rows was the same just before and just after are those a rehearsal compares. Raises
        `MobiusError` where there is no backup to go from, the point may not be named, or WAL does not arrive.
        """
        doing = f"no restore point of {self.database.name} could be named"
        begun = time.monotonic()
        with connected(address, doing, statement_timeout_s=self.database.timeout_s) as db:
            backup = self.stanza.newest_backup()
            before = read_facts(db, address.database, time.time(), largest_bytes=COUNTED_BYTES)
            point = f"{name}_{secrets.token_hex(2)}"[-63:]
            lsn, at_unix = one(db, "SELECT pg_create_restore_point(%s)::text", point), time.time()
            wal = one(db, "SELECT pg_walfile_name(%s::pg_lsn)", lsn)
            db.execute("SELECT pg_switch_wal()")  # so that it is archived now, not when it is full
            after = rows_of(db, _counted(db, before))
            superuser = one(db, "SELECT rolname FROM pg_roles WHERE oid = 10")
            progress(
                f"restore point {point} of {self.database.name} at {lsn}: waiting for {wal} in the repository"
            )
            self.stanza.await_wal(db, wal, doing, timeout_s=min(ARCHIVE_TIMEOUT_S, self.database.timeout_s))
        same = {table: rows for table, rows in before.tables.items() if after.get(table) == rows}
        facts = replace(
            before,
            engine="pgbackrest",
            at_unix=at_unix,
            took_s=round(time.monotonic() - begun, 3),
            tables=same,
            restore_point={
                "name": point,
                "lsn": lsn,
                "wal": wal,
                "stanza": self.database.stanza,
                "backup": str(backup["label"]),
                "cluster_bytes": str(backup["info"]["size"]),
                "superuser": superuser,
            },
        )
        into.mkdir(mode=0o700, parents=True)
        (into / FACTS).write_text(json.dumps(facts.as_json(), indent=1, sort_keys=True), "utf-8")
        return facts

    @contextlib.contextmanager
    def scratch(self, root: Path, facts: PostgresFacts) -> Iterator[Scratch]:
        """The whole cluster as it was at the point, in a temporary one of ours that archives nothing, runs nothing of
        its own, and is gone at the end."""
        point, begun = facts.restore_point, time.monotonic()
        doing = f"the restore point {point['name']} of {self.database.name} could not be restored"
        with scratch_place(root) as place:
            require_free_disk(
                place.folder, int(point["cluster_bytes"]), f"a scratch copy of {facts.database}"
            )
            place.own(place.data)
            place.own(place.folder / "tablespaces")
            self.stanza.run(
                [
                    *("--type=name", f"--target={point['name']}", "--target-action=promote"),
                    *(f"--set={point['backup']}", "--archive-mode=off"),
                    *(f"--pg1-path={place.data}", f"--tablespace-map-all={place.folder / 'tablespaces'}"),
                    "restore",
                ],
                doing,
                timeout_s=self.database.timeout_s,
            )
            first = Cluster(place, facts.server_major, superuser=point["superuser"], password="")
            first.extra = {**self._own_files(place.folder, "local all all trust"), **_at_least(first)}
            place.own(place.socket, 0o700)  # only we, while it asks for no password
            # The repository may lie on another host: recovery needs what mobius itself has.
            with first.started(cut_off=False, environ=self.stanza.environment()) as address:
                second = Cluster(place, facts.server_major)
                self._let_in(address, second, doing)
            place.own(place.socket, 0o711)
            second.extra = {
                **first.extra,
                **self._own_files(place.folder, f"local all {second.superuser} scram-sha-256"),
            }
            with second.started():
                target = second.address(facts.database)
                rows = self._check(target, facts, doing)
                took = round(time.monotonic() - begun, 3)
                yield Scratch(
                    url_of(target), target, rows, took, facts.server_version, place.socket, is_cut_off()
                )

    def refusal(self, facts: PostgresFacts) -> MobiusError:
        """Going back in place stops a server with all its databases: a person does that, by these commands."""
        point = facts.restore_point
        return MobiusError(
            f"the database {self.database.name} is not restored by mobius: pgBackRest puts back the whole server",
            "give these on the database's host, then start the service again",
            details=(
                f"systemctl stop postgresql@{facts.server_major}-main      # or however it is stopped there",
                f"sudo -u postgres pgbackrest --stanza={point.get('stanza', '')} --delta "
                f"--set={point.get('backup', '')} --type=name --target={point.get('name', '')} "
                f"--target-action=promote restore",
                f"systemctl start postgresql@{facts.server_major}-main",
            ),
        )

    def look(self, db: psycopg.Connection[Any]) -> str:
        """What it would go from. Raises `MobiusError` where a restore point could not be named, or not be reached."""
        may = "SELECT has_function_privilege('pg_create_restore_point(text)', 'execute')"
        if not one(db, may):
            user = one(db, "SELECT current_user")
            raise MobiusError(
                f"{user} may not name a restore point",
                f"GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO {user};",
            )
        if one(db, "SHOW archive_mode") == "off":
            raise MobiusError(
                "the server archives no WAL",
                f"archive_command = 'pgbackrest --stanza={self.database.stanza} …'",
            )
        backup = self.stanza.newest_backup()
        age_h = (time.time() - float(backup["timestamp"]["stop"])) / 3600
        return f"pgBackRest backup {backup['label']}, {age_h:.0f} h old"

    # -- the scratch cluster ----------------------------------------------------------------------------------

    def _own_files(self, folder: Path, who: str) -> dict[str, str]:
        """Configuration of ours: that of the live server is elsewhere, or says what must not hold here."""
        for name, text in (("postgresql.conf", ""), ("pg_hba.conf", f"{who}\n"), ("pg_ident.conf", "")):
            (folder / name).write_text(text)
            (folder / name).chmod(0o644)
        return {
            "config_file": str(folder / "postgresql.conf"),
            "hba_file": str(folder / "pg_hba.conf"),
            "ident_file": str(folder / "pg_ident.conf"),
            "primary_conninfo": "",
            "archive_cleanup_command": "",
            "recovery_end_command": "",
        }

    def _let_in(self, address: Address, cluster: Cluster, doing: str) -> None:
        """Waits for the point to be reached, then makes the one role that may come in."""
        sql = driver().sql
        with connected(address, doing) as db:
            until = time.monotonic() + self.database.timeout_s
            while one(db, "SELECT pg_is_in_recovery()"):
                if time.monotonic() > until:
                    raise MobiusError(
                        f"{doing}: recovery did not end in time", "raise timeout in mobius.toml"
                    )
                time.sleep(0.1)
            name = sql.Identifier(cluster.superuser)
            db.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(name))
            make = sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}")
            db.execute("SET password_encryption = 'scram-sha-256'")
            db.execute(make.format(name, sql.Literal(cluster.password)))
            db.execute("CHECKPOINT")  # the next start needs no recovery

    def _check(self, target: Address, facts: PostgresFacts, doing: str) -> dict[str, int]:
        with connected(target, doing, statement_timeout_s=self.database.timeout_s) as db:
            rows = rows_of(db, _counted(db, facts))
            told = differences(facts, rows, extensions_of(db))
        if told:
            raise BackupInvalid(
                f"{doing}: it is not the one that was named",
                "choose another backup: mobius backup list --verified",
                details=tuple(told[:8]),
            )
        return rows


def _counted(db: psycopg.Connection[Any], facts: PostgresFacts) -> list[tuple[str, str]]:
    """The tables that were counted, as far as they are there."""
    return [table for table in table_sizes(db) if ".".join(table) in facts.tables]


def _at_least(cluster: Cluster) -> dict[str, str]:
    """What the live server had when it wrote its last checkpoint."""
    argv = [program("pg_controldata", cluster.major, same=True).path, cluster.place.data]
    with running(argv, env=cluster.place.environment, timeout_s=60) as asking:
        text = asking.wait("the restored cluster cannot be looked at", str, lambda _: "")
    found = dict(re.findall(r"^(\w+) setting:\s+(\d+)$", text, re.MULTILINE))
    return {setting: found[name] for name, setting in _AT_LEAST.items() if name in found}
