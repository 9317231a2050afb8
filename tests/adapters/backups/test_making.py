"""Making backups where the world is unkind: others at the same time, odd clocks, odd names, odd disks."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from adapters.backups.yard import Yard
from mobius.adapters.backups import kept as kept_module
from mobius.adapters.backups import taking
from mobius.adapters.backups.around import tool_versions
from mobius.archive import sidecar_of
from mobius.errors import MobiusError
from mobius.flows.plan import find_backup
from mobius.model.advance import Advance
from mobius.model.settings import ProcessSettings
from mobius.model.verdict import Outcome
from mobius.ports import Ports, nothing

TESTS = Path(__file__).parents[2]
MAKE = """
import os, sys, tempfile
from pathlib import Path
from adapters.backups.yard import Yard
if len(sys.argv) > 2:
    with tempfile.TemporaryDirectory() as folder:  # what is imported late may lie where nobody may read
        other = Yard(Path(folder))
        other.create(release=other.stage())
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
yard = Yard(Path(sys.argv[1]))
release = yard.stage()
print("ready", flush=True)
sys.stdin.readline()
try:
    print(yard.backups.create(kind="release", release=release, run_id=0, progress=lambda _: None).name)
except Exception as problem:
    print(type(problem).__name__, problem)
"""


def other_program(folder: Path, *more: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-c", MAKE, str(folder), *more],
        env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def day_name(yard: Yard) -> Path:
    (day,) = [path for path in yard.folder.glob("dhash_*.zip") if re.fullmatch(r"dhash_\d{8}", path.stem)]
    return day


@contextlib.contextmanager
def mounted(at: Path, options: str) -> Iterator[None]:
    """A real file system of its own."""
    if os.getuid() != 0:
        pytest.skip("mounting needs root")
    at.mkdir(parents=True, exist_ok=True)
    argv = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)]
    if subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(at)], check=True)


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


# Others, and the clock


def test_backups_made_at_the_same_moment_all_come_out_whole_under_names_of_their_own(yard: Yard) -> None:
    yard.stage()
    makers = [other_program(yard.project) for _ in range(4)]
    try:
        for maker in makers:
            assert maker.stdout is not None
            assert maker.stdout.readline() == "ready\n"
        names = {maker.communicate("go\n", timeout=60)[0].strip() for maker in makers}
    finally:
        for maker in makers:
            maker.kill()
            maker.wait()
    assert {found.name for found in yard.backups.found()} == names
    assert len(names) == 4
    for name in names:
        yard.backups.verify(yard.folder / name)
    assert day_name(yard).samefile(yard.folder / max(names)), "the day's name is that of the last one"
    assert list(yard.folder.glob(".*")) == []


def test_a_bare_name_is_looked_for_in_the_backup_folder_also_where_it_is_the_days_second_name(
    yard: Yard,
) -> None:
    made = yard.create(run_id=1, release=yard.stage())
    ports = cast(Ports, SimpleNamespace(backups=yard.backups))
    for named in (made.name, day_name(yard).name):
        assert find_backup(named, ports).sha256 == made.sha256
    with pytest.raises(MobiusError, match="nowhere"):
        find_backup("nowhere.zip", ports)


def test_time_never_seems_to_go_back_between_two_backups(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    first = yard.create(run_id=1, release=yard.stage())
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600)

    class SetBack(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(real() - 3600)

    monkeypatch.setattr(kept_module, "datetime", SetBack)
    second = yard.create(run_id=2, release=yard.stage())
    assert second.name > first.name
    assert [found.name for found in yard.backups.found()] == [second.name, first.name]
    assert day_name(yard).samefile(second.path)


def test_a_run_that_is_repeated_makes_the_days_name_it_was_killed_before(yard: Yard) -> None:
    release = yard.stage()
    made = yard.create(run_id=7, release=release)
    for path in (day_name(yard), sidecar_of(day_name(yard))):
        path.unlink()
    assert yard.create(run_id=7, release=release).name == made.name
    assert day_name(yard).samefile(made.path)


def test_the_days_name_is_never_that_of_another_environment_in_the_same_folder(yard: Yard) -> None:
    made = yard.create(run_id=1, release=yard.stage())
    staging = Yard(yard.project, environment="staging")
    late = staging.create(run_id=1, release=staging.stage())
    shutil.copy(late.path, yard.folder / made.name.replace(made.name[-10:-4], "235959"))
    shutil.copy(
        f"{late.path}.sha256", yard.folder / (made.name.replace(made.name[-10:-4], "235959") + ".sha256")
    )
    yard.create(run_id=1, release=yard.stage())
    assert yard.backups.describe(day_name(yard)).metadata is not None


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX", "tr_TR.UTF-8", "ar_EG.UTF-8"])
def test_the_newest_by_name_is_the_newest_in_every_locale(
    locale: str, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the mission's line finds it; where the locale is not installed, `sort` falls back to C."""
    monkeypatch.setenv("LC_ALL", locale)
    release = yard.stage()
    yard.create(run_id=1, release=release)
    newest = yard.create(run_id=2, release=release)
    yard.create(run_id=3, kind="emergency")
    line = "ls -1 backups/dhash*.zip | sort -r | head -n1"
    found = subprocess.run(
        ["sh", "-c", line], cwd=yard.project, capture_output=True, text=True
    ).stdout.strip()
    assert (yard.project / found).samefile(newest.path)
    assert re.fullmatch(r"dhash_[0-9]{8}_[0-9]{6}\.zip", newest.name)


# Names


@pytest.mark.parametrize("name", ["a b", "ünï çödé", "new\nline", "quote'\"$HOME`id`", "-rf", "back\\slash"])
def test_sha256sum_accepts_it_wherever_the_project_lies(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    yard = Yard(tmp_path / name)
    made = yard.create(run_id=1, release=yard.stage())
    for place, sidecar in (
        (yard.project, f"backups/{made.name}.sha256"),
        (yard.folder, f"{made.name}.sha256"),
    ):
        done = subprocess.run(
            ["sha256sum", "-c", "--strict", sidecar], cwd=place, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
    unzipped = subprocess.run(["unzip", "-tq", f"./{made.name}"], cwd=yard.folder, capture_output=True)
    assert unzipped.returncode == 0


def test_sha256sum_accepts_one_in_a_folder_elsewhere_with_any_name(yard: Yard, tmp_path: Path) -> None:
    for name in ("plain", "new\nline"):
        folder = tmp_path / "elsewhere" / name
        backups = yard.with_backup(folder=folder)
        made = backups.create(kind="release", release=None, run_id=0, progress=nothing)
        argv = ["sha256sum", "-c", "--strict", f"{made.name}.sha256"]
        assert subprocess.run(argv, cwd=folder, capture_output=True).returncode == 0
        backups.verify(Path(made.path))


# Paths that are not as they should be


def refused(yard: Yard, *paths: str) -> tuple[str, str]:
    """Message and hint, the same when it is made and when it is planned."""
    backups = yard.with_paths(*paths)
    with pytest.raises(MobiusError) as failed:
        backups.create(kind="release", release=None, run_id=0, progress=nothing)
    answer = backups.preflight(None)[0]
    assert (answer.outcome, answer.message, answer.advice) == (
        Outcome.FAIL, failed.value.message, failed.value.hint
    )  # fmt: skip
    assert list(yard.folder.glob("*.zip")) == []
    return failed.value.message, failed.value.hint


def test_a_link_to_nothing_is_named_with_what_it_points_to(yard: Yard) -> None:
    (yard.project / "uploads").symlink_to("/mnt/gone/uploads")
    assert refused(yard, "shared/data", "uploads") == (
        f"the backup path uploads is a link to nothing: {yard.project / 'uploads'} -> /mnt/gone/uploads",
        "make what it points to (is its disk mounted?), or take uploads out of backup.paths in mobius.toml",
    )


def test_a_disk_that_should_be_mounted_and_is_not_is_named(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = yard.project / "big disk"
    (point / "uploads").mkdir(parents=True)
    fstab = yard.project / "fstab"
    escaped = str(point).replace(" ", "\\040")
    fstab.write_text(
        f"# a comment\nUUID=1 / ext4 defaults 0 1\n/dev/sdz1 {escaped} ext4 defaults 0 2\n"
        f"/dev/sdz2 {yard.project} ext4 noauto 0 2\nproc /proc proc defaults 0 0\n"
    )
    monkeypatch.setattr(taking, "FSTAB", fstab)
    (yard.project / "uploads").symlink_to(point / "uploads")
    assert refused(yard, "uploads")[0] == (
        f"the backup path uploads lies on a disk that is not mounted: {point}"
    )
    fstab.write_text("")
    yard.with_paths("uploads").create(kind="release", release=None, run_id=0, progress=nothing)


def test_a_path_on_a_mount_of_its_own_is_backed_up(yard: Yard) -> None:
    with mounted(yard.project / "media", "size=4m"):
        (yard.project / "media" / "a.txt").write_text("there")
        made = yard.with_paths("media").create(kind="release", release=None, run_id=0, progress=nothing)
        listed = subprocess.run(["unzip", "-l", made.path], capture_output=True, text=True).stdout
        assert "data/media/a.txt" in listed


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_what_this_user_may_not_read_or_write_is_named(yard: Yard, tmp_path: Path) -> None:
    yard.stage()
    shutil.chown(yard.project, "nobody")
    for folder, _, names in os.walk(yard.project):
        for name in (".", *names):
            os.lchown(Path(folder, name), 65534, 65534)
    for above in (tmp_path.parent, tmp_path.parent.parent, tmp_path.parent.parent.parent):
        if above != Path("/tmp"):
            above.chmod(0o711)
    secret = yard.data / "secret.txt"
    secret.write_text("x")
    secret.chmod(0o600)
    with other_program(yard.project, "as nobody") as maker:
        assert maker.communicate("go\n", timeout=60)[0].splitlines()[1].startswith("MobiusError")
    secret.unlink()
    yard.data.chmod(0o000)
    os.chown(yard.data, 0, 0)
    with other_program(yard.project, "as nobody") as maker:
        told = maker.communicate("go\n", timeout=60)[0].splitlines()[1]
    yard.data.chmod(0o755)
    assert told == f"MobiusError the backup path shared/data cannot be read: {yard.data}"
    yard.folder.mkdir(exist_ok=True)
    yard.folder.chmod(0o555)
    os.chown(yard.folder, 0, 0)
    with other_program(yard.project, "as nobody") as maker:
        told = maker.communicate("go\n", timeout=60)[0].splitlines()[1]
    assert "could not be written: permission denied" in told
    assert str(yard.folder) in told


# Disks


def test_a_folder_on_another_file_system_holds_whole_backups(yard: Yard) -> None:
    with mounted(yard.folder, "size=8m"):
        made = yard.create(run_id=1, release=yard.stage())
        yard.backups.verify(Path(made.path))
        yard.backups.verify(day_name(yard))
        assert yard.backups.prune([made.name]) == (made.name,)
        assert [path.name for path in yard.folder.iterdir()] == ["backups"]


def test_a_full_disk_publishes_nothing_and_leaves_nothing(yard: Yard) -> None:
    (yard.data / "film.bin").write_bytes(os.urandom(3 << 20))
    with mounted(yard.folder, "size=2m"):
        with pytest.raises(MobiusError) as full:
            yard.create(run_id=1)
        assert "not enough disk" in full.value.message or "is full" in full.value.message
        assert list(yard.folder.iterdir()) == []
        answer = yard.backups.preflight(None)[0]
        assert answer.outcome is Outcome.FAIL
        assert re.fullmatch(
            rf"needs up to 3\.2 MB below {yard.folder} \(3\.2 MB for the archive\), 2\.1 MB free",
            answer.message,
        )
        assert answer.advice.startswith("free 1.1 MB below")


def test_a_disk_that_fills_up_meanwhile_publishes_nothing(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the estimate was true when it was made: the writes themselves fail."""
    (yard.data / "film.bin").write_bytes(os.urandom(3 << 20))
    monkeypatch.setattr("mobius.archive.write.require_free_disk", lambda *_: None)
    with mounted(yard.folder, "size=2m"):
        with pytest.raises(MobiusError, match="is full"):
            yard.create(run_id=1)
        gc.collect()  # what the traceback still holds open would keep the disk busy
        assert list(yard.folder.iterdir()) == []


def test_what_shares_a_disk_must_fit_there_together(yard: Yard) -> None:
    with mounted(yard.project / "disk", "size=5m"):
        elsewhere = Yard(yard.project / "disk")
        (elsewhere.data / "film.bin").write_bytes(os.urandom(2 << 20))
        (answer,) = elsewhere.backups.preflight(None)
        assert answer.outcome is Outcome.FAIL
        assert "for the archive and" in answer.message
        assert "for the copy of its rehearsal" in answer.message


def test_a_folder_that_is_mounted_read_only_is_named(yard: Yard) -> None:
    with mounted(yard.folder, "size=2m,ro"):
        (answer,) = yard.backups.preflight(None)
        assert (answer.outcome, answer.message) == (Outcome.FAIL, f"{yard.folder} cannot be written")
        with pytest.raises(MobiusError, match="could not be written: permission denied"):
            yard.create(run_id=1)


# What it says of itself


def test_it_tells_commit_branch_changes_tools_and_what_it_holds(yard: Yard) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    (yard.project / "mobius.toml").write_text('service = "dhash"\n')
    for words in (["init", "-q", "-b", "trunk"], ["add", "mobius.toml"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], cwd=yard.project, check=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=yard.project, capture_output=True, text=True, check=True
    ).stdout.strip()
    clean = yard.create(run_id=1, release=yard.stage()).metadata or {}
    (yard.project / "mobius.toml").write_text('service = "dhash" # changed\n')
    dirty = yard.create(run_id=2).metadata or {}
    assert (clean["git_commit"], clean["git_branch"], clean["git_dirty"]) == (commit, "trunk", False)
    assert dirty["git_dirty"] is True
    assert clean["contents"] == ["code", "configuration", "data"]
    assert dirty["contents"] == ["configuration", "data"]
    assert {"mobius", "python", "sqlite", "system"} <= set(clean["tools"])
    assert (clean["environment"], clean["service"], clean["config_digest"]) == (
        "production",
        "dhash",
        "c" * 64,
    )
    assert clean["capture"]["gap_s"] >= 0
    inside = subprocess.run(
        ["unzip", "-p", str(day_name(yard)), "backup_metadata.json"], capture_output=True, check=True
    ).stdout
    assert json.loads(inside)["git_branch"] == "trunk"


@pytest.mark.parametrize("start", [("node", "index.js"), ("npm", "start"), ("./serve",)])
def test_the_version_of_node_is_told_where_the_service_runs_on_it(
    start: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v22.9.1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    processes = [ProcessSettings("api", start)]
    expected = None if start == ("./serve",) else "22.9.1"
    assert tool_versions(processes, tmp_path).get("node") == expected
    (tmp_path / "package.json").touch()
    assert tool_versions(processes, tmp_path)["node"] == "22.9.1"
    monkeypatch.setenv("PATH", "/nowhere")
    assert tool_versions(processes, tmp_path)["node"] == "", "it runs on node, and nobody can say on which"


def test_outside_of_a_repository_nothing_is_claimed_of_it(yard: Yard) -> None:
    says = yard.create().metadata or {}
    assert (says["git_commit"], says["git_branch"], says["git_dirty"]) == ("", "", None)


def test_progress_is_told_in_bytes_with_an_estimate(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobius.rules.advancing.EVERY_S", 0.0)
    for number in range(30):
        (yard.data / f"{number}.bin").write_bytes(os.urandom(200_000))
    told: list[str] = []
    made = yard.backups.create(kind="release", release=None, run_id=0, progress=told.append)
    steps = [line for line in told if isinstance(line, Advance)]
    assert told[0] == f"backup: {made.name}"
    assert steps
    assert [step.done_bytes for step in steps] == sorted(step.done_bytes for step in steps)
    assert steps[-1].done_bytes <= steps[-1].total_bytes
    assert (made.metadata or {})["took_s"] > 0
    (answer,) = yard.backups.preflight(None, [made])
    assert re.search(r"; about \d+ s, as the last one went$", answer.message)
    (answer,) = yard.backups.preflight(None)
    assert answer.message.endswith("; how long it takes is not known: none was measured here yet")
