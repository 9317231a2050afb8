"""Who may act: a stopped deployer still holds, of two at once one wins, and at three in the morning a rollback does."""

from __future__ import annotations

import getpass
import os
import signal
import socket
from collections.abc import Callable

import pytest

from journeys.kill.field import Field, Strike
from journeys.service import Service, wait_until

pytestmark = pytest.mark.journey

WHO = f"{getpass.getuser()}@{socket.gethostname()} (pid "


def test_a_second_deploy_is_told_who_holds_the_environment_while_the_first_is_stopped(ground: Field) -> None:
    service = ground.service
    stopped = Strike("begin go-*-await-healthy", signal=signal.SIGSTOP)
    tag, environ = ground.next_tag(), ground.arm(stopped)
    first = service.start("deploy", "--tag", tag, environ=environ)
    wait_until(ground.has_struck, what="the runner stops")
    run_id = service.status()["run"]["id"]
    pid = service.runner_pid(run_id)
    service.add_release("late", migrations=len(ground.tags))

    second = service.mobius("deploy", "--tag", "late")

    assert second.code == 10, second
    assert f"{WHO}{pid})" in second.err
    assert "mobius monitor -e production" in second.err
    os.kill(pid, signal.SIGCONT)
    assert service.finish(first).code == 0
    ground.assert_all_is_well(tag, states=["accepted"], switches=1)


def test_of_two_deployers_at_the_same_moment_exactly_one_wins(new_service: Callable[..., Service]) -> None:
    """The first deployment ever: there is no supervisor yet, and no journal."""
    service = new_service(window="600ms")
    for tag in ("a", "b"):
        service.add_release(tag, listens_after_s=2.0)
    both = {tag: service.start("deploy", "--tag", tag) for tag in ("a", "b")}
    ended = {tag: service.finish(process) for tag, process in both.items()}
    assert sorted(done.code for done in ended.values()) == [0, 10], [str(done) for done in ended.values()]
    winner, loser = sorted(ended, key=lambda tag: ended[tag].code)
    assert WHO in ended[loser].err
    assert service.get()["release"] == winner
    assert service.status()["live"]["tag"] == winner
    assert service.journal("SELECT count(*) FROM runs") == [(1,)]
    assert [life[0] for life in service.lives()] == ["start", "start"]


def test_at_three_in_the_morning_a_rollback_wins_over_a_window_awake_or_asleep(
    new_service: Callable[..., Service],
) -> None:
    service = new_service(window="10m", interval="200ms")
    for number, tag in enumerate(("v1", "v2", "v3"), 1):
        service.add_release(tag, migrations=number)
    service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
    service.mobius("accept", expect=0)

    service.mobius("deploy", "--tag", "v2", "--detach", expect=0)
    assert service.get()["release"] == "v2"
    service.mobius("rollback", "--yes", expect=0)
    assert service.get()["release"] == "v1"
    assert service.journal("SELECT state FROM runs WHERE id = 2") == [("superseded",)]

    service.mobius("deploy", "--tag", "v3", "--detach", expect=0)
    run_id = service.status()["run"]["id"]
    asleep = service.runner_pid(run_id)
    os.kill(asleep, signal.SIGSTOP)
    service.mobius("rollback", "--yes", expect=0)
    assert service.get()["release"] == "v1"
    written = f"SELECT count(*) FROM events WHERE run_id = {run_id}"
    before, door = service.journal(written), service.host.status().door
    os.kill(asleep, signal.SIGCONT)
    wait_until(lambda: not service.runner_pid(run_id), what="the continued runner leaves")
    after = service.host.status()
    assert service.journal(written) == before
    assert door is not None and after.door is not None
    assert after.door.generation == door.generation
    assert after.jobs[f"run-{run_id}"].state == "finished"
    status = service.status()
    assert (status["live"]["tag"], status["run"]["state"]) == ("v1", "observing")
    assert [life for life in service.lives() if life[0] == "TWO"] == []
