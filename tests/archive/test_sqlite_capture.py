"""A captured database is one point in time, whatever writes to it meanwhile."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mobius.archive.sqlite_capture import capture_database, check_database, is_sqlite
from mobius.errors import BackupInvalid, MobiusError


@contextmanager
def busy_writer(path: Path, journal: str) -> Iterator[list[int]]:
    """Commits one numbered pair of rows after the other; the list's only element is the last committed number."""
    committed = [0]
    stop = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as db:
                db.execute("PRAGMA synchronous = OFF")
                # In rollback-journal mode a writer that never pauses would starve every reader.
                while not stop.wait(0.0 if journal == "WAL" else 0.02):
                    number = committed[0] + 1
                    db.execute("BEGIN")
                    db.execute("INSERT INTO one VALUES (?, ?)", (number, "x" * 300))
                    db.execute("INSERT INTO other VALUES (?)", (number,))
                    db.execute("DELETE FROM one WHERE number < ?", (number - 500,))
                    db.execute("DELETE FROM other WHERE number < ?", (number - 500,))
                    db.execute("COMMIT")
                    committed[0] = number
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield committed
    finally:
        stop.set()
        writer.join()
    assert not failures, failures


def next_commit(committed: list[int], within_s: float = 20.0) -> int:
    """Wait until the writer has committed once more, so that it is known to be at work."""
    seen, until_s = committed[0], time.monotonic() + within_s
    while committed[0] == seen and time.monotonic() < until_s:
        time.sleep(0.0005)
    assert committed[0] > seen, "the writer does not come forward"
    return committed[0]


def make(path: Path, journal: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode = {journal}")
        db.executescript("CREATE TABLE one (number INTEGER PRIMARY KEY, filler); CREATE TABLE other (number)")


@pytest.mark.parametrize(("journal", "captures"), [("WAL", 50), ("DELETE", 5)])
def test_captures_under_a_writer_are_whole_and_miss_no_earlier_commit(
    tmp_path: Path, journal: str, captures: int
) -> None:
    live = tmp_path / "live.db"
    make(live, journal)
    with busy_writer(live, journal) as committed:
        for number in range(captures):
            before = next_commit(committed)
            copy = tmp_path / f"{number}.db"
            capture = capture_database(live, copy, busy_timeout_s=30)
            assert capture.facts.integrity == "ok"
            assert capture.facts.tables["one"] == capture.facts.tables["other"]
            with closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as db:
                newest = db.execute("SELECT coalesce(max(number), 0) FROM one").fetchone()[0]
                assert newest == db.execute("SELECT coalesce(max(number), 0) FROM other").fetchone()[0]
            assert newest >= before
            assert not [path for path in tmp_path.iterdir() if path.name.startswith(f"{number}.db-")]
            copy.unlink()


def test_a_copy_keeps_what_the_database_is(tmp_path: Path) -> None:
    live = tmp_path / "live.db"
    with closing(sqlite3.connect(live)) as db:
        db.execute("PRAGMA page_size = 8192")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA user_version = 7")
        db.execute("CREATE TABLE parent (id PRIMARY KEY)")
        db.execute("CREATE TABLE child (parent REFERENCES parent)")
        db.execute("INSERT INTO child VALUES (1)")
        db.commit()
    capture = capture_database(live, tmp_path / "copy.db")
    facts = capture.facts
    assert (facts.user_version, facts.journal_mode, facts.foreign_key_violations) == (7, "wal", 1)
    assert facts.tables == {"child": 1, "parent": 0}
    assert facts.size_bytes == (tmp_path / "copy.db").stat().st_size == capture.size_bytes
    assert facts == check_database(tmp_path / "copy.db")
    assert facts.schema_sha256 == check_database(live).schema_sha256
    with closing(sqlite3.connect(tmp_path / "copy.db")) as db:
        assert db.execute("PRAGMA page_size").fetchone() == (8192,)


def test_the_schemas_digest_changes_with_the_schema_and_not_with_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    digests = []
    for statement in ("CREATE TABLE a (x)", "INSERT INTO a VALUES (1)", "ALTER TABLE a ADD COLUMN y"):
        with closing(sqlite3.connect(path)) as db:
            db.execute(statement)
            db.commit()
        digests.append(check_database(path).schema_sha256)
    assert digests[0] == digests[1] != digests[2]


def test_a_copy_is_private_while_the_original_need_not_be(tmp_path: Path) -> None:
    make(tmp_path / "live.db", "WAL")
    (tmp_path / "live.db").chmod(0o644)
    capture_database(tmp_path / "live.db", tmp_path / "copy.db")
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_what_a_killed_service_left_in_its_journal_is_played_back(tmp_path: Path, journal: str) -> None:
    make(tmp_path / "origin.db", journal)
    with closing(sqlite3.connect(tmp_path / "origin.db", isolation_level=None)) as db:
        db.execute("INSERT INTO other VALUES (1)")
        if journal == "DELETE":
            db.execute("PRAGMA cache_size = 1")
            db.execute("PRAGMA cache_spill = 1")
            db.execute("BEGIN")
            db.executemany("INSERT INTO one VALUES (?, ?)", [(n, "x" * 2000) for n in range(200)])
        for path in tmp_path.glob("origin.db*"):
            if not path.name.endswith("-shm"):
                (tmp_path / path.name.replace("origin", "killed")).write_bytes(path.read_bytes())
    journals = [path.name for path in tmp_path.glob("killed.db-*")]
    assert journals == [f"killed.db-{'wal' if journal == 'WAL' else 'journal'}"]
    facts = capture_database(tmp_path / "killed.db", tmp_path / "copy.db").facts
    assert facts.tables == {"one": 0, "other": 1}


def test_a_database_that_stays_locked_is_said_to_be(tmp_path: Path) -> None:
    make(tmp_path / "live.db", "DELETE")
    with closing(sqlite3.connect(tmp_path / "live.db", isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        for look in (
            lambda: capture_database(tmp_path / "live.db", tmp_path / "copy.db", busy_timeout_s=0.05),
            lambda: check_database(tmp_path / "live.db", busy_timeout_s=0.05),
        ):
            with pytest.raises(MobiusError, match=r"live\.db stayed locked: database is locked") as caught:
                look()
            assert caught.value.exit_code == 1
    assert not (tmp_path / "copy.db").exists()


def test_a_file_that_is_no_database_is_said_not_to_be(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"not a database at all" * 300)
    assert not is_sqlite(path)
    with pytest.raises(BackupInvalid, match=r"a\.db is not an SQLite database"):
        check_database(path)


@pytest.mark.parametrize("place", ["header", "middle", "end"])
def test_a_malformed_database_is_said_to_be(tmp_path: Path, place: str) -> None:
    path = tmp_path / "a.db"
    make(path, "DELETE")
    with closing(sqlite3.connect(path)) as db:
        db.executemany("INSERT INTO one VALUES (?, ?)", [(n, "x" * 300) for n in range(300)])
        db.commit()
    raw = bytearray(path.read_bytes())
    if place == "header":
        raw[16:100] = os.urandom(84)
    elif place == "middle":
        raw[4096 * 4 : 4096 * 5] = b"\xff" * 4096
    else:
        del raw[len(raw) // 2 :]
    path.write_bytes(raw)
    for look in (lambda: check_database(path), lambda: capture_database(path, tmp_path / "copy.db")):
        with pytest.raises(BackupInvalid, match=r"a\.db is (malformed|not an SQLite database)"):
            look()
    assert not (tmp_path / "copy.db").exists()


def test_a_collation_that_only_the_service_knows_leaves_integrity_unchecked(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.create_collation("own", lambda one, other: (one > other) - (one < other))
        db.execute("CREATE TABLE a (x TEXT COLLATE own PRIMARY KEY)")
        db.execute("INSERT INTO a VALUES ('y')")
        db.commit()
    facts = capture_database(path, tmp_path / "copy.db").facts
    assert facts.integrity == "not checked: no such collation sequence: own"
    assert facts.tables == {"a": 1}


def test_an_empty_file_is_an_empty_database(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    assert check_database(tmp_path / "a.db").tables == {}


def test_a_name_with_any_character_is_captured(tmp_path: Path) -> None:
    live = tmp_path / "a b?mode=memory#ü%20.db"
    make(live, "WAL")
    assert capture_database(live, tmp_path / "copy?.db").facts.tables == {"one": 0, "other": 0}
