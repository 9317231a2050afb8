"""Sizes and offsets past 4 GiB are read as the format has them: ZIP64 in the header, the directory and the end."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import BinaryIO

import pytest

from archive.by_hand import MIB, WIDE, Member, Piece, extras, member_of, own, sidecar
from mobius.archive.damage import survey
from mobius.archive.ranged import restore_only

CHUNKS = 4200
ZEROS = bytes(MIB)

pytestmark = pytest.mark.slow


def write_zeros(file: BinaryIO) -> int:
    """A mebibyte of zeros in stored blocks, of which only the headers take space on the disk."""
    begin = file.tell()
    for start in range(0, MIB, 65535):
        length = min(65535, MIB - start)
        file.write(struct.pack("<BHH", 0, length, length ^ 0xFFFF))
        file.seek(length, os.SEEK_CUR)
    return file.tell() - begin


def shifted(member: Member, offset: int) -> None:
    """A member behind 4 GiB: its offset is in a ZIP64 field."""
    member.central["extra"] = struct.pack("<HHQ", 1, 8, offset) + member.central["extra"]
    member.central |= {"offset": WIDE, "needed": 45}
    if member.line is not None:
        member.line |= {"at": offset + len(member.header()), "packed": len(member.data)}


def huge(path: Path) -> None:
    """`a`, 4,200 MiB of zeros in chunks, then `b`."""
    piece = Piece("a", b"")
    size, crc, digest = CHUNKS * MIB, 0, hashlib.sha256(ZEROS)
    for _ in range(CHUNKS):
        crc = zlib.crc32(ZEROS, crc)
    a = member_of(piece)
    zip64 = struct.pack("<HHQQ", 1, 16, 0, 0)
    a.local |= {
        "flags": 0x0808,
        "needed": 45,
        "crc": 0,
        "packed": 0,
        "size": 0,
        "extra": extras(piece) + zip64,
    }
    with path.open("wb") as file:
        file.write(a.header())
        chunk_bytes = [write_zeros(file) for _ in range(CHUNKS)]
        file.write(b"\x03\x00")
        packed = sum(chunk_bytes) + 2
        file.write(struct.pack("<4sIQQ", b"PK\x07\x08", crc, packed, size))
        a.central |= {
            "flags": 0x0808, "needed": 45, "crc": crc, "packed": WIDE, "size": WIDE, "offset": 0,
            "extra": struct.pack("<HHQQ", 1, 16, size, packed) + extras(piece),
        }  # fmt: skip
        assert a.line is not None
        a.line |= {
            "size": size, "sha256": hashlib.sha256(digest.digest() * CHUNKS).hexdigest(), "holes": [[0, size]],
            "chunks": [[each, digest.hexdigest()] for each in chunk_bytes], "at": len(a.header()), "packed": packed,
        }  # fmt: skip
        members = [a]
        facts = json.dumps({"archive": {"format": 2, "published_as": path.name}}).encode()
        for name, content in (("b", b"behind it"), ("backup_metadata.json", facts), ("MANIFEST.jsonl", b"")):
            if name == "MANIFEST.jsonl":
                lines = [json.dumps(each.line) for each in members if each.line is not None]
                content = "".join(line + "\n" for line in lines).encode()
            member = member_of(Piece(name, content)) if name == "b" else own(name, content)
            shifted(member, file.tell())
            file.write(member.header() + member.data + member.descriptor)
            members.append(member)
        at = file.tell()
        directory = b"".join(member.record() for member in members)
        end = at + len(directory)
        fields = (44, 3 << 8 | 45, 45, 0, 0, 4, 4, len(directory), at)
        file.write(directory + struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", *fields))
        file.write(struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1))
        file.write(struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 4, 4, len(directory), WIDE, 0))


MEASURED = """
import os, resource, sys
os.cpu_count = lambda: 8
from pathlib import Path
from mobius.archive import extract_archive, verify_archive
path = Path(sys.argv[1])
assert verify_archive(path).size_bytes == int(sys.argv[2])
extract_archive(path, path.with_name("out"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_a_file_and_a_place_behind_4_gib_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    huge(path)
    sidecar(path)
    listed = subprocess.run(["unzip", "-l", path], capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    # A child's peak begins at that of whoever forked it, so a small process stands between.
    between = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    size = str(CHUNKS * MIB + len(b"behind it"))
    command = [sys.executable, "-c", between, sys.executable, "-c", MEASURED, str(path), size]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 128
    assert (tmp_path / "out/a").stat().st_size == CHUNKS * MIB
    assert (tmp_path / "out/a").stat().st_blocks < 2048
    assert (tmp_path / "out/b").read_bytes() == b"behind it"
    assert survey(path).whole == 2
    restore_only(path, ["b"], tmp_path / "one")
    assert (tmp_path / "one/b").read_bytes() == b"behind it"
