"""A project's own migration in a deployment: as its service, alone, bounded, and heard."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from adapters.migrations.projects import Yard
from journeys.service import wait_until
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.command import CommandSource
from mobius.adapters.migrations.runner_live import takes_options
from mobius.adapters.migrations.source import Ran, Target
from mobius.adapters.migrations.tool_runs import failure
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.errors import Locked, MobiusError
from mobius.model.settings import ProcessSettings, SystemdSettings
from mobius.ports import nothing


def ran(yard: Yard, source: str, within_s: float = 30.0, **more: object) -> tuple[int, str, list[str]]:
    """Its exit code, its output, and what was told while it ran."""
    said: list[str] = []
    yard.write({"up.py": source})
    done = yard.live_runner(**more).run(
        (sys.executable, "up.py"),
        cwd=yard.tree,
        target=yard.target(),
        within_s=within_s,
        progress=said.append,
    )
    return done.code, done.output, said


def test_it_has_the_environment_of_its_process(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    (yard.root / "shared" / "more.env").write_text("FROM_FILE=a file\n")
    worker = ProcessSettings(
        "worker", ("x",), kind="worker", env={"WHO": "the worker"}, env_file="shared/more.env"
    )
    yard.settings = replace(yard.settings, processes=(*yard.settings.processes, worker))
    source = (
        "import os; print(os.environ.get('WHO'), os.environ.get('FROM_FILE'), os.environ.get('DATABASE_URL'))"
    )
    assert ran(yard, source)[1] == f"None None {yard.url}\n"
    assert yard.settings.migrations is not None
    yard.settings = replace(yard.settings, migrations=replace(yard.settings.migrations, process="worker"))
    assert ran(yard, source)[1] == "the worker a file None\n"


def test_what_it_says_is_told_line_by_line_without_secrets(tmp_path: Path) -> None:
    source = """
        import sys
        print("the key is hunter2-hunter2")
        print("to the end", file=sys.stderr)
        print("no newline", end="")
        """
    code, output, said = ran(Yard(tmp_path), source, redact=lambda text: text.replace("hunter2-hunter2", "…"))
    assert code == 0 and sorted(said) == ["no newline", "the key is …", "to the end"]
    assert "hunter2" not in output and "to the end" in output


def test_it_is_ended_with_all_that_it_started_when_its_time_is_up(tmp_path: Path) -> None:
    source = """
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open("child", "w").write(str(child.pid))
        time.sleep(600)
        """
    yard = Yard(tmp_path)
    with pytest.raises(MobiusError) as told:
        ran(yard, source, within_s=3.0)
    assert told.value.message.endswith("up.py was not done within 3 s, and was ended") and told.value.hint
    pid = int((yard.tree / "child").read_text())
    wait_until(lambda: has_ended(pid), 10.0, what="its child ends, too")


def has_ended(pid: int) -> bool:
    """Killed by the system, though perhaps not yet buried by init."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_what_it_says_without_end_is_kept_within_bounds(tmp_path: Path) -> None:
    code, output, _ = ran(
        Yard(tmp_path), "for i in range(100_000): print('line', i)\nraise SystemExit('the end')"
    )
    assert code == 1 and len(output) < 1_000_000
    assert output.startswith("line 0\n") and "the end\n" in output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
@pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="nobody may not read our own Python")
def test_it_runs_as_the_service_does(place: Path) -> None:
    yard = Yard(place)
    yard.settings = replace(yard.settings, target="systemd", systemd=SystemdSettings(user="nobody"))
    os.chown(yard.live.parent, pwd.getpwnam("nobody").pw_uid, -1)
    source = f"""
        import os, sqlite3
        db = sqlite3.connect({str(yard.live)!r})
        db.execute("CREATE TABLE note (text)")
        db.commit()
        print(os.getuid(), os.getgroups())
        """
    yard.write({"up.py": source})
    python, nobody, target = "/usr/bin/python3", pwd.getpwnam("nobody"), yard.target("migrated")
    told = [
        runner.run((python, "up.py"), cwd=yard.tree, target=on, within_s=30.0, progress=nothing)
        for runner, on in ((yard.live_runner(), yard.target()), (yard.cut_off(), target))
    ]
    said = f"{nobody.pw_uid} {os.getgrouplist('nobody', nobody.pw_gid)}\n"
    assert [(each.code, each.output) for each in told] == [(0, said), (0, said)]
    assert target.path is not None
    assert yard.live.stat().st_uid == target.path.stat().st_uid == nobody.pw_uid


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    with pytest.raises(MobiusError, match="no-such-program cannot be started: No such file") as told:
        yard.live_runner().run(
            ("no-such-program",), cwd=yard.tree, target=yard.target(), within_s=9.0, progress=nothing
        )
    assert told.value.hint == "it is looked for in the release first, then on the PATH"


def test_two_cannot_migrate_an_sqlite_file_at_once(tmp_path: Path) -> None:
    """The second waits for the first, whose deployer was killed, and finds its work done."""
    yard = Yard(tmp_path)
    yard.write({
        "up.py": """
            import os, sqlite3, time
            db = sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///"))
            open("begun", "a").write("x")
            time.sleep(float(os.environ.get("LASTS", "0")))
            db.execute("CREATE TABLE IF NOT EXISTS done (pid)")
            db.execute("INSERT INTO done VALUES (?)", (os.getpid(),))
            db.commit()
            """
    })  # fmt: skip
    deployer = subprocess.Popen(
        [sys.executable, "-c", DEPLOYER, str(tmp_path), str(yard.tree)],
        env={**os.environ, "LASTS": "3", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        until = time.monotonic() + 30
        while not (yard.tree / "begun").exists():
            assert time.monotonic() < until and deployer.poll() is None
            time.sleep(0.02)
    finally:
        deployer.send_signal(signal.SIGKILL)
        deployer.wait()
    said: list[str] = []
    yard.live_runner().run(
        (sys.executable, "up.py"), cwd=yard.tree, target=yard.target(), within_s=30.0, progress=said.append
    )
    assert said == ["waiting for the end of a migration that runs already"]
    with closing(sqlite3.connect(yard.live)) as db:
        assert db.execute("SELECT count(*) FROM done").fetchone() == (2,)


DEPLOYER = """
import sys
from pathlib import Path
from mobius.adapters.migrations.runner_live import LiveRunner
from mobius.adapters.migrations.source import Target
from mobius.adapters.places import Places
from mobius.model.settings import EnvironmentSettings, ProcessSettings
folder, tree = map(Path, sys.argv[1:])
root = folder / ".mobius" / "production"
live = root / "shared" / "data" / "app.db"
process = ProcessSettings("api", ("x",), env={"DATABASE_URL": f"sqlite:///{live}"})
settings = EnvironmentSettings(name="production", url="http://127.0.0.1:1", root=root, processes=(process,))
runner = LiveRunner(settings, Places(folder, root), {})
runner.run((sys.executable, "up.py"), cwd=tree, target=Target("sqlite", path=live), within_s=60.0, progress=print)
"""


def test_the_end_of_a_command_that_outlived_its_deployer_can_be_waited_for(tmp_path: Path) -> None:
    """Whoever goes back looks at what it did only then."""
    yard = Yard(tmp_path)
    holds = "import sys; print('holds', flush=True); sys.stdin.read()"
    with yard.live_runner()._alone(yard.target(), nothing) as lock:
        command = subprocess.Popen(
            [sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[lock]
        )
        assert command.stdin is not None and command.stdout is not None
        assert command.stdout.readline() == b"holds\n"
    said: list[str] = []

    def told(line: str) -> None:
        said.append(line)
        assert command.stdin is not None
        command.stdin.close()

    yard.live_runner().wait(yard.target(), told)
    yard.live_runner().wait(yard.target(), told)
    assert said == ["waiting for the end of a migration that runs already"]
    assert command.wait(30) == 0
    command.stdout.close()


def test_one_that_does_not_end_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobius.adapters.migrations.runner_live.PATIENCE_S", 0.3)
    yard = Yard(tmp_path)
    with yard.live_runner()._alone(yard.target(), nothing), pytest.raises(Locked) as told:
        ran(yard, "")
    assert told.value.message == f"{yard.live} is being migrated by a command that runs already"
    assert told.value.hint == "wait for its end, or end it; then resume: mobius resume"


@pytest.mark.parametrize(
    ("refusal", "takes"),
    [("unsupported startup parameter: options", False), ("password authentication failed", True)],
)
def test_a_pooler_that_takes_no_settings_is_found_out(refusal: str, takes: bool) -> None:
    fields = b"SFATAL\0C08P01\0M" + refusal.encode() + b"\0\0"
    answer = b"E" + (len(fields) + 4).to_bytes(4, "big") + fields

    def refuse(server: socket.socket) -> None:
        line, _ = server.accept()
        with line:
            line.recv(65_536)
            line.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=refuse, args=(server,), daemon=True)
        thread.start()
        port = server.getsockname()[1]
        url = f"postgresql://app@127.0.0.1:{port}/app?sslmode=disable&gssencmode=disable"
        assert takes_options(Target("postgresql", address=parsed("app", url))) is takes
        thread.join(30)


# -- the source whose tool is any command ------------------------------------------------------------------------


TOOL = """
    import os, sqlite3, sys
    from pathlib import Path
    db = sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///"))
    db.execute("CREATE TABLE IF NOT EXISTS tool (name TEXT)")
    done = [row[0] for row in db.execute("SELECT name FROM tool ORDER BY name")]
    todo = [path for path in sorted(Path("steps").glob("*.sql")) if path.stem not in done]
    match sys.argv[1]:
        case "pending":
            print("\\n".join(path.stem for path in todo))
        case "up":
            for path in todo:
                print("applying", path.stem)
                db.executescript(path.read_text())
                db.execute("INSERT INTO tool VALUES (?)", (path.stem,))
        case "down":
            db.execute("DROP TABLE note")
            db.execute("DELETE FROM tool")
    db.commit()
"""


def tool(yard: Yard) -> CommandSource:
    yard.write(
        {"tool.py": TOOL, "steps/1_note.sql": "CREATE TABLE note (text);", "steps/2_more.sql": "SELECT 1;"}
    )
    words = (sys.executable, "tool.py")
    return CommandSource((*words, "up"), (*words, "down"), (*words, "pending"), path="steps")


def test_a_command_goes_up_and_down_and_says_what_is_pending(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    source, runner, target, root = tool(yard), yard.live_runner(), yard.target(), yard.tree / "steps"
    names = ["1_note", "2_more"]
    assert [change.name for change in source.pending(root, target, runner=runner)] == names
    said: list[str] = []
    assert [each.name for each in source.apply(root, target, progress=said.append, runner=runner)] == names
    assert said == ["applying 1_note", "applying 2_more"]
    assert source.pending(root, target, runner=runner) == ()
    assert source.apply(root, target, progress=nothing, runner=runner) == ()
    assert source.can_go_down(root, names)
    source.down(root, target, names, runner=runner)
    assert [change.name for change in source.pending(root, target, runner=runner)] == names
    source.down(root, target, names, runner=runner)  # twice is no mistake


def test_of_a_command_that_says_nothing_one_migration_is_always_pending(tmp_path: Path) -> None:
    source = CommandSource(("npx", "knex", "migrate:latest"))
    target = Target("sqlite", path=tmp_path / "app.db")
    (change,) = source.pending(tmp_path, target)
    assert change.name == "npx knex migrate:latest" and change.opaque and not change.has_down
    assert not source.can_go_down(tmp_path, [change.name])
    with pytest.raises(MobiusError) as told:
        source.down(tmp_path, target, [change.name])
    assert told.value.hint == "take the data back by a restore: mobius rollback --backup FILE"


def test_a_command_that_leaves_something_pending_is_found_out(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    source = CommandSource(("true",), pending_by=("echo", "1_note"))
    with pytest.raises(MobiusError) as told:
        source.apply(yard.tree, yard.target(), progress=nothing, runner=yard.live_runner())
    assert told.value.message == "true ended well, but 1_note is still pending"


def test_a_command_that_cannot_say_what_is_pending_is_told(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    source = CommandSource(("true",), pending_by=("sh", "-c", "echo no such table >&2; exit 3"))
    with pytest.raises(MobiusError) as told:
        source.pending(yard.tree, yard.target(), runner=yard.live_runner())
    assert told.value.message.endswith("failed (exit code 3): no such table")
    assert told.value.hint == "correct migrations.pending in mobius.toml"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "Traceback (most recent call last):\n  File 'x'\n"
            "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such table: nowhere\n"
            "[SQL: UPDATE nowhere]\n(Background on this error at: elsewhere)\n",
            "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such table: nowhere",
        ),
        (
            "Error: connect ECONNREFUSED\n    at afterConnect (node:net:1611:16)\n",
            "Error: connect ECONNREFUSED",
        ),
        ("psql: ERROR:  relation is not there\nLINE 1: x\n", "psql: ERROR:  relation is not there"),
        ("step 1\nstep 2\n", "step 2"),
    ],
)
def test_of_all_that_a_failed_tool_said_the_line_with_the_reason_is_told(said: str, why: str) -> None:
    told = failure(["up"], Ran(1, said, 0.1), "look")
    assert told.message == f"up failed (exit code 1): {why}"
    assert told.details == tuple(said.splitlines())


def test_it_says_beforehand_which_program_it_would_not_find(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    own = yard.tree / "venv" / "bin" / "migrator"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\n")
    runner = yard.live_runner()
    assert not runner.finds(["migrator"], cwd=yard.tree), "it may not be run"
    own.chmod(0o755)
    assert runner.finds(["migrator"], cwd=yard.tree)
    assert runner.finds(["sh", "-c", "true"], cwd=yard.tree)
    assert not runner.finds(["no-such-tool"], cwd=yard.tree)
    assert not runner.finds(["bin/no-such-tool"], cwd=yard.tree)
