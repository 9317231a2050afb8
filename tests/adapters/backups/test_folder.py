"""Backups in a folder: what is picked, what is kept, what strangers put there, and going back by one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.backups.yard import Yard
from mobius.archive import Source, write_archive
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.verdict import Outcome
from mobius.ports import nothing


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def foreign(yard: Yard, name: str, **changed: object) -> Path:
    """An archive that somebody made elsewhere, with metadata as a stranger may write it."""
    made = yard.create(run_id=1, release=yard.stage())
    elsewhere = yard.project / "elsewhere"
    (elsewhere / "data").mkdir(parents=True)
    (elsewhere / "data" / "app.db").write_text("theirs")
    sources = [Source("release", yard.store.path("v1-1a2b")), Source("data/shared/data", elsewhere / "data")]
    metadata = {**(made.metadata or {}), **changed}
    metadata.pop("archive", None)
    return write_archive(elsewhere / name, sources, metadata, checksum_root=yard.project).path


# Making


def test_names_say_the_service_and_the_moment_and_two_in_one_second_are_two(yard: Yard) -> None:
    release = yard.stage()
    made = [yard.create(run_id=0, release=release) for _ in range(3)]
    assert [backup.name for backup in made] == sorted({backup.name for backup in made})
    for backup in made:
        assert re.fullmatch(r"dhash_\d{8}_\d{6}\.zip", backup.name)
    assert re.fullmatch(r"emergency_\d{8}_\d{6}\.zip", yard.create(kind="emergency").name)
    assert re.fullmatch(r"initial_\d{8}_\d{6}\.zip", yard.create(run_id=9).name), "nothing was live"


def test_after_a_clock_that_was_set_back_the_last_name_is_still_the_newest_backup(yard: Yard) -> None:
    yard.folder.mkdir()
    (yard.folder / "dhash_29991231_235959.zip").touch()
    assert yard.create(run_id=1, release=yard.stage()).name == "dhash_30000101_000000.zip"


def test_the_days_name_is_the_newest_healthy_backup_and_never_an_emergency_one(yard: Yard) -> None:
    release = yard.stage()
    yard.create(run_id=1, release=release)
    newest = yard.create(run_id=2, release=release)
    yard.create(run_id=3, kind="emergency")
    (day,) = [path for path in yard.folder.glob("dhash_*.zip") if re.fullmatch(r"dhash_\d{8}", path.stem)]
    assert day.read_bytes() == Path(newest.path).read_bytes()
    assert day.name not in {found.name for found in yard.backups.found()}
    yard.backups.verify(day)
    assert yard.backups.describe(day).run_id == 2


def test_sha256sum_accepts_it_from_the_project_and_from_inside_the_folder(yard: Yard) -> None:
    made = yard.create()
    for place, sidecar in (
        (yard.project, f"backups/{made.name}.sha256"),
        (yard.folder, f"{made.name}.sha256"),
    ):
        done = subprocess.run(["sha256sum", "-c", sidecar], cwd=place, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_missing_path_is_an_error_with_the_next_step_and_publishes_nothing(yard: Yard) -> None:
    backups = yard.with_paths("shared/data", "uploads")
    with pytest.raises(MobiusError) as failed:
        backups.create(kind="release", release=None, run_id=1, progress=nothing)
    assert failed.value.message == f"the backup path uploads does not exist: {yard.project / 'uploads'}"
    assert failed.value.hint == "create it, or take it out of backup.paths in mobius.toml"
    (answer,) = backups.preflight(None)
    assert (answer.outcome, answer.message) == (Outcome.FAIL, failed.value.message)
    assert not list(yard.folder.glob("*.zip")) if yard.folder.exists() else True


def test_paths_that_hold_one_another_are_kept_once(yard: Yard) -> None:
    (yard.project / "data" / "uploads").mkdir(parents=True)
    (yard.project / "data" / "uploads" / "a.png").write_text("picture")
    backups = yard.with_paths("./data/", "data/uploads", "data")
    made = backups.create(kind="release", release=None, run_id=1, progress=nothing)
    (yard.project / "data" / "uploads" / "a.png").write_text("changed")
    result = backups.restore_data(Path(made.path), key="k", progress=nothing)
    assert len(result["restored"]) == 1
    assert (yard.project / "data" / "uploads" / "a.png").read_text() == "picture"


def test_a_published_backup_that_rotted_is_made_again_for_its_run(yard: Yard) -> None:
    first = yard.create(run_id=4)
    yard.damage(first)
    again = yard.create(run_id=4)
    assert again.name != first.name
    yard.backups.verify(Path(again.path))


def test_preflight_names_a_folder_that_cannot_be_written(yard: Yard) -> None:
    yard.folder.touch()
    (answer,) = yard.backups.preflight(None)
    assert (answer.outcome, answer.message) == (Outcome.FAIL, f"{yard.folder} cannot be written")


# Finding


def test_only_whole_archives_of_this_service_and_environment_are_found(yard: Yard) -> None:
    ours = yard.create()
    other = Yard(yard.project, service="other").create(run_id=1)
    staging = Yard(yard.project, environment="staging").create(run_id=1)
    shutil.make_archive(str(yard.folder / "photos"), "zip", yard.data)
    (yard.folder / "text.zip").write_text("not a zip")
    (yard.folder / "torn.zip").write_bytes(Path(ours.path).read_bytes()[:600])
    shutil.copy(ours.path, yard.folder / "without-checksum.zip")
    shutil.copy(f"{ours.path}.sha256", yard.folder / "torn.zip.sha256")
    assert [found.name for found in yard.backups.found()] == [ours.name]
    assert {other.name, staging.name}.isdisjoint({ours.name})


def test_one_that_was_renamed_is_none_until_its_checksum_says_so_too(yard: Yard) -> None:
    made = yard.create(release=yard.stage())
    renamed = yard.folder / "dhash_20990101_000000.zip"
    for ending in ("", ".sha256"):
        shutil.copy(made.path + ending, f"{renamed}{ending}")
    assert [found.name for found in yard.backups.found()] == [made.name], "it would be the newest by its name"
    with pytest.raises(BackupInvalid, match="its checksum is that of another file"):
        yard.backups.describe(renamed)


def test_what_is_not_ours_cannot_be_described(yard: Yard) -> None:
    ours = yard.create()
    shutil.make_archive(str(yard.folder / "photos"), "zip", yard.data)
    digest = subprocess.run(["sha256sum", "photos.zip"], cwd=yard.folder, capture_output=True).stdout
    (yard.folder / "photos.zip.sha256").write_bytes(digest)
    (yard.folder / "torn.zip").write_bytes(Path(ours.path).read_bytes()[:600])
    for name, why in (
        ("photos.zip", "it holds no MANIFEST.jsonl"),
        ("torn.zip", "its checksum torn.zip.sha256 is missing"),
        ("nowhere.zip", "does not exist"),
    ):
        with pytest.raises(BackupInvalid, match=why):
            yard.backups.describe(yard.folder / name)


@pytest.mark.parametrize("release", [{"id": 1}, {"name": "x"}, [], "v1"])
def test_metadata_that_describes_no_release_is_refused_in_words(release: object, yard: Yard) -> None:
    path = foreign(yard, "dhash_20240601_120000.zip", release=release)
    for use in (yard.backups.describe, yard.backups.restore_release):
        with pytest.raises(BackupInvalid, match=path.name):
            use(path)


def test_the_folder_alone_tells_all_that_a_lost_journal_knew(yard: Yard) -> None:
    release = yard.stage()
    made = yard.create(run_id=9, release=release)
    (found,) = Yard(yard.project).backups.found()
    assert (found.release_id, found.run_id, found.kind) == (release.id, 9, "release")
    assert found.created_at == made.created_at
    assert (found.metadata or {})["release"]["tag"] == "v1"


def test_a_rehearsal_is_known_from_the_file_beside_the_archive_it_was_of(yard: Yard) -> None:
    made = yard.create(release=yard.stage())
    assert (yard.backups.found()[0].rehearsed_at, yard.backups.found()[0].verified_at) == (
        0.0,
        made.created_at,
    )
    yard.backups.rehearse(made, migrate_from=None, progress=nothing)
    (found,) = Yard(yard.project).backups.found()
    assert found.rehearsed_at > made.created_at
    assert found.restore_s > 0
    evidence = Path(f"{made.path}.rehearsal.json")
    told = json.loads(evidence.read_text())
    for other in ({**told, "sha256": "0" * 64}, {**told, "rehearsed_at": "never", "restore_s": None}, [told]):
        evidence.write_text(json.dumps(other))
        assert yard.backups.found()[0].rehearsed_at == 0.0
    yard.backups.prune([made.name])
    assert not evidence.exists()


# Pruning


def test_pruning_takes_the_days_names_of_what_is_gone_too(yard: Yard) -> None:
    """Each is a hard link: while it is there, the space is not free."""
    gone = yard.create(run_id=1, release=yard.stage())
    kept = yard.create(run_id=2, kind="emergency")
    (yard.folder / "notes.txt").touch()
    Path(f"{gone.path}.rehearsal.json").touch()
    assert len(list(yard.folder.glob("dhash_????????.zip"))) == 1
    assert yard.backups.prune([gone.name]) == (gone.name,)
    names = {path.name for path in yard.folder.iterdir() if not path.is_symlink()}
    assert names == {kept.name, f"{kept.name}.sha256", "notes.txt"}


def test_pruning_keeps_the_days_name_of_what_is_kept_and_what_is_of_others(yard: Yard) -> None:
    yard.create(run_id=1, release=yard.stage())
    other = Yard(yard.project, service="other").create(run_id=1)
    before = sorted(yard.folder.iterdir())
    assert yard.backups.prune([other.name, "../mobius.toml"]) == ()
    assert sorted(yard.folder.iterdir()) == before
    assert Path(other.path).exists()


# Restoring


def test_data_comes_back_and_the_former_one_is_kept_under_the_key(yard: Yard) -> None:
    made = yard.create()
    yard.write("later")
    (yard.data / "new.txt").touch()
    yard.backups.restore_data(Path(made.path), key="run-7", progress=nothing)
    assert yard.read() == "first"
    assert not (yard.data / "new.txt").exists()
    kept = yard.data.with_name(".data.before-run-7")
    assert (kept / "new.txt").exists()
    left = {path.name for path in yard.data.parent.iterdir()}
    assert left == {"data", ".data.before-run-7", ".data.before-run-7.swap.json"}


def test_a_single_file_comes_back(yard: Yard) -> None:
    (yard.project / "settings.ini").write_text("first")
    backups = yard.with_paths("settings.ini", "shared/data/app.db")
    made = backups.create(kind="release", release=None, run_id=1, progress=nothing)
    (yard.project / "settings.ini").write_text("later")
    yard.write("later")
    for _ in range(2):
        backups.restore_data(Path(made.path), key="k", progress=nothing)
        assert ((yard.project / "settings.ini").read_text(), yard.read()) == ("first", "first")


def test_a_path_that_is_gone_comes_back(yard: Yard) -> None:
    made = yard.create()
    shutil.rmtree(yard.root / "shared")
    for _ in range(2):
        yard.backups.restore_data(Path(made.path), key="k", progress=nothing)
        assert yard.read() == "first"
    assert [path.name for path in yard.data.parent.iterdir() if path.name.endswith("before-k")] == []


def test_data_behind_an_operators_link_is_exchanged_where_it_lies(yard: Yard, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    yard.data.rename(disk / "data")
    yard.data.symlink_to(disk / "data")
    made = yard.create()
    yard.write("later")
    yard.backups.restore_data(Path(made.path), key="k", progress=nothing)
    assert (yard.read(), yard.data.is_symlink()) == ("first", True)
    assert (disk / ".data.before-k").is_dir()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="mounting needs root")
def test_data_on_another_file_system_comes_back_there(yard: Yard) -> None:
    shutil.rmtree(yard.root / "shared")
    (yard.root / "shared").mkdir()
    for mounted in (yard.root / "shared", yard.data):
        mounted.mkdir(exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mounted], capture_output=True).returncode:
            pytest.skip("nothing may be mounted here")
        try:
            yard.data.mkdir(exist_ok=True)
            yard.write("first")
            made = yard.create(run_id=0)
            yard.write("later")
            yard.backups.restore_data(Path(made.path), key="k", progress=nothing)
            assert yard.read() == "first"
        finally:
            subprocess.run(["umount", mounted], check=True)


# A zygote: it restores in a child, kills it at a random moment, and repeats the restore to its end.
KILLS = """
import os, random, signal, sys, time
from pathlib import Path
from adapters.backups.yard import Yard

yard = Yard(Path(sys.argv[1]))
backup = Path(sys.argv[2])
times = int(sys.argv[3])

def restore(key):
    yard.backups.restore_data(backup, key=key, progress=lambda line: None)

def text():
    return yard.read(), sorted(p.name for p in yard.data.iterdir() if not p.name.startswith("app.db"))

took_s = 60.0
for number in range(3):  # the quickest of three: a slow first one would let every later one end before its kill
    began = time.monotonic()
    restore(f"calibrate-{number}")
    took_s = min(took_s, time.monotonic() - began)
whole = ("first", sorted(f"{n}.bin" for n in range(20)))
interrupted = 0
for number in range(times):
    yard.write("later")
    (yard.data / "later.txt").touch()
    child = os.fork()
    if child == 0:
        restore(f"run-{number}")
        os._exit(0)
    # Spread over the first four fifths of the quickest restore: a restore on a busy machine only takes longer.
    time.sleep(0.8 * took_s * (number + random.random()) / times)
    os.kill(child, signal.SIGKILL)
    interrupted += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    seen = text()
    assert seen == whole or seen == ("later", [*whole[1], "later.txt"]), seen
    restore(f"run-{number}")
    assert text() == whole, (number, text())
    before = yard.data.stat().st_ino
    restore(f"run-{number}")
    assert yard.data.stat().st_ino == before, "a second exchange"
    kept = yard.data.with_name(f".data.before-run-{number}")
    assert (kept / "later.txt").exists(), number
    names = [p.name for p in yard.data.parent.iterdir() if "restoring" in p.name or ".new-" in p.name]
    assert names == [], names
print(interrupted)
"""


def test_a_restore_killed_at_any_moment_is_whole_once_it_is_repeated(yard: Yard) -> None:
    for n in range(20):
        (yard.data / f"{n}.bin").write_bytes(os.urandom(40_000))
    made = yard.create()
    tests = Path(__file__).parents[2]
    argv = [sys.executable, "-c", KILLS, str(yard.project), made.path, "20"]
    done = subprocess.run(
        argv, env={**os.environ, "PYTHONPATH": str(tests)}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 10, "most kills must come before the end"


# Archives that are not our own


def test_an_archive_from_elsewhere_does_not_choose_where_it_writes(yard: Yard) -> None:
    victim = yard.project / "victim"
    victim.mkdir()
    for place in (str(victim), "../victim", "victim", ".ssh", "shared/../../victim", "mobius.toml"):
        path = foreign(yard, "dhash_20240601_120000.zip", paths={"data/shared/data": place})
        with pytest.raises(BackupInvalid) as refused:
            yard.backups.restore_data(path, key="k", progress=nothing)
        assert refused.value.message == (
            f"{path.name} would write to {place}, which is not one of backup.paths"
        )
        assert yard.read() == "first"
        shutil.rmtree(yard.project / "elsewhere")
    assert list(victim.iterdir()) == []


def test_an_archive_of_our_own_folder_may_not_lead_out_either(yard: Yard) -> None:
    for place in ("/tmp/x", "../x"):
        path = foreign(yard, "dhash_20240601_120000.zip", paths={"data/shared/data": place})
        ours = path.rename(yard.folder / path.name)
        sidecar = Path(f"{path}.sha256")
        sidecar.rename(yard.folder / sidecar.name)
        text = (yard.folder / sidecar.name).read_text()
        (yard.folder / sidecar.name).write_text(f"{text[:64]}  {path.name}\n")
        with pytest.raises(BackupInvalid, match="would write to"):
            yard.backups.restore_data(ours, key="k", progress=nothing)
        shutil.rmtree(yard.project / "elsewhere")


def test_links_out_of_a_release_are_for_our_own_archives_alone(yard: Yard) -> None:
    """A virtual environment has one; in an archive from elsewhere it is refused, with the way to vouch for it."""
    release = yard.stage()
    made = Path(yard.create(release=release).path)
    away = yard.project / "away"
    away.mkdir()
    for name in (made.name, f"{made.name}.sha256"):
        shutil.copy(made.parent / name, away / name)
    (away / f"{made.name}.sha256").write_text(f"{yard.backups.found()[0].sha256}  {made.name}\n")
    yard.store.remove(release.id)
    with pytest.raises(BackupInvalid, match="leads out of the destination") as refused:
        yard.backups.restore_release(away / made.name)
    assert refused.value.hint == (
        f"if you know that it is your own, move it and its .sha256 to {yard.folder}"
    )
    assert not yard.store.is_staged(release.id)
    assert yard.backups.restore_release(made) == release
    assert (yard.store.path(release.id) / "bin" / "python").is_symlink()


@pytest.mark.parametrize("name", ["../../victim", "/etc", "..", "", "a/b"])
def test_an_archive_cannot_have_anything_removed_by_the_name_of_its_release(name: str, yard: Yard) -> None:
    (yard.project / "victim").mkdir()
    release = json.loads(json.dumps((yard.create(release=yard.stage()).metadata or {})["release"]))
    path = foreign(yard, "dhash_20240601_120000.zip", release={**release, "id": name})
    with pytest.raises(BackupInvalid, match="which is no name of one"):
        yard.backups.restore_release(path)
    assert (yard.project / "victim").is_dir()
    assert yard.store.is_staged("v1-1a2b")
