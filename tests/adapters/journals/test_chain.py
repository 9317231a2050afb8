"""Every way to tamper with the audit log is found, and the first bad line is named."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.errors import MobiusError
from mobius.ports import Note

COLUMNS = ("run_id", "environment", "at", "kind", "message", "data", "who", "previous_hash", "hash")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    for n in range(6):
        journal.say(
            None, "production", Note("tick", f"é{n}", {"n": n, "a": [1.5, None]}), now=100.0 + n, who="anna"
        )
    journal.close()
    return path


def tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as sql:
        sql.execute("DROP TRIGGER events_stay")
        sql.execute("DROP TRIGGER events_stay_as_written")
        for statement in statements:
            assert sql.execute(statement).rowcount > 0


def finding(path: Path, head: str = "") -> str:
    with pytest.raises(MobiusError) as error:
        SqliteJournal(path, read_only=True).verify_chain(head)
    assert error.value.exit_code == 1
    return error.value.message


@pytest.mark.parametrize("seq", [1, 3, 6])
@pytest.mark.parametrize("column", COLUMNS)
def test_every_single_edit_is_found(log: Path, column: str, seq: int) -> None:
    new = {"run_id": "run_id + 1", "at": "at + 0.001", "data": "'{\"n\":7}'"}.get(column, f"{column} || 'x'")
    tamper(log, f"UPDATE events SET {column} = {new} WHERE seq = {seq}")
    why = "does not follow event" if column == "previous_hash" else "is not what was written"
    assert finding(log).startswith(f"the audit log was changed: event {seq} (tick")
    assert why in finding(log)


def test_an_edit_that_means_the_same_is_found_too(log: Path) -> None:
    tamper(log, "UPDATE events SET data = replace(data, ',', ', ') WHERE seq = 2")
    assert finding(log) == "the audit log was changed: event 2 (tick) is not what was written"


def test_damaged_data_is_a_finding_and_no_crash(log: Path) -> None:
    tamper(log, "UPDATE events SET data = '{' WHERE seq = 2")
    assert finding(log) == "the audit log was changed: event 2 (tick) is not what was written"


def test_an_edit_with_a_fresh_hash_breaks_the_next_event(log: Path) -> None:
    with closing(sqlite3.connect(log)) as sql:
        sql.row_factory = sqlite3.Row
        row = dict(sql.execute("SELECT * FROM events WHERE seq = 3").fetchone())
    del row["hash"]
    forged = {**row, "data": json.loads(row["data"]), "message": "nothing happened"}
    text = json.dumps(forged, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    fresh = hashlib.sha256(text.encode()).hexdigest()
    tamper(log, f"UPDATE events SET message = 'nothing happened', hash = '{fresh}' WHERE seq = 3")
    assert finding(log) == "the audit log was changed: event 4 (tick) does not follow event 3"


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_every_removal_is_found(log: Path, seq: int) -> None:
    tamper(log, f"DELETE FROM events WHERE seq = {seq}")
    assert finding(log) == f"the audit log was changed: event {seq} is missing"


def test_a_removal_with_new_numbers_is_found(log: Path) -> None:
    tamper(log, "DELETE FROM events WHERE seq = 3", "UPDATE events SET seq = seq - 1 WHERE seq > 3")
    assert finding(log) == "the audit log was changed: event 3 (tick) does not follow event 2"


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 5), (5, 6)])
def test_every_reordering_is_found(log: Path, one: int, other: int) -> None:
    tamper(
        log,
        f"UPDATE events SET seq = 99 WHERE seq = {one}",
        f"UPDATE events SET seq = {one} WHERE seq = {other}",
        f"UPDATE events SET seq = {other} WHERE seq = 99",
    )
    assert finding(log) == f"the audit log was changed: event {one} (tick) does not follow event {one - 1}"


@pytest.mark.parametrize("seq", [1, 3, 6])
def test_an_event_that_stands_twice_is_found(log: Path, seq: int) -> None:
    names = "run_id, environment, at, kind, message, data, who, previous_hash, hash"
    tamper(
        log,
        *(f"UPDATE events SET seq = {n + 1} WHERE seq = {n}" for n in range(6, seq, -1)),
        f"INSERT INTO events (seq, {names}) SELECT {seq + 1}, {names} FROM events WHERE seq = {seq}",
    )
    assert finding(log) == f"the audit log was changed: event {seq + 1} (tick) does not follow event {seq}"


@pytest.mark.parametrize("kept", [1, 3, 5])
def test_the_end_of_another_log_is_found_behind_the_beginning_of_this(
    log: Path, kept: int, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    journal = SqliteJournal(other)
    for n in range(6):
        journal.say(None, "production", Note("tick", "else", {"n": n}), now=200.0 + n, who="eve")
    journal.close()
    with closing(sqlite3.connect(log, isolation_level=None)) as sql:
        sql.execute("DROP TRIGGER events_stay")
        sql.execute("ATTACH ? AS other", (str(other),))
        sql.execute("DELETE FROM main.events WHERE seq > ?", (kept,))
        sql.execute("INSERT INTO main.events SELECT * FROM other.events WHERE seq > ?", (kept,))
    assert finding(log) == f"the audit log was changed: event {kept + 1} (tick) does not follow event {kept}"


@pytest.mark.parametrize("kept", [0, 1, 5])
def test_a_cut_off_tail_is_found_by_a_head_seen_earlier(log: Path, kept: int) -> None:
    journal = SqliteJournal(log, read_only=True)
    _, head = journal.verify_chain()
    tamper(log, f"DELETE FROM events WHERE seq > {kept}")
    assert journal.verify_chain()[0] == kept  # alone, a shorter log looks whole
    assert finding(log, head) == (
        f"the audit log was cut off or replaced: none of its {kept} events has the hash {head}"
    )


def test_a_log_written_anew_is_found_by_a_head_seen_earlier(log: Path, tmp_path: Path) -> None:
    _, head = SqliteJournal(log).verify_chain()
    other = SqliteJournal(tmp_path / "other.db")
    for n in range(6):
        other.say(None, "production", Note("tick", "all is well"), now=100.0 + n)
    other.close()
    assert "cut off or replaced" in finding(tmp_path / "other.db", head)


@pytest.mark.parametrize("statement", ["UPDATE events SET message = 'x'", "DELETE FROM events"])
def test_an_honest_mistake_is_stopped_by_the_database(log: Path, statement: str) -> None:
    with (
        closing(sqlite3.connect(log)) as sql,
        pytest.raises(sqlite3.IntegrityError, match="events are never"),
    ):
        sql.execute(statement)
    assert SqliteJournal(log).verify_chain()[0] == 6


def test_anybody_can_recompute_a_hash_from_the_documented_form(log: Path) -> None:
    first = SqliteJournal(log).events()[0]
    text = (
        '{"at":100.0,"data":{"a":[1.5,null],"n":0},"environment":"production","kind":"tick","message":"é0",'
        '"previous_hash":"","run_id":0,"seq":1,"who":"anna"}'
    )
    assert first.hash == hashlib.sha256(text.encode()).hexdigest()
