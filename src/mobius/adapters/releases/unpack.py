"""Lays a .tar or .zip of a release out in a folder of its own: nothing of it lands, or points, outside."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from mobius.errors import MobiusError

# All that the standard library says about bytes that fit no format; a full disk is something else.
MALFORMED = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(EOFError, ValueError, RuntimeError),
)
HINT = "its files must stay inside it; pack it again"


def unpack(path: Path, subpath: str, into: Path) -> None:
    """Lays the archive's files (those below `subpath`) out in the existing folder `into`.

    Raises `MobiusError` for what is no archive, is damaged, or has a member that leaves `into`.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                _lay_out(_of_zip(packed), subpath, into, str(path))
        else:
            with tarfile.open(path) as archive:
                unpack_tar(archive, subpath, into, str(path))
                # A tar ends before its gzip does, and the checksum of the whole stands at the very end.
                while archive.fileobj is not None and archive.fileobj.read(1 << 20):
                    pass
    except MALFORMED as problem:
        raise MobiusError(
            f"{path} cannot be unpacked: {problem}", "a release archive is a .zip or a .tar.gz"
        ) from problem


def unpack_tar(archive: tarfile.TarFile, subpath: str, into: Path, called: str) -> None:
    """The same for an open tar; `called` names it in words. We do not lean on tarfile's own filter: the Python
    3.11 of Debian 12 has none."""
    _lay_out(_of_tar(archive), subpath, into, called)


@dataclass(frozen=True, slots=True)
class _Member:
    """One thing in the archive. `link` is where a link leads, "" for anything else."""

    name: str
    mode: int
    is_folder: bool = False
    link: str = ""
    content: IO[bytes] | None = None


def _lay_out(members: Iterator[_Member], subpath: str, into: Path, called: str) -> None:
    """Files and folders first, links last: nothing is ever written through a link."""
    links: dict[Path, str] = {}
    for member in members:
        name = _plain(member.name, called)
        if subpath and not name.is_relative_to(subpath):
            continue
        target = into / name
        if target in links or any(parent in links for parent in target.parents):
            raise MobiusError(f"{called} was refused: {member.name!r} lies below a link", HINT)
        if member.link:
            links[target] = member.link
        elif member.is_folder:
            target.mkdir(parents=True, exist_ok=True)
        elif member.content is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            with member.content as packed, target.open("wb") as file:
                shutil.copyfileobj(packed, file, 1 << 20)
            target.chmod(member.mode & 0o755 | 0o600)
    _link(links, into, called)


def _link(links: dict[Path, str], into: Path, called: str) -> None:
    for place, leads_to in links.items():
        if os.path.lexists(place):
            raise MobiusError(f"{called} was refused: {place.relative_to(into)} is there twice", HINT)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(leads_to)
    # Asked of the file system once all are there: a chain of links can leave where each alone does not.
    top = into.resolve()
    for place, leads_to in links.items():
        if not Path(os.path.realpath(place)).is_relative_to(top) or PurePosixPath(leads_to).is_absolute():
            name = place.relative_to(into).as_posix()
            raise MobiusError(f"{called} was refused: the link {name} -> {leads_to} leads outside", HINT)


def _plain(name: str, called: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise MobiusError(f"{called} was refused: {name!r} lies outside", HINT)
    return path


def _of_tar(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        if info.issym():
            yield _Member(info.name, info.mode, link=info.linkname)
        elif info.isdir():
            yield _Member(info.name, info.mode, is_folder=True)
        elif info.isreg() or info.islnk():
            try:
                yield _Member(info.name, info.mode, content=archive.extractfile(info))
            except KeyError as problem:
                raise MobiusError(
                    f"the release was refused: {info.name} is a link to {info.linkname}, which is not there",
                    HINT,
                ) from problem
        else:
            raise MobiusError(f"the release was refused: {info.name} is a device or a pipe", HINT)


def _of_zip(packed: zipfile.ZipFile) -> Iterator[_Member]:
    for info in packed.infolist():
        if "\\" in info.orig_filename or info.orig_filename[1:2] == ":":
            # Some programs take it for a folder, others for a part of the name.
            raise MobiusError(f"{packed.filename} was refused: {info.orig_filename!r} lies outside", HINT)
        kind_and_mode = info.external_attr >> 16
        mode = kind_and_mode & 0o777 or 0o644
        if info.is_dir():
            yield _Member(info.orig_filename, mode, is_folder=True)
        elif stat.S_ISLNK(kind_and_mode):
            yield _Member(info.orig_filename, mode, link=os.fsdecode(packed.read(info)))
        else:
            yield _Member(info.orig_filename, mode, content=packed.open(info))
