"""A release as it arrives: a stream of tar, laid out beside its place, held against its digest, then moved there."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tarfile
from pathlib import Path, PurePosixPath

from .chunks import Chunks
from .refusal import Refusal

CHUNK = 1 << 20


def digest_of(path: Path) -> str:
    """SHA-256 over every path, mode and content, links by their target: the very sum that the controller makes."""
    digest = hashlib.sha256()
    for folder, names, files in os.walk(str(path)):
        names.sort()
        here = Path(folder)
        for name in sorted(files + [one for one in names if (here / one).is_symlink()]):
            file = here / name
            relative = file.relative_to(path).as_posix().encode("utf-8", "surrogateescape")
            if file.is_symlink():
                digest.update(relative + b"\0link\0" + os.fsencode(os.readlink(str(file))) + b"\n")
            elif file.is_file():
                mode = stat.S_IMODE(file.stat().st_mode) & 0o777
                digest.update(relative + (f"\0{mode:o}\0{_sha256(file)}\n").encode())
    return digest.hexdigest()


def receive(stream: Chunks, releases: Path, release_id: str, digest: str) -> bool:
    """Lays the release out in `releases/<id>`. False when it was there already, whole. Raises `Refusal` when what
    arrives is not what was announced; then nothing of it is left."""
    place = releases / release_id
    fresh = releases / (f".{release_id}.new")
    if is_whole(place, digest):
        return False
    for old in (fresh, place):
        remove(old)
    fresh.mkdir(parents=True)
    try:
        _extract(stream, fresh)
        seen = digest_of(fresh)
        if seen != digest:
            raise Refusal(
                "digest",
                f"{release_id} arrived with the digest {seen[:12]} instead of {digest[:12]}",
                "the line or the disk changed it; deploy again",
            )
        _sync(fresh)
        os.replace(str(fresh), str(place))
        _mark(place, digest)
    except BaseException:
        remove(fresh)
        raise
    return True


def is_whole(place: Path, digest: str) -> bool:
    """Whether this very tree was laid out there before."""
    try:
        return place.is_dir() and _marker(place).read_text().strip() == digest
    except OSError:
        return False


def remove(place: Path) -> None:
    """Takes it away with its marker, also where folders are read-only."""
    try:
        _marker(place).unlink()
    except OSError:
        pass
    if place.is_symlink() or place.is_file():
        place.unlink()
        return
    for folder, _, _ in os.walk(str(place)):
        try:
            os.chmod(folder, 0o700)
        except OSError:
            pass
    shutil.rmtree(str(place), ignore_errors=True)


def _extract(stream: Chunks, fresh: Path) -> None:
    """Files, folders and links only, each inside; modes as announced. No owner, no device, no name that climbs out."""
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                if member.isdir() and not PurePosixPath(member.name).parts:
                    continue  # the top itself
                _place(tar, member, fresh)
    except (tarfile.TarError, EOFError) as problem:
        raise Refusal(
            "cut",
            f"the release did not arrive whole: {problem}",
            "try again: what was there before is untouched",
        ) from problem


def _place(tar: tarfile.TarFile, member: tarfile.TarInfo, fresh: Path) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise Refusal(
            "hostile", f"the release names {member.name!r}, which lies outside of it", "nothing was changed"
        )
    target = fresh.joinpath(*name.parts)
    if not _is_inside(target.parent, fresh):
        raise Refusal("hostile", f"{member.name!r} would be written through a link", "nothing was changed")
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        os.chmod(str(target), (member.mode & 0o777) | 0o700)
    elif member.issym():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(member.linkname, str(target))
    elif member.isfile():
        target.parent.mkdir(parents=True, exist_ok=True)
        source = tar.extractfile(member)
        assert source is not None
        with target.open("xb") as file:
            shutil.copyfileobj(source, file, CHUNK)
        os.chmod(str(target), member.mode & 0o777)
    else:
        raise Refusal("hostile", f"{member.name!r} is neither file, folder nor link", "nothing was changed")


def _is_inside(folder: Path, fresh: Path) -> bool:
    real, top = os.path.realpath(str(folder)), os.path.realpath(str(fresh))
    return real == top or real.startswith(top + os.sep)


def _marker(place: Path) -> Path:
    return place.with_name(place.name + ".digest")


def _mark(place: Path, digest: str) -> None:
    marker = _marker(place)
    marker.write_text(digest + "\n")
    _sync_one(marker)
    _sync_one(place.parent)


def _sync(top: Path) -> None:
    os.sync()  # of many files at once
    _sync_one(top)


def _sync_one(path: Path) -> None:
    file = os.open(str(path), os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        for chunk in iter(lambda: content.read(CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()
