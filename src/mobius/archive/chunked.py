"""Writing a member by chunks: a large file, or one of the archive's own members when it is large."""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import time
from typing import BinaryIO

from mobius.archive.deflate import CHUNK_BYTES, END_OF_CHUNKS, Engine
from mobius.archive.first_names import FirstName
from mobius.archive.manifest_lines import Attributes, attributes_text, line_end, line_start
from mobius.archive.packing import Chunk, chunk_ranges, pack_chunk_of, packed_whole
from mobius.archive.pipeline import Pool
from mobius.archive.reading import read_at
from mobius.archive.zip_out import DEFLATED, Member, descriptor, local_header
from mobius.archive.zip_out_file import ArchiveOut


class ChunkedMember:
    """One member while its chunks come. Without `listed` it gets no line in the manifest."""

    def __init__(
        self,
        out: ArchiveOut,
        engine: Engine,
        path: str,
        size_bytes: int,
        attributes: Attributes,
        *,
        listed: bool = True,
    ) -> None:
        self._out = out
        self._engine = engine
        self._path = path
        self._listed = listed
        self._mark = out.mark()
        self._member = Member(
            path.encode(), DEFLATED, 0, 0, size_bytes, attributes.file_mode,
            attributes.mtime_ns, attributes.uid, attributes.gid, chunked=True,
        )  # fmt: skip
        out.append(local_header(self._member))
        self._at = out.offset
        self._line(line_start(path))
        self._line_at = out.lines_bytes
        self._line(attributes_text("file", size_bytes, attributes) + ',"chunks":[')
        self._digest = hashlib.sha256()
        self._crc32 = 0
        self.size_bytes = 0
        self.broken = False

    def append(self, chunk: Chunk) -> None:
        self._line(f'{"," if self.size_bytes else ""}[{len(chunk.packed)},"{chunk.sha256.hex()}"]')
        self._out.append(chunk.packed)
        self._digest.update(chunk.sha256)
        self._crc32 = self._engine.combine_crc32(self._crc32, chunk.crc32, chunk.size_bytes)
        self.size_bytes += chunk.size_bytes

    def end(self) -> FirstName:
        """Write what follows the last chunk."""
        out = self._out
        out.append(END_OF_CHUNKS)
        member = self._member._replace(crc32=self._crc32, packed_bytes=out.offset - self._at)
        out.append(descriptor(member))
        out.record(member, self._mark.offset)
        self._line(f'],"sha256":"{self._digest.hexdigest()}"')
        line_bytes = out.lines_bytes - self._line_at
        self._line(line_end(self._at, member.packed_bytes))
        return FirstName(self._path, member, self._at, self._line_at, line_bytes)

    def take_back(self) -> None:
        """As if it had never begun."""
        self._out.rewind(self._mark)

    def _line(self, text: str) -> None:
        if self._listed:
            self._out.line(text)


def copy_of(out: ArchiveOut, path: str, first: FirstName) -> None:
    """Write a further name of a file that is in the archive: the same bytes once more."""
    member = first.member._replace(name=path.encode())
    offset = out.offset
    out.append(local_header(member))
    at = out.offset
    out.copy(first.at, member.packed_bytes)
    if member.chunked:
        out.append(descriptor(member))
    out.record(member, offset)
    out.line(line_start(path, first.path))
    out.copy_of_line(first.line_at, first.line_bytes)
    out.line(line_end(at, member.packed_bytes))


def write_own(out: ArchiveOut, engine: Engine, pool: Pool, name: str, file: BinaryIO) -> None:
    """Write one of the archive's own members, which the manifest does not list, from an open file."""
    file.flush()
    fd = file.fileno()
    size = os.fstat(fd).st_size
    owner = (os.getuid(), os.getgid()) if hasattr(os, "getuid") else (0, 0)
    attributes = Attributes(stat.S_IFREG | 0o600, time.time_ns(), *owner)
    if size <= CHUNK_BYTES:
        member, data, _ = packed_whole(engine, name, "file", read_at(fd, size, 0), attributes)
        out.record(member, out.offset)
        out.append(local_header(member) + data)
        return
    large = ChunkedMember(out, engine, name, size, attributes, listed=False)
    jobs = (
        pool.do(functools.partial(pack_chunk_of, engine, fd, at, length))
        for at, length, _ in chunk_ranges(size, ())
    )
    for chunk in pool.in_order(jobs):
        assert chunk is not None, f"{name} is shorter than it was"
        large.append(chunk)
    large.end()
