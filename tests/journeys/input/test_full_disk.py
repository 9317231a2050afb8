"""A disk that is full: before anything was touched it is a no; in the window it stops neither watch nor way back."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys.input.project import Project
from journeys.service import wait_until

SIZE_MB = 24


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Project]:
    """A project on a file system of its own, which is soon full."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "mobius-test", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        with Project(place / "shop") as made:
            yield made
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(project: Project, leave_kb: int) -> Path:
    """Leaves so much of the disk, and returns the file that takes the rest."""
    ballast = project.folder.parent / "ballast"
    # Others write here, too: the last piece may find no room any more.
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        free = shutil.disk_usage(project.folder).free - leave_kb * 1024
        while free > 0:
            free -= file.write(b"\0" * min(free, 65_536))
    return ballast


def test_a_full_disk_is_refused_before_anything_is_touched(small: Project) -> None:
    small.deployed("v1").release("v2")
    (small.shared / "data" / "films.bin").write_bytes(os.urandom(3_000_000))
    ballast = fill(small, leave_kb=2_000)
    processes = [p.pid for p in small.host.status().slots["blue"].processes]

    done = small.deploy("v2")

    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("error: v2 was not deployed: 1 check(s) not passed, nothing was changed\n")
    assert "  backup: needs up to 6" in done.err and " free\n" in done.err
    assert "free " in done.err.splitlines()[-1] and str(small.folder) in done.err.splitlines()[-1]
    assert small.serves("v1")
    assert [p.pid for p in small.host.status().slots["blue"].processes] == processes
    ballast.unlink()
    small.deploy("v2", expect=0)


def test_a_disk_that_fills_in_the_window_does_not_keep_a_bad_release_live(small: Project) -> None:
    small.deployed("v1")
    small.configure(window="120s", interval="100ms")
    small.release("v2", answers=[{"path": "/health", "status": 503, "once": "bad"}])
    small.deploy("v2", "--detach", expect=0)
    ballast = fill(small, leave_kb=0)

    (small.shared / "bad").touch()

    wait_until(lambda: small.get().get("release") == "v1", 30, what="v1 to be back on a full disk")
    ballast.unlink()
    (small.shared / "bad").unlink()
    wait_until(lambda: small.status()["live"]["tag"] == "v1", 30, what="the status to say so")
    # The journal could not be told; traffic and the version marker agree, and that is enough for the next one.
    wait_until(lambda: small.status()["run"]["state"] != "queued", 30, what="the watch of v1 to begin")
    small.release("v3")
    small.deploy("v3", "--detach", expect=0)
    assert small.get()["release"] == "v3"
    assert small.mobius("audit", "verify").code == 0
