"""Every flipped bit is found: by the checksum, and where that was made to fit, by structure, manifest and hashes."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from pathlib import Path

import pytest

from archive.test_round_trip import everything
from mobius.archive import Source, Written, extract_archive, sidecar_of, verify_archive, write_archive
from mobius.archive.damage import survey
from mobius.errors import BackupInvalid

MIB = 1 << 20


@pytest.fixture
def small(tmp_path: Path) -> Written:
    """A few kilobytes with everything that a member can be: chunked, packed, stored, empty, a link, two names."""
    data = tmp_path / "data"
    (data / "folder").mkdir(parents=True)
    (data / "folder/text").write_text("hello " * 30)
    (data / "noise").write_bytes(os.urandom(600))
    (data / "empty").touch()
    (data / "large").write_bytes(b"\0" * MIB + b"and more " * 300)
    (data / "link").symlink_to("noise")
    (data / "second name").hardlink_to(data / "noise")
    os.truncate(data / "large", MIB + 100_000)
    return write_archive(tmp_path / "b/x.zip", [Source("d", data)], {}, checksum_root=tmp_path)


def fit(path: Path, raw: bytes) -> None:
    """Write the archive and the checksum that fits, as somebody does who changes it on purpose."""
    path.write_bytes(raw)
    with sidecar_of(path).open("r+b") as sidecar:
        sidecar.write(hashlib.sha256(raw).hexdigest().encode())


def flips(small: Written, room: Path, bits: range) -> tuple[int, list[int]]:
    """How many flips were refused though the checksum fits, and which were not: those must be harmless."""
    whole = small.path.read_bytes()
    extract_archive(small.path, room / "right", trusted=True)
    right = everything(room / "right/d")
    refused, passed = 0, []
    for bit in bits:
        raw = bytearray(whole)
        raw[bit // 8] ^= 1 << bit % 8
        fit(small.path, raw)
        try:
            verify_archive(small.path)
        except BackupInvalid:
            refused += 1
            continue
        passed.append(bit)
        extract_archive(small.path, room / "out", trusted=True)
        assert everything(room / "out/d") == right, f"bit {bit} changes what comes out, and is not found"
        shutil.rmtree(room / "out")
    fit(small.path, whole)
    verify_archive(small.path)
    return refused, passed


def test_a_flip_with_a_fitting_checksum_changes_nothing_or_is_found(small: Written, tmp_path: Path) -> None:
    bits = range(0, small.size_bytes * 8, 31)
    refused, passed = flips(small, tmp_path, bits)
    assert refused + len(passed) == len(bits)
    assert len(passed) < len(bits) / 50


@pytest.mark.slow
def test_every_flip_with_a_fitting_checksum_changes_nothing_or_is_found(
    small: Written, tmp_path: Path
) -> None:
    bits = range(small.size_bytes * 8)
    _, passed = flips(small, tmp_path, bits)
    assert len(passed) < len(bits) / 50


@pytest.mark.slow
def test_every_flip_of_archive_and_checksum_is_found(small: Written) -> None:
    for path in (small.path, small.sidecar):
        whole = path.read_bytes()
        for bit in range(len(whole) * 8):
            raw = bytearray(whole)
            raw[bit // 8] ^= 1 << bit % 8
            path.write_bytes(raw)
            with pytest.raises(BackupInvalid):
                verify_archive(small.path)
        path.write_bytes(whole)
    verify_archive(small.path)


def large(tmp_path: Path) -> Written:
    data = tmp_path / "data"
    data.mkdir()
    dice = random.Random(1)
    for number in range(300):
        (data / f"{number}.json").write_text(f'{{"number": {number}}}\n' * dice.randrange(200))
    (data / "film").write_bytes(dice.randbytes(2 * MIB + 77))
    (data / "log").write_bytes(
        b"".join(b"%d GET /health 200\n" % dice.randrange(10**6) for _ in range(200_000))
    )
    return write_archive(tmp_path / "b/x.zip", [Source("d", data)], {}, checksum_root=tmp_path)


def spoilt(whole: bytes, dice: random.Random) -> bytes:
    """A flip, a few, or a cut."""
    if dice.random() < 0.2:
        return whole[: dice.randrange(len(whole))]
    raw = bytearray(whole)
    for _ in range(dice.choice([1, 1, 1, 2, 5])):
        raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    return bytes(raw)


def found_each(tmp_path: Path, times: int) -> None:
    written = large(tmp_path)
    whole, dice = written.path.read_bytes(), random.Random(2)
    for turn in range(times):
        raw = spoilt(whole, dice)
        if raw == whole:
            continue
        written.path.write_bytes(raw)
        with pytest.raises(BackupInvalid, match=r"does not match its SHA-256|is truncated"):
            verify_archive(written.path, deep=turn % 2 == 0)
        found = survey(written.path)
        assert found.damaged
        # No CRC-32 covers a name: the archive's own two may look like content.
        assert found.whole + found.lost <= written.manifest.paths + (0 if found.by_hash else 2)


def test_flips_and_cuts_of_a_larger_backup_are_found_and_surveyed(tmp_path: Path) -> None:
    found_each(tmp_path, 25)


@pytest.mark.slow
def test_ten_thousand_flips_and_cuts_of_a_larger_backup_are_found_and_surveyed(tmp_path: Path) -> None:
    found_each(tmp_path, 10_000)
