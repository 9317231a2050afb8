"""A matrix that was killed leaves folders and a mounted disk; the next one clears them, and nothing of anybody else."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from journeys.fleet.matrix.leftovers import clear_what_dead_ones_left, prefix_of

CAN_MOUNT = os.name == "posix" and hasattr(os, "geteuid") and os.geteuid() == 0


def left_by_a_dead_one(top: Path, kind: str) -> Path:
    """As a process made it that is gone."""
    making = "from journeys.fleet.matrix.leftovers import prefix_of; print(prefix_of({!r}))"
    tests = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", making.format(kind)], capture_output=True, text=True, check=True, cwd=tests
    )
    return Path(tempfile.mkdtemp(prefix=done.stdout.strip(), dir=top))


def test_what_a_dead_one_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    dead = [left_by_a_dead_one(tmp_path, kind) for kind in ("fm", "fa")]
    (dead[0] / "journal").write_text("half written")
    mine = Path(tempfile.mkdtemp(prefix=prefix_of("fm"), dir=tmp_path))
    others = [tmp_path / name for name in ("mobius-fl-abc", "mobius-fm-abcdefgh", "mobius-fz-1-2-abc")]
    for other in others:
        other.mkdir()
    assert clear_what_dead_ones_left(tmp_path) == tuple(sorted(one.name for one in dead))
    assert sorted(tmp_path.iterdir()) == sorted([mine, *others])
    assert clear_what_dead_ones_left(tmp_path) == ()


def test_a_folder_of_a_number_that_was_given_again_belongs_to_the_dead_one(tmp_path: Path) -> None:
    again = Path(tempfile.mkdtemp(prefix=f"mobius-fm-{os.getpid()}-1-", dir=tmp_path))
    assert clear_what_dead_ones_left(tmp_path) == (again.name,)


@pytest.mark.skipif(not CAN_MOUNT, reason="only root may mount")
def test_a_disk_that_is_still_mounted_there_is_unmounted_first(tmp_path: Path) -> None:
    dead = left_by_a_dead_one(tmp_path, "fm")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dead], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting is not possible here")
    try:
        (dead / "full").write_text("x")
        clear_what_dead_ones_left(tmp_path)
        assert not dead.exists()
        assert str(dead) not in Path("/proc/mounts").read_text()
    finally:
        subprocess.run(["umount", "--lazy", dead], capture_output=True)
