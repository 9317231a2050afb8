"""`mobius migrate plan` and `mobius migrate rehearse`, as people type them, on real services."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from journeys.rehearse.test_boot import _booting as booting
from journeys.rehearse.test_boot import can_boot, left
from journeys.service import Service, wait_until
from postgres_server import Database

pytestmark = pytest.mark.slow
UP = """ALTER TABLE posts ADD COLUMN title TEXT DEFAULT 'none';
CREATE INDEX posts_title ON posts (title);
INSERT INTO applied_once VALUES (2);
"""
DOWN = "DROP INDEX posts_title;\nALTER TABLE posts DROP COLUMN title;\nDELETE FROM applied_once WHERE number = 2;\n"


def live(new_service: Callable[..., Service], up: str = UP, down: str = DOWN, **how: Any) -> Service:
    """v1 is live and backed up; v2 brings one migration."""
    service = new_service(alone=False, **how)
    service.add_release("v1")
    place = service.add_release("v2", migrations=2)
    (place / "migrations" / "002_step.sql").write_text(up)
    if down:
        (place / "migrations" / "002_step.down.sql").write_text(down)
    service.mobius("deploy", "--tag", "v1", expect=0)
    service.post()
    service.mobius("backup", "create", expect=0)
    return service


def laid_out(service: Service) -> dict[str, int]:
    """Every file of the project, with the time it was written; what a living service writes left aside."""
    moving = (".mobius/production/run", "journal.db", "shared/data")
    found = {str(path): path for path in service.folder.rglob("*") if path.is_file()}
    return {
        name: path.stat().st_mtime_ns
        for name, path in found.items()
        if not any(each in name for each in moving)
    }


@can_boot
def test_a_plan_writes_its_log_alone_and_a_rehearsal_proves_what_it_could_not_know(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = live(new_service)
    before, events = laid_out(service), service.journal("SELECT count(*) FROM events")
    planned = service.mobius("migrate", "plan", "--tag", "v2", "--json", expect=0).json
    log = str(service.folder / "premerge_artifacts" / "migrate-dryrun.log")
    after = laid_out(service)
    assert {name for name in after if after[name] != before.get(name)} == {log}
    assert service.journal("SELECT count(*) FROM events") == events
    assert [way["state"] for way in planned["ways"]] == ["not proven", "not proven", "open"]
    assert planned["risk"] == "MEDIUM" and planned["rehearsal"] is None
    assert service.mobius("migrate", "plan", "--tag", "v2", "--fail-on", "MEDIUM").code == 3

    after = laid_out(service)
    dry = service.mobius("migrate", "rehearse", "--tag", "v2", "--dry-run", expect=0)
    assert "would run there, up and down: 002_step" in dry.out and laid_out(service) == after

    files = {name: tmp_path / "out" / name for name in ("page.html", "junit.xml", "out.sarif")}
    words = [
        f"--{option}={file}" for option, file in zip(("html", "junit", "sarif"), files.values(), strict=True)
    ]
    done = service.mobius("migrate", "rehearse", "--tag", "v2", "--json", *words, expect=0)
    facts = done.json["rehearsal"]
    assert facts["migrations"] == ["002_step"] and facts["stops"] == []
    assert facts["old"]["works"] and facts["new"]["works"], facts
    assert [way["state"] for way in done.json["ways"]] == ["open", "open", "open"]
    assert all(way["seconds"] > 0 for way in done.json["ways"])
    assert [each["text"].split()[0] for each in facts["statements"]][:3] == ["ALTER", "CREATE", "INSERT"]
    assert "code alone" in files["page.html"].read_text() and Path(done.json["page"]).is_file()
    suite = ElementTree.parse(files["junit.xml"]).getroot()
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert json.loads(files["out.sarif"].read_text())["version"] == "2.1.0"
    assert "The way back is code alone" in Path(log).read_text()
    assert service.get("/")["release"] == "v1" and service.rows("SELECT number FROM applied_once") == [(1,)]
    assert left(service) == []

    planned = service.mobius("migrate", "plan", "--tag", "v2", "--json", expect=0).json
    assert planned["risk"] == "LOW" and planned["expected_s"] > 0
    assert {each["because"] for each in planned["taken_back"]} == {"posts has 1 row: a scan is over at once"}
    again = service.mobius("migrate", "rehearse", "--tag", "v1", expect=0)
    assert again.out.startswith("No migration pending in v1 for production")


def test_migrations_that_lose_rows_or_fail_must_not_run(new_service: Callable[..., Service]) -> None:
    service = live(new_service, "UPDATE parent SET name = 'b';\n", "")
    database = service.root / "shared" / "data" / "app.db"
    with sqlite3.connect(database) as db:
        db.executescript(
            "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);"
            "CREATE TABLE child (id INTEGER PRIMARY KEY); INSERT INTO child VALUES (1), (2);"
            "CREATE TRIGGER tidy AFTER UPDATE ON parent BEGIN DELETE FROM child; END;"
            "INSERT INTO parent VALUES (1, 'a');"
        )
    db.close()
    service.mobius("backup", "create", expect=0)
    place = service.folder / "releases" / "v2" / "migrations" / "002_step.sql"
    lost = service.mobius("migrate", "rehearse", "--tag", "v2", "--no-boot")
    assert lost.code == 3, lost
    assert lost.out.startswith("Must not run: ") and "child" in lost.out.splitlines()[0]

    place.write_text("ALTER TABLE nobody ADD COLUMN x TEXT;\n")
    failed = service.mobius("migrate", "rehearse", "--tag", "v2", "--no-boot")
    assert failed.code == 3 and "no such table: nobody" in failed.out, failed
    assert "mend that, then rehearse again: mobius migrate rehearse" in failed.err
    assert service.rows("SELECT count(*) FROM child") == [(2,)]
    assert left(service) == []


def test_what_is_asked_wrongly_is_answered_with_the_next_step(new_service: Callable[..., Service]) -> None:
    service = new_service(alone=False)
    service.add_release("v1")
    bare = service.add_release("bare")
    shutil.rmtree(bare / "migrations")
    for command in ("plan", "rehearse"):
        unknown = service.mobius("migrate", command, "--tag", "v9", expect=2)
        assert 'no release "v9"' in unknown.err and "there are: bare, v1" in unknown.err
        untold = service.mobius("migrate", command, expect=2)
        assert "add --tag, or set RELEASE_TAG" in untold.err
        empty = service.mobius("migrate", command, "--tag", "bare", expect=4)
        assert "nothing in migrations, where its migrations should be" in " ".join(
            (empty.out + empty.err).split()
        )
    none = service.mobius("migrate", "rehearse", "--tag", "v1", expect=2)
    assert "there is no backup of production to rehearse the migrations on" in none.err
    assert "mobius backup create -e production, or add --fresh" in none.err

    database = service.root / "shared" / "data" / "app.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"this is no database, and nobody said that it were one" * 100)
    unread = service.mobius("migrate", "plan", "--tag", "v1", "--json", expect=4)
    assert unread.json["doubts"] and unread.json["risk"] == "HIGH"
    assert service.mobius("migrate", "rehearse", "--tag", "v1").code == 4

    text = service.config.read_text()
    start = text.index("[migrations]")
    service.config.write_text(text[:start] + text[text.index("[health]") :])
    planned = service.mobius("migrate", "plan", "--tag", "v1", expect=0)
    assert "no migrations are configured" in planned.out
    refused = service.mobius("migrate", "rehearse", "--tag", "v1", expect=2)
    assert "there is nothing to rehearse: no migrations are configured" in refused.err


def test_a_damaged_backup_and_a_missing_bubblewrap_are_never_a_pass(
    new_service: Callable[..., Service], tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).iterdir() if Path(folder).is_dir() else ():
            if program.name != "bwrap" and not (programs / program.name).exists():
                (programs / program.name).symlink_to(program)
    service = live(new_service, environ={"PATH": str(programs)})
    done = service.mobius("migrate", "rehearse", "--tag", "v2", "--fast")
    assert done.code == 4, done
    assert "NOT PROVEN: bubblewrap is not installed: its program bwrap is not on the PATH" in " ".join(
        done.out.split()
    )
    assert service.mobius("migrate", "rehearse", "--tag", "v2", "--no-boot").code == 0

    newest = max((service.folder / "backups").glob("probe_*_*.zip"), key=lambda path: path.name)
    damaged = bytearray(newest.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    newest.write_bytes(damaged)
    refused = service.mobius("migrate", "rehearse", "--tag", "v2", expect=11)
    assert newest.name in refused.err
    assert left(service) == []


@can_boot
def test_two_at_once_stage_the_candidate_once_and_one_that_is_interrupted_leaves_nothing(
    new_service: Callable[..., Service],
) -> None:
    service = live(new_service)
    text = service.config.read_text()
    build = f"build = [[{json.dumps(sys.executable)}, \"-c\", \"open('../../../../builds.txt', 'a').write('x')\"]]"
    service.config.write_text(
        text.replace('source = "releases/{tag}"', f'source = "releases/{{tag}}"\n{build}')
    )
    both = [service.start("migrate", "rehearse", "--tag", "v2", "--json", "--fast") for _ in range(2)]
    told = [service.finish(each) for each in both]
    assert [done.code for done in told] == [0, 0], told
    assert (service.folder / "builds.txt").read_text() == "x"

    for number in (signal.SIGINT, signal.SIGTERM):
        going = service.start("migrate", "rehearse", "--tag", "v2")
        wait_until(lambda: booting(service), 60, what="a release is started on the copy")
        going.send_signal(number)
        stopped = service.finish(going)
        assert stopped.code == 130, stopped
        assert "the rehearsal was stopped, and its scratch place is removed" in stopped.err
        wait_until(lambda: not booting(service), 30, what="nothing of a boot runs")
        assert left(service) == []
    assert service.get("/")["release"] == "v1"


@can_boot
def test_on_postgresql_facts_take_back_what_the_text_alone_must_say(
    new_service: Callable[..., Service], new_database: Callable[..., Database]
) -> None:
    app = new_database("app")
    app.execute("CREATE TABLE post (text text)")
    app.execute("INSERT INTO post VALUES ('live')")
    app.execute("CREATE TABLE users (id bigint PRIMARY KEY, nick varchar(20), CHECK (nick IS NOT NULL))")
    app.execute("INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 3000) i")
    service = new_service(
        more='\n[[database]]\nname = "app"\nurl_env = "DATABASE_URL"\n',
        alone=False,
        web=(sys.executable, "posts.py"),
        environ={"DATABASE_URL": app.url},
    )
    (service.root / "shared" / "data").mkdir(parents=True)
    text = service.config.read_text()
    service.config.write_text(text.replace('database = "shared/data/app.db"', 'database = "app"'))
    for tag in ("v1", "v2"):
        release = service.add_release(tag)
        shutil.rmtree(release / "migrations")
        (release / "migrations").mkdir()
        (release / "migrations" / "001_none.sql").write_text("SELECT 1;\n")
        shutil.copy(Path(__file__).parents[1] / "rehearse" / "posts.py", release)
        (release / "live-url.txt").write_text(app.url)
    (release / "migrations" / "002_nick.sql").write_text(
        "SET lock_timeout = '2s';\nALTER TABLE users ALTER COLUMN nick TYPE varchar(60);\n"
        "ALTER TABLE users ALTER COLUMN nick SET NOT NULL;\n"
    )
    (release / "migrations" / "002_nick.down.sql").write_text(
        "ALTER TABLE users ALTER COLUMN nick DROP NOT NULL;\nALTER TABLE users ALTER COLUMN nick TYPE varchar(20);\n"
    )
    service.mobius("deploy", "--tag", "v1", expect=0)
    planned = service.mobius("migrate", "plan", "--tag", "v2", "--json")
    guessed = {found["hazard"] for file in planned.json["files"] for found in file["findings"]}
    assert {"column-type-change", "set-not-null-scans"} <= guessed
    assert planned.code == 3

    done = service.mobius("migrate", "rehearse", "--tag", "v2", "--fresh", "--json", timeout_s=240)
    assert done.code == 0, done
    facts = done.json["rehearsal"]
    assert facts["database"] == "postgresql" and facts["old"]["works"] and facts["new"]["works"], facts
    taken = {each["hazard"]: each["because"] for each in done.json["taken_back"]}
    assert taken["column-type-change"] == "users.nick is character varying(20): its rows stay as they are"
    assert taken["set-not-null-scans"] == "a validated CHECK proves that no users.nick is null"
    left_over = {found["hazard"] for file in done.json["files"] for found in file["findings"]}
    assert not {"column-type-change", "set-not-null-scans"} & left_over
    assert app.one("SELECT count(*) FROM post") == 1 and left(service) == []
