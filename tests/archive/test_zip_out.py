"""The zip around the contents is one that every program reads, on both sides of every border of ZIP64."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from mobius.archive import Source, verify_archive, write_archive
from mobius.archive.zip_out import (
    CHUNKED_64_FROM,
    DEFLATED,
    ENTRIES_LIMIT,
    LIMIT_32,
    STORED,
    Member,
    descriptor,
    directory_record,
    end_records,
    local_header,
)

MIB = 1 << 20


def member(size: int = 5, *, chunked: bool = False, packed: int | None = None, mtime_ns: int = 0) -> Member:
    return Member(
        "dir/ünï".encode(), DEFLATED if chunked else STORED, 0x12345678, size if packed is None else packed, size,
        stat.S_IFREG | 0o640, mtime_ns, 1000, 70_000, chunked,
    )  # fmt: skip


def as_zipfile_reads(record: bytes, entries: int = 1) -> zipfile.ZipInfo:
    """The first record of a directory that starts at offset 0, as the standard library understands it."""
    with zipfile.ZipFile(
        io.BytesIO(record * entries + end_records(entries, 0, len(record) * entries))
    ) as archive:
        return archive.infolist()[0]


def test_a_record_says_name_mode_owner_and_time() -> None:
    record = directory_record(member(mtime_ns=1_700_000_000_999_999_999), 0)
    info = as_zipfile_reads(record)
    assert info.filename == "dir/ünï"
    assert (info.CRC, info.file_size, info.compress_size) == (0x12345678, 5, 5)
    assert info.create_system == 3
    assert info.external_attr >> 16 == stat.S_IFREG | 0o640
    assert info.extra == struct.pack("<HHBi", 0x5455, 5, 1, 1_700_000_000) + struct.pack(
        "<HHBBIBI", 0x7875, 11, 1, 4, 1000, 4, 70_000
    )
    assert info.flag_bits == 0x0800


def test_a_directory_is_marked_for_systems_without_modes() -> None:
    info = as_zipfile_reads(
        directory_record(Member(b"d/", STORED, 0, 0, 0, stat.S_IFDIR | 0o755, 0, 0, 0), 0)
    )
    assert info.is_dir()
    assert info.external_attr == (stat.S_IFDIR | 0o755) << 16 | 0x10


@pytest.mark.parametrize("seconds", [-(2**31) - 1, -(2**31), -1, 0, 2**31 - 1, 2**31, 2**33])
def test_a_time_that_32_bits_do_not_hold_is_left_to_the_manifest(seconds: int) -> None:
    made = member(mtime_ns=seconds * 10**9)
    fits = -(2**31) <= seconds < 2**31
    assert (b"UT\x05\x00" in local_header(made)) == fits
    assert (b"UT\x05\x00" in directory_record(made, 0)) == fits
    assert 1980 <= as_zipfile_reads(directory_record(made, 0)).date_time[0] <= 2107


@pytest.mark.parametrize(
    ("size", "packed", "offset", "wide"),
    [
        (LIMIT_32 - 1, LIMIT_32 - 1, LIMIT_32 - 1, 0),
        (LIMIT_32, 10, 0, 1),
        (10, 10, LIMIT_32, 1),
        (LIMIT_32 - 1, LIMIT_32, 7, 1),
        (LIMIT_32 + 5, LIMIT_32 + 9, 7, 2),
        (2**40, 2**39, 2**41, 3),
    ],
)  # fmt: skip
def test_a_record_is_widened_only_where_a_value_needs_it(
    size: int, packed: int, offset: int, wide: int
) -> None:
    record = directory_record(member(size, chunked=True, packed=packed), offset)
    extra = record[46 + len("dir/ünï".encode()) :]
    assert extra.startswith(struct.pack("<HH", 1, 8 * wide)) == bool(wide)
    # The standard library moves offsets by what it takes for bytes before the archive, so the fields are read here.
    size_there, packed_there = struct.unpack_from("<2I", record, 20)[::-1]
    values = [size_there, packed_there, struct.unpack_from("<I", record, 42)[0]]
    at = 46 + len("dir/ünï".encode()) + 4
    for place in range(3):
        if values[place] == LIMIT_32:
            values[place], at = struct.unpack_from("<Q", record, at)[0], at + 8
    version = struct.unpack_from("<H", record, 6)[0]
    assert values == [size, packed, offset]
    assert version == (45 if wide or size >= CHUNKED_64_FROM else 20)


@pytest.mark.parametrize(("size", "bytes_"), [(CHUNKED_64_FROM - 1, 16), (CHUNKED_64_FROM, 24), (2**40, 24)])
def test_a_descriptor_is_wide_when_the_header_promised_it(size: int, bytes_: int) -> None:
    made = member(size, chunked=True, packed=77)
    header = local_header(made)
    version, flags = struct.unpack_from("<2H", header, 4)
    assert (version, flags) == (45 if bytes_ == 24 else 20, 0x0808)
    assert struct.unpack_from("<3I", header, 14) == (0, 0, 0)
    assert (struct.pack("<HHQQ", 1, 16, 0, 0) in header) == (bytes_ == 24)
    assert len(descriptor(made)) == bytes_
    form = "<4sIQQ" if bytes_ == 24 else "<4sIII"
    assert struct.unpack(form, descriptor(made)) == (b"PK\x07\x08", 0x12345678, 77, size)


@pytest.mark.parametrize(
    ("entries", "offset", "size", "wide"),
    [
        (1, 0, 46, False),
        (ENTRIES_LIMIT, 0, LIMIT_32 - 1, False),
        (ENTRIES_LIMIT, LIMIT_32 - 1, 46, False),
        (ENTRIES_LIMIT + 1, 0, 46, True),
        (1, LIMIT_32, 46, True),
        (1, 0, LIMIT_32, True),
        (10**7, 2**40, 2**33, True),
    ],
)  # fmt: skip
def test_the_end_is_widened_only_where_a_number_needs_it(
    entries: int, offset: int, size: int, wide: bool
) -> None:
    end = end_records(entries, offset, size)
    small = struct.unpack("<4s4H2IH", end[-22:])
    assert small[0] == b"PK\x05\x06"
    if not wide:
        assert len(end) == 22
        assert small[3:] == (entries, entries, size, offset, 0)
        return
    assert struct.unpack("<4sIQI", end[56:76]) == (b"PK\x06\x07", 0, offset + size, 1)
    big = struct.unpack("<4sQ2H2I4Q", end[:56])
    assert big == (b"PK\x06\x06", 44, 3 << 8 | 45, 45, 0, 0, entries, entries, size, offset)
    assert small[4:7] == (min(entries, 0xFFFF), min(size, LIMIT_32), min(offset, LIMIT_32))


def accepted_by_all(path: Path, members: int) -> None:
    """unzip, bsdtar and the standard library read the archive to its end and find what was put in."""
    if unzip := shutil.which("unzip"):
        done = subprocess.run([unzip, "-tqq", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    if bsdtar := shutil.which("bsdtar"):
        done = subprocess.run([bsdtar, "-tf", path], capture_output=True, text=True)
        assert (done.returncode, len(done.stdout.splitlines())) == (0, members), done.stderr
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert len(archive.infolist()) == members


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 17])
def test_sizes_around_a_chunk_come_back(tmp_path: Path, size: int) -> None:
    (tmp_path / "data").mkdir()
    contents = {"noise": os.urandom(size), "text": (b"0123456789abcde\n" * (size // 16 + 1))[:size]}
    for name, content in contents.items():
        (tmp_path / "data" / name).write_bytes(content)
    written = write_archive(
        tmp_path / "x.zip", [Source("data", tmp_path / "data")], {}, checksum_root=tmp_path
    )
    accepted_by_all(written.path, 5)
    with zipfile.ZipFile(written.path) as archive:
        for name, content in contents.items():
            info = archive.getinfo(f"data/{name}")
            assert archive.read(info) == content
            assert bool(info.flag_bits & 8) == (size > MIB)
            assert info.compress_size <= size + 5 * (size // 0xFFFF + 1 + size // MIB) + 2
    assert verify_archive(written.path).files == 2


def test_members_stand_one_behind_the_other_in_order(tmp_path: Path) -> None:
    for name in ("a/z", "a!", "a.b/c", "a/b/c", "ab"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * (MIB + 5))
    written = write_archive(tmp_path / "x.zip", [Source("d", tmp_path / "data")], {}, checksum_root=tmp_path)
    with zipfile.ZipFile(written.path) as archive:
        names = [info.filename for info in archive.infolist()]
        lines = [json.loads(line) for line in archive.read("MANIFEST.jsonl").splitlines()]
    assert names == [
        "d/", "d/a/", "d/a/b/", "d/a/b/c", "d/a/z", "d/a!", "d/a.b/", "d/a.b/c", "d/ab", "backup_metadata.json",
        "MANIFEST.jsonl",
    ]  # fmt: skip
    assert [line["path"] + "/" * (line["kind"] == "directory") for line in lines] == names[:-2]


@pytest.mark.slow
@pytest.mark.parametrize("files", [ENTRIES_LIMIT - 3, ENTRIES_LIMIT - 2, 70_000])
def test_more_members_than_16_bits_count(tmp_path: Path, files: int) -> None:
    """With the folder and the archive's own two: 65,534, 65,535 and many more."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(files):
        (folder / f"{number:06}").touch()
    written = write_archive(tmp_path / "x.zip", [Source("d", folder)], {}, checksum_root=tmp_path)
    assert written.manifest.files == files
    has_zip64 = written.path.read_bytes()[-42:].startswith(b"PK\x06\x07")
    assert has_zip64 == (files + 3 > ENTRIES_LIMIT)
    accepted_by_all(written.path, files + 3)


@pytest.mark.slow
def test_files_of_four_gigabytes_and_a_bit_less(tmp_path: Path) -> None:
    sizes = {"narrow": CHUNKED_64_FROM - 1, "wide": CHUNKED_64_FROM, "full": LIMIT_32, "more": LIMIT_32 + 5}
    for name, size in sizes.items():
        (tmp_path / "data").mkdir(exist_ok=True)
        with (tmp_path / "data" / name).open("wb") as file:
            file.truncate(size)
    written = write_archive(tmp_path / "x.zip", [Source("d", tmp_path / "data")], {}, checksum_root=tmp_path)
    assert written.manifest.size_bytes == sum(sizes.values())
    accepted_by_all(written.path, 7)
    with zipfile.ZipFile(written.path) as archive:
        assert {name: archive.getinfo(f"d/{name}").file_size for name in sizes} == sizes


@pytest.mark.slow
def test_members_beyond_four_gigabytes_are_found(tmp_path: Path) -> None:
    if shutil.disk_usage(tmp_path).free < 10 << 30:
        pytest.skip("needs 10 GB of disk")
    noise = os.urandom(MIB)
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "a").open("wb") as file:
        for _ in range(4200):
            file.write(noise)
    (tmp_path / "data" / "b").write_bytes(b"behind it")
    (tmp_path / "data" / "c").write_bytes(noise + noise)
    written = write_archive(tmp_path / "x.zip", [Source("d", tmp_path / "data")], {}, checksum_root=tmp_path)
    accepted_by_all(written.path, 6)
    with zipfile.ZipFile(written.path) as archive:
        assert archive.getinfo("d/b").header_offset > LIMIT_32
        assert archive.read("d/b") == b"behind it"
        assert archive.read("d/c") == noise + noise
