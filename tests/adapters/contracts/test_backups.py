"""What every `Backups` promises, in memory and in a folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.backups.yard import Yard
from mobius.adapters.backups.memory import MemoryBackups
from mobius.adapters.clocks.memory import MemoryClock
from mobius.adapters.releases.memory import MemoryReleases
from mobius.errors import BackupInvalid
from mobius.model.release import BackupRecord, Release
from mobius.model.verdict import Outcome
from mobius.ports import Backups, Releases, Source, nothing


@dataclass
class Made:
    """The port, data that can be written and read, a staged release, and a way to damage an archive."""

    backups: Backups
    releases: Releases
    release: Release
    write: Callable[[str], None]
    read: Callable[[], str]
    damage: Callable[[BackupRecord], None]
    now: float

    def create(self, run_id: int = 1, kind: str = "release", since: float = 0.0) -> BackupRecord:
        return self.backups.create(
            kind=kind, release=self.release, run_id=run_id, since=since, progress=nothing
        )


@pytest.fixture(params=["memory", "folder"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    if request.param == "folder":
        yard = Yard(tmp_path)
        return Made(
            yard.backups, yard.store, yard.stage(), yard.write, yard.read, yard.damage, now=time.time()
        )
    data = {"text": "first"}
    clock, releases = MemoryClock(), MemoryReleases({"v1": Source("v1", "", "d", False)}, [])
    release = releases.stage(Release("v1-1a2b", "v1", "", "d", "c"), progress=nothing)
    backups = MemoryBackups(data, releases, clock)

    def write(text: str) -> None:
        data["text"] = text

    return Made(
        backups, releases, release, write, lambda: data["text"], lambda b: backups.damaged.add(b.name),
        now=clock.now(),
    )  # fmt: skip


def test_a_backup_is_published_verified_and_says_what_it_guards(made: Made) -> None:
    backup = made.create(run_id=7)
    assert (backup.kind, backup.run_id, backup.release_id) == ("release", 7, made.release.id)
    assert backup.verified_at >= backup.created_at > 0
    assert len(backup.sha256) == 64
    assert backup.size_bytes > 0
    made.backups.verify(Path(backup.path))
    assert [found.name for found in made.backups.found()] == [backup.name]
    described = made.backups.describe(Path(backup.path))
    assert (described.name, described.sha256, described.run_id) == (backup.name, backup.sha256, 7)
    assert Path(backup.path) in made.backups.files()


def test_repeating_it_for_the_same_run_and_kind_gives_the_same_one(made: Made) -> None:
    first = made.create(run_id=1)
    made.write("second")
    again = made.create(run_id=1)
    assert (again.name, again.sha256, again.created_at) == (first.name, first.sha256, first.created_at)
    assert again.verified_at > 0
    others = [made.create(run_id=2), made.create(run_id=1, kind="emergency")]
    assert len({first.name, *(other.name for other in others)}) == 3
    assert len(made.backups.found()) == 3


def test_one_of_an_older_run_with_that_number_is_not_taken_for_it(made: Made) -> None:
    first = made.create(run_id=1)
    assert made.create(run_id=1, since=made.now + 1000).name != first.name


def test_by_hand_every_backup_is_a_new_one(made: Made) -> None:
    assert made.create(run_id=0).name != made.create(run_id=0).name


def test_a_damaged_backup_is_refused_by_all_that_would_use_it(made: Made) -> None:
    backup, path = made.create(), Path(made.create().path)
    made.damage(backup)
    made.write("present")
    for use in (
        lambda: made.backups.verify(path),
        lambda: made.backups.rehearse(backup, migrate_from=None, progress=nothing),
        lambda: made.backups.restore_data(path, key="k", progress=nothing),
        lambda: made.backups.restore_release(path),
        lambda: made.backups.describe(path),
    ):
        with pytest.raises(BackupInvalid, match=backup.name):
            use()
    assert made.read() == "present"


def test_what_is_not_there_is_no_backup(made: Made) -> None:
    missing = Path("/nowhere/dhash.zip")
    for use in (made.backups.verify, made.backups.describe, made.backups.restore_release):
        with pytest.raises(BackupInvalid):
            use(missing)


def test_a_rehearsal_touches_nothing_that_is_live(made: Made) -> None:
    backup = made.create()
    made.write("second")
    result = made.backups.rehearse(backup, migrate_from=None, progress=nothing)
    assert result["backup"] == backup.name
    assert result["restore_s"] > 0
    assert made.read() == "second"


def test_restoring_brings_the_data_back_once_for_each_key(made: Made) -> None:
    made.write("of the backup")
    path = Path(made.create().path)
    made.write("later")
    made.backups.restore_data(path, key="run-2", progress=nothing)
    assert made.read() == "of the backup"
    made.write("written after the restore")
    made.backups.restore_data(path, key="run-2", progress=nothing)
    assert made.read() == "written after the restore"
    made.backups.restore_data(path, key="run-3", progress=nothing)
    assert made.read() == "of the backup"


def test_restoring_a_release_stages_it_again_and_repeating_is_a_success(made: Made) -> None:
    path = Path(made.create().path)
    made.releases.remove(made.release.id)
    for _ in range(2):
        assert made.backups.restore_release(path).id == made.release.id
        assert made.releases.is_staged(made.release.id)


def test_found_is_newest_first(made: Made) -> None:
    names = [made.create(run_id=n).name for n in (1, 2)]
    found = made.backups.found()
    assert {backup.name for backup in found} == set(names)
    assert [b.created_at for b in found] == sorted((b.created_at for b in found), reverse=True)


def test_pruning_takes_exactly_those_that_are_named(made: Made) -> None:
    gone, kept = made.create(run_id=1), made.create(run_id=2)
    assert made.backups.prune([]) == ()
    assert made.backups.prune([gone.name, "nowhere.zip"]) == (gone.name,)
    assert [found.name for found in made.backups.found()] == [kept.name]
    assert made.backups.prune([gone.name]) == ()


def test_preflight_passes_where_a_backup_can_be_made(made: Made) -> None:
    assert {check.outcome for check in made.backups.preflight(made.release)} == {Outcome.PASS}
