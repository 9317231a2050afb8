"""A backup comes out as it went in, whole or not at all, and never outside of its folder."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mobius.archive import Source, Written, extract_archive, write_archive
from mobius.archive import extract as extract_module
from mobius.archive import zip_in_filling as filling_module
from mobius.errors import BackupInvalid, MobiusError, UsageError

Backup = Callable[..., Written]


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything that a restore must bring back, by relative path."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        seen = path.lstat()
        name = path.relative_to(root).as_posix()
        if stat.S_ISLNK(seen.st_mode):
            found[name] = ("link", str(path.readlink()), seen.st_mtime_ns)
        elif stat.S_ISDIR(seen.st_mode):
            found[name] = ("directory", stat.S_IMODE(seen.st_mode), seen.st_mtime_ns)
        else:
            found[name] = ("file", path.read_bytes(), stat.S_IMODE(seen.st_mode), seen.st_mtime_ns)
    return found


def test_a_tree_comes_back_byte_for_byte_with_modes_times_and_links(backup: Backup, project: Path) -> None:
    (project / "release" / "src").chmod(0o2750)
    (project / "release" / "locked").mkdir()
    (project / "release" / "locked" / "file").write_text("x")
    (project / "release" / "locked").chmod(0o555)
    extracted = extract_archive(backup().path, project / "out")
    assert tree(project / "out" / "release") == tree(project / "release")
    assert extracted.path == project / "out"
    assert extracted.size_bytes == extracted.manifest.size_bytes
    assert (extracted.paths, extracted.files) == (extracted.manifest.paths, extracted.manifest.files)
    assert extracted.not_restored == ()
    assert not list(project.glob(".out*"))


def test_a_database_comes_back_with_its_rows(backup: Backup, project: Path) -> None:
    extract_archive(backup().path, project / "out")
    with closing(sqlite3.connect(project / "out/data/app.db")) as db:
        assert db.execute("SELECT count(*) FROM note").fetchone() == (100,)


def test_only_the_named_prefixes_are_extracted(backup: Backup, project: Path) -> None:
    extracted = extract_archive(backup().path, project / "out", prefixes=["data"])
    assert {path.name for path in (project / "out").iterdir()} == {"data"}
    found = {path.relative_to(project / "out").as_posix() for path in (project / "out").rglob("*")}
    assert found == {"data", "data/.env", "data/app.db"}
    assert (extracted.paths, extracted.files) == (3, 2)


def test_an_unknown_prefix_is_refused_with_those_there_are(backup: Backup, project: Path) -> None:
    with pytest.raises(UsageError, match="holds nothing below 'dat'") as caught:
        extract_archive(backup().path, project / "out", prefixes=["dat"])
    assert caught.value.hint == "it holds: data, release"


def test_nothing_is_extracted_onto_what_exists(backup: Backup, project: Path) -> None:
    (project / "out").mkdir()
    with pytest.raises(MobiusError, match="out exists already"):
        extract_archive(backup().path, project / "out")
    assert list((project / "out").iterdir()) == []


def test_a_damaged_backup_is_not_extracted(backup: Backup, project: Path) -> None:
    written = backup()
    raw = bytearray(written.path.read_bytes())
    raw[-1] ^= 1
    written.path.write_bytes(raw)
    with pytest.raises(BackupInvalid):
        extract_archive(written.path, project / "out")
    assert not (project / "out").exists()


def test_a_failure_in_the_middle_leaves_nothing(
    backup: Backup, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    written = backup()
    before = sorted(project.iterdir())
    monkeypatch.setattr(filling_module, "_write", fail)
    with pytest.raises(MobiusError, match=r"could not be extracted to .*: the disk below"):
        extract_archive(written.path, project / "out")
    assert sorted(project.iterdir()) == before


def test_too_little_disk_is_said_before_anything_is_written(
    backup: Backup, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = backup()

    def refuse(folder: Path, needed_bytes: int, purpose: str) -> None:
        assert needed_bytes > written.manifest.size_bytes
        raise MobiusError(f"not enough disk for {purpose}")

    monkeypatch.setattr(extract_module, "require_free_disk", refuse)
    with pytest.raises(MobiusError, match="not enough disk for extracting dhash"):
        extract_archive(written.path, project / "out")
    assert not list(project.glob("*out*"))


def test_what_a_dead_extraction_left_is_removed_by_the_next(backup: Backup, project: Path) -> None:
    left = project / ".out.dead.staging" / "release"
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    extract_archive(backup().path, project / "out")
    assert not list(project.glob(".*"))


def test_a_backup_of_a_virtual_environment_needs_trust(backup: Backup, project: Path) -> None:
    (project / "release" / "python").symlink_to("/usr/bin/python3")
    written = backup()
    with pytest.raises(BackupInvalid, match="leads out of the destination") as caught:
        extract_archive(written.path, project / "out")
    assert caught.value.hint == "if you know that this backup is your own, extract it as trusted"
    extract_archive(written.path, project / "out", trusted=True)
    assert (project / "out/release/python").readlink() == Path("/usr/bin/python3")


def test_a_release_with_twins_comes_back_when_trusted(project: Path) -> None:
    (project / "release" / "README").write_text("one")
    (project / "release" / "Readme").write_text("two")
    written = write_archive(project / "x.zip", [Source("r", project / "release")], {}, checksum_root=project)
    extract_archive(written.path, project / "out", trusted=True)
    assert (project / "out/r/README").read_text() + (project / "out/r/Readme").read_text() == "onetwo"
    assert os.path.lexists(project / "out/r/current.py")
