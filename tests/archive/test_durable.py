"""Writes stay written, locks die with their holders, and a full disk is said in words."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from mobius.archive import durable, renames
from mobius.archive.durable import folder_locked, human, in_words, lock_file, require_free_disk, sync_tree
from mobius.archive.renames import exchange, rename_exclusively
from mobius.errors import MobiusError


def no_libc() -> None:
    """A system without the calls that only Linux has."""


@pytest.mark.parametrize("with_syncfs", [True, False])
def test_every_file_and_folder_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_syncfs: bool
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    synced: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    if not with_syncfs:
        monkeypatch.setattr(durable, "libc", no_libc)
    sync_tree(tmp_path)
    if not with_syncfs:
        assert sorted(synced) == sorted(["a", "file", tmp_path.name])


def test_a_folders_lock_is_held_by_one(tmp_path: Path) -> None:
    with folder_locked(tmp_path):
        fd = os.open(tmp_path, os.O_RDONLY)
        try:
            assert not lock_file(fd, wait=False)
        finally:
            os.close(fd)
    with folder_locked(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_locked_itself_has_a_lock_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = lock_file

    def as_on_nfs(fd: int, *, wait: bool) -> bool:
        if Path(f"/proc/self/fd/{fd}").readlink() == tmp_path:
            raise OSError(errno.EBADF, "Bad file descriptor")
        return real(fd, wait=wait)

    monkeypatch.setattr(durable, "lock_file", as_on_nfs)
    with folder_locked(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize("with_renameat2", [True, False])
def test_an_exclusive_rename_never_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_renameat2: bool
) -> None:
    if not with_renameat2:
        monkeypatch.setattr(renames, "libc", no_libc)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(FileExistsError):
        rename_exclusively(tmp_path / "a", tmp_path / "b")
    rename_exclusively(tmp_path / "a", tmp_path / "c")
    assert {path.name for path in tmp_path.iterdir()} == {"b", "c"}


def test_an_exchange_is_not_pretended_where_the_system_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renames, "libc", no_libc)
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    assert not exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").read_text() == "a"


def test_errors_of_the_disk_say_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(
            MobiusError, match=r"x could not be made: the disk below .* is full \(.* free\)"
        ) as caught,
        in_words("x could not be made", tmp_path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.hint.endswith("nothing was published")
    denied = "x could not be made: permission denied: /here"
    with pytest.raises(MobiusError, match=denied) as caught, in_words("x could not be made", tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied", "/here")
    assert caught.value.hint == "let this user read and write /here"


def test_free_disk_is_compared_with_what_is_needed(tmp_path: Path) -> None:
    require_free_disk(tmp_path, 1, "a test")
    with pytest.raises(MobiusError, match=r"not enough disk for a test: .* TiB needed, .* free below"):
        require_free_disk(tmp_path, shutil.disk_usage(tmp_path).free + (1 << 50), "a test")


@pytest.mark.parametrize(
    ("size_bytes", "words"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (3 << 40, "3.0 TiB")]
)
def test_sizes_are_said_for_people(size_bytes: int, words: str) -> None:
    assert human(size_bytes) == words
