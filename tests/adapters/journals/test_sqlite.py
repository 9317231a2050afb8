"""The journal on SQLite keeps every promise of a journal, and its file those of a file."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

import mobius
from adapters.contracts.journal_contract import JournalContract
from adapters.contracts.journal_facts import ANNA, opened
from mobius.adapters.journals import schema
from mobius.adapters.journals.schema import SCHEMA
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.errors import MobiusError
from mobius.model.plan import Repeat, Way
from mobius.model.run import RunState
from mobius.ports import Note


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[..., SqliteJournal]:
        return partial(SqliteJournal, tmp_path / "state" / "journal.db")

    @pytest.fixture
    def journal(self, make: Callable[..., SqliteJournal]) -> Iterator[SqliteJournal]:
        journal = make()
        yield journal
        journal.close()


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder other users may enter, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_nothing_is_created_before_the_first_write(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "a" / "journal.db")
    assert journal.runs("production") == ()
    assert journal.verify_chain() == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_the_file_and_its_companions_are_for_their_owner_alone(tmp_path: Path) -> None:
    journal = told(tmp_path / "a" / "journal.db")
    modes = {p.name: oct(p.stat().st_mode & 0o777) for p in (tmp_path / "a").iterdir()}
    assert modes == {"journal.db": "0o600", "journal.db-wal": "0o600", "journal.db-shm": "0o600"}
    journal.close()


def test_it_is_written_durably(tmp_path: Path) -> None:
    journal = told(tmp_path / "journal.db")
    with journal._database.writing() as sql:
        pragmas = [sql.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
        assert sql.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert pragmas == ["wal", 2]
    journal.close()


@pytest.mark.parametrize(
    "writer_is",
    ["there", "gone", pytest.param("killed", marks=pytest.mark.skipif(os.name != "posix", reason=""))],
)
def test_reading_only_sees_everything_and_changes_no_byte(tmp_path: Path, writer_is: str) -> None:
    if writer_is == "killed":
        run_python(
            f"for n in range(3): {TELL}\nos.kill(os.getpid(), signal.SIGKILL)", tmp_path / "journal.db"
        )
    writer = told(tmp_path / "journal.db", times=3) if writer_is != "killed" else None
    if writer and writer_is == "gone":
        writer.close()
    before = tree(tmp_path)
    reader = SqliteJournal(tmp_path / "journal.db", read_only=True)
    assert len(reader.events()) == 3
    assert reader.verify_chain()[0] == 3
    assert tree(tmp_path) == before
    with pytest.raises(MobiusError, match="was opened for reading only"):
        reader.say(None, "production", Note("x", "y"), now=1.0)
    assert tree(tmp_path) == before
    if writer:
        writer.close()


def test_a_reader_follows_a_writer_that_comes_goes_and_comes_again(tmp_path: Path) -> None:
    reader = SqliteJournal(tmp_path / "journal.db", read_only=True)
    assert reader.events() == ()
    for count in (1, 2, 3):
        writer = told(tmp_path / "journal.db")
        assert len(reader.events()) == count
        writer.close()
        assert len(reader.events()) == count


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs to become another user")
@pytest.mark.parametrize("state", ["closed", "in use", "killed"])
def test_a_user_who_may_not_write_the_folder_can_still_read(public: Path, state: str) -> None:
    folder = public / "state"
    folder.mkdir()
    if state == "killed":
        run_python(f"{TELL}; os.kill(os.getpid(), signal.SIGKILL)", folder / "journal.db")
    writer = told(folder / "journal.db") if state == "in use" else None
    if state == "closed":
        told(folder / "journal.db").close()
    for path in [folder, *folder.iterdir()]:
        path.chmod(0o555 if path is folder else 0o444)
    read = "import os; os.setuid(65534); print(len(SqliteJournal(path, read_only=True).events()))"
    done = run_python(read, folder / "journal.db")
    assert (done.stdout.strip(), done.stderr) == ("1", "")
    if writer:
        writer.close()


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    told(path).close()
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("PRAGMA user_version = 99")
    for act in (
        lambda: SqliteJournal(path).say(None, "production", Note("x", "y"), now=1.0),
        lambda: SqliteJournal(path, read_only=True).events(),
    ):
        with pytest.raises(MobiusError) as error:
            act()
        assert error.value.message == (
            f"the journal {path} was written by a newer mobius (schema 99, this one knows {SCHEMA})"
        )
        assert error.value.hint == (
            "use the newer mobius; in an emergency `mobius rollback --emergency` works without the journal"
        )
    with closing(sqlite3.connect(path)) as sql:
        assert sql.execute("PRAGMA user_version").fetchone()[0] == 99


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("CREATE TABLE users (name TEXT)")
        sql.commit()
    before = tree(tmp_path)
    for act in (told, lambda p: SqliteJournal(p, read_only=True).events()):
        with pytest.raises(MobiusError, match="is the database of another program"):
            act(path)
    assert tree(tmp_path) == before


def test_an_older_schema_is_read_as_it_is_and_upgraded_by_the_first_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    told(path).close()
    add = "ALTER TABLE outbox ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'"
    monkeypatch.setattr(schema, "UPGRADES", (*schema.UPGRADES, (add,)))
    monkeypatch.setattr(schema, "SCHEMA", schema.SCHEMA + 1)
    before = tree(tmp_path)
    reader = SqliteJournal(path, read_only=True)
    assert len(reader.events()) == 1
    assert (
        reader._database.read(lambda sql: sql.execute("SELECT count(colour) FROM outbox").fetchone()[0]) == 0
    )
    assert tree(tmp_path) == before
    told(path).close()
    with closing(sqlite3.connect(path)) as sql:
        assert sql.execute("PRAGMA user_version").fetchone()[0] == schema.SCHEMA
    assert SqliteJournal(path).verify_chain()[0] == 2


def test_a_plan_of_a_newer_version_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    opened(journal)
    journal.close()
    with closing(sqlite3.connect(path)) as sql:
        plan = json.loads(sql.execute("SELECT plan FROM runs").fetchone()[0])
        plan |= {"schema_version": 2, "weather": "fair"}
        plan["rollout"][0] |= {"repeat": "on Sundays", "colour": "red"}
        plan["ways_back"].append({**plan["ways_back"][0], "way": "time machine"})
        sql.execute("UPDATE runs SET plan = ?", (json.dumps(plan),))
        sql.commit()
    read = SqliteJournal(path, read_only=True).run(1).plan
    assert read.schema_version == 2
    assert [step.repeat for step in read.rollout] == [Repeat.ASK, Repeat.ASK]
    assert [way.way for way in read.ways_back] == [Way.CODE_ALONE]


def test_a_plan_nobody_can_read_says_what_still_works(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    opened(journal)
    journal.close()
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("UPDATE runs SET plan = '{}'")
        sql.commit()
    with pytest.raises(MobiusError) as error:
        SqliteJournal(path, read_only=True).run(1)
    assert error.value.message == "the plan of run 1 cannot be read by this version of mobius"
    assert (
        error.value.hint
        == "use the mobius that wrote it; `mobius rollback --emergency` works without the plan"
    )


@pytest.mark.parametrize("content", [b"this is not a database, " * 400, b"\0" * 100])
def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    for act in (told, lambda p: SqliteJournal(p, read_only=True).events()):
        with pytest.raises(MobiusError) as error:
            act(path)
        assert error.value.message == f"the journal {path} is damaged"
        assert error.value.hint == (
            "move it away and keep it for whoever looks into it; "
            "`mobius rollback --emergency` works without the journal"
        )
    assert path.read_bytes() == content


def test_a_damaged_page_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    told(path, times=300).close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(MobiusError, match="is damaged"):
        SqliteJournal(path, read_only=True).verify_chain()


def test_a_full_disk_leaves_what_was_written_and_lets_the_work_go_on_later(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = told(path)
    with journal._database.writing() as sql:
        pages = sql.execute("PRAGMA page_count").fetchone()[0]
        sql.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(MobiusError) as error:
        told(path, journal=journal, times=1000)
    assert error.value.message == f"the journal {path} cannot be written: the disk is full"
    assert error.value.hint == (
        f"free space (df -h {tmp_path}), then go on: mobius resume; "
        "`mobius rollback --emergency` works without the journal"
    )
    written, _ = journal.verify_chain()
    with journal._database.writing() as sql:
        sql.execute("PRAGMA max_page_count = 100000")
    told(path, journal=journal)
    assert journal.verify_chain()[0] == written + 1
    journal.close()


@pytest.mark.skipif(os.name != "posix", reason="resource limits are POSIX")
def test_a_file_that_may_not_grow_is_a_clear_error_and_half_a_write_is_none(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    told(path).close()
    limited = (
        "import resource; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
        "for n in range(1000): SqliteJournal(path).say(None, 'p', Note('x', 'y' * 30_000), now=1.0)\n"
    )
    done = run_python(limited, path)
    assert f"MobiusError: the journal {path} cannot be " in done.stderr
    with closing(sqlite3.connect(path)) as sql:
        assert sql.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert SqliteJournal(path).verify_chain()[0] >= 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs to become another user")
def test_a_folder_that_cannot_be_written_is_a_clear_error(public: Path) -> None:
    done = run_python(f"import os; os.setuid(65534); {TELL}", public / "a" / "journal.db")
    assert (
        f"MobiusError: the journal {public}/a/journal.db cannot be opened: Permission denied" in done.stderr
    )


def test_a_file_where_a_folder_should_be_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(MobiusError) as error:
        told(tmp_path / "a" / "journal.db")
    assert error.value.message == f"the journal {tmp_path / 'a' / 'journal.db'} cannot be opened: File exists"
    assert error.value.hint == (
        "check the folder's owner, mode and free space; "
        "`mobius rollback --emergency` works without the journal"
    )


def test_another_writer_that_stays_too_long_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    told(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(MobiusError) as error:
            SqliteJournal(path, busy_s=0.05).say(None, "production", Note("x", "y"), now=1.0)
        assert error.value.message == f"the journal {path} is kept busy by another program"
        assert error.value.hint == f"find it (fuser {path}) and end it, then go on: mobius resume"
        assert len(SqliteJournal(path).events()) == 1  # readers do not wait for writers


def test_a_journal_removed_while_in_use_is_not_written_to_a_ghost(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = told(path)
    path.unlink()
    assert journal.events() == ()
    with pytest.raises(MobiusError) as error:
        told(path, journal=journal)
    assert error.value.message == f"the journal {path} was removed or replaced while it was in use"
    journal.close()


def test_many_first_commands_at_once_make_one_journal(tmp_path: Path) -> None:
    path = tmp_path / "a" / "journal.db"
    # Several journals in one process share its POSIX locks: closing any other handle on the file loses them.
    code = (
        "kept = [SqliteJournal(path) for n in range(5)]\n"
        "for n, journal in enumerate(kept): journal.say(None, 'production', Note('tick', str(n)), now=1.0)"
    )
    writers = [start_python(code, path) for _ in range(4)]
    for writer in writers:
        assert writer.communicate(timeout=60)[1] == ""
    assert SqliteJournal(path).verify_chain()[0] == 20


LOOP = """
run = opened(SqliteJournal(path))
journal = SqliteJournal(path)
print("go", flush=True)
for n in range(100_000):
    step = Step(f"s{n}", "p", "a", "t")
    journal.begin(run, step, now=1.0)
    journal.add_samples(run, [Sample("probe", 1.0), Sample("cpu", 1.0)])
    journal.done(run, step, {"n": n}, now=2.0)
    run = journal.move(run, RunState.OBSERVING, Note("open", "x", topic="alert"), now=3.0, sentence=str(n))
    run = journal.open_run("production", run.plan, lead="", holder=run.holder, now=4.0)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
@pytest.mark.parametrize("after_s", [0.0, 0.013, 0.031, 0.058, 0.1])
def test_a_kill_at_any_moment_leaves_every_write_whole_or_not_there(tmp_path: Path, after_s: float) -> None:
    path = tmp_path / "journal.db"
    victim = start_python(LOOP, path)
    assert victim.stdout and victim.stdout.readline() == "go\n"
    time.sleep(after_s)  # where in the loop it dies is what varies
    victim.kill()
    victim.communicate(timeout=30)
    journal = SqliteJournal(path)
    with journal._database.writing() as sql:
        assert sql.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert sql.execute("PRAGMA foreign_key_check").fetchall() == []
        odd = sql.execute("SELECT count(*) FROM samples GROUP BY run_id HAVING count(*) <> 2").fetchall()
        assert odd == []
    assert journal.verify_chain()[0] >= 1
    runs = journal.runs("production", 100_000)
    kinds = [e.kind for e in journal.events()]
    assert kinds.count("run queued") == len(runs)
    assert kinds.count("superseded") == len(runs) - 1 == sum(r.state is RunState.SUPERSEDED for r in runs)
    assert kinds.count("open") == len(journal.outbox())
    assert kinds.count("step begun") == sum(len(journal.steps(run.id)) for run in runs)
    assert kinds.count("step done") == sum(s.is_done for run in runs for s in journal.steps(run.id))
    journal.take_over(runs[0], holder=ANNA, now=9.0)
    journal.close()


TELL = "SqliteJournal(path).say(None, 'production', Note('tick', 'x'), now=1.0)"
PREAMBLE = """
import os, signal, sys
from pathlib import Path
from adapters.contracts.journal_facts import opened
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.model.plan import Step
from mobius.model.run import RunState
from mobius.model.sample import Sample
from mobius.ports import Note
path = Path(sys.argv[1])
"""


def told(path: Path, *, times: int = 1, journal: SqliteJournal | None = None) -> SqliteJournal:
    journal = journal or SqliteJournal(path)
    for n in range(times):
        journal.say(None, "production", Note("tick", f"{n} " + "x" * 100), now=float(n))
    return journal


def tree(folder: Path) -> dict[str, bytes]:
    """Every file's content; of the -shm only that it is there: it is shared memory, not a record."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.name: b"" if p.name.endswith("-shm") else p.read_bytes() for p in files}


def start_python(code: str, path: Path) -> subprocess.Popen[str]:
    here = [str(Path(mobius.__path__[0]).parent), str(Path(__file__).parents[2])]
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + code, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(here)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_python(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    process = start_python(code, path)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess([], process.returncode, out, err)


def test_a_journal_is_writable_by_its_rights_and_its_room(tmp_path: Path) -> None:
    assert SqliteJournal(tmp_path / "journal.db", read_only=True).is_writable()
    assert SqliteJournal(tmp_path / "not" / "yet" / "journal.db").is_writable()
    assert not SqliteJournal(Path("/proc/journal.db")).is_writable()
