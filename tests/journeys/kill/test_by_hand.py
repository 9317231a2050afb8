"""What a person does to a run: abort it, resume one that gave up, ship over an open window, stop the whole house."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from journeys.kill.field import Field, Strike
from journeys.service import Service, wait_until

pytestmark = [pytest.mark.journey, pytest.mark.slow]

MORE_THAN_A_RUNNER_MAY_DIE = 6


def test_an_aborted_deployment_is_taken_back(ground: Field) -> None:
    service, before = ground.service, ground.live
    ground.broken = True
    tag = ground.next_tag(listens_after_s=5.0)
    looking = service.start("deploy", "--tag", tag)
    started = f"SELECT 1 FROM events WHERE kind = 'step begun' AND message LIKE 'start {tag}-%'"
    wait_until(lambda: service.journal(started), what="the candidate starts")
    done = service.mobius("abort", "--yes")
    assert done.code == 12, done
    assert service.finish(looking).code == 12
    assert service.rows("SELECT count(*) FROM posts") == [(0,)]
    ground.assert_all_is_well(before, states=["rolled back"])
    running = [p["release_id"] for p in service.status()["processes"] if p["state"] == "running"]
    assert {release.split("-")[0] for release in running} == {before}


def test_a_run_whose_runner_gave_up_is_finished_by_resume(ground: Field) -> None:
    service = ground.service
    done, _ = ground.deploy(Strike("begin go-*-verify", times=MORE_THAN_A_RUNNER_MAY_DIE))
    assert done.code == 1, done
    assert "mobius resume -e production" in done.err
    status = service.status()
    assert status["run"]["runner_alive"] is False
    assert status["next"] == "mobius resume -e production"
    assert service.get()["release"] == status["live"]["tag"] == ground.live
    other = service.mobius("deploy", "--tag", ground.tags[-1])
    assert (other.code, "mobius resume -e production" in other.err) == (10, True), other
    service.mobius("resume", expect=0)
    ground.assert_all_is_well(ground.tags[-1], states=["accepted"], switches=1)


def test_a_run_whose_runner_gave_up_is_taken_back_by_abort(ground: Field) -> None:
    before = ground.live
    done, _ = ground.deploy(Strike("begin go-*-smoke", times=MORE_THAN_A_RUNNER_MAY_DIE))
    assert done.code == 1, done
    assert ground.service.mobius("abort", "--yes").code == 12
    ground.assert_all_is_well(before, states=["rolled back"])


def test_a_deployment_during_an_open_window_supersedes_it(new_service: Callable[..., Service]) -> None:
    service = new_service(window="10m")
    for number, tag in enumerate(("v1", "v2", "v3"), 1):
        service.add_release(tag, migrations=number)
        service.mobius("deploy", "--tag", tag, "--detach", expect=0)
    states = service.journal("SELECT state FROM runs ORDER BY id")
    assert states == [("superseded",), ("superseded",), ("observing",)]
    status = service.status()
    assert (status["live"]["tag"], status["previous"]["tag"]) == ("v3", "v2")
    running = {p["release_id"].split("-")[0] for p in status["processes"] if p["state"] == "running"}
    assert running == {"v2", "v3"}
    service.mobius("rollback", "--yes", expect=0)
    assert service.get()["release"] == service.status()["live"]["tag"] == "v2"
    assert [life for life in service.lives() if life[0] == "TWO"] == []


def test_what_was_live_is_live_again_after_the_house_was_stopped_and_started(ground: Field) -> None:
    service, live = ground.service, ground.live
    ground.deploy(Strike(who="nobody"))
    service.mobius("rollback", "--yes", expect=0)  # so that a window is open
    service.post()
    service.mobius("host", "stop", "--yes", expect=0)
    assert service.get()["code"] == 0
    assert not service.host.is_running()
    service.mobius("host", "start", expect=0)
    wait_until(lambda: service.get()["code"] == 200, 20, what="the service answers again")
    ground.assert_all_is_well(live)
    assert service.get()["posts"] == 1
