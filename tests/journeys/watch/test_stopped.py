"""A watch that is stopped past its lease, a service that is stopped for a moment: no wrong verdict, no blind health."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from journeys.watch.ward import PATIENT_S, Ward, runner_pid

pytestmark = [pytest.mark.journey, pytest.mark.slow]

STOPPED_S = 90.0


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with Ward(tmp_path_factory.mktemp("ward"), window="100s") as there:
        there.settle_in()
        yield there


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """They do nothing meanwhile."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def web_pids(ward: Ward) -> list[int]:
    live = ward.service.status()["live"]["slot"]
    return [one.pid for one in ward.service.host.status().slots[live].processes if one.pid]


def test_a_service_that_is_stopped_for_two_seconds_stays(ward: Ward) -> None:
    running = ward.service.start("deploy", "--tag", (tag := ward.next_tag()))
    runner_pid(ward.service)
    time.sleep(10.0)
    with stopped(*web_pids(ward)):
        time.sleep(2.0)
    done = ward.service.finish(running, timeout_s=PATIENT_S)
    assert done.code == 0, done
    assert ward.service.get("/")["release"] == tag


def test_a_good_release_stays_unjudged_when_its_watch_was_stopped_for_ninety_seconds(ward: Ward) -> None:
    running = ward.service.start("deploy", "--tag", (tag := ward.next_tag()))
    with stopped(runner_pid(ward.service)):
        time.sleep(STOPPED_S)
    done = ward.service.finish(running, timeout_s=PATIENT_S)
    assert done.code == 4, done
    assert ward.service.get("/")["release"] == tag
    told = ward.service.journal("SELECT message FROM events WHERE kind = 'blind'")
    assert any("nobody looked for " in words for (words,) in told)
    ward.service.mobius("accept", expect=0)


def test_a_bad_release_goes_although_its_watch_was_stopped_for_ninety_seconds(ward: Ward) -> None:
    ward.set_window("5m")
    before, tag = ward.service.status()["live"]["tag"], ward.next_tag()
    with ward.told(tag, kind="errors", share=0.03):
        running = ward.service.start("deploy", "--tag", tag)
        with stopped(runner_pid(ward.service)):
            time.sleep(STOPPED_S)
        done = ward.service.finish(running, timeout_s=PATIENT_S)
    assert done.code == 12, done
    assert ward.service.get("/")["release"] == before
