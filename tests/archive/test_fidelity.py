"""All that a path is, is in the backup, and nothing is in it that the path was not at one moment."""

from __future__ import annotations

import base64
import errno
import json
import os
import shutil
import stat
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mobius.archive import Source, Written, write_archive
from mobius.archive import reading as reading_module
from mobius.archive.reading import holes_of

MIB = 1 << 20
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def backed_up(folder: Path) -> tuple[Written, dict[str, dict[str, Any]]]:
    """A backup of `folder` as `d`, and the lines of its manifest by path."""
    target = folder.parent / "backups" / f"{len(list(folder.parent.glob('backups/*')))}.zip"
    written = write_archive(target, [Source("d", folder)], {}, checksum_root=folder.parent)
    with zipfile.ZipFile(written.path) as archive:
        lines = [json.loads(line) for line in archive.read("MANIFEST.jsonl").splitlines()]
    return written, {line["path"]: line for line in lines}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


def test_time_to_the_nanosecond_and_mode_are_kept(folder: Path) -> None:
    (folder / "f").write_text("x")
    (folder / "f").chmod(0o4751)
    os.utime(folder / "f", ns=(1, 1_699_999_999_123_456_789))
    (folder / "old").write_text("x")
    os.utime(folder / "old", ns=(1, -1_000_000_000_000_000_001))
    (folder / "shared").mkdir(mode=0o755)
    (folder / "shared").chmod(0o3775)
    _, lines = backed_up(folder)
    assert (lines["d/f"]["mode"], lines["d/f"]["mtime_ns"]) == ("0751", 1_699_999_999_123_456_789)
    assert lines["d/old"]["mtime_ns"] == -1_000_000_000_000_000_001
    assert lines["d/shared"]["mode"] == "3775"


@as_root
def test_owners_are_kept_as_numbers_and_names(folder: Path) -> None:
    (folder / "f").write_text("x")
    os.chown(folder / "f", 1, 4_000_000_000)
    (folder / "link").symlink_to("f")
    os.chown(folder / "link", 65_534, 0, follow_symlinks=False)
    written, lines = backed_up(folder)
    f, link = lines["d/f"], lines["d/link"]
    assert (f["uid"], f["gid"], f["user"], f["group"]) == (1, 4_000_000_000, "daemon", "")
    assert (link["uid"], link["gid"], link["group"]) == (65_534, 0, "root")
    assert written.manifest.files == 1


def test_links_keep_their_target_even_where_nothing_is(folder: Path) -> None:
    (folder / "dangling").symlink_to("no/where")
    _, lines = backed_up(folder)
    assert lines["d/dangling"]["kind"] == "symlink"
    assert lines["d/dangling"]["target"] == "no/where"


def set_attribute(path: Path, name: str, value: bytes, *, follow: bool = True) -> None:
    try:
        os.setxattr(path, name, value, follow_symlinks=follow)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EPERM):
            pytest.skip(f"no attribute {name} on this file system")
        raise


def test_extended_attributes_are_kept(folder: Path) -> None:
    (folder / "f").write_text("x")
    (folder / "large").write_bytes(os.urandom(MIB + 1))
    (folder / "sub").mkdir()
    for name in ("f", "large", "sub"):
        set_attribute(folder / name, "user.note", b"\x00\xffbytes")
    set_attribute(folder / "f", "user.empty", b"")
    _, lines = backed_up(folder)
    note = base64.b64encode(b"\x00\xffbytes").decode()
    assert lines["d/f"]["xattrs"] == {"user.empty": "", "user.note": note}
    assert lines["d/large"]["xattrs"] == lines["d/sub"]["xattrs"] == {"user.note": note}
    assert "xattrs" not in lines["d"]


@as_root
def test_attributes_of_a_link_are_its_own(folder: Path) -> None:
    (folder / "f").write_text("x")
    (folder / "link").symlink_to("f")
    set_attribute(folder / "link", "trusted.note", b"of the link", follow=False)
    _, lines = backed_up(folder)
    assert lines["d/link"]["xattrs"] == {"trusted.note": base64.b64encode(b"of the link").decode()}
    assert "xattrs" not in lines["d/f"]


def test_access_lists_are_kept(folder: Path) -> None:
    (folder / "f").write_text("x")
    everybody = 0xFFFFFFFF
    # Owner, one user by number, group, mask, others: as the kernel stores them.
    rules = [(1, 6, everybody), (2, 4, 65_534), (4, 4, everybody), (16, 4, everybody), (32, 0, everybody)]
    stored = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *rule) for rule in rules)
    set_attribute(folder / "f", "system.posix_acl_access", stored)
    _, lines = backed_up(folder)
    assert base64.b64decode(lines["d/f"]["xattrs"]["system.posix_acl_access"]) == stored


@pytest.mark.parametrize("size", [10, 2 * MIB + 7], ids=["whole", "chunked"])
def test_further_names_of_a_file_are_the_same_bytes_and_name_the_first(folder: Path, size: int) -> None:
    content = os.urandom(size)
    (folder / "sub").mkdir()
    (folder / "m").write_bytes(content)
    for name in ("a", "z", "sub/b"):
        (folder / name).hardlink_to(folder / "m")
    (folder / "other").write_bytes(content)
    written, lines = backed_up(folder)
    with zipfile.ZipFile(written.path) as archive:
        assert archive.testzip() is None
        assert all(archive.read(f"d/{name}") == content for name in ("a", "m", "z", "sub/b", "other"))
    assert "link" not in lines["d/a"]
    assert "link" not in lines["d/other"]
    for name in ("d/m", "d/z", "d/sub/b"):
        assert lines[name]["link"] == "d/a"
        assert all(
            lines[name][key] == lines["d/a"][key] for key in ("sha256", "size", "mtime_ns", "packed", "mode")
        )
    assert written.manifest.files == 5


def test_a_file_with_names_outside_of_the_tree_is_an_ordinary_file(folder: Path) -> None:
    (folder / "f").write_text("x")
    (folder.parent / "outside").hardlink_to(folder / "f")
    _, lines = backed_up(folder)
    assert "link" not in lines["d/f"]


def sparse(path: Path, size: int, pieces: dict[int, bytes]) -> None:
    with path.open("wb") as file:
        file.truncate(size)
        for at, piece in pieces.items():
            file.seek(at)
            file.write(piece)
    if path.stat().st_blocks * 512 >= size:
        pytest.skip("this file system keeps no holes")


def test_holes_are_kept_and_cost_nothing(folder: Path) -> None:
    sparse(folder / "large", 64 * MIB, {MIB: b"a" * 4096, 40 * MIB + 4096: b"b" * 8192})
    sparse(folder / "small", 512 << 10, {0: b"c" * 4096})
    written, lines = backed_up(folder)
    assert written.size_bytes < 200_000
    with (folder / "large").open("rb") as file:
        found = holes_of(file.fileno(), os.fstat(file.fileno()))
    assert lines["d/large"]["holes"] == [list(hole) for hole in found]
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    assert sum(length for _, length in found) >= 63 * MIB
    assert lines["d/small"]["holes"][-1][0] + lines["d/small"]["holes"][-1][1] == 512 << 10
    with zipfile.ZipFile(written.path) as archive:
        assert archive.read("d/large") == (folder / "large").read_bytes()


def test_a_file_that_is_one_hole_is_kept(folder: Path) -> None:
    sparse(folder / "f", 3 * MIB + 5, {})
    _, lines = backed_up(folder)
    assert lines["d/f"]["holes"] == [[0, 3 * MIB + 5]]


def test_of_very_many_holes_the_largest_are_kept(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(reading_module, "_MOST_HOLES", 3)
    sparse(folder / "f", 40 * MIB, {at * MIB: b"x" * 4096 for at in (1, 3, 6, 10, 15, 21, 28)})
    _, lines = backed_up(folder)
    assert [at // MIB for at, _ in lines["d/f"]["holes"]] == [15, 21, 28]


def test_plain_unzip_gives_content_modes_times_and_links(folder: Path, tmp_path: Path) -> None:
    unzip = shutil.which("unzip")
    if unzip is None:
        pytest.skip("unzip is not installed")
    (folder / "large").write_bytes(os.urandom(3 * MIB + 1))
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o750)
    os.utime(folder / "run", (1_600_000_000, 1_600_000_001))
    (folder / "link").symlink_to("run")
    written, _ = backed_up(folder)
    subprocess.run([unzip, "-q", written.path, "-d", tmp_path / "out"], check=True)
    out = tmp_path / "out" / "d"
    assert (out / "large").read_bytes() == (folder / "large").read_bytes()
    assert stat.S_IMODE((out / "run").stat().st_mode) == 0o750
    assert (out / "run").stat().st_mtime == 1_600_000_001
    assert (out / "link").readlink() == Path("run")


def test_bsdtar_gives_the_same_content(folder: Path, tmp_path: Path) -> None:
    bsdtar = shutil.which("bsdtar")
    if bsdtar is None:
        pytest.skip("bsdtar is not installed")
    for name, content in {
        "large": os.urandom(3 * MIB + 1),
        "text": b"abc\n" * MIB,
        "ünï": b"x",
        "none": b"",
    }.items():
        (folder / name).write_bytes(content)
    written, _ = backed_up(folder)
    (tmp_path / "out").mkdir()
    subprocess.run([bsdtar, "-xf", written.path, "-C", tmp_path / "out"], check=True)
    for path in folder.iterdir():
        assert (tmp_path / "out" / "d" / path.name).read_bytes() == path.read_bytes()
