"""A backup holds everything, says what it left out, and other programs can read it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable
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


def test_the_sidecar_is_one_line_of_hash_and_name(backup: Backup) -> None:
    written = backup()
    assert sidecar_of(written.path) == written.sidecar
    assert written.sidecar.read_bytes() == f"{written.sha256}  backups/{written.path.name}\n".encode()
