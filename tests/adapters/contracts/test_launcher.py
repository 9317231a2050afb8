"""What every `Launcher` promises, in memory and under a real supervisor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.contracts.conftest import Ground, wait_for
from host.sites import is_running
from mobius.adapters.launchers import host_job
from mobius.adapters.launchers.host_job import HostJobLauncher
from mobius.adapters.launchers.memory import MemoryLauncher
from mobius.adapters.snapshot import load_settings
from mobius.model.plan import Plan
from mobius.model.run import Holder, Run, RunState
from mobius.model.settings import Settings
from mobius.ports import Launcher

PLAN = Plan("deploy", "dhash", "production", "v1", "r1", "", "blue", "", (), (), (), hash="abc")
HOLDER = Holder("ann", "box", 0, since=0.0)
RUN = Run(1, "production", "deploy", RunState.RUNNING, 1, PLAN, "ann", 0.0, holder=HOLDER)
# Stands in for `mobius`: a runner that does nothing but be there.
RUNNER = "import sys, time\nprint(sys.argv[1:], flush=True)\ntime.sleep(1000)\n"


@pytest.fixture(params=["memory", "host job"])
def launcher(request: pytest.FixtureRequest) -> Iterator[Launcher]:
    if request.param == "memory":
        yield MemoryLauncher()
        return
    made = request.getfixturevalue("job_launcher")
    try:
        yield made
    finally:
        for number in (1, 2):
            made.stop(replace(RUN, id=number))


@pytest.fixture
def job_launcher(ground: Ground, tmp_path: Path) -> HostJobLauncher:
    (tmp_path / "mobius").mkdir()
    (tmp_path / "mobius" / "__init__.py").touch()
    (tmp_path / "mobius" / "__main__.py").write_text(RUNNER)
    settings = Settings("dhash", tmp_path, {"production": ground.settings})
    # The runner is looked for in the folder it runs in, the project's, before anywhere else.
    return HostJobLauncher(ground.site.root, settings, {"PATH": os.environ["PATH"]})


def test_a_launched_run_has_a_runner_until_it_is_stopped(launcher: Launcher) -> None:
    assert not launcher.alive(RUN)
    for _ in range(2):
        launcher.launch(RUN)
        assert launcher.alive(RUN)
    assert not launcher.alive(replace(RUN, id=2))
    launcher.stop(RUN)
    assert not launcher.alive(RUN)


def test_stopping_what_is_not_there_is_a_success(launcher: Launcher) -> None:
    for _ in range(2):
        launcher.stop(replace(RUN, id=2))


def test_a_stopped_run_can_be_launched_again(launcher: Launcher) -> None:
    for _ in range(2):
        launcher.launch(RUN)
        assert launcher.alive(RUN)
        launcher.stop(RUN)
        assert not launcher.alive(RUN)


# Only under a real supervisor


@pytest.fixture
def real(job_launcher: HostJobLauncher, ground: Ground) -> Iterator[HostJobLauncher]:
    try:
        yield job_launcher
    finally:
        job_launcher.stop(RUN)


def pid_of(ground: Ground) -> int:
    return ground.site.client.status().jobs["run-1"].pid or 0


def test_a_runner_that_is_killed_is_started_again(real: HostJobLauncher, ground: Ground) -> None:
    real.launch(RUN)
    first = pid_of(ground)
    os.kill(first, 9)
    wait_for("another runner", lambda: pid_of(ground) not in (0, first))
    assert real.alive(RUN)


def test_launching_again_leaves_the_runner_and_its_settings_alone(
    real: HostJobLauncher, ground: Ground
) -> None:
    real.launch(RUN)
    first = pid_of(ground)
    (kept,) = (ground.site.root / "run" / "jobs").glob("run-1*.settings.json")
    before = kept.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert load_settings(kept).environments["production"] == ground.settings
    real.launch(RUN)
    assert (pid_of(ground), kept.read_bytes()) == (first, before)


def test_the_runner_is_told_its_run(real: HostJobLauncher, ground: Ground) -> None:
    real.launch(RUN)
    log = ground.site.root / "run" / "jobs" / "run-1.log"
    wait_for("its first line", lambda: "run-on" in log.read_text())
    assert "['run-on', '1', '-e', 'production', '--settings'" in log.read_text()


def test_stopping_ends_a_runner_whose_supervisor_was_killed(
    real: HostJobLauncher, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    real.launch(RUN)
    pid = pid_of(ground)
    wait_for("it to be a runner", lambda: host_job.is_running(pid))
    held = replace(RUN, holder=replace(HOLDER, pid=pid))
    ground.site.kill_supervisor()
    assert real.alive(held)
    real.stop(held)
    assert not is_running(pid)
    assert not real.alive(held)
