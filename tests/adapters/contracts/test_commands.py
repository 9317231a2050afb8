"""What every `Commands` promises: in memory, and with real programs that outlive whoever asked for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mobius.adapters.commands.kept import KeptCommands
from mobius.adapters.commands.memory import MemoryCommands
from mobius.adapters.places import Places
from mobius.errors import MobiusError
from mobius.model.settings import CommandSettings, EnvironmentSettings
from mobius.ports import Commands, nothing

DEPLOY = (
    "sh",
    "-c",
    'echo "$MOBIUS_TAG after $MOBIUS_PREVIOUS_TAG" >> ran; echo "$MOBIUS_TAG" > live; test ! -e sick',
)
TOLD = {"MOBIUS_TAG": "v2", "MOBIUS_PREVIOUS_TAG": "v1"}


@dataclass
class Made:
    """`ran` counts executions; `break_it` makes the next ones fail after they did their work."""

    commands: Commands
    ran: Callable[[], int]
    break_it: Callable[[], object]


@pytest.fixture(params=["memory", "kept"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    if request.param == "memory":
        memory = MemoryCommands("v1")
        return Made(memory, lambda: len(memory.ran), lambda: memory.half_done.add("deploy"))
    (tmp_path / "live").write_text("v1\n")
    settings = EnvironmentSettings(
        "production", "http://x", tmp_path, command=CommandSettings(deploy=DEPLOY, version=("cat", "live"))
    )
    kept = KeptCommands(settings, Places(tmp_path, tmp_path / "root"), {"PATH": "/usr/bin:/bin"})
    log = tmp_path / "ran"
    return Made(
        kept,
        lambda: len(log.read_text().splitlines()) if log.exists() else 0,
        lambda: (tmp_path / "sick").touch(),
    )


def test_a_command_is_told_the_tags_and_changes_what_is_live(made: Made) -> None:
    assert made.commands.version() == "v1"

    made.commands.run("deploy", DEPLOY, key="run-1-go-01", told=TOLD, progress=nothing)

    assert made.commands.version() == "v2"
    assert made.commands.look("run-1-go-01").state == "ended"
    assert made.commands.look("run-1-go-02").state == "absent"


def test_a_key_names_one_execution(made: Made) -> None:
    for _ in range(3):
        made.commands.run("deploy", DEPLOY, key="run-1-go-01", told=TOLD, progress=nothing)
    assert made.ran() == 1

    made.commands.run("deploy", DEPLOY, key="run-2-go-01", told=TOLD, progress=nothing)
    assert made.ran() == 2


def test_a_failure_is_told_as_often_as_it_is_asked_for_and_not_done_again(made: Made) -> None:
    made.break_it()

    for _ in range(2):
        with pytest.raises(MobiusError, match=r"the deploy command \(sh\) failed: exit code"):
            made.commands.run("deploy", DEPLOY, key="run-1-go-01", told=TOLD, progress=nothing)

    assert made.ran() == 1
    assert made.commands.look("run-1-go-01").failed.startswith("exit code")


def test_ending_what_does_not_run_is_a_success(made: Made) -> None:
    made.commands.end("run-1-")
    made.commands.run("deploy", DEPLOY, key="run-1-go-01", told=TOLD, progress=nothing)
    made.commands.end("run-1-")
    assert made.commands.look("run-1-go-01").state == "ended"
