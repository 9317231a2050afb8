"""Before a deployment: who holds the port, and whether the start commands are there."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from free_ports import free_port
from host.sites import Site, new_site, wait_for
from mobius.adapters.places import Places
from mobius.adapters.targets.process import ProcessTarget
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.model.verdict import CheckResult, Outcome

SOURCE = Path(__file__).parents[3] / "src"


@pytest.fixture(scope="module")
def staging() -> Iterator[Site]:
    """Another environment of ours, with its door open."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")]).rstrip(":")
    for site in new_site():
        site.client.configure_door(site.listen)
        yield site


def target(root: Path, listen: str, *processes: ProcessSettings) -> ProcessTarget:
    settings = EnvironmentSettings("production", "http://x", root, listen=listen, processes=processes)
    return ProcessTarget(replace(settings), Places(root, root), {})


def port_check(root: Path, listen: str) -> CheckResult:
    return target(root, listen).preflight()[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "0.0.0.0"])
def test_a_free_port_passes_and_nothing_is_started(host: str, tmp_path: Path) -> None:
    listen = f"{host}:{free_port()}"
    answer = port_check(tmp_path, listen)
    assert (answer.outcome, answer.message) == (Outcome.PASS, f"{listen} is free")
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_a_foreign_process_has_is_refused_with_its_name(tmp_path: Path) -> None:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        line.listen()
        answer = port_check(tmp_path, f"127.0.0.1:{line.getsockname()[1]}")
    assert answer.outcome is Outcome.FAIL
    assert f"(pid {os.getpid()}, in {Path.cwd()})" in answer.message
    assert answer.advice == "stop it, or give production another `listen` in mobius.toml"


def test_a_port_that_another_environment_of_ours_has_names_its_root(staging: Site, tmp_path: Path) -> None:
    answer = port_check(tmp_path, staging.listen)
    door = staging.client.status().door
    assert door is not None
    assert (answer.outcome, answer.message) == (
        Outcome.FAIL,
        f"{staging.listen} is taken by a front door of mobius (pid {door.pid}, in {staging.root})",
    )


def test_our_own_door_is_no_obstacle_also_while_its_supervisor_is_dead(staging: Site) -> None:
    ours = (Outcome.PASS, f"{staging.listen} is held by our own front door")
    answer = port_check(staging.root, staging.listen)
    assert (answer.outcome, answer.message) == ours
    staging.kill_supervisor()
    answer = port_check(staging.root, staging.listen)
    assert (answer.outcome, answer.message) == ours
    target(staging.root, staging.listen).prepare()
    wait_for("the supervisor to be back", staging.client.is_running)


def test_a_start_command_must_be_there_unless_the_build_may_make_it(tmp_path: Path) -> None:
    (tmp_path / "here").touch(mode=0o755)
    made = [
        ProcessSettings("on-path", ("sh",)),
        ProcessSettings("absolute", (str(tmp_path / "here"),)),
        ProcessSettings("built", ("./bin/serve",)),
        ProcessSettings("missing", ("no-such-command",)),
        ProcessSettings("nowhere", (str(tmp_path / "nowhere"),)),
    ]
    answers = target(tmp_path, f"127.0.0.1:{free_port()}", *made).preflight()[1:]
    assert [(a.name, a.outcome) for a in answers] == [
        (f"start command of {p.name}", Outcome.PASS if n < 3 else Outcome.FAIL) for n, p in enumerate(made)
    ]
    assert answers[3].message == "no-such-command is not there"
    assert answers[3].advice == "install no-such-command, or correct [[process]] start in mobius.toml"
