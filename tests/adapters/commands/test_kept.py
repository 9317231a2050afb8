"""Real commands and their keepers: killed, too slow, talkative, and with children that stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from mobius.adapters.commands.keeper import BEGAN, CHILD
from mobius.adapters.commands.kept import KeptCommands, _read
from mobius.adapters.places import Places
from mobius.errors import MobiusError
from mobius.model.settings import CommandSettings, EnvironmentSettings
from mobius.model.verdict import Outcome
from mobius.ports import CommandLost, nothing

KEY = "run-1-go-01-command"
WAITS = ("sh", "-c", "echo begun; while test ! -e go; do sleep 0.05; done; echo done > done")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and str(tmp_path) in (process.cwd(), *process.cmdline()):
                process.kill()


def commands(folder: Path, *, timeout_s: float = 30.0, version: tuple[str, ...] = ()) -> KeptCommands:
    settings = EnvironmentSettings(
        "production", "http://x", folder, command=CommandSettings(timeout_s=timeout_s, version=version)
    )
    environ = {"PATH": "/usr/bin:/bin", "TOKEN": "hunter22", "MOBIUS_JOB": "run-1", "MOBIUS_ROOT": "/x"}
    redact = lambda text: text.replace("hunter22", "***")  # noqa: E731
    return KeptCommands(settings, Places(folder, folder / "root"), environ, redact)


def run(kept: KeptCommands, *argv: str, key: str = KEY, tag: str = "v2") -> dict[str, object]:
    return dict(kept.run("deploy", argv, key=key, told={"MOBIUS_TAG": tag}, progress=nothing))


def until(holds: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def in_background(act: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def catch() -> None:
        try:
            act()
        except MobiusError as problem:
            raised.append(problem)

    thread = threading.Thread(target=catch, daemon=True)
    thread.start()
    return thread, raised


def test_a_hostile_tag_is_a_value_in_the_environment_and_nothing_else(folder: Path) -> None:
    tag = 'v1; touch "$HOME/owned" $(touch owned) `touch owned` \'\\'
    run(commands(folder), "sh", "-c", 'printf %s "$MOBIUS_TAG" > told', tag=tag)

    assert (folder / "told").read_text() == tag
    assert not (folder / "owned").exists()


def test_no_mark_of_a_supervisor_reaches_the_command(folder: Path) -> None:
    run(commands(folder), "sh", "-c", "env > told")

    names = {line.partition("=")[0] for line in (folder / "told").read_text().splitlines()}
    assert names.isdisjoint({"MOBIUS_JOB", "MOBIUS_ROOT", "MOBIUS_SPAWN", "MOBIUS_BUILD"})
    assert {"MOBIUS_TAG", "MOBIUS_ENVIRONMENT", "TOKEN"} <= names


def test_a_runner_that_was_killed_finds_the_command_running_and_waits_for_it(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from test_kept import commands, run, WAITS; run(commands(Path(sys.argv[2])), *WAITS)"
    )
    runner = subprocess.Popen([sys.executable, "-c", program, str(Path(__file__).parent), str(folder)])
    kept = commands(folder)
    until(lambda: _read(folder / "root/run/commands" / KEY / CHILD), "the command to begin")
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    assert kept.look(KEY).state == "running"

    thread, raised = in_background(lambda: run(kept, *WAITS))
    (folder / "go").touch()
    thread.join(30)

    assert not thread.is_alive() and raised == []
    assert (folder / "done").exists()
    assert kept.look(KEY) == kept.look(KEY).__class__("ended")


def test_a_command_whose_keeper_was_killed_is_awaited_and_then_nobody_knows(folder: Path) -> None:
    kept = commands(folder)
    thread, raised = in_background(lambda: run(kept, *WAITS))
    place = folder / "root/run/commands" / KEY
    until(lambda: _read(place / CHILD), "the command to begin")
    os.kill(int(_read(place / BEGAN)["pid"]), signal.SIGKILL)  # type: ignore[index]
    assert kept.look(KEY).state == "running", "the command itself goes on"
    (folder / "go").touch()
    thread.join(30)

    assert [type(problem) for problem in raised] == [CommandLost]
    assert kept.look(KEY).state == "lost"


def test_a_command_that_was_lost_begins_anew_when_it_is_asked_for_again(folder: Path) -> None:
    kept = commands(folder)
    place = folder / "root/run/commands" / KEY
    place.mkdir(parents=True)
    (place / BEGAN).write_text('{"pid": 1}')
    assert kept.look(KEY).state == "lost"

    run(kept, "sh", "-c", "echo again > ran")

    assert (folder / "ran").exists()
    assert kept.look(KEY).state == "ended"


def test_one_that_takes_too_long_is_ended_with_all_it_started(folder: Path) -> None:
    kept = commands(folder, timeout_s=2.0)

    with pytest.raises(MobiusError, match=r"not finished after 2 s, ended") as late:
        run(kept, "sh", "-c", "echo working; sleep 600 & sleep 600")

    assert late.value.details == ("working",)
    until(lambda: not _left(folder), "what it started to be gone")


def test_what_a_command_leaves_running_stays_also_when_it_failed(folder: Path) -> None:
    with pytest.raises(MobiusError, match="exit code 3"):
        run(commands(folder), "sh", "-c", "sleep 600 & exit 3")

    assert any("600" in words for words in _left(folder))


def test_ending_ends_the_command_and_what_it_started(folder: Path) -> None:
    kept = commands(folder)
    thread, raised = in_background(lambda: run(kept, "sh", "-c", "sleep 600 & sleep 600"))
    until(lambda: _read(folder / "root/run/commands" / KEY / CHILD), "the command to begin")

    kept.end("run-1-go-")
    thread.join(30)

    assert [problem.message for problem in raised] == [  # type: ignore[attr-defined]
        "the deploy command (sh) failed: ended by mobius"
    ]
    until(lambda: not _left(folder), "what it started to be gone")


def test_the_end_of_what_it_said_is_in_the_error_without_secrets_and_all_of_it_in_the_log(
    folder: Path,
) -> None:
    lines: list[str] = []
    kept = commands(folder)

    with pytest.raises(MobiusError) as failed:
        kept.run(
            "deploy",
            ("sh", "-c", 'seq 1 100; echo "token $TOKEN"; exit 1'),
            key=KEY,
            told={},
            progress=lines.append,
        )

    assert failed.value.details[-2:] == ("100", "token ***")
    assert len(failed.value.details) == 20
    assert len(lines) == 101
    log = folder / "root/run/commands" / KEY / "output.log"
    assert failed.value.hint == f"what it said: {log}"
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_program_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(MobiusError, match=r"the deploy command \(\./gone\) failed: ./gone: No such file"):
        run(commands(folder), "./gone")


def test_before_anything_begins_the_programs_are_looked_for(folder: Path) -> None:
    checks = commands(folder, version=("./gone", "--short")).preflight()

    assert [(check.name, check.outcome, check.message) for check in checks] == [
        ("version command", Outcome.FAIL, "./gone is not there, or may not be run")
    ]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("sh", "-c", "echo v3"), "v3"),
        (("sh", "-c", "echo a warning >&2; echo v3; echo"), "v3"),
        ((), ""),
    ],
)
def test_the_version_is_the_last_line(folder: Path, argv: tuple[str, ...], said: str) -> None:
    assert commands(folder, version=argv).version() == said


@pytest.mark.parametrize("argv", [("false",), ("true",), ("sh", "-c", "printf 'v\\0033[31m'"), ("./gone",)])
def test_a_version_that_is_none_is_not_known(folder: Path, argv: tuple[str, ...]) -> None:
    with pytest.raises(MobiusError, match="what is live cannot be asked"):
        commands(folder, version=argv).version()


def _left(folder: Path) -> list[list[str]]:
    """Programs that still run in the folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if (
                process.cwd() == str(folder)
                and process.status() != psutil.STATUS_ZOMBIE
                and process.pid != os.getpid()
            ):
                found.append(process.cmdline())
    return found
