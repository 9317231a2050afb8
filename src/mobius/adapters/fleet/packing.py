"""A release's tree as a stream of tar, made while it is sent."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

CHUNK = 1 << 18


def packed(tree: Path) -> Iterator[bytes]:
    """Files, folders and links, in order of name, without owners and times; whatever else is in there is left out,
    as the tree's digest leaves it out. Raises `OSError`."""
    kept = _Kept()
    with tarfile.open(fileobj=kept, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for path in _everything(tree):
            info = tar.gettarinfo(str(path), arcname=path.relative_to(tree).as_posix())
            if info is None or not (info.isreg() or info.isdir() or info.issym() or info.islnk()):
                continue
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            info.mtime = 0
            if info.islnk():  # a second name of the same file arrives as a file of its own
                info.type, info.size = tarfile.REGTYPE, path.stat().st_size
            if info.isreg():
                yield from _file(tar, info, path, kept)
            else:
                tar.addfile(info)
            yield from kept.taken()
    yield from kept.taken()


def _everything(tree: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(tree):
        names.sort()
        here = Path(folder)
        if here != tree:
            yield here
        for name in sorted([*files, *(one for one in names if (here / one).is_symlink())]):
            yield here / name


def _file(tar: tarfile.TarFile, info: tarfile.TarInfo, path: Path, kept: _Kept) -> Iterator[bytes]:
    """In pieces, so that a file of any size costs one piece of memory."""
    with path.open("rb") as content:
        header = info.tobuf(tarfile.PAX_FORMAT, tarfile.ENCODING, "surrogateescape")
        tar.fileobj.write(header)
        left = info.size
        while left:
            piece = content.read(min(CHUNK, left))
            if not piece:
                raise OSError(f"{path} became shorter while it was sent")
            tar.fileobj.write(piece)
            left -= len(piece)
            yield from kept.taken()
        tar.fileobj.write(bytes(-info.size % tarfile.BLOCKSIZE))


class _Kept(io.RawIOBase):
    """What was written and not yet sent."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        self._pieces.append(bytes(piece))  # type: ignore[call-overload]
        return len(self._pieces[-1])

    def taken(self) -> Iterator[bytes]:
        """The pieces, which are gone then."""
        pieces, self._pieces = self._pieces, []
        whole = b"".join(pieces)
        for start in range(0, len(whole), CHUNK):
            yield whole[start : start + CHUNK]
