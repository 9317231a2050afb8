"""Whatever happens to a test, nothing of its bed is left, and nothing of anybody else's is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from beds.bed import Bed
from beds.ground import Ground, claiming

pytestmark = pytest.mark.fleet

OWNER = """\
import sys
sys.path.insert(0, "tests")
from beds.bed import Bed
bed = Bed()
bed.host("doomed")
bed.laptop()
print(bed.ground.number, bed._guard.pid, flush=True)
sys.stdin.read()
"""
SOON_S = 20.0


@contextmanager
def owner_of_a_bed() -> Iterator[tuple[subprocess.Popen[str], Ground, int]]:
    """Another process with a host in its bed: the process, the ground, and the pid of the guard."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert owner.stdout
        number, guard = owner.stdout.readline().split()
        yield owner, Ground(int(number)), int(guard)
    finally:
        owner.kill()
        owner.communicate()


def soon(holds: Callable[[], object]) -> bool:
    deadline = time.monotonic() + SOON_S
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.sample
def test_nothing_is_left_after_a_failure_whose_report_has_the_hosts_last_words() -> None:
    with pytest.raises(ZeroDivisionError) as failure, Bed() as bed:
        bed.laptop()
        bed.host("unlucky").unit(
            "bad.service", "[Service]\nType=oneshot\nExecStart=false\nRemainAfterExit=no\n", start=False
        )
        bed.hosts["unlucky"].run(["systemctl", "start", "bad"], check=False)
        assert len(bed.ground.left()) > 5
        raise ZeroDivisionError

    assert bed.ground.left() == []
    assert "unlucky, failed units:\nbad.service" in failure.value.__notes__[0]


def test_two_beds_at_once_are_apart() -> None:
    with Bed() as one, Bed() as other:
        first, second = one.host("same"), other.host("same")
        first.write("/srv/mine", "first")
        second.write("/srv/mine", "second")

        assert first.address != second.address
        assert first.read("/srv/mine") == "first"
        assert first.ssh(["cat", "/srv/mine"]).stdout == "first"
        assert second.ssh(["cat", "/srv/mine"]).stdout == "second"
        other.close()

        assert other.ground.left() == []
        assert first.ssh(["cat", "/srv/mine"]).stdout == "first"


def test_a_bed_whose_owner_is_killed_is_cleared_at_once() -> None:
    with owner_of_a_bed() as (owner, ground, _):
        assert ground.left()

        owner.kill()

        assert soon(lambda: not ground.left()), ground.left()


def test_a_bed_whose_guard_is_killed_too_is_cleared_by_the_next() -> None:
    with owner_of_a_bed() as (owner, ground, guard):
        former = ground.owner
        os.kill(guard, signal.SIGKILL)
        owner.kill()
        owner.wait()
        assert ground.left()

        with Bed():
            assert ground.owner != former
            assert not [each for each in ground.left() if "doomed" in each]


def test_a_living_owners_bed_is_not_touched_by_the_next() -> None:
    with owner_of_a_bed() as (_, ground, _):
        before = ground.left()

        with Bed() as bed:
            assert bed.ground.number != ground.number

        assert ground.left() == before


def test_a_host_that_does_not_come_up_says_so_and_leaves_nothing() -> None:
    from beds.host import WentWrong

    with pytest.raises(WentWrong, match="went down while booting"), Bed() as bed:
        host = bed.host("broken", boot=False)
        (host.folder / "upper/usr/local/sbin").mkdir(parents=True)
        (host.folder / "upper/usr/local/sbin/init-of-the-bed").write_text("#!/bin/false\n")
        (host.folder / "upper/usr/local/sbin/init-of-the-bed").chmod(0o755)
        host.boot()

    assert bed.ground.left() == []


def test_a_number_given_to_somebody_else_is_not_cleared_for_its_former_owner() -> None:
    with Bed() as bed:
        bed.ground.give_back("1 0")

        assert bed.ground.owner
        with claiming():
            assert bed.ground.links() == [bed.ground.name]
