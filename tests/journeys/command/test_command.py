"""`target = "command"`: somebody's own deployment inside our gates, with real programs and a runner that is killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

import pytest

from journeys.by_hand import add_tag, answers, by_hand, ran
from journeys.service import Service, wait_until

pytestmark = pytest.mark.journey


def test_their_deployment_goes_out_and_a_bad_one_comes_back_by_their_own_command(
    new_service: Callable[..., Service],
) -> None:
    with by_hand(new_service, target="command", window="3s") as service:
        for tag, how in {"v1": {}, "v2": {"sick_after_s": 1.0}, "v3": {"exit": 3}}.items():
            add_tag(service, tag, **how)

        plan = service.mobius("plan", "--tag", "v1", expect=0).out
        assert "run the deploy command for v1" in plan
        assert "deploy.py deploy" in plan
        service.mobius("deploy", "--tag", "v1", expect=0)
        assert service.get()["release"] == "v1"
        assert ran(service) == ["deploy v1 after v0"]

        bad = service.mobius("deploy", "--tag", "v2", expect=12)
        assert service.get()["release"] == "v1", bad
        assert ran(service)[1:] == ["deploy v2 after v1", "rollback v1 after v2"]

        failed = service.mobius("deploy", "--tag", "v3", expect=12)
        assert "the deploy command" in failed.out and "exit code 3" in failed.out
        assert service.get()["release"] == "v1"
        status = service.status()
        assert (status["live"]["tag"], status["warnings"]) == ("v1", [])
        assert (
            failed.err.endswith("mobius logs -e production\n") or "mobius logs -e production\n" in failed.out
        )
        assert "rollback of v1 is done" in service.mobius("logs", expect=0).out
        listed = service.mobius("releases", expect=0).out
        assert "by your rollback command" in listed


def test_a_runner_killed_during_their_command_comes_back_and_it_runs_once(
    new_service: Callable[..., Service],
) -> None:
    with by_hand(new_service, target="command") as service:
        add_tag(service, "v1", waits=True)
        deploying = service.start("deploy", "--tag", "v1")
        wait_until(lambda: (service.folder / "waiting").exists(), 60, what="their command")
        runner = wait_until(lambda: service.runner_pid(1), what="the runner")

        os.kill(runner, signal.SIGKILL)
        wait_until(lambda: service.runner_pid(1) not in (0, runner), what="the next runner")
        (service.folder / "go").touch()
        done = service.finish(deploying)

        assert done.code in (0, 4), done  # the window is short: missed looks may leave it without a verdict
        assert ran(service) == ["deploy v1 after v0"]
        answers(service, "v1")


def test_an_abort_during_their_command_ends_it_and_goes_back(new_service: Callable[..., Service]) -> None:
    with by_hand(new_service, target="command") as service:
        add_tag(service, "v1", waits=True)
        deploying = service.start("deploy", "--tag", "v1")
        wait_until(lambda: (service.folder / "waiting").exists(), 60, what="their command")

        service.mobius("abort", "--yes", expect=12)

        assert service.finish(deploying).code == 12
        assert ran(service) == ["deploy v1 after v0", "rollback v0 after v1"]
        answers(service, "v0")
        (service.folder / "go").touch()
        assert service.get()["release"] == "v0", "nothing of the way forward goes on"


def test_data_comes_back_between_their_stop_and_start(new_service: Callable[..., Service]) -> None:
    with by_hand(new_service, target="command", without=("rollback",)) as service:
        for tag in ("v1", "v2"):
            add_tag(service, tag)
        service.mobius("deploy", "--tag", "v1", expect=0)
        service.mobius("deploy", "--tag", "v2", expect=0)
        backup = sorted((service.folder / "backups").glob("shop_*_*.zip"))[-1]
        (service.folder / "data" / "value").write_text("broken")

        refused = service.mobius("rollback", expect=2)
        assert "production has no rollback command" in refused.err
        service.mobius("rollback", "--backup", str(backup), "--yes", expect=0)

        assert service.get()["value"] == "good"
        assert ran(service)[-2:] == ["stop v1 after v2", "start v1 after v2"]


def test_a_command_that_was_lost_with_its_keeper_waits_for_a_person_and_is_not_run_again_by_guess(
    new_service: Callable[..., Service],
) -> None:
    with by_hand(new_service, target="command", without=("version",)) as service:
        add_tag(service, "v1", waits=True)
        deploying = service.start("deploy", "--tag", "v1")
        wait_until(lambda: (service.folder / "waiting").exists(), 60, what="their command")
        [place] = (service.root / "run" / "commands").iterdir()
        keeper, theirs = (
            json.loads((place / name).read_text())["pid"] for name in ("began.json", "child.json")
        )

        for pid in (wait_until(lambda: service.runner_pid(1), what="the runner"), keeper, theirs):
            os.kill(pid, signal.SIGKILL)
        stopped = service.finish(deploying)

        assert stopped.code == 4, stopped
        assert "was begun and it is unknown whether it happened" in stopped.out
        assert ran(service) == ["deploy v1 after "]
        (service.folder / "go").touch()
        service.mobius("resume", "--again", expect=0)
        answers(service, "v1")
        assert ran(service) == ["deploy v1 after "] * 2
