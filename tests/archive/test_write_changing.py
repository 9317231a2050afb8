"""A file that changes while it is read is read again; one that keeps changing stops the backup by its name."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from mobius.archive import (
    Entry,
    Source,
    Written,
    opened_verified,
    write_archive,
)
from mobius.archive import packing as packing_module
from mobius.archive import write as write_module
from mobius.archive.survey import Survey
from mobius.errors import MobiusError

Backup = Callable[..., Written]


def entries_of(written: Written) -> dict[str, Entry]:
    with opened_verified(written.path) as opened:
        return {entry.path: entry for entry in opened.entries()}


def listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("size", [100_000, 3_000_000], ids=["whole", "chunked"])
def test_a_file_that_changes_once_is_read_again(
    project: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    film = project / "release" / "film.bin"
    film.write_bytes(os.urandom(size))
    inode, changes = film.stat().st_ino, iter([True, False])
    real = packing_module.identity

    def identity(seen: os.stat_result) -> tuple[int, int, int]:
        if seen.st_ino == inode and next(changes, False):
            return (-1, 0, 0)
        return real(seen)

    monkeypatch.setattr(packing_module, "identity", identity)
    written = write_archive(project / "x.zip", [Source("r", project / "release")], {}, checksum_root=project)
    with zipfile.ZipFile(written.path) as archive:
        assert archive.testzip() is None
        assert archive.read("r/film.bin") == film.read_bytes()
        assert json.loads(archive.read("backup_metadata.json"))["archive"]["contents"]["r"]["files"] == 5
    assert "r/film.bin" in entries_of(written)


@pytest.mark.parametrize(
    ("before", "after"), [(10, 5_000_000), (5_000_000, 10), (5_000_000, 2_000_000), (10, 0)]
)
def test_a_file_that_has_another_size_when_its_turn_comes_is_taken_as_it_is_then(
    project: Path, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    film = project / "release" / "film.bin"
    film.write_bytes(b"b" * before)
    changing_after_the_walk(monkeypatch, lambda: film.write_bytes(b"a" * after))
    written = write_archive(project / "x.zip", [Source("r", project / "release")], {}, checksum_root=project)
    with zipfile.ZipFile(written.path) as archive:
        assert archive.read("r/film.bin") == b"a" * after


def test_a_file_that_is_a_database_when_its_turn_comes_is_captured(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = project / "release" / "film.bin"
    changing_after_the_walk(monkeypatch, lambda: film.write_bytes((project / "data" / "app.db").read_bytes()))
    with closing(sqlite3.connect(project / "data" / "app.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    written = write_archive(project / "x.zip", [Source("r", project / "release")], {}, checksum_root=project)
    assert entries_of(written)["r/film.bin"].database


def test_a_file_that_became_a_link_stops_the_backup(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = project / "release" / "film.bin"

    def become_a_link() -> None:
        film.unlink()
        film.symlink_to("/etc/passwd")

    changing_after_the_walk(monkeypatch, become_a_link)
    with pytest.raises(
        MobiusError, match=r"film\.bin cannot be backed up: it changed while it was read, 5 times"
    ):
        write_archive(project / "x.zip", [Source("r", project / "release")], {}, checksum_root=project)
    assert "x.zip" not in listing(project)


@pytest.mark.parametrize("size", [10, 3_000_000], ids=["whole", "chunked"])
def test_a_file_that_differs_at_every_look_stops_the_backup_and_is_named(
    backup: Backup, project: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    (project / "data" / "busy.log").write_bytes(b"x" * size)
    inode, looks = (project / "data" / "busy.log").stat().st_ino, itertools.count()
    real = packing_module.identity

    def identity(seen: os.stat_result) -> tuple[int, int, int]:
        return (next(looks), 0, 0) if seen.st_ino == inode else real(seen)

    monkeypatch.setattr(packing_module, "identity", identity)
    with pytest.raises(MobiusError) as caught:
        backup()
    path = project / "data" / "busy.log"
    assert (
        caught.value.message == f"{path} cannot be backed up: it changed while it was read, 5 times in a row"
    )
    hint = "exclude it if it is a log or a cache (it would be data/busy.log), or stop what writes to it"
    assert caught.value.hint == hint
    assert listing(project / "backups") == set()


def test_a_file_that_keeps_changing_stops_the_backup_and_is_named(backup: Backup, project: Path) -> None:
    busy = project / "data" / "busy.log"
    busy.write_bytes(os.urandom(1 << 20) * 30)
    stop = threading.Event()

    def scribble() -> None:
        with busy.open("r+b", buffering=0) as file:
            while not stop.is_set():
                file.seek(0, 2)
                file.write(b"y")

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        with pytest.raises(
            MobiusError, match=r"busy\.log cannot be backed up: it changed while it was read, 5 times"
        ):
            backup()
    finally:
        stop.set()
        writer.join()
    assert listing(project / "backups") == set()


def changing_after_the_walk(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    class Changing(Survey):
        def __init__(self, sources: Sequence[Source], folder: Path) -> None:
            super().__init__(sources, folder)
            change()

    monkeypatch.setattr(write_module, "Survey", Changing)


@pytest.mark.parametrize("size", [10, 5_000_000], ids=["whole", "chunked"])
def test_a_file_that_goes_away_is_listed(project: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    film = project / "release" / "film.bin"
    film.write_bytes(b"x" * size)
    changing_after_the_walk(monkeypatch, film.unlink)
    written = write_archive(project / "x.zip", [Source("r", project / "release")], {}, checksum_root=project)
    assert [each.path for each in written.skipped] == ["r/film.bin"]
    assert "r/film.bin" not in entries_of(written)


def test_a_folder_that_goes_away_is_listed_with_what_it_held(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing_after_the_walk(monkeypatch, lambda: shutil.rmtree(project / "release" / "src"))
    written = write_archive(project / "x.zip", [Source("r", project / "release")], {}, checksum_root=project)
    assert {each.path for each in written.skipped} == {"r/src", "r/src/app.py"}
