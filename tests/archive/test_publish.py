"""What has its name has been verified, whatever kills the writer; the leftovers of the dead are swept."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mobius.archive import Source, Written, publish_alias, sidecar_of, sweep, verify_archive, write_archive
from mobius.archive import publish as publish_module
from mobius.archive.publish import NameTaken, beside, recorded_name, withdraw, workspace
from mobius.errors import UsageError

Backup = Callable[..., Written]

WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from mobius.archive import Source, publish_alias, write_archive
    root = Path(sys.argv[1])
    print("ready", flush=True)
    for number in range(10_000):
        target = root / "backups" / f"dhash_{number:05}.zip"
        write_archive(target, [Source("data", root / "data")], {}, checksum_root=root)
        publish_alias(target, target.with_name("dhash.zip"), checksum_root=root)
    """
)


def test_kill_9_at_any_moment_leaves_only_whole_backups(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_bytes(os.urandom(20_000))
    folder = tmp_path / "backups"
    folder.mkdir()
    randomly = random.Random(20240601)
    published = leftovers = 0
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for attempt in range(20):
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as writer:
            try:
                assert writer.stdout is not None
                assert writer.stdout.readline() == b"ready\n"
                time.sleep(randomly.uniform(0.001, 0.015 * (attempt + 2)))
            finally:
                writer.send_signal(signal.SIGKILL)
        for archive in folder.glob("*.zip"):
            verify_archive(archive)
            published += 1
        leftovers += len(sweep(folder))
        names = {path.name for path in folder.iterdir()} - {"backups"}
        archives = {name for name in names if name.endswith(".zip")}
        assert names == archives | {f"{name}.sha256" for name in archives}
        for path in folder.glob("*.zip*"):
            path.unlink()
    assert published, "no writer came far enough for this test to say anything"
    assert leftovers, "no writer was killed in the middle"


@pytest.mark.parametrize("step", ["_link_for_sha256sum", "_write_durably", "_write_beside", "sync_folder"])
def test_dying_at_each_step_of_publishing_leaves_a_whole_backup_or_none(
    backup: Backup, project: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Killed(BaseException):
        pass

    real = getattr(publish_module, step)

    def die(*args: object) -> None:
        real(*args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(publish_module, step, die)
        with pytest.raises(Killed):
            backup("x.zip")
    archive = project / "backups" / "x.zip"
    if archive.exists():
        verify_archive(archive)
    else:
        assert not sidecar_of(archive).exists()
    assert not list((project / "backups").glob(".*"))


def test_a_living_writers_files_are_not_swept(tmp_path: Path) -> None:
    with workspace(tmp_path / "x.zip") as space:
        space.scratch().touch()
        assert sweep(tmp_path) == ()
        assert space.path.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_writer_left_is_swept_before_the_next_backup(backup: Backup, project: Path) -> None:
    folder = project / "backups"
    folder.mkdir()
    for name in (
        ".y.zip.aa11bb22cc33.tmp",
        ".y.zip.aa11bb22cc33.capture",
        ".y.zip.aa11bb22cc33.capture-wal",
        "y.zip.sha256",
    ):
        (folder / name).write_text("left")
    (folder / ".somebody.else's.tmp").write_text("not ours")
    (folder / "kept.zip.sha256").write_text("the archive lies elsewhere")
    backup("x.zip")
    names = {path.name for path in folder.iterdir()}
    assert names == {"x.zip", "x.zip.sha256", "backups", "kept.zip.sha256", ".somebody.else's.tmp"}


def test_an_alias_is_a_backup_of_its_own_and_gives_way_to_the_next(backup: Backup, project: Path) -> None:
    one = backup("dhash_20240601_100000.zip", number=1)
    alias = project / "backups" / "dhash_20240601.zip"
    assert publish_alias(one.path, alias, checksum_root=project) == sidecar_of(alias)
    assert verify_archive(alias).metadata["number"] == 1
    two = backup("dhash_20240601_110000.zip", number=2)
    for _ in range(2):
        publish_alias(two.path, alias, checksum_root=project)
        assert verify_archive(alias).metadata["number"] == 2
    assert verify_archive(one.path).metadata["number"] == 1
    assert sorted(alias.parent.glob("dhash*.zip"))[-1] == two.path


def test_an_alias_is_copied_where_links_cannot_be_made(
    backup: Backup, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    written = backup("x.zip")
    publish_alias(written.path, written.path.with_name("day.zip"), checksum_root=project)
    assert verify_archive(written.path.with_name("day.zip")).archive_sha256 == written.sha256


def test_an_alias_lies_in_the_same_folder(backup: Backup, project: Path) -> None:
    with pytest.raises(UsageError, match="cannot be a second name"):
        publish_alias(backup().path, project / "day.zip", checksum_root=project)


def test_sidecars_name_the_path_below_the_root_even_when_the_root_is_a_link(
    project: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(project)
    written = write_archive(link / "backups/x.zip", [Source("d", project / "data")], {}, checksum_root=link)
    assert written.sidecar.read_text().endswith("  backups/x.zip\n")


def test_two_writers_never_have_one_name(backup: Backup, project: Path) -> None:
    folder = project / "backups"
    folder.mkdir()
    with workspace(folder / "x.zip"):
        with pytest.raises(NameTaken) as refused:
            backup("x.zip")
        assert refused.value.message == f"the backup {folder / 'x.zip'} is being written"
        backup("xx.zip")
    backup("x.zip")


def test_a_backup_that_is_taken_away_takes_all_that_lies_beside_it(backup: Backup, project: Path) -> None:
    gone, kept = backup("x.zip").path, backup("y.zip").path
    for path in (*beside(gone), *beside(kept)):
        path.touch()
    for _ in range(2):
        withdraw(gone)
    names = {path.name for path in gone.parent.iterdir() if not path.is_symlink()}
    assert names == {kept.name, *(path.name for path in beside(kept))}


def test_dying_while_a_backup_is_taken_away_leaves_it_whole_or_to_the_sweep(
    backup: Backup, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    archive = backup("x.zip").path
    with monkeypatch.context() as patch:
        patch.setattr(publish_module, "_remove_beside", die)
        with pytest.raises(Killed):
            withdraw(archive)
    assert list(archive.parent.glob("*.zip")) == []
    assert len(sweep(archive.parent)) == 2
    assert [path.name for path in archive.parent.iterdir()] == ["backups"]


def test_a_folder_that_a_checksum_file_cannot_name_is_left_out_of_it(tmp_path: Path) -> None:
    for strange in ("new\nline", "back\\slash", "re\rturn"):
        assert recorded_name(tmp_path / strange / "x.zip", tmp_path / "project") == "x.zip"
    assert recorded_name(tmp_path / "ein ünicode" / "x.zip", tmp_path) == "ein ünicode/x.zip"
