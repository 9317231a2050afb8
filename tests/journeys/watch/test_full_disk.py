"""A disk that is really full while a window is open: a bad release goes, a good one stays, both are told afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from faults.disk import NoDisk, fill_up, small_disk
from journeys.service import wait_until
from journeys.watch.ward import PATIENT_S, Ward, runner_pid

pytestmark = [pytest.mark.journey, pytest.mark.slow]

SIZE_MB = 96
FULL_S = 30.0


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    try:
        folder = tmp_path_factory.mktemp("small")
        with small_disk(folder, SIZE_MB) as disk, Ward(disk / "ward", window="70s") as there:
            there.settle_in()
            yield there
    except NoDisk as why:
        pytest.skip(str(why))


def test_a_good_release_stays_while_the_disk_is_full(ward: Ward) -> None:
    running = ward.service.start("deploy", "--tag", (tag := ward.next_tag()))
    runner_pid(ward.service)
    thief = fill_up(ward.service.folder.parent)
    time.sleep(FULL_S)
    thief.unlink()
    done = ward.service.finish(running, timeout_s=PATIENT_S)
    assert done.code in (0, 4), done
    assert ward.service.get("/")["release"] == tag
    if done.code:
        ward.service.mobius("accept", expect=0)


def test_a_bad_release_goes_while_the_disk_is_full(ward: Ward) -> None:
    before, tag = ward.service.status()["live"]["tag"], ward.next_tag()
    running = ward.service.start("deploy", "--tag", tag)
    runner_pid(ward.service)
    with ward.told(tag, kind="errors", share=0.5):
        thief = fill_up(ward.service.folder.parent)
        wait_until(
            lambda: ward.service.get("/").get("release") == before, 120.0, what=f"{before} on a full disk"
        )
        assert ward.service.get("/")["release"] == before
        thief.unlink()
        ward.service.finish(running, timeout_s=PATIENT_S)
    wait_until(lambda: ward.service.status()["live"]["tag"] == before, 60.0, what="the status to say so")
