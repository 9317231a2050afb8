"""Deployments whose migrations decide on the way back: rehearsed, held, applied and taken back on real processes."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from journeys.kill.field import Field, Strike
from journeys.service import Service, ask, wait_until
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there"),
]

WRITER = Path(__file__).parent / "writer.py"
FIRST = "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL);\nINSERT INTO notes (body) VALUES ('kept');"
ADD = ("ALTER TABLE notes ADD COLUMN mood TEXT;", "ALTER TABLE notes DROP COLUMN mood;")
RENAME = ("ALTER TABLE notes RENAME COLUMN body TO words;", "ALTER TABLE notes RENAME COLUMN words TO body;")
DROP = (
    "CREATE TABLE letters (id INTEGER PRIMARY KEY, words TEXT);\nDROP TABLE notes;",
    "DROP TABLE letters;\nCREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL);",
)
SMOKE = """
[[smoke]]
name = "notes"
get = "/notes"
expect = ["status == 200"]

[rehearsal]
boot = true
"""


class Notes(Service):
    """Writes and reads one table, with the column its release knows."""

    def __init__(self, folder: Path, *, hold: str = "", **more: Any) -> None:
        super().__init__(
            folder, alone=False, interval="200ms", more=SMOKE, web=("python3", "writer.py"), **more
        )
        text = self.config.read_text()
        text = text.replace("json.posts >= 0", "status < 300")
        if hold:
            text = text.replace("[migrations]\n", f'[migrations]\nhold = "{hold}"\n')
        self.config.write_text(text)

    def release(self, tag: str, column: str, *steps: tuple[str, str] | tuple[str], **behaviour: Any) -> None:
        """A release that writes this column of `notes`, with these migrations after the first."""
        place = self.folder / "releases" / tag
        shutil.rmtree(place, ignore_errors=True)
        (place / "migrations").mkdir(parents=True)
        shutil.copy(WRITER, place)
        (place / "behaviour.json").write_text(json.dumps({"release": tag, "column": column, **behaviour}))
        for number, step in enumerate([(FIRST,), *steps], 1):
            for name, sql in zip((f"{number:03}_step.sql", f"{number:03}_step.down.sql"), step, strict=False):
                (place / "migrations" / name).write_text(sql + "\n")

    def deploy(self, tag: str, *words: str, expect: int | None = 0) -> Any:
        return self.mobius("deploy", "--tag", tag, "--quiet", *words, expect=expect)

    def events(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Message and data of each of this kind, oldest first."""
        found = self.journal(f"SELECT message, data FROM events WHERE kind = '{kind}' ORDER BY seq")
        return [(str(message), json.loads(str(data))) for message, data in found]

    def settled(self, *states: str) -> str:
        """The state of the newest deployment once it is one of these."""

        def state() -> str:
            query = "SELECT state FROM runs WHERE kind = 'deploy' ORDER BY id DESC LIMIT 1"
            now = str(self.journal(query)[0][0])
            return now if now in states else ""

        return wait_until(state, 60, what=f"the run is {' or '.join(states)}")

    def columns(self) -> list[str]:
        return [str(row[1]) for row in self.rows("PRAGMA table_info(notes)")]


@dataclass
class Asked:
    """What clients got while something was done: status codes, and the longest that one waited."""

    codes: list[int] = field(default_factory=list)
    longest_s: float = 0.0
    stored: list[int] = field(default_factory=list)  # one for each write that was answered well


@contextmanager
def clients(url: str) -> Iterator[Asked]:
    """Two that write and two that read, all the time."""
    asked, over = Asked(), threading.Event()

    def go_on(body: bytes | None) -> None:
        while not over.is_set():
            began = time.monotonic()
            code = ask(f"{url}/notes", body=body, timeout_s=60)["code"]
            asked.codes.append(code)
            asked.stored += [1] if body is not None and code == 200 else []
            asked.longest_s = max(asked.longest_s, time.monotonic() - began)
            time.sleep(0.02)

    threads = [threading.Thread(target=go_on, args=(body,)) for body in (b"x", None, b"y", None)]
    for thread in threads:
        thread.start()
    try:
        yield asked
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def made() -> Iterator[list[Notes]]:
    """Services that a test began."""
    there: list[Notes] = []
    yield there
    for one in there:
        one.close()


def with_v1(folder: Path, made: list[Notes], **how: Any) -> Notes:
    """v1 is live and kept."""
    notes = Notes(folder / "notes", window="10m", **how)
    made.append(notes)
    notes.release("v1", "body")
    notes.deploy("v1", "--detach")
    notes.mobius("accept", expect=0)
    return notes


def test_after_an_additive_migration_code_alone_stays_open_and_takes_a_bad_release_back(
    tmp_path: Path, made: list[Notes]
) -> None:
    notes = with_v1(tmp_path, made, hold="20s")
    notes.release("v2", "body", ADD, sick_once_live_s=1.0)

    notes.deploy("v2", expect=12)

    assert notes.settled("rolled back")
    assert notes.get()["release"] == "v1"
    assert notes.columns() == ["id", "body", "mood"], "the migrated schema stays"
    assert [data["way"] for _, data in notes.events("rollback begun")] == ["code alone"]
    assert notes.events("held") == [], "nobody had to wait"
    _, rehearsed = notes.events("rehearsed")[-1]
    assert {way["way"]: way["is_open"] for way in rehearsed["ways"]}["code alone"] is True


def test_a_rename_without_a_hold_is_refused_and_says_which_query_broke(
    tmp_path: Path, made: list[Notes]
) -> None:
    notes = with_v1(tmp_path, made)
    notes.release("v2", "words", RENAME)

    said = notes.mobius("deploy", "--tag", "v2", expect=3)

    assert "the previous release fails on the migrated copy" in said.out + said.err
    assert "no such column: body" in said.out + said.err
    assert "migrations.hold" in said.out + said.err
    assert notes.columns() == ["id", "body"]
    assert notes.get()["release"] == "v1"
    assert notes.settled("refused")


def test_a_rename_with_a_hold_loses_no_request_and_a_bad_release_goes_down_by_itself(
    tmp_path: Path, made: list[Notes]
) -> None:
    notes = with_v1(tmp_path, made, hold="30s")
    notes.release("v2", "words", RENAME, sick_once_live_s=3)

    with clients(notes.url) as asked:
        notes.deploy("v2", expect=12)

    assert notes.settled("rolled back")
    assert set(asked.codes) == {200}, "none was lost, and none turned away"
    assert notes.columns() == ["id", "body"]
    assert [data["way"] for _, data in notes.events("rollback begun")] == ["down"]
    held = [data for _, data in notes.events("held")]
    assert len(held) == 2, "once on the way forward, once on the way back"
    assert [data["turned_away"] for data in held] == [0, 0]
    assert asked.longest_s > 0.3, "somebody waited, and was answered"
    assert len(asked.stored) > 20
    assert notes.rows("SELECT count(*) FROM notes") == [(1 + len(asked.stored),)], (
        "every write is there after the way down"
    )
    assert notes.rows("SELECT body FROM notes ORDER BY id LIMIT 1") == [("kept",)]


def test_a_way_down_that_loses_data_is_not_taken_by_itself_and_a_person_is_told_the_choice(
    tmp_path: Path, made: list[Notes]
) -> None:
    notes = with_v1(tmp_path, made, hold="30s")
    notes.release("v2", "words", DROP, table="letters", sick_once_live_s=1.0)

    notes.deploy("v2", "--detach")

    [(said, page), *_] = wait_until(lambda: notes.events("page"), 60, what="a person is called")
    assert "probe" in said or "check" in said
    backup = sorted(path.name for path in (notes.folder / "backups").glob("probe_*_*.zip"))[-1]
    assert f"mobius rollback -e production --backup {backup}" in page["choices"][0]
    assert "not open: the previous release fails on the migrated copy" in page["choices"][1]
    assert notes.get("/notes")["release"] == "v2", "nothing was taken back"
    status = notes.status()
    assert status["way_back"]["way"] == "restore"
    refused = notes.mobius("rollback", "--yes", expect=3)
    assert f"mobius rollback -e production --backup {backup}" in refused.out + refused.err

    notes.mobius("rollback", "--backup", backup, "--yes", expect=0)

    assert notes.get("/notes")["last"] == ["kept"]
    assert notes.get("/notes")["release"] == "v1"


STRIKES = (
    Strike(label="done go-*-hold", when="before"),
    Strike(label="done go-*-stop", when="after"),
    Strike(label="begin go-*-migrate", when="after"),
    Strike(label="done go-*-migrate", when="before"),
    Strike(label="done go-*-await-healthy", when="before"),
    Strike(label="done go-*-switch", when="before"),
    Strike(label="begin go-*-release-hold", when="after"),
    Strike(label="done go-*-release-hold", when="before"),
)


@pytest.mark.parametrize(
    "strike",
    [
        pytest.param(s, id=str(s), marks=[] if s.label == "done go-*-migrate" else [pytest.mark.slow])
        for s in STRIKES
    ],
)
def test_a_runner_that_is_killed_inside_the_hold_is_carried_on_to_the_end(
    tmp_path: Path, made: list[Notes], strike: Strike
) -> None:
    notes = with_v1(tmp_path, made, hold="60s")
    notes.release("v2", "words", RENAME)
    struck = Field(notes)

    with clients(notes.url) as asked:
        notes.mobius("deploy", "--tag", "v2", "--detach", environ=struck.arm(strike))
        assert notes.settled("observing")

    assert struck.has_struck()
    assert set(asked.codes) == {200}, "none was lost, and none turned away"
    assert notes.columns() == ["id", "words"]
    assert notes.get("/notes")["release"] == "v2"
    assert len(notes.events("held")) == 1
    assert notes.host.status().door is not None


BACK = (
    Strike(label="begin inside-down-*-down", when="after"),
    Strike(label="done inside-down-*-down", when="before"),
    Strike(label="done inside-down-*-start", when="before"),
    Strike(label="begin inside-down-*-release-hold", when="after"),
)


@pytest.mark.parametrize(
    "strike",
    [
        pytest.param(
            s, id=str(s), marks=[] if s.when == "before" and "-down" in s.label[-5:] else [pytest.mark.slow]
        )
        for s in BACK
    ],
)
def test_a_runner_that_is_killed_on_its_way_back_inside_the_hold_is_carried_on_to_the_end(
    tmp_path: Path, made: list[Notes], strike: Strike
) -> None:
    notes = with_v1(tmp_path, made, hold="60s", health_deadline="2s")
    notes.release("v2", "words", RENAME, sick_when_live=True)
    struck = Field(notes)

    with clients(notes.url) as asked:
        notes.mobius("deploy", "--tag", "v2", "--detach", environ=struck.arm(strike))
        assert notes.settled("rolled back")

    assert struck.has_struck()
    assert set(asked.codes) == {200}, "none was lost, and none turned away"
    assert notes.columns() == ["id", "body"]
    assert notes.get("/notes")["release"] == "v1"
    assert [data["way"] for _, data in notes.events("rollback begun")] == ["down"]
