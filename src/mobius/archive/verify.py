"""Verifying a backup: sidecar, archive hash, zip structure, manifest, and every member's own hash."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mobius.archive.manifest import (
    MANIFEST_NAME,
    METADATA_NAME,
    Entry,
    Manifest,
    decode_entries,
    decode_metadata,
)
from mobius.archive.publish import sidecar_of
from mobius.errors import BackupInvalid

HINT = "try: mobius backup list --verified"
CHUNK_BYTES = 1 << 20
_SIDECAR = re.compile(rb"([0-9a-f]{64})  ([^\r\n\\]+)\n")
# Our own two members are read whole, so a bomb must not hide in them: room for some million paths.
_OWN_MEMBER_LIMIT_BYTES = 512 << 20
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


@dataclass(frozen=True, slots=True)
class Opened:
    """An archive whose structure and manifest agree; the content of its members is not read yet."""

    zip: zipfile.ZipFile
    manifest: Manifest
    members: Mapping[str, zipfile.ZipInfo]


def verify_archive(path: Path, *, deep: bool = True) -> Manifest:
    """Prove that a backup is what was published, and return what is in it; `deep` reads every member too.

    Raises BackupInvalid naming what is wrong: the archive or its sidecar missing, a sidecar for another name,
    a SHA-256 that differs, a truncated archive, a manifest or a member that disagrees.
    """
    with opened_verified(path) as opened:
        if deep:
            check_members(opened)
        return opened.manifest


def read_metadata(path: Path) -> Mapping[str, object]:
    """The metadata of a backup, for listings: no hash is checked. BackupInvalid if it is not ours."""
    with _named(path), _open(path) as file, _parsing(), zipfile.ZipFile(file) as zip_file:
        return decode_metadata(_read_own(zip_file, METADATA_NAME))


@contextlib.contextmanager
def opened_verified(path: Path) -> Iterator[Opened]:
    """Open a backup once, prove hash, structure and manifest on that open file, and hand it out."""
    with _named(path), _open(path) as file:
        expected, recorded = _read_sidecar(path)
        found = sha256_of(file)
        if found != expected:
            whole = zipfile.is_zipfile(file)
            details = (f"expected {expected}", f"found    {found}", *(_name_damage(file) if whole else ()))
            what = "it does not match its SHA-256" if whole else "it is truncated: its end is missing"
            raise BackupInvalid(what, details=details)
        with open_zip(file, found) as opened:
            _check_name(path, recorded, opened.manifest)
            yield opened


@contextlib.contextmanager
def open_zip(file: BinaryIO, archive_sha256: str) -> Iterator[Opened]:
    """Read the directory, the metadata and the manifest; BackupInvalid where they do not fit each other."""
    file.seek(0, 2)
    size_bytes = file.tell()
    with contextlib.ExitStack() as stack:
        with _parsing():
            zip_file = stack.enter_context(zipfile.ZipFile(file))
            infos = zip_file.infolist()
            _check_structure(file, zip_file)
        metadata = decode_metadata(_read_own(zip_file, METADATA_NAME))
        entries = decode_entries(_read_own(zip_file, MANIFEST_NAME))
        members = {info.filename: info for info in infos}
        _check_agreement(entries, members)
        by_path = {entry.path: members[member_name(entry)] for entry in entries}
        yield Opened(zip_file, Manifest(entries, metadata, archive_sha256, size_bytes), by_path)


def check_members(opened: Opened) -> None:
    """Read every member and compare it with the manifest; BackupInvalid names the first that differs."""
    for entry in opened.manifest.entries:
        for _ in content_of(opened, entry):
            pass


def content_of(opened: Opened, entry: Entry) -> Iterator[bytes]:
    """The content of one entry in pieces, proven at the end: BackupInvalid if its size or SHA-256 differ.

    Never yields more bytes than the manifest says.
    """
    if entry.kind == "directory":
        return
    digest = hashlib.sha256()
    left = entry.size_bytes
    for piece in _pieces(opened, entry):
        left -= len(piece)
        if left < 0:
            raise BackupInvalid(f"{entry.path} is larger than the {entry.size_bytes} bytes of the manifest")
        digest.update(piece)
        yield piece
    found = digest.hexdigest()
    if left or found != entry.sha256:
        details = (f"expected {entry.sha256}", f"found    {found}")
        raise BackupInvalid(f"{entry.path} does not match its SHA-256", details=details)


def _pieces(opened: Opened, entry: Entry) -> Iterator[bytes]:
    try:
        with _parsing(), opened.zip.open(opened.members[entry.path]) as member:
            while piece := member.read(CHUNK_BYTES):
                yield piece
    except BackupInvalid as error:
        raise BackupInvalid(f"{entry.path} is damaged: {error.message}") from error


def member_name(entry: Entry) -> str:
    """The name in the zip: a directory's ends in a slash."""
    return entry.path + "/" if entry.kind == "directory" else entry.path


def sha256_of(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(CHUNK_BYTES):
        digest.update(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Every reason why a backup cannot be used begins with its name and ends with what to do."""
    prefix = f"backup {path.name} cannot be used: "
    try:
        yield
    except BackupInvalid as error:
        if error.message.startswith(prefix):
            raise
        raise BackupInvalid(prefix + error.message, error.hint or HINT, details=error.details) from error


@contextlib.contextmanager
def _parsing() -> Iterator[None]:
    """The standard library raises many kinds on bytes that fit no format; they all mean the same here."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, IndexError) as error:
        raise BackupInvalid(f"it is not a sound zip archive: {error}") from error
    except (NotImplementedError, OverflowError, RuntimeError) as error:
        raise BackupInvalid(f"it is not a zip archive that mobius would write: {error}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a seek to an offset that cannot be
            raise
        raise BackupInvalid(f"it is not a sound zip archive: {error}") from error


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise BackupInvalid(f"{path} does not exist") from error
    except OSError as error:
        raise BackupInvalid(f"it cannot be read: {error.strerror or error}") from error


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


def _check_structure(file: BinaryIO, zip_file: zipfile.ZipFile) -> None:
    """No name twice, nothing encrypted, every member in bytes of its own, with one name in both places."""
    seen: set[str] = set()
    free_from = 0
    for info in sorted(zip_file.infolist(), key=lambda each: each.header_offset):
        if info.filename in seen:
            raise BackupInvalid(f"it holds {info.filename!r} twice")
        seen.add(info.filename)
        if info.flag_bits & 0x1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BackupInvalid(f"{info.filename!r} is encrypted or packed in a way mobius never writes")
        if info.header_offset < free_from:
            raise BackupInvalid(f"{info.filename!r} overlaps another member")
        free_from = _end_of(file, info)
    if free_from > zip_file.start_dir:
        raise BackupInvalid("its last member overlaps its directory")


def _end_of(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    file.seek(info.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        raise BackupInvalid(f"{info.filename!r} has no local header")
    fields = _LOCAL_HEADER.unpack(header)
    name_bytes, extra_bytes = fields[9], fields[10]
    # Some programs believe this header, others the directory at the end: they must say the same.
    sizes = {(info.compress_size, info.file_size), (0xFFFFFFFF, 0xFFFFFFFF)}
    if fields[3] != info.compress_type or fields[6] != info.CRC or (fields[7], fields[8]) not in sizes:
        raise BackupInvalid(f"{info.filename!r} is not described alike in its local header")
    # The standard library cuts a name at a NUL, and turns backslashes on Windows.
    if info.filename != info.orig_filename:
        raise BackupInvalid(f"{info.orig_filename!r} is a name that systems read differently")
    if file.read(name_bytes) != info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437"):
        raise BackupInvalid(f"{info.filename!r} has another name in its local header")
    return info.header_offset + _LOCAL_HEADER.size + int(name_bytes) + int(extra_bytes) + info.compress_size


def _check_agreement(entries: tuple[Entry, ...], members: Mapping[str, zipfile.ZipInfo]) -> None:
    expected = {METADATA_NAME, MANIFEST_NAME}
    for entry in entries:
        name = member_name(entry)
        info = members.get(name)
        if name in expected:
            raise BackupInvalid(f"{MANIFEST_NAME} names {entry.path!r} twice")
        if info is None:
            raise BackupInvalid(f"{entry.path!r} is in {MANIFEST_NAME} but not in the archive")
        if info.file_size != entry.size_bytes:
            raise BackupInvalid(
                f"{entry.path!r} says it has {info.file_size} bytes, {MANIFEST_NAME} says {entry.size_bytes}"
            )
        expected.add(name)
    for name in members:
        if name not in expected:
            raise BackupInvalid(f"{name!r} is in the archive but not in {MANIFEST_NAME}")


def _read_own(zip_file: zipfile.ZipFile, name: str) -> bytes:
    if name not in zip_file.NameToInfo:
        raise BackupInvalid(f"it holds no {name}: it is not a backup made by mobius")
    with _parsing(), zip_file.open(name) as member:
        text = member.read(_OWN_MEMBER_LIMIT_BYTES + 1)
    if len(text) > _OWN_MEMBER_LIMIT_BYTES:
        raise BackupInvalid(f"its {name} is larger than any real one")
    return text


def _name_damage(file: BinaryIO) -> tuple[str, ...]:
    """Where the damage is, as far as the archive itself can still tell."""
    try:
        with open_zip(file, "") as opened:
            check_members(opened)
    except BackupInvalid as error:
        return (f"damaged  {error.message}",)
    return ("damaged  nothing that holds content",)
