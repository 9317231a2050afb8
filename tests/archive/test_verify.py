"""A backup that is not what was published is refused, with words that say what is wrong."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mobius.archive import (
    Manifest,
    Source,
    Written,
    read_metadata,
    sidecar_of,
    verify_archive,
    write_archive,
)
from mobius.errors import BackupInvalid

Backup = Callable[..., Written]


def refused(path: Path) -> BackupInvalid:
    with pytest.raises(BackupInvalid) as caught:
        verify_archive(path)
    assert caught.value.hint == "try: mobius backup list --verified"
    assert caught.value.exit_code == 11
    return caught.value


def resign(path: Path) -> None:
    """What somebody does who changes a backup on purpose: make the sidecar fit."""
    with sidecar_of(path).open("r+b") as sidecar:
        sidecar.write(hashlib.sha256(path.read_bytes()).hexdigest().encode())


def put(path: Path, place: int, value: int) -> None:
    """Write one byte in place, which is much cheaper than the whole file."""
    with path.open("r+b", buffering=0) as file:
        file.seek(place)
        file.write(bytes([value]))


def test_a_whole_backup_gives_its_manifest(backup: Backup) -> None:
    written = backup()
    for deep in (True, False):
        manifest = verify_archive(written.path, deep=deep)
        assert isinstance(manifest, Manifest)
        assert manifest.archive_sha256 == written.sha256
        assert manifest == written.manifest


def test_a_missing_backup_is_named(tmp_path: Path) -> None:
    error = refused(tmp_path / "gone.zip")
    assert error.message == f"backup gone.zip cannot be used: {tmp_path}/gone.zip does not exist"


def test_a_missing_sidecar_is_named(backup: Backup) -> None:
    written = backup("x.zip")
    written.sidecar.unlink()
    assert (
        refused(written.path).message == "backup x.zip cannot be used: its checksum x.zip.sha256 is missing"
    )


def test_an_empty_sidecar_is_named(backup: Backup) -> None:
    written = backup("x.zip")
    written.sidecar.write_text("")
    assert refused(written.path).message == "backup x.zip cannot be used: its checksum x.zip.sha256 is empty"


def test_a_sidecar_for_another_name_is_refused(backup: Backup) -> None:
    one, other = backup("one.zip"), backup("other.zip")
    other.path.write_bytes(one.path.read_bytes())
    other.sidecar.write_bytes(one.sidecar.read_bytes())
    expected = "backup other.zip cannot be used: its checksum is that of another file, backups/one.zip"
    assert refused(other.path).message == expected


def test_a_renamed_backup_is_refused(backup: Backup) -> None:
    written = backup("x.zip")
    renamed = written.path.rename(written.path.with_name("y.zip"))
    written.sidecar.rename(sidecar_of(renamed))
    assert "its checksum is that of another file, backups/x.zip" in refused(renamed).message


def test_a_backup_moved_to_another_folder_is_accepted(backup: Backup, tmp_path: Path) -> None:
    written = backup("x.zip")
    moved = written.path.rename(tmp_path / "x.zip")
    written.sidecar.rename(sidecar_of(moved))
    assert verify_archive(moved).archive_sha256 == written.sha256


def test_a_sidecar_made_by_sha256sum_inside_the_folder_is_accepted(backup: Backup) -> None:
    written = backup("x.zip")
    written.sidecar.write_text(f"{written.sha256}  x.zip\n")
    assert verify_archive(written.path).archive_sha256 == written.sha256


def test_damaged_content_is_named_with_both_hashes(backup: Backup, project: Path) -> None:
    written = backup("x.zip")
    raw = bytearray(written.path.read_bytes())
    at = raw.index((project / "release/film.bin").read_bytes())
    raw[at + 5000] ^= 1
    written.path.write_bytes(raw)
    error = refused(written.path)
    assert str(error) == "\n".join(
        [
            "backup x.zip cannot be used: it does not match its SHA-256",
            f"  expected {written.sha256}",
            f"  found    {hashlib.sha256(raw).hexdigest()}",
            f"  damaged  release/film.bin: bytes 0 to 100000 (bytes {at} to {at + 100_000} of the archive): "
            "it does not match its SHA-256",
        ]
    )


def test_a_truncated_backup_is_called_truncated(backup: Backup) -> None:
    written = backup("x.zip")
    whole = written.path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        written.path.write_bytes(whole[:length])
        assert (
            refused(written.path).message
            == "backup x.zip cannot be used: it is truncated: its end is missing"
        )


def test_every_flipped_bit_of_a_small_backup_and_of_its_sidecar_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("hello")
    small = write_archive(
        tmp_path / "b" / "x.zip", [Source("d", tmp_path / "data")], {}, checksum_root=tmp_path
    )
    assert small.size_bytes <= 2048
    for path in (small.path, small.sidecar):
        whole = path.read_bytes()
        for place, right in enumerate(whole):
            for bit in range(8):
                put(path, place, right ^ 1 << bit)
                with pytest.raises(BackupInvalid):
                    verify_archive(small.path, deep=False)
            put(path, place, right)
    verify_archive(small.path)


def test_a_foreign_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"a")
    sidecar_of(path).write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  x.zip\n")
    assert "it is not a backup made by mobius" in refused(path).message


def test_a_folder_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "x.zip").mkdir()
    assert "it cannot be read" in refused(tmp_path / "x.zip").message


def test_metadata_can_be_read_without_a_sidecar(backup: Backup) -> None:
    written = backup(git_commit="abc")
    written.sidecar.unlink()
    assert read_metadata(written.path)["git_commit"] == "abc"
    written.path.write_bytes(os.urandom(100))
    with pytest.raises(BackupInvalid, match=r"cannot be used: it is truncated: its end is missing"):
        read_metadata(written.path)
