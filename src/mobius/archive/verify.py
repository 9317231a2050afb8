"""Verifying a backup: sidecar, archive hash, structure, manifest and every chunk's own hash, in bounded memory."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mobius.archive.publish import sidecar_of
from mobius.archive.zip_in import open_archive
from mobius.archive.zip_in_content import Chunk, Crc, Work, in_parallel, prove_chunk, small_contents, works_of
from mobius.archive.zip_in_examine import Opened, examine
from mobius.archive.zip_in_lines import METADATA_NAME, Manifest
from mobius.archive.zip_in_records import Reader
from mobius.errors import BackupInvalid

HINT = "try: mobius backup list --verified"
Progress = Callable[[int, int], None]
_SIDECAR = re.compile(rb"([0-9a-f]{64})  ([^\r\n\\]+)\n")
_READ_BYTES = 1 << 20


def verify_archive(path: Path, *, deep: bool = True, progress: Progress | None = None) -> Manifest:
    """Prove that a backup is what was published, and return what is in it; `deep` reads every member too.

    `progress(done_bytes, total_bytes)` follows the content. Raises BackupInvalid naming what is wrong: the archive or
    its sidecar missing, a sidecar for another name, a SHA-256 that differs, a truncated archive, a manifest or a
    member that disagrees.
    """
    with named(path), opened_file(path) as file:
        with _proving(file, path, None) as opened:
            if deep:
                check_content(opened, progress)
        return opened.manifest


def prove_file(
    file: BinaryIO, sha256: str, *, deep: bool = True, progress: Progress | None = None
) -> Manifest:
    """`verify_archive` for a file that is not published yet, and shall have this SHA-256."""
    with _proving(file, None, sha256) as opened:
        if deep:
            check_content(opened, progress)
    return opened.manifest


def read_metadata(path: Path) -> Mapping[str, object]:
    """The metadata of a backup, for listings: no hash is checked. BackupInvalid if it is not ours."""
    with named(path), opened_file(path) as file:
        return open_archive(Reader(file)).metadata


@contextlib.contextmanager
def opened_verified(path: Path, *, portable: bool = False) -> Iterator[Opened]:
    """Open a backup once, prove hash, structure and manifest on that open file, and hand it out."""
    with named(path), opened_file(path) as file:
        with _proving(file, path, None, portable=portable) as opened:
            pass
        yield opened


@contextlib.contextmanager
def opened_proving(path: Path, *, portable: bool) -> Iterator[Opened]:
    """`opened_verified`, but the archive's own hash is read alongside, and compared at the end: for who does nothing
    that stays before that."""
    with named(path), opened_file(path) as file, _proving(file, path, None, portable=portable) as opened:
        yield opened


@contextlib.contextmanager
def _proving(
    file: BinaryIO, path: Path | None, sha256: str | None, *, portable: bool = False
) -> Iterator[Opened]:
    """Read the hash in a thread while the caller works; a wrong hash is what is told, before anything it led to."""
    reader = Reader(file)
    recorded = ""
    if path is not None:
        sha256, recorded = _read_sidecar(path)
    assert sha256 is not None
    left = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(_sha256_of, reader, left)
        try:
            opened = examine(open_archive(reader), sha256, portable=portable)
            if path is not None:
                _check_name(path, recorded, opened.manifest)
            yield opened
        except BackupInvalid as error:
            _refuse_other_hash(reader, sha256, found.result(), error)
            raise
        except BaseException:
            left.set()
            raise
        _refuse_other_hash(reader, sha256, found.result(), None)


def _sha256_of(reader: Reader, left: threading.Event) -> str:
    digest = hashlib.sha256()
    at = 0
    while not left.is_set() and (piece := reader.some(at, _READ_BYTES)):
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()


def _refuse_other_hash(reader: Reader, expected: str, found: str, because: BackupInvalid | None) -> None:
    if found == expected:
        return
    details = [f"expected {expected}", f"found    {found}"]
    if because is not None and because.message.startswith("it is truncated"):
        raise BackupInvalid(because.message, details=tuple(details)) from because
    details += [f"damaged  {line}" for line in _where(reader, because)]
    raise BackupInvalid("it does not match its SHA-256", details=tuple(details)) from because


def _where(reader: Reader, because: BackupInvalid | None) -> list[str]:
    """Where the damage is, as far as the archive itself can still tell."""
    from mobius.archive.damage import survey_of

    found = survey_of(reader, limit=6).damaged
    if not found:
        return [because.message if because is not None else "nothing that holds content"]
    lines = [str(each) for each in found[:5]]
    return [*lines, "and more"] if len(found) > 5 else lines


def check_content(opened: Opened, progress: Progress | None = None) -> None:
    """Unpack every member and compare it with the manifest; BackupInvalid names the first that differs."""
    reader, total = opened.archive.reader, opened.manifest.size_bytes

    def prove(work: Work) -> int:
        if isinstance(work, Chunk):
            return prove_chunk(reader, work)[1]
        for _ in small_contents(reader, work):
            pass
        return 0

    done, crc = 0, Crc()
    with contextlib.closing(in_parallel(works_of(opened.archive.members()), prove)) as results:
        for work, found in results:
            if isinstance(work, Chunk):
                crc.add(work, found)
            done += work.size_bytes
            if progress:
                progress(done, total)


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Every reason why a backup cannot be used begins with its name and ends with what to do."""
    prefix = f"backup {path.name} cannot be used: "
    try:
        yield
    except BackupInvalid as error:
        if error.message.startswith(prefix):
            raise
        raise BackupInvalid(prefix + error.message, error.hint or HINT, details=error.details) from error


@contextlib.contextmanager
def opened_file(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise BackupInvalid(f"{path} does not exist") from error
    except OSError as error:
        raise BackupInvalid(f"it cannot be read: {error.strerror or error}") from error
    with file:
        yield file


def _read_sidecar(path: Path) -> tuple[str, str]:
    sidecar = sidecar_of(path)
    try:
        with sidecar.open("rb") as file:
            text = file.read(1 << 16)
    except FileNotFoundError as error:
        raise BackupInvalid(f"its checksum {sidecar.name} is missing") from error
    except OSError as error:
        raise BackupInvalid(
            f"its checksum {sidecar.name} cannot be read: {error.strerror or error}"
        ) from error
    if not text:
        raise BackupInvalid(f"its checksum {sidecar.name} is empty")
    match = _SIDECAR.fullmatch(text)
    try:
        if match:
            return match[1].decode(), match[2].decode()
    except UnicodeDecodeError:
        pass
    raise BackupInvalid(
        f"its checksum {sidecar.name} is damaged: not one line of SHA-256, two spaces and name"
    )


def _check_name(path: Path, recorded: str, manifest: Manifest) -> None:
    """The sidecar must be this file's own: the folder as it was published, the name as it is now."""
    facts = manifest.metadata["archive"]
    published = facts.get("published_as") if isinstance(facts, dict) else None
    if not isinstance(published, str):
        raise BackupInvalid(f"{METADATA_NAME} does not say under which name it was published")
    folder = PurePosixPath(published).parent
    # A bare name is what `sha256sum x.zip > x.zip.sha256` writes inside the folder.
    if recorded not in (path.name, (folder / path.name).as_posix()):
        raise BackupInvalid(f"its checksum is that of another file, {recorded}")
