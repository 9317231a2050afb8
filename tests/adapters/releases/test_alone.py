"""Two who stage the same release at once: one builds it, the other takes what is there."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from mobius.adapters.locks.os_lock import OsLock
from mobius.adapters.places import Places
from mobius.adapters.releases.alone import staging_alone
from mobius.adapters.releases.sources import Files
from mobius.adapters.releases.store import ReleaseStore
from mobius.errors import Locked
from mobius.model.release import Release
from mobius.model.settings import ProcessSettings, ReleaseSettings
from mobius.ports import nothing

BUILD = (("sh", "-c", "echo built >> ../../../builds.txt; while [ ! -e ../../../go ]; do sleep 0.02; done"),)


def store(project: Path) -> ReleaseStore:
    settings, root = ReleaseSettings(build=BUILD), project / ".mobius"
    source = Files(f"{project}/built/{{tag}}", (root,))
    return ReleaseStore(
        Places(project, root, ()), settings, (ProcessSettings("api", ("sh", "run.sh")),), source
    )


def test_the_second_waits_for_the_first_and_builds_nothing(tmp_path: Path) -> None:
    (tmp_path / "built" / "v1").mkdir(parents=True)
    (tmp_path / "built" / "v1" / "app.py").write_text("print(1)\n")
    release = Release("v1-1a2b", "v1", "", store(tmp_path).find("v1").digest, "c" * 64)
    staged: list[Release] = []
    waiting = threading.Event()

    def stage(progress: object) -> None:
        staged.append(store(tmp_path).stage(release, progress=progress))  # type: ignore[arg-type]

    def told(line: str) -> None:
        if line.startswith("waiting: the staging of v1-1a2b is locked: "):
            waiting.set()

    first = threading.Thread(target=stage, args=(nothing,))
    first.start()
    while not (tmp_path / "builds.txt").exists():
        assert first.is_alive()
        time.sleep(0.01)
    second = threading.Thread(target=stage, args=(told,))
    second.start()
    assert waiting.wait(20)
    (tmp_path / "go").touch()
    first.join(20)
    second.join(20)
    assert [one.id for one in staged] == ["v1-1a2b", "v1-1a2b"]
    assert (tmp_path / "builds.txt").read_text() == "built\n"
    assert list((tmp_path / ".mobius" / "run").iterdir()) == [], "the lock's file goes with the last"


def test_who_holds_it_too_long_is_named(tmp_path: Path) -> None:
    with (
        OsLock(tmp_path / "staging-v1.lock", "the staging of v1").held(),
        pytest.raises(Locked, match=r"the staging of v1 is locked: .*pid"),
        staging_alone(tmp_path, "v1", within_s=0.0, progress=nothing),
    ):
        pass


def test_what_fails_inside_lets_go(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ValueError), staging_alone(tmp_path, "v1", within_s=0.0, progress=nothing):
            raise ValueError
