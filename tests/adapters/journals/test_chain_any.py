"""Whatever is done to the log, wherever in it: verification finds it, or a head that was kept elsewhere does."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from adapters.contracts.journal_facts import STAGE, opened
from mobius.adapters.journals import chain
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.errors import MobiusError
from mobius.model.audit import Head, head_in, read_head
from mobius.ports import Note

MANY = 8
COLUMNS = chain.Link._fields
TEXTS = ("environment", "kind", "message", "data", "who", "previous_hash", "hash")
RELAXED = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ANY_VALUE = some.one_of(
    some.none(),
    some.integers(-(2**62), 2**62),
    some.floats(),
    some.text(max_size=20),
    some.binary(max_size=8),
    some.sampled_from(["{}", "[", "{" * 5000, '{"n":1e999}', "\0", "0" * 64]),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A journal without its triggers and its types, as a forger would make it, and every head it ever had."""
    path = tmp_path_factory.mktemp("any") / "journal.db"
    journal = SqliteJournal(path)
    run = opened(journal)
    heads = [str(journal.head())]
    for n in range(1, MANY):
        note = Note("tick", f"é{n}", {"n": n, "a": [1.5, None]})
        journal.say(run if n % 2 else None, "production", note, now=100.0 + n, who="anna")
        heads.append(str(journal.head()))
    journal.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as sql:
        sql.execute("DROP TRIGGER events_stay")
        sql.execute("DROP TRIGGER events_stay_as_written")
        sql.execute("CREATE TABLE loose AS SELECT * FROM events")
        sql.execute("DROP TABLE events")
        sql.execute("ALTER TABLE loose RENAME TO events")
        sql.execute("PRAGMA journal_mode = DELETE")
    return path, heads


def tampered(written: tuple[Path, list[str]], act: Callable[[list[list[Any]]], list[list[Any]]]) -> Path:
    """A copy of the journal whose rows were changed by `act`."""
    path = written[0].with_name("tampered.db")
    shutil.copy(written[0], path)
    with closing(sqlite3.connect(path)) as sql:
        rows = [list(row) for row in sql.execute("SELECT * FROM events ORDER BY seq")]
        sql.execute("DELETE FROM events")
        marks = ", ".join("?" * len(COLUMNS))
        sql.executemany(f"INSERT INTO events VALUES ({marks})", act(rows))
        sql.commit()
    return path


def is_stored_as(was: Any, value: Any) -> bool:
    """Whether a column that holds `was` holds it again: 2.0 and "02" become 2 in a column of numbers."""
    if isinstance(was, int | float) and isinstance(value, str):
        with suppress(ValueError):
            return float(value) == was
    return bool(was == value)


def finding(path: Path, head: str = "") -> str:
    with pytest.raises(MobiusError) as error:
        SqliteJournal(path, read_only=True).verify_chain(head)
    assert error.value.hint
    return error.value.message


@RELAXED
@given(at=some.integers(0, MANY - 1), column=some.sampled_from(COLUMNS), value=ANY_VALUE)
def test_any_value_in_any_column_of_any_event_is_found(
    written: tuple[Path, list[str]], at: int, column: str, value: Any
) -> None:
    place = COLUMNS.index(column)

    def act(rows: list[list[Any]]) -> list[list[Any]]:
        was, rows[at][place] = rows[at][place], value
        if is_stored_as(was, value):
            rows[at][place] = f"{was}x"
        return rows

    assert finding(tampered(written, act)).startswith("the audit log was changed: event ")


@RELAXED
@given(at=some.integers(0, MANY - 1), column=some.sampled_from(TEXTS), where=some.integers(0, 63))
def test_a_single_flipped_character_is_found(
    written: tuple[Path, list[str]], at: int, column: str, where: int
) -> None:
    place = COLUMNS.index(column)

    def act(rows: list[list[Any]]) -> list[list[Any]]:
        text = rows[at][place]
        cut = where % (len(text) + 1)
        rows[at][place] = f"{text[:cut]}{'1' if text[cut : cut + 1] == '0' else '0'}{text[cut + 1 :]}"
        return rows

    assert finding(tampered(written, act)).startswith("the audit log was changed: event ")


@RELAXED
@given(at=some.integers(0, MANY - 2), renumbered=some.booleans())
def test_a_removal_anywhere_is_found(written: tuple[Path, list[str]], at: int, renumbered: bool) -> None:
    def act(rows: list[list[Any]]) -> list[list[Any]]:
        del rows[at]
        return [[n, *row[1:]] for n, row in enumerate(rows, start=1)] if renumbered else rows

    assert finding(tampered(written, act)).startswith(f"the audit log was changed: event {at + 1} ")


@RELAXED
@given(order=some.permutations(range(MANY)))
def test_any_other_order_is_found(written: tuple[Path, list[str]], order: list[int]) -> None:
    def act(rows: list[list[Any]]) -> list[list[Any]]:
        return [[n, *rows[was][1:]] for n, was in enumerate(order, start=1)]

    path = tampered(written, act)
    if order == sorted(order):
        assert SqliteJournal(path, read_only=True).verify_chain()[0] == MANY
    else:
        assert finding(path).startswith("the audit log was changed: event ")


@RELAXED
@given(at=some.integers(0, MANY - 1), again=some.integers(0, MANY - 1), hashed=some.booleans())
def test_an_event_put_in_anywhere_is_found(
    written: tuple[Path, list[str]], at: int, again: int, hashed: bool
) -> None:
    def act(rows: list[list[Any]]) -> list[list[Any]]:
        new = [*rows[again]]
        rows.insert(at, new)
        rows = [[n, *row[1:]] for n, row in enumerate(rows, start=1)]
        if hashed:  # the forger hashes what he put in, as it should be there
            before = rows[at - 1][-1] if at else ""
            rows[at][COLUMNS.index("previous_hash")] = before
            rows[at][-1] = chain.hash_of(chain.Link(*rows[at]))
        return rows

    assert finding(tampered(written, act)).startswith("the audit log was changed: event ")


@pytest.mark.parametrize("kept", range(MANY))
def test_a_cut_tail_is_found_by_every_head_beyond_it_and_by_no_earlier_one(
    written: tuple[Path, list[str]], kept: int
) -> None:
    path = tampered(written, lambda rows: rows[:kept])
    journal = SqliteJournal(path, read_only=True)
    for seq, head in enumerate(written[1], start=1):
        if seq <= kept:
            assert journal.verify_chain(head)[0] == kept
        else:
            assert f"it ends with event {kept}, and the head names event {seq}" in finding(path, head)


@RELAXED
@given(at=some.integers(0, MANY - 1), seen=some.integers(0, MANY - 1))
def test_a_log_hashed_anew_by_a_forger_is_found_by_any_later_head_that_left_the_host(
    written: tuple[Path, list[str]], at: int, seen: int
) -> None:
    def act(rows: list[list[Any]]) -> list[list[Any]]:
        rows[at][COLUMNS.index("message")] = "nothing happened"
        return hashed_anew(rows)

    path, head = tampered(written, act), written[1][seen]
    journal = SqliteJournal(path, read_only=True)
    assert journal.verify_chain()[0] == MANY  # by itself it looks whole: that is what heads are for
    if seen < at:
        assert journal.verify_chain(head)[0] == MANY
    else:
        assert f"written anew: its event {seen + 1} is not the one of the head" in finding(path, head)


def hashed_anew(rows: list[list[Any]]) -> list[list[Any]]:
    last = ""
    for row in rows:
        row[COLUMNS.index("previous_hash")] = last
        row[-1] = last = chain.hash_of(chain.Link(*row))
    return rows


def test_a_tail_that_steps_or_messages_name_is_missed_without_any_head(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    run = opened(journal)
    journal.say(run, "production", Note("page", "come", topic="alert"), now=2.0)
    journal.begin(run, STAGE, now=3.0)
    journal.close()
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("DROP TRIGGER events_stay")
        sql.execute("DELETE FROM events WHERE seq > 1")
        sql.commit()
    assert finding(path) == (
        "the audit log was cut off: it ends with event 1, and steps or messages name event 3"
    )


@given(some.text(max_size=90))
def test_whatever_is_given_as_a_head_is_one_or_is_refused(text: str) -> None:
    try:
        found = read_head(text)
    except MobiusError as refused:
        assert refused.hint and refused.exit_code == 2
    else:
        assert isinstance(found, Head) or len(found) >= 16


@given(some.dictionaries(some.sampled_from(["run_id", "seq", "head", "x"]), ANY_VALUE))
@example({"run_id": float("inf"), "seq": 1, "head": 64 * "a"})
def test_a_message_of_any_form_gives_a_head_or_none(payload: dict[str, Any]) -> None:
    assert isinstance(head_in(payload), str)
    assert head_in({"run_id": 3, "seq": 7, "head": 64 * "a"}) == f"3:7:{24 * 'a'}"
    assert json.dumps(head_in({"seq": 7})) == '""'
