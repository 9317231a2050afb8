"""A backup that cannot be whole is not published, and says why: full disks, damage, names, places."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mobius.archive import (
    Source,
    Written,
    write_archive,
)
from mobius.archive import write as write_module
from mobius.errors import BackupInvalid, MobiusError, UsageError

Backup = Callable[..., Written]


def listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_malformed_database_stops_the_backup(backup: Backup, project: Path) -> None:
    database = project / "data" / "broken.db"
    with closing(sqlite3.connect(database)) as db:
        db.execute("CREATE TABLE t (a)")
        db.executemany("INSERT INTO t VALUES (?)", [("x" * 500,) for _ in range(500)])
        db.commit()
    raw = bytearray(database.read_bytes())
    raw[8192:12288] = b"\xff" * 4096
    database.write_bytes(raw)
    with pytest.raises(BackupInvalid, match=r"broken\.db is malformed"):
        backup()
    assert listing(project / "backups") == set()


def test_a_disk_that_gives_back_other_bytes_publishes_nothing(
    backup: Backup, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rot(fd: int) -> None:
        os.pwrite(fd, b"\x00\x01\x02", 60)

    monkeypatch.setattr(write_module, "drop_cache", rot)
    with pytest.raises(BackupInvalid, match="was not published: the disk gave back other bytes"):
        backup()
    assert listing(project / "backups") == set()


def test_a_backup_is_never_overwritten(backup: Backup) -> None:
    written = backup()
    before = written.path.read_bytes()
    with pytest.raises(MobiusError, match="exists already"):
        backup()
    assert written.path.read_bytes() == before


def test_a_name_that_is_not_utf8_is_refused(backup: Backup, project: Path) -> None:
    Path(os.fsdecode(os.fsencode(project / "release") + b"/\xff\xfe")).touch()
    with pytest.raises(MobiusError, match="its name is not UTF-8"):
        backup()


@pytest.mark.parametrize(
    "prefix", ["", "/abs", "a/../b", "MANIFEST.jsonl", "backup_metadata.json", "a\\b", "a//b"]
)
def test_a_prefix_that_is_no_plain_path_is_refused(project: Path, prefix: str) -> None:
    with pytest.raises(UsageError, match="backup prefix"):
        write_archive(project / "x.zip", [Source(prefix, project / "data")], {}, checksum_root=project)


def test_sources_that_meet_in_one_place_are_refused(project: Path) -> None:
    twice = [Source("data", project / "data"), Source("data/.env", project / "data" / ".env")]
    with pytest.raises(UsageError, match=r"would both be data/\.env in the backup"):
        write_archive(project / "x.zip", twice, {}, checksum_root=project)
    below = [Source("data", project / "data" / ".env"), Source("data/more", project / "release")]
    with pytest.raises(UsageError, match=r"which is not a directory"):
        write_archive(project / "x.zip", below, {}, checksum_root=project)


def test_a_missing_source_is_named(project: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing to back up at .*/gone"):
        write_archive(project / "x.zip", [Source("gone", project / "gone")], {}, checksum_root=project)


def test_too_little_disk_is_said_before_anything_is_written(
    backup: Backup, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.disk_usage(project)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: real._replace(free=4096))
    with pytest.raises(
        MobiusError, match=r"not enough disk for backup dhash.*: .* KiB needed, 4\.0 KiB free"
    ):
        backup()
    assert listing(project / "backups") == set()


def test_a_full_disk_publishes_nothing_and_says_so(project: Path) -> None:
    script = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        from mobius.archive import Source, write_archive
        from mobius.errors import MobiusError
        root = Path(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        try:
            write_archive(root / "backups" / "x.zip", [Source("r", root / "release")], {}, checksum_root=root)
        except MobiusError as error:
            print(error.message)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(project)], capture_output=True, text=True, env=child_environment()
    )
    assert done.stderr == ""
    assert done.stdout.startswith(
        f"the backup x.zip could not be written: the disk below {project}/backups is full"
    )
    assert listing(project / "backups") == set()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_really_full_disk_publishes_nothing_and_says_so(project: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(write_module, "require_free_disk", lambda *_: None)
            for number in range(2000):  # so that what lies beside the archive fills the disk, too
                (project / "release" / f"{number:04}").touch()
            with pytest.raises(MobiusError, match=r"the disk below .* is full") as caught:
                write_archive(small / "x.zip", [Source("r", project / "release")], {}, checksum_root=small)
        assert listing(small) == set()
        assert caught.value.__traceback__ is not None  # it is still held, with all that it refers to
    finally:
        # Nothing there is open any more: not even a file without a name.
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_a_folder_that_cannot_be_written_is_named() -> None:
    script = textwrap.dedent(
        """
        import fcntl, os, sys  # what is imported lazily may not be readable for another user
        from pathlib import Path
        from mobius.archive import Source, write_archive
        from mobius.errors import MobiusError
        root = Path(sys.argv[1])
        os.seteuid(65534)
        try:
            write_archive(root / "backups" / "x.zip", [Source("r", root / "release")], {}, checksum_root=root)
        except MobiusError as error:
            print(error.message)
            print(error.hint)
        """
    )
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        (Path(root) / "backups").mkdir()
        (Path(root) / "release").mkdir()
        command = [sys.executable, "-c", script, root]
        done = subprocess.run(command, capture_output=True, text=True, env=child_environment())
        assert done.stderr == ""
        first, second = done.stdout.splitlines()
        assert first.startswith("the backup x.zip could not be written: permission denied: ")
        assert second.startswith(f"let this user read and write {root}/backups")
        assert listing(Path(root, "backups")) == set()


def child_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
