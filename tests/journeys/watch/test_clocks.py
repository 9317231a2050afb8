"""Every process of a service, its supervisor and its watch sees a clock that jumps: no good release goes, no bad one
stays, and the time that was jumped over is no health."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys.watch.ward import PATIENT_S, Ward, runner_pid

pytestmark = [pytest.mark.journey, pytest.mark.slow]

HOUR_S = 3600.0


class Clocks:
    """How far the clocks of every process are off, in seconds."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None or not sys.platform.startswith("linux"):
            pytest.skip("another clock is told to a process by a library, which needs Linux and cc")
        self.library, self.file = folder / "clock.so", folder / "off"
        source = Path(__file__).with_name("clock.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", self.library, source], check=True)
        self.file.write_bytes(struct.pack("d", 0.0))

    @property
    def environ(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "CLOCK_OFF": str(self.file)}

    def set(self, off_s: float) -> None:
        with self.file.open("r+b") as file:  # in place: it is mapped
            file.write(struct.pack("d", off_s))


@pytest.fixture(scope="module")
def elsewhen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ward, Clocks]]:
    folder = tmp_path_factory.mktemp("elsewhen")
    clocks = Clocks(folder)
    with Ward(folder / "ward", window="100s", environ=clocks.environ) as there:
        there.settle_in()
        yield there, clocks


def test_every_process_sees_the_clock_that_is_set(tmp_path: Path) -> None:
    clocks = Clocks(tmp_path)
    clocks.set(-HOUR_S)
    words = [sys.executable, "-I", "-c", "import time; time.sleep(0.01); print(time.time())"]
    told = subprocess.run(words, env=clocks.environ, capture_output=True, text=True, check=True).stdout
    assert float(told) == pytest.approx(time.time() - HOUR_S, abs=60.0)


def test_a_good_release_stays_when_the_clock_is_set_back_for_a_while(elsewhen: tuple[Ward, Clocks]) -> None:
    ward, clocks = elsewhen
    running = ward.service.start("deploy", "--tag", (tag := ward.next_tag()))
    runner_pid(ward.service)
    time.sleep(30.0)
    clocks.set(-3 * HOUR_S)
    time.sleep(20.0)
    clocks.set(0.0)
    done = ward.service.finish(running, timeout_s=PATIENT_S)
    assert done.code in (0, 4), done
    assert ward.service.get("/")["release"] == tag
    if done.code:
        ward.service.mobius("accept", expect=0)


def test_a_clock_set_forward_past_the_deadline_accepts_nothing_and_takes_nothing_back(
    elsewhen: tuple[Ward, Clocks],
) -> None:
    ward, clocks = elsewhen
    running = ward.service.start("deploy", "--tag", (tag := ward.next_tag()))
    runner_pid(ward.service)
    time.sleep(10.0)
    clocks.set(3 * HOUR_S)
    done = ward.service.finish(running, timeout_s=PATIENT_S)
    clocks.set(0.0)
    assert done.code == 4, done
    assert ward.service.get("/")["release"] == tag
    ward.service.mobius("accept", expect=0)


def test_a_bad_release_goes_although_the_clock_jumps_back_and_forth(elsewhen: tuple[Ward, Clocks]) -> None:
    ward, clocks = elsewhen
    before, tag = ward.service.status()["live"]["tag"], ward.next_tag()
    with ward.told(tag, kind="errors", share=0.1):
        running = ward.service.start("deploy", "--tag", tag)
        runner_pid(ward.service)
        for off_s in (-HOUR_S, 0.0, -2 * HOUR_S, 0.0):
            time.sleep(4.0)
            clocks.set(off_s)
        done = ward.service.finish(running, timeout_s=PATIENT_S)
    assert done.code == 12, done
    assert ward.service.get("/")["release"] == before
