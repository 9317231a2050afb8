"""An archive is read from anywhere that gives bytes at an offset: little of it, and what is damaged is found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mobius.archive import Source, write_archive
from mobius.archive.ranged import restore_from
from mobius.archive.read_at import BLOCK_BYTES, BLOCKS, ReaderAt
from mobius.errors import BackupInvalid

MIB = 1 << 20


def archive(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "large.bin").write_bytes(os.urandom(20 * MIB))
    (tree / "small.txt").write_text("wanted")
    target = tmp_path / "backups" / "a.zip"
    target.parent.mkdir()
    write_archive(target, [Source("data", tree)], {}, checksum_root=tmp_path)
    return target


def test_a_small_file_is_restored_by_reading_little_of_a_large_archive(tmp_path: Path) -> None:
    content = archive(tmp_path).read_bytes()
    asked = list[tuple[int, int]]()

    def read(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return content[offset : offset + length]

    reader = ReaderAt(read, len(content))
    done = restore_from(reader, Path("a.zip"), ["data/small.txt"], tmp_path / "out")
    assert done.files == 1
    assert (tmp_path / "out" / "data" / "small.txt").read_text() == "wanted"
    assert reader.read_bytes == sum(length for _, length in asked) < 4 * MIB
    assert all(offset % BLOCK_BYTES == 0 for offset, _ in asked)


def test_a_large_file_comes_whole_and_memory_stays_bounded(tmp_path: Path) -> None:
    path = archive(tmp_path)
    content = path.read_bytes()
    reader = ReaderAt(lambda at, length: content[at : at + length], len(content))
    restore_from(reader, Path("a.zip"), ["data/large.bin"], tmp_path / "out")
    wanted = (tmp_path / "tree" / "large.bin").read_bytes()
    assert (tmp_path / "out" / "data" / "large.bin").read_bytes() == wanted
    assert len(reader._blocks) <= BLOCKS


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    content = bytearray(archive(tmp_path).read_bytes())
    content[10 * MIB] ^= 1
    reader = ReaderAt(lambda at, length: bytes(content[at : at + length]), len(content))
    with pytest.raises(BackupInvalid, match=r"backup a\.zip cannot be used: .*large\.bin"):
        restore_from(reader, Path("a.zip"), ["data/large.bin"], tmp_path / "out")
    assert not (tmp_path / "out" / "data").exists()


def test_what_became_shorter_while_it_was_read_is_truncated_and_not_waited_for(tmp_path: Path) -> None:
    content = archive(tmp_path).read_bytes()
    reader = ReaderAt(lambda at, length: content[: 5 * MIB][at : at + length], len(content))
    with pytest.raises(BackupInvalid, match="truncated"):
        restore_from(reader, Path("a.zip"), ["data/large.bin"], tmp_path / "out")
