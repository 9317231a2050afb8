"""Our own ways, each to be run in a process of its own: `python -m bench.backup_ours write SOURCE ARCHIVE`.

Also the limits that no backup in Python can beat: reading with SHA-256, and copying, by two threads in steps of 1 MiB.
"""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.backup_mix import files

THREADS = 2
STEP = 1 << 20


def write(source: Path, archive: Path) -> None:
    from mobius.archive import Source, write_archive

    write_archive(archive, [Source("tree", source)], {}, checksum_root=archive.parent)


def verify(archive: Path) -> None:
    from mobius.archive import verify_archive

    verify_archive(archive)


def restore(archive: Path, target: Path) -> None:
    from mobius.archive import extract_archive

    extract_archive(archive, target)


def zipfile_write(source: Path, archive: Path) -> None:
    """As a short script would do it: level 6, SHA-256, and both checked by reading again."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for path in files(source):
            made.write(path, path.relative_to(source))
    digest = _sha256(archive)
    with zipfile.ZipFile(archive) as made:
        if made.testzip() is not None or _sha256(archive) != digest:
            raise SystemExit("the archive does not hold")
    archive.with_name(archive.name + ".sha256").write_text(f"{digest}  {archive.name}\n")


def zipfile_verify(archive: Path) -> None:
    if archive.with_name(archive.name + ".sha256").read_text()[:64] != _sha256(archive):
        raise SystemExit("the checksum does not hold")


def zipfile_restore(archive: Path, target: Path) -> None:
    zipfile_verify(archive)
    with zipfile.ZipFile(archive) as made:
        made.extractall(target)


def limit_read(source: Path) -> None:
    """Read all, with SHA-256."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(_sha256, files(source)))


def limit_copy(source: Path, target: Path) -> None:
    """Copy all, and sync."""
    for folder in [source, *(path for path in source.rglob("*") if path.is_dir())]:
        (target / folder.relative_to(source)).mkdir()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda path: _copy(path, target / path.relative_to(source)), files(source)))
    os.sync()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    step = bytearray(STEP)
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(step):
            digest.update(memoryview(step)[:size])
    return digest.hexdigest()


def _copy(source: Path, target: Path) -> None:
    with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
        while piece := reading.read(STEP):
            writing.write(piece)


WAYS: dict[str, Callable[..., None]] = {
    "write": write,
    "verify": verify,
    "restore": restore,
    "zipfile-write": zipfile_write,
    "zipfile-verify": zipfile_verify,
    "zipfile-restore": zipfile_restore,
    "limit-read": limit_read,
    "limit-copy": limit_copy,
}

if __name__ == "__main__":
    WAYS[sys.argv[1]](*map(Path, sys.argv[2:]))
