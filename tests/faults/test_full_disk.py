"""A disk that is really full, in the middle of a backup, a restore, a rehearsal, or under the journal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.backups.yard import Yard
from faults.disk import NoDisk, fill_up, small_disk
from faults.scenes import broken_archives, fill, leftovers, tree_of
from mobius.archive import Source, extract_archive, swap_in, write_archive
from mobius.errors import MobiusError
from mobius.ports import nothing

CONFIG = """
service = "dhash"
[release]
source = "app"
[[process]]
name = "web"
start = ["true"]
[backup]
paths = ["data"]
[environments.production]
url = "http://127.0.0.1:1"
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """48 MB."""
    try:
        with small_disk(tmp_path, 48) as place:
            yield place
    except NoDisk as reason:
        pytest.skip(str(reason))


def stealing(disk: Path, share: float) -> Callable[[int, int], None]:
    """A progress that lets somebody else take all the space once so much is done: the check of space came before."""
    taken: list[Path] = []

    def progress(done: int, total: int) -> None:
        if not taken and done >= share * total:
            taken.append(fill_up(disk))

    return progress


def make_sources(disk: Path) -> list[Source]:
    (disk / "data").mkdir()
    fill(disk / "data", "first")
    for number in range(8):
        (disk / "data" / f"media-{number}.bin").write_bytes(os.urandom(1_000_000))
    return [Source("data", disk / "data")]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_backup_on_a_disk_that_fills_up_meanwhile_publishes_nothing_and_says_so(
    disk: Path, share: float
) -> None:
    sources, backups = make_sources(disk), disk / "backups"
    earlier = write_archive(backups / "dhash_1.zip", sources, {}, checksum_root=disk)
    with pytest.raises(MobiusError) as failed:
        write_archive(
            backups / "dhash_2.zip", sources, {}, checksum_root=disk, progress=stealing(disk, share)
        )
    assert "full" in failed.value.message and failed.value.exit_code == 1
    assert [path.name for path in backups.glob("*.zip")] == ["dhash_1.zip"]
    assert broken_archives(backups) == []
    assert leftovers(disk) == []
    (disk / "thief").unlink()
    again = write_archive(backups / "dhash_2.zip", sources, {}, checksum_root=disk)
    assert broken_archives(backups) == [] and again.sha256 != earlier.sha256


def test_a_backup_that_cannot_fit_is_refused_before_anything_is_written(disk: Path) -> None:
    sources = make_sources(disk)
    fill_up(disk, but=1_000_000)
    with pytest.raises(MobiusError) as failed:
        write_archive(disk / "backups" / "dhash_1.zip", sources, {}, checksum_root=disk)
    assert failed.value.message.startswith("not enough disk for backup dhash_1.zip: ")
    assert not list((disk / "backups").iterdir())


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_a_restore_on_a_disk_that_fills_up_meanwhile_leaves_the_live_tree_alone(
    disk: Path, share: float
) -> None:
    made = write_archive(disk / "backups" / "dhash_1.zip", make_sources(disk), {}, checksum_root=disk)
    live = disk / "data"
    fill(live, "second")
    before = tree_of(live)
    with pytest.raises(MobiusError) as failed:
        extract_archive(made.path, disk / "out", progress=stealing(disk, share))
    assert "full" in failed.value.message
    assert tree_of(live) == before
    assert leftovers(disk) == [] and not (disk / "out").exists()
    (disk / "thief").unlink()
    extract_archive(made.path, disk / "out")
    fill_up(disk)
    try:
        swap_in(disk / "out" / "data", live, disk / ".data.before")
    except MobiusError as error:  # its record needs a little space
        assert "full" in error.message and tree_of(live) == before
        (disk / "thief").unlink()
        swap_in(disk / "out" / "data", live, disk / ".data.before")
    assert tree_of(disk / ".data.before") == before
    assert tree_of(live)["media-0.bin"] == before["media-0.bin"]
    assert tree_of(live)[".env"] != before[".env"]


def test_restoring_and_rehearsing_on_a_full_disk_are_refused_in_words_and_change_nothing(disk: Path) -> None:
    yard = Yard(disk)
    fill(yard.data, "first")
    release = yard.stage()
    made = yard.create(run_id=1, release=release)
    fill(yard.data, "second")
    before = tree_of(yard.data)
    for but in (0, 100_000, 600_000):
        fill_up(disk, but=but)
        for act in (
            lambda: yard.backups.restore_data(Path(made.path), key="k", progress=nothing),
            lambda: yard.backups.rehearse(made, migrate_from=None, progress=nothing),
            lambda: yard.create(run_id=2, release=release),
        ):
            with pytest.raises(MobiusError) as failed:
                act()
            assert "disk" in failed.value.message, failed.value
        assert tree_of(yard.data) == before
        assert broken_archives(yard.folder) == [] and leftovers(disk) == []
        (disk / "thief").unlink()
    yard.backups.rehearse(made, migrate_from=None, progress=nothing)
    yard.backups.restore_data(Path(made.path), key="k", progress=nothing)
    assert tree_of(yard.data) != before


def test_a_command_on_a_full_disk_with_its_journal_says_so_and_works_once_there_is_space(disk: Path) -> None:
    (disk / "mobius.toml").write_text(CONFIG)
    (disk / "app").mkdir()
    make_sources(disk)

    def mobius(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mobius", *words]
        return subprocess.run(command, cwd=disk, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    first = mobius("backup", "create")
    assert first.returncode == 0, first.stderr
    for but in (0, 20_000, 200_000):
        fill_up(disk, but=but)
        done = mobius("backup", "create")
        assert done.returncode == 1, (but, done)
        assert "disk" in done.stderr and "Traceback" not in done.stderr, (but, done.stderr)
        assert len(list((disk / "backups").glob("*.zip"))) == 1
        (disk / "thief").unlink()
    done = mobius("backup", "create")
    assert done.returncode == 0, done.stderr
    assert broken_archives(disk / "backups") == [] and leftovers(disk) == []
    listed = mobius("backup", "list", "--verified")
    assert listed.returncode == 0 and listed.stdout.count(".zip") == 2, listed
    shutil.rmtree(disk / "backups")
