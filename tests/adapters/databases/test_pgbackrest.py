"""pgBackRest names a restore point of a real cluster, and a rehearsal goes there in a cluster of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from adapters.backups.yard import Yard
from adapters.databases.test_postgres_dump import dumps_of, told
from adapters.databases.test_postgres_scratch import nothing_left
from mobius.adapters.backups.folder import FolderBackups
from mobius.adapters.backups.rehearsing import Rehearser
from mobius.adapters.databases import pgbackrest
from mobius.adapters.databases.captures import Dumps
from mobius.adapters.databases.postgres_facts import facts_from
from mobius.adapters.places import Places
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.settings import DatabaseSettings
from mobius.model.verdict import Outcome
from postgres_server import PostgresServer, new_server


@dataclass
class Archived:
    """A server that archives into a repository beside it, and has one backup there."""

    server: PostgresServer
    config: Path

    @property
    def settings(self) -> DatabaseSettings:
        return DatabaseSettings("app", url=self.server.url("app"), engine="pgbackrest", stanza="main")

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "PGBACKREST_CONFIG": str(self.config)}

    def run(self, *words: str) -> str:
        return self.server.run(
            Path(str(shutil.which("pgbackrest"))), f"--config={self.config}", "--stanza=main", *words
        )


@pytest.fixture(scope="module")
def archived() -> Iterator[Archived]:
    if shutil.which("pgbackrest") is None:
        pytest.skip("pgBackRest is not installed")
    server = new_server()
    try:
        folder = server.folder
        config = folder / "pgbackrest.conf"
        config.write_text(
            f"[global]\nrepo1-path={folder}/repo\nlog-path={folder}/log\nlock-path={folder}/lock\n"
            f"spool-path={folder}/spool\ncompress-type=none\nstart-fast=y\n"
            f"[main]\npg1-path={server.data}\npg1-socket-path={folder}\npg1-port=5432\npg1-user=mobius\n"
            f"pg1-database=postgres\n"
        )
        config.chmod(0o644)
        server.settings |= {
            "archive_mode": "on",
            "wal_level": "replica",
            "max_wal_senders": "4",
            "archive_command": f"pgbackrest --config={config} --stanza=main archive-push %p",
        }
        server.start()
        server.query("CREATE DATABASE app")
        made = Archived(server, config)
        server.query("CREATE TABLE post (id serial PRIMARY KEY, body text)", database="app")
        server.query(
            "INSERT INTO post (body) SELECT 'in the backup' FROM generate_series(1, 100)", database="app"
        )
        made.run("stanza-create")
        made.run("--type=full", "backup")
        yield made
    finally:
        server.close()


@pytest.fixture
def dumps(archived: Archived, tmp_path: Path) -> Dumps:
    return dumps_of(tmp_path, archived.settings, environ=archived.environ)


def captured(dumps: Dumps, tmp_path: Path) -> Path:
    into = tmp_path / "into"
    into.mkdir()
    (source,) = dumps.capture(into, told).sources
    return source.path


def test_a_point_is_named_archived_and_restored_apart_from_the_live_server(
    archived: Archived, dumps: Dumps, tmp_path: Path
) -> None:
    server = archived.server
    server.query("INSERT INTO post (body) VALUES ('before the point')", database="app")
    rows = server.query("SELECT count(*) FROM post", database="app")[0][0]
    point = captured(dumps, tmp_path)
    server.query("INSERT INTO post (body) VALUES ('after the point')", database="app")
    server.query("SELECT pg_switch_wal()")
    facts = facts_from((point / "facts.json").read_bytes(), "app")
    assert facts.restore_point["stanza"] == "main" and facts.restore_point["name"].startswith(
        "mobius_dhash_production_"
    )
    assert facts.restore_point["backup"] in archived.run("info")
    assert facts.tables == {"public.post": rows}
    assert (point / "dump").exists() is False  # nothing but the name of the point goes into the archive
    archiver = server.query("SELECT archived_count FROM pg_stat_archiver")[0][0]
    with dumps.scratch("app", point) as scratch:
        assert scratch.rows == {"public.post": rows}
        with psycopg.connect(scratch.url) as db:
            bodies = {row[0] for row in db.execute("SELECT DISTINCT body FROM post").fetchall()}
            shown = {
                name: db.execute(f"SHOW {name}").fetchone() for name in ("archive_mode", "listen_addresses")
            }
        assert "before the point" in bodies and "after the point" not in bodies
        assert shown == {"archive_mode": ("off",), "listen_addresses": ("",)}
    assert nothing_left(tmp_path)
    # The live server goes on as it was, and its repository was not written to by the copy.
    assert server.query("SELECT count(*) FROM post", database="app")[0][0] == rows + 1
    assert server.query("SELECT archived_count FROM pg_stat_archiver")[0][0] <= archiver + 1
    assert "error" not in archived.run("info")
    archived.run("check")


def test_a_copy_that_is_not_what_was_named_is_found_out(
    archived: Archived, dumps: Dumps, tmp_path: Path
) -> None:
    point = captured(dumps, tmp_path)
    rows = archived.server.query("SELECT count(*) FROM post", database="app")[0][0]
    facts = point / "facts.json"
    facts.write_text(facts.read_text().replace(f'"public.post": {rows}', f'"public.post": {rows + 5}'))
    with pytest.raises(BackupInvalid) as caught, dumps.scratch("app", point):
        pass
    assert caught.value.details == (f"public.post: {rows + 5} rows backed up, {rows} rows restored",)


def test_a_point_that_was_never_reached_says_so(archived: Archived, dumps: Dumps, tmp_path: Path) -> None:
    point = captured(dumps, tmp_path)
    facts = point / "facts.json"
    facts.write_text(facts.read_text().replace("mobius_dhash_production", "nowhere_dhash_production"))
    never = "recovery ended before configured recovery target was reached"
    with pytest.raises(MobiusError, match=never), dumps.scratch("app", point):
        pass
    assert nothing_left(tmp_path)


def test_going_back_in_place_is_refused_with_the_commands(
    archived: Archived, dumps: Dumps, tmp_path: Path
) -> None:
    point = captured(dumps, tmp_path)
    facts = facts_from((point / "facts.json").read_bytes(), "app")
    with pytest.raises(MobiusError) as caught:
        dumps.restore("app", point, told, key="1")
    assert caught.value.message == (
        "the database app is not restored by mobius: pgBackRest puts back the whole server"
    )
    name, label, major = facts.restore_point["name"], facts.restore_point["backup"], facts.server_major
    assert caught.value.details == (
        f"systemctl stop postgresql@{major}-main      # or however it is stopped there",
        f"sudo -u postgres pgbackrest --stanza=main --delta --set={label} --type=name --target={name} "
        "--target-action=promote restore",
        f"systemctl start postgresql@{major}-main",
    )


def test_the_commands_that_are_spelled_out_go_back(archived: Archived, dumps: Dumps, tmp_path: Path) -> None:
    """The second of them, on the stopped server: it is the whole way back."""
    server = archived.server
    rows = server.query("SELECT count(*) FROM post", database="app")[0][0]
    point = captured(dumps, tmp_path)
    server.query("DROP TABLE post", database="app")
    server.query("SELECT pg_switch_wal()")
    with pytest.raises(MobiusError) as caught:
        dumps.restore("app", point, told, key="1")
    words = caught.value.details[1].split("pgbackrest ", 1)[1].split()
    server.stop()
    archived.run(*[word for word in words if word != "--stanza=main"])
    server.start()
    assert server.query("SELECT count(*) FROM post", database="app")[0][0] == rows


def test_preflight_names_the_backup_it_would_go_from(dumps: Dumps) -> None:
    (result,) = dumps.preflight()
    assert result.outcome is Outcome.PASS, result
    assert "pgBackRest backup 20" in result.message


def test_an_unknown_stanza_is_said_to_be(archived: Archived, tmp_path: Path) -> None:
    other = replace(archived.settings, stanza="other")
    (result,) = dumps_of(tmp_path, other, environ=archived.environ).preflight()
    assert (result.outcome, result.message) == (Outcome.FAIL, "pgBackRest knows no stanza other")


def test_wal_that_does_not_arrive_is_no_restore_point(
    archived: Archived, dumps: Dumps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = archived.server
    monkeypatch.setattr(pgbackrest, "ARCHIVE_TIMEOUT_S", 1.0)
    server.query("ALTER SYSTEM SET archive_command = 'false'")
    command, server.settings["archive_command"] = server.settings["archive_command"], "false"
    server.stop()
    server.start()
    try:
        with pytest.raises(
            MobiusError, match=r"no restore point of app could be named: [0-9A-F]{24} did not arrive"
        ):
            captured(dumps, tmp_path)
        assert not (tmp_path / "into" / "app").exists()
    finally:
        server.settings["archive_command"] = command
        server.query("ALTER SYSTEM RESET archive_command")
        server.stop()
        server.start()


def test_a_backup_with_a_restore_point_is_made_and_rehearsed_like_any_other(
    archived: Archived, tmp_path: Path
) -> None:
    yard = Yard(tmp_path)
    settings = replace(yard.settings, databases=(archived.settings,))
    places = Places(yard.project, yard.root)
    dumps = Dumps("dhash", settings, places, archived.environ)
    backups = FolderBackups(
        "dhash", settings, places, yard.store, Rehearser(settings, places, databases=dumps), dumps
    )
    rows = archived.server.query("SELECT count(*) FROM post", database="app")[0][0]
    made = backups.create(kind="release", release=yard.stage(), run_id=1, progress=told)
    assert made.metadata is not None
    point = made.metadata["postgresql"]["app"]["restore_point"]
    kinds = {each["kind"] for each in made.metadata["capture"]["points"]}
    assert kinds == {"pgbackrest", "sqlite", "files"} and point["stanza"] == "main"
    assert made.size_bytes < 1_000_000  # the rows are in the repository
    rehearsed = backups.rehearse(made, migrate_from=None, progress=told)
    assert rehearsed["databases"]["databases/app"] == rows
    # Refused before anything is touched: the files are as they were.
    yard.write("later")
    with pytest.raises(MobiusError, match="pgBackRest puts back the whole server"):
        backups.restore_data(Path(made.path), key="1", progress=told)
    assert yard.read() == "later"
