"""A backup holds everything, says what it left out, and other programs can read it."""

from __future__ import annotations

import itertools
import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
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
    estimate,
    opened_verified,
    sidecar_of,
    verify_archive,
    write_archive,
)
from mobius.archive import packing as packing_module
from mobius.archive import write as write_module
from mobius.archive.survey import Survey
from mobius.errors import BackupInvalid, MobiusError, UsageError

Backup = Callable[..., Written]


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def entries_of(written: Written) -> dict[str, Entry]:
    with opened_verified(written.path) as opened:
        return {entry.path: entry for entry in opened.entries()}


def listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_backup_holds_every_file_directory_and_link_with_mode_and_time(
    backup: Backup, project: Path
) -> None:
    written = backup()
    entries = entries_of(written)
    assert set(entries) == {
        "data", "data/.env", "data/app.db", "release", "release/current.py", "release/empty", "release/film.bin",
        "release/nothing", "release/run.sh", "release/src", "release/src/app.py", "release/üñí.txt",
    }  # fmt: skip
    assert entries["release/run.sh"].mode == 0o750
    assert entries["data/.env"].mode == 0o600
    assert entries["release/src/app.py"].mtime_ns == 1_700_000_000_123_456_789
    assert entries["release/current.py"].link_target == "src/app.py"
    assert entries["release/empty"].kind == "directory"
    assert entries["data/app.db"].database
    assert written.manifest.files == 7
    assert verify_archive(written.path) == written.manifest


def test_metadata_keeps_what_was_given_and_says_what_is_inside(backup: Backup, project: Path) -> None:
    written = backup(git_commit="abc", environment="production")
    with zipfile.ZipFile(written.path) as archive:
        metadata = json.loads(archive.read("backup_metadata.json"))
    assert metadata["git_commit"] == "abc"
    assert metadata["environment"] == "production"
    assert metadata["archive"]["published_as"] == "backups/dhash_20240601_120000.zip"
    assert metadata["archive"]["contents"]["data"]["files"] == 2
    database = metadata["archive"]["databases"]["data/app.db"]
    assert (database["integrity"], database["foreign_key_violations"]) == ("ok", 0)
    assert database["tables"] == {"note": 100}


def test_unzip_accepts_a_backup(backup: Backup) -> None:
    done = subprocess.run([tool("unzip"), "-t", backup().path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No errors detected" in done.stdout


def test_unzip_restores_links_and_modes(backup: Backup, tmp_path: Path) -> None:
    subprocess.run([tool("unzip"), "-q", backup().path, "-d", tmp_path / "out"], check=True)
    assert (tmp_path / "out/release/current.py").readlink() == Path("src/app.py")
    assert (tmp_path / "out/release/run.sh").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize(
    ("folder", "name"),
    [(".", "backups/x.zip"), ("backups", "x.zip"), (".", "backups/staging/x.zip"), ("backups", "staging/x.zip"),
     ("backups/staging", "x.zip"), (".", "x.zip")],
)  # fmt: skip
def test_sha256sum_accepts_the_sidecar_from_root_and_inside(project: Path, folder: str, name: str) -> None:
    target = project / folder / name
    write_archive(target, [Source("data", project / "data")], {}, checksum_root=project)
    command = [tool("sha256sum"), "-c", name + ".sha256"]
    done = subprocess.run(command, cwd=project / folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_sha256sum_accepts_the_sidecar_outside_the_project(project: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "x.zip"
    write_archive(target, [Source("data", project / "data")], {}, checksum_root=project)
    for folder in (project, tmp_path / "elsewhere"):
        subprocess.run(
            [tool("sha256sum"), "-c", str(target) + ".sha256"], cwd=folder, check=True, capture_output=True
        )


def test_a_backup_is_private(backup: Backup) -> None:
    assert backup().path.stat().st_mode & 0o777 == 0o600


def test_only_the_backup_and_its_checksum_are_left_in_the_folder(backup: Backup, project: Path) -> None:
    written = backup()
    assert listing(project / "backups") == {written.path.name, written.sidecar.name, "backups"}


def test_sockets_and_pipes_are_left_out_and_listed(
    backup: Backup, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(project / "release" / "pipe")
    monkeypatch.chdir(project / "release")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind("sock")
        written = backup()
    assert {(each.path, each.reason) for each in written.skipped} == {
        ("release/pipe", "a pipe"),
        ("release/sock", "a socket"),
    }


def test_excluded_names_and_paths_are_left_out(project: Path) -> None:
    for name in ("node_modules/a/b.js", "src/cache/x", "logs/a.log", "src/b.log"):
        path = project / "release" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    source = Source("release", project / "release", ("node_modules", "*.log", "src/cache"))
    written = write_archive(project / "x.zip", [source], {}, checksum_root=project)
    paths = set(entries_of(written))
    assert not [path for path in paths if "node_modules" in path or path.endswith(".log") or "cache" in path]
    assert "release/src/app.py" in paths


def test_a_single_file_is_stored_as_its_prefix(project: Path) -> None:
    source = Source("config/.env", project / "data" / ".env")
    written = write_archive(project / "x.zip", [source], {}, checksum_root=project)
    assert list(entries_of(written)) == ["config/.env"]


def test_links_are_recorded_and_never_followed(project: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    (project / "release" / "out").symlink_to(tmp_path / "outside")
    (project / "release" / "dangling").symlink_to("nowhere")
    written = write_archive(project / "x.zip", [Source("r", project / "release")], {}, checksum_root=project)
    entries = entries_of(written)
    assert entries["r/out"].kind == entries["r/dangling"].kind == "symlink"
    assert "r/out/secret" not in entries


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


def test_many_databases_are_captured_and_none_is_left_lying(project: Path) -> None:
    for number in range(7):
        with closing(sqlite3.connect(project / "data" / f"{number}.db")) as db:
            db.execute("CREATE TABLE t (a)")
            db.execute("INSERT INTO t VALUES (zeroblob(?))", (number * 400_000,))
            db.commit()
    (project / "data" / "3-again.db").hardlink_to(project / "data" / "3.db")
    written = write_archive(
        project / "b" / "x.zip", [Source("d", project / "data")], {}, checksum_root=project
    )
    entries = entries_of(written)
    assert sum(entry.database for entry in entries.values()) == 9
    assert entries["d/3.db"].link == "d/3-again.db"
    with zipfile.ZipFile(written.path) as archive:
        facts = json.loads(archive.read("backup_metadata.json"))["archive"]["databases"]
        assert archive.read("d/3.db") == archive.read("d/3-again.db")
    assert set(facts) == {path for path, entry in entries.items() if entry.database and not entry.link}
    assert all(fact["integrity"] == "ok" for fact in facts.values())
    assert listing(project / "b") == {"x.zip", "x.zip.sha256", "b"}


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


def test_databases_are_known_by_their_content_and_their_companions_left_out(project: Path) -> None:
    data = project / "data"
    with closing(sqlite3.connect(data / "picture.png")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (a)")
        db.execute("INSERT INTO t VALUES (1)")
        db.commit()
        (data / "other-wal").write_text("an honest file")
        written = write_archive(project / "x.zip", [Source("data", data)], {}, checksum_root=project)
    entries = entries_of(written)
    assert entries["data/picture.png"].database
    assert "data/other-wal" in entries
    assert not {"data/picture.png-wal", "data/picture.png-shm"} & set(entries)
    with zipfile.ZipFile(written.path) as archive:
        copy = project / "copy.db"
        copy.write_bytes(archive.read("data/picture.png"))
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT a FROM t").fetchall() == [(1,)]


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


def test_progress_ends_at_the_total(project: Path) -> None:
    told: list[tuple[int, int]] = []
    sources = [Source("release", project / "release")]
    write_archive(
        project / "x.zip",
        sources,
        {},
        checksum_root=project,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == sorted(told)
    assert told[-1] == (estimate(sources).size_bytes, estimate(sources).size_bytes)


def test_estimate_counts_files_and_bytes(project: Path) -> None:
    found = estimate([Source("release", project / "release")])
    assert found.files == 5
    assert found.size_bytes == sum(
        path.stat().st_size
        for path in (project / "release").rglob("*")
        if path.is_file() and not path.is_symlink()
    )


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


def test_the_sidecar_is_one_line_of_hash_and_name(backup: Backup) -> None:
    written = backup()
    assert sidecar_of(written.path) == written.sidecar
    assert written.sidecar.read_bytes() == f"{written.sha256}  backups/{written.path.name}\n".encode()
