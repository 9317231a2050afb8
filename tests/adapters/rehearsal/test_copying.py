"""Copies of files for one more boot: whole, apart from the original, and only where there is room."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from mobius.adapters.rehearsal.copying import copy_file, copy_folder
from mobius.errors import MobiusError


def test_a_copy_has_modes_links_and_times_and_is_apart_from_the_original(tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    (source / "inside").mkdir(parents=True)
    (source / "inside" / "run.sh").write_text("exit 0\n")
    (source / "inside" / "run.sh").chmod(0o750)
    os.utime(source / "inside" / "run.sh", (1000, 1000))
    (source / "away").symlink_to("/nowhere/at/all")
    copy_folder(source, copy, "a copy")
    there = copy / "inside" / "run.sh"
    assert (there.read_text(), there.stat().st_mode & 0o777, there.stat().st_mtime) == (
        "exit 0\n",
        0o750,
        1000,
    )
    assert (copy / "away").readlink() == Path("/nowhere/at/all")
    there.write_text("changed")
    assert (source / "inside" / "run.sh").read_text() == "exit 0\n"


def test_what_is_left_out_is_not_copied_and_needs_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    (source / "release").mkdir(parents=True)
    (source / "release" / "large").write_bytes(b"x" * 5000)
    (source / "data").write_bytes(b"y" * 500)
    free = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    copy_folder(source, copy, "a copy", {source / "release"})
    assert [path.name for path in copy.iterdir()] == ["data"]
    with pytest.raises(MobiusError, match=r"not enough disk for a copy: .* needed"):
        copy_folder(source, tmp_path / "second", "a copy")
    assert not (tmp_path / "second").exists()


def test_sockets_and_pipes_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    os.mkfifo(source / "pipe")
    monkeypatch.chdir(source)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("here.sock")
        (source / "file").touch()
        copy_folder(source, tmp_path / "copy", "a copy")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["file"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "secret").touch()

    def refused(one: str, other: str) -> None:
        raise PermissionError(13, "Permission denied", one)

    monkeypatch.setattr("mobius.adapters.rehearsal.copying.copy_file", refused)
    with pytest.raises(MobiusError, match=r"a copy could not be made: .*secret"):
        copy_folder(source, tmp_path / "copy", "a copy")


def test_a_file_keeps_its_content_where_blocks_cannot_be_shared(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(os.urandom(100_000))
    copy_file(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == (tmp_path / "one").read_bytes()
