"""Databases, files, commands and gates, looked at for real."""

from __future__ import annotations

import os
import shlex
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from mobius.adapters.checks.http import HttpChecks
from mobius.model.settings import EnvironmentSettings, GateCommand, SmokeSettings
from mobius.model.verdict import CheckResult, Outcome

PYTHON = sys.executable
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")


def checks(folder: Path, *smoke: SmokeSettings, gates: tuple[GateCommand, ...] = ()) -> HttpChecks:
    settings = EnvironmentSettings("staging", "http://127.0.0.1:1", folder, smoke=smoke, checks=gates)
    return HttpChecks(settings, resolve=lambda path: folder / path, cwd=folder)


def one(folder: Path, smoke: SmokeSettings) -> CheckResult:
    return checks(folder, smoke).smoke("http://127.0.0.1:1")[0]


def told(result: CheckResult) -> tuple[Outcome, str]:
    return result.outcome, result.message


def database(folder: Path, name: str = "app.db", rows: int = 2000) -> Path:
    path = folder / name
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO jobs (text) VALUES (?)", [("x" * 200,)] * rows)
    connection.close()
    return path


# Databases


def test_a_database_that_is_whole_passes_and_is_not_touched(tmp_path: Path) -> None:
    path = database(tmp_path, "a b#c?d.db")
    before = path.read_bytes()

    result = one(tmp_path, SmokeSettings("db", "database", database="a b#c?d.db"))

    assert told(result) == (Outcome.PASS, "a b#c?d.db is whole, 1 table")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a b#c?d.db"]


def test_a_missing_database_fails_and_is_not_made(tmp_path: Path) -> None:
    result = one(tmp_path, SmokeSettings("db", "database", database="app.db"))

    assert told(result) == (Outcome.FAIL, f"there is no database at {tmp_path / 'app.db'}")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_database_fails(tmp_path: Path) -> None:
    path = database(tmp_path)
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 20] = os.urandom(4096 * 17)
    path.write_bytes(content)

    result = one(tmp_path, SmokeSettings("db", "database", database="app.db"))

    assert result.outcome is Outcome.FAIL and result.message.startswith("app.db is damaged: ")


def test_a_file_that_is_no_database_fails(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_text("hello " * 1000)

    result = one(tmp_path, SmokeSettings("db", "database", database="app.db"))

    assert told(result) == (Outcome.FAIL, "app.db is damaged: file is not a database")


def test_a_locked_database_is_no_measurement(tmp_path: Path) -> None:
    holder = sqlite3.connect(database(tmp_path))
    try:
        holder.execute("BEGIN EXCLUSIVE")
        result = one(tmp_path, SmokeSettings("db", "database", database="app.db", timeout_s=0.2))
    finally:
        holder.close()

    assert told(result) == (Outcome.ERROR, "app.db was locked for 0.2 s")


def test_a_database_in_use_with_a_write_ahead_log_is_read(tmp_path: Path) -> None:
    writer = sqlite3.connect(database(tmp_path))
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO jobs (text) VALUES ('new')")
        writer.commit()
        result = one(tmp_path, SmokeSettings("db", "database", database="app.db"))
    finally:
        writer.close()

    assert result.outcome is Outcome.PASS


# Files and folders


def test_a_folder_is_really_written_to_and_left_clean(tmp_path: Path) -> None:
    result = one(tmp_path, SmokeSettings("uploads", "file", file=".", writable=True))

    assert told(result) == (Outcome.PASS, f"{tmp_path.name}/ can be read and written")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_read_and_opened_for_writing_unchanged(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{}")

    result = one(tmp_path, SmokeSettings("file", "file", file="settings.json", writable=True))

    assert told(result) == (Outcome.PASS, "settings.json can be read and written")
    assert (tmp_path / "settings.json").read_text() == "{}"


def test_a_missing_file_fails(tmp_path: Path) -> None:
    result = one(tmp_path, SmokeSettings("file", "file", file="nothing"))

    assert told(result) == (Outcome.FAIL, f"{tmp_path / 'nothing'} is not there")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    result = one(tmp_path, SmokeSettings("file", "file", file="pipe"))

    assert told(result) == (Outcome.FAIL, f"{tmp_path / 'pipe'} is neither a file nor a folder")


def test_a_path_that_cannot_be_resolved_is_no_measurement(tmp_path: Path) -> None:
    def resolve(path: str) -> Path:
        raise RuntimeError("no release is live")

    smoke = SmokeSettings("db", "database", database="app.db")
    settings = EnvironmentSettings("staging", "http://127.0.0.1:1", tmp_path, smoke=(smoke,))
    result = HttpChecks(settings, resolve=resolve).smoke("")[0]

    assert told(result) == (Outcome.ERROR, "the check itself broke: RuntimeError('no release is live')")


# Commands and gates


def script(text: str, *argv: str) -> tuple[str, ...]:
    return (PYTHON, "-c", text, *argv)


@pytest.mark.parametrize(
    ("argv", "gate", "smoke", "message"),
    [
        (script("raise SystemExit(3)"), "FAIL", "FAIL", "exit code 3"),
        (script("raise SystemExit(1)"), "FAIL", "FAIL", "exit code 1"),
        (script("raise SystemExit(4)"), "ERROR", "ERROR", "exit code 4"),
        (script("import time; time.sleep(60)"), "ERROR", "FAIL", "not done within 0.5 s"),
        (("no-such-program",), "ERROR", "ERROR", "no-such-program is not there"),
        pytest.param(("sh", "-c", "kill -KILL $$"), "ERROR", "ERROR", "ended by SIGKILL", marks=POSIX),
        pytest.param(
            ("sh", "-c", "sh -c 'kill -TERM $$'; exit $?"), "ERROR", "ERROR", "ended by SIGTERM", marks=POSIX
        ),
        pytest.param(("sh", "-c", "no-such-program"), "ERROR", "ERROR", "exit code 127", marks=POSIX),
    ],
)
def test_what_a_command_says_by_its_end(
    argv: tuple[str, ...], gate: str, smoke: str, message: str, tmp_path: Path
) -> None:
    within_s = 0.5 if "not done" in message else 30.0
    found = checks(tmp_path, gates=(GateCommand("golden", argv, timeout_s=within_s),)).gate("golden")

    assert (found.outcome, found.message) == (Outcome(gate), message)
    assert found.advice == f"try: {shlex.join(argv)}"
    assert told(one(tmp_path, SmokeSettings("run", "command", run=argv, timeout_s=within_s))) == (
        Outcome(smoke),
        message,
    )


def test_a_command_runs_in_the_project_and_knows_where_the_release_answers(tmp_path: Path) -> None:
    text = "import os; print(os.getcwd(), os.environ['API_BASE_URL'], os.environ['MOBIUS_ENVIRONMENT'])"

    found = one(tmp_path, SmokeSettings("run", "command", run=script(text)))

    assert found.outcome is Outcome.PASS
    assert found.output == f"{tmp_path.resolve()} http://127.0.0.1:1 staging"


def test_the_last_lines_of_a_talkative_command_are_kept(tmp_path: Path) -> None:
    text = "for i in range(40000): print('line', i)"

    found = checks(tmp_path, gates=(GateCommand("loud", script(text)),)).gate("loud")

    assert found.outcome is Outcome.PASS
    assert found.output.splitlines()[-1] == "line 39999" and len(found.output.splitlines()) == 20


def wait_gone(pid: int) -> bool:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_timeout_ends_the_command_and_everything_it_started(
    stubborn: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    parent = (
        "import subprocess, sys, time, signal, pathlib\n"
        f"{'signal.signal(signal.SIGTERM, signal.SIG_IGN)' if stubborn else ''}\n"
        "p = subprocess.Popen([sys.executable, '-c', sys.argv[1]])\n"
        "pathlib.Path('pid').write_text(str(p.pid)); time.sleep(60)"
    )
    gate = GateCommand("slow", script(parent, child), timeout_s=0.7)
    begun = time.monotonic()
    start = subprocess.Popen

    def both_started(*words: Any, **how: Any) -> subprocess.Popen[bytes]:
        """However long that takes: its time begins then."""
        process = start(*words, **how)
        until = time.monotonic() + 30
        while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
            assert time.monotonic() < until, "it did not start"
            time.sleep(0.01)
        return process

    monkeypatch.setattr(subprocess, "Popen", both_started)

    found = checks(tmp_path, gates=(gate,)).gate("slow")

    assert told(found) == (Outcome.ERROR, "not done within 0.7 s")
    assert time.monotonic() - begun < 50, "of a minute"
    assert wait_gone(int((tmp_path / "pid").read_text()))


def test_what_a_command_leaves_running_neither_holds_the_check_nor_stays(tmp_path: Path) -> None:
    text = (
        "import subprocess, sys, pathlib\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "pathlib.Path('pid').write_text(str(p.pid)); print('done')"
    )
    begun = time.monotonic()

    found = checks(tmp_path, gates=(GateCommand("messy", script(text)),)).gate("messy")

    assert (found.outcome, found.output) == (Outcome.PASS, "done")
    assert time.monotonic() - begun < 30, "of a minute"
    assert wait_gone(int((tmp_path / "pid").read_text()))


def test_a_command_in_the_background_ends_with_the_process_that_asked(tmp_path: Path) -> None:
    waiting = "import pathlib, os, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
    asking = (
        "import pathlib, sys, threading, time\n"
        "from mobius.adapters.checks.run import run\n"
        "here = pathlib.Path(sys.argv[1]); argv = (sys.executable, '-c', sys.argv[2])\n"
        "work = lambda: run(argv, cwd=here, env={}, timeout_s=60)\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "until = time.monotonic() + 60\n"
        "while not (here / 'pid').exists() or not (here / 'pid').read_text():\n"
        "    assert time.monotonic() < until; time.sleep(0.01)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    subprocess.run([PYTHON, "-c", asking, str(tmp_path), waiting], check=True, timeout=90, env=env)

    assert wait_gone(int((tmp_path / "pid").read_text()))


def test_an_unknown_gate_names_those_that_exist(tmp_path: Path) -> None:
    found = checks(tmp_path, gates=(GateCommand("golden", ("true",)),)).gate("silver")

    assert (found.outcome, found.message, found.advice) == (
        Outcome.ERROR,
        "no such gate",
        "known gates: golden",
    )


def test_smoke_tests_say_whether_the_gates_can_be_run(tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text("")
    gates = (
        GateCommand("there", (PYTHON, "check.py")),
        GateCommand("no script", (PYTHON, "scripts/check.py")),
        GateCommand("no program", ("./gate.sh",)),
    )

    results = checks(tmp_path, SmokeSettings("file", "file", file="check.py"), gates=gates).smoke("")

    assert [(r.name, *told(r)) for r in results[1:]] == [
        ("gate there", Outcome.PASS, f"can be run: {PYTHON}"),
        ("gate no script", Outcome.ERROR, "scripts/check.py is not there"),
        ("gate no program", Outcome.ERROR, "./gate.sh is not there or may not be run"),
    ]
