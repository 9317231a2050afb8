"""Whatever a tree holds, it is the same after it was backed up and restored, and every zip program reads the backup."""

from __future__ import annotations

import errno
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.test_round_trip import everything
from mobius.archive import Source, extract_archive, verify_archive, write_archive

MIB = 1 << 20
CHARACTERS = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
NAMES = st.one_of(
    st.sampled_from(
        ["a", "A", "b", "a.b", "-wal", "con", "x.", " ", "\n", "é", "e\u0301", "\U0001f600", "\uffff"]
    ),
    st.text(CHARACTERS, min_size=1, max_size=6),
).filter(lambda name: name not in (".", ".."))
TIMES = st.one_of(
    st.integers(-(2**31), 2**32).map(lambda seconds: seconds * 10**9 + 123_456_789),
    st.sampled_from([0, 1, -1, 315_532_799 * 10**9, (2**31 - 1) * 10**9 + 999_999_999, 2**31 * 10**9]),
)


@dataclass(frozen=True)
class Part:
    """One path to make: a kind, and what belongs to it."""

    kind: str
    names: tuple[str, ...]
    size: int
    noise: bool
    mode: int
    mtime_ns: int
    attribute: bytes | None
    target: str


PARTS = st.builds(
    Part,
    kind=st.sampled_from(["file", "file", "folder", "symlink", "further name", "hole"]),
    names=st.lists(NAMES, min_size=1, max_size=3).map(tuple),
    size=st.one_of(
        st.integers(0, 5000), st.sampled_from([MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 70_000]), st.just(0)
    ),
    noise=st.booleans(),
    mode=st.integers(0, 0o777),
    mtime_ns=TIMES,
    attribute=st.one_of(st.none(), st.binary(max_size=20)),
    target=st.text(CHARACTERS, min_size=1, max_size=8),
)


def make(root: Path, parts: list[Part]) -> None:
    """Make what can be made; a part that another one is in the way of is left out."""
    root.mkdir()
    made: list[tuple[Path, Part]] = []
    for part in parts:
        path = root.joinpath(*part.names)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(path):
                continue
            if part.kind == "folder":
                path.mkdir()
            elif part.kind == "symlink":
                path.symlink_to(part.target)
            elif part.kind == "further name" and any(other.is_file() for other, _ in made):
                path.hardlink_to(
                    next(other for other, _ in made if other.is_file() and not other.is_symlink())
                )
            else:
                write(path, part)
        except (OSError, StopIteration):
            continue
        made.append((path, part))
    for path, part in reversed(made):
        dress(path, part)


def write(path: Path, part: Part) -> None:
    with path.open("wb") as file:
        if part.kind == "hole":
            file.truncate(part.size + 3 * MIB)
            file.seek(part.size)
            file.write(b"after the hole")
        else:
            piece = os.urandom(1000) if part.noise else b"line\n" * 200
            file.write((piece * (part.size // 1000 + 1))[: part.size])


def dress(path: Path, part: Part) -> None:
    if not path.is_symlink():
        if part.attribute is not None:
            try:
                os.setxattr(path, "user.mobius", part.attribute)
            except OSError as error:
                if error.errno not in (errno.ENOTSUP, errno.EPERM):
                    raise
        path.chmod(part.mode | (0o700 if path.is_dir() else 0o400))
    os.utime(path, ns=(0, part.mtime_ns), follow_symlinks=False)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts=st.lists(PARTS, max_size=10), threads=st.sampled_from([1, 2, 5]))
def test_any_tree_is_the_same_afterwards(
    tmp_path_factory: pytest.TempPathFactory, parts: list[Part], threads: int
) -> None:
    room = tmp_path_factory.mktemp("any")
    make(room / "data", parts)
    before = everything(room / "data")
    written = write_archive(
        room / "x.zip", [Source("d", room / "data")], {}, checksum_root=room, threads=threads
    )
    extract_archive(written.path, room / "out", trusted=True)
    assert everything(room / "out" / "d") == before
    assert verify_archive(written.path) == written.manifest
    assert written.manifest.paths == len(before)
    with zipfile.ZipFile(written.path) as archive:
        assert archive.testzip() is None
        assert len(archive.infolist()) == len(before) + 2
