"""Filling an archive: each path as it is at one moment, packed by many threads, written by one, in order."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mobius.archive.ahead import Ahead
from mobius.archive.captures import Captures
from mobius.archive.chunked import ChunkedMember, copy_of, write_own
from mobius.archive.deflate import CHUNK_BYTES, Engine
from mobius.archive.first_names import FirstName, FirstNames
from mobius.archive.manifest import FORMAT, MANIFEST_NAME, METADATA_NAME, Source, encode_metadata
from mobius.archive.manifest_lines import line_end, line_start
from mobius.archive.packing import (
    Alone,
    Chunk,
    Ended,
    Opened,
    Run,
    inode_of,
    is_unchanged,
    open_large,
    opened_capture,
    pack_batch,
    pack_capture,
)
from mobius.archive.pipeline import Pool
from mobius.archive.reading import Changed
from mobius.archive.sqlite_capture import is_sqlite
from mobius.archive.survey import Survey
from mobius.archive.tree import GONE, Found, Skipped, went_away
from mobius.archive.zip_out_file import ArchiveOut, spool
from mobius.errors import MobiusError

Progress = Callable[[int, int], None]

TRIES = 5


class Filler:
    """Fills one archive, and counts what went into it."""

    def __init__(
        self,
        out: ArchiveOut,
        survey: Survey,
        sources: Sequence[Source],
        captures: Captures,
        pool: Pool,
        engine: Engine,
        progress: Progress | None,
    ) -> None:
        self._out = out
        self._sources = sources
        self._captures = captures
        self._pool = pool
        self._engine = engine
        self._progress = progress
        self._ahead = Ahead(survey, pool, engine)
        self._first_names = FirstNames()
        self._total = survey.size_bytes
        self._done = self._told = 0
        self._counts = [[0, 0] for _ in sources]
        self._databases: dict[str, object] = {}
        self.skipped = survey.skipped

    def fill(self) -> None:
        """Write every member of the survey. Raises MobiusError for what cannot be read or keeps changing."""
        large: ChunkedMember | None = None
        with contextlib.closing(self._ahead.results()) as results:
            for result in results:
                if isinstance(result, list):
                    for each in result:
                        self._take(each)
                elif isinstance(result, Opened):
                    large = self._begin(result)
                elif isinstance(result, Ended):
                    if not self._end(large, result.opened):
                        self._take_alone(result.opened.found)
                    self._ahead.forget(result.opened)
                elif isinstance(result, Alone | Skipped):
                    self._take(result)
                else:
                    self._chunk(large, result)
        self._tell(max(0, self._total - self._done))

    def close(self) -> None:
        """To be called when no thread works any more."""
        self._ahead.close()
        self._first_names.close()

    def facts(self) -> dict[str, object]:
        """What the metadata says of the content."""
        contents = {}
        for source in self._sources:
            below = source.prefix + "/"
            inside = [
                count
                for count, other in zip(self._counts, self._sources, strict=True)
                if f"{other.prefix}/".startswith(below)
            ]
            contents[source.prefix] = {
                "files": sum(c[0] for c in inside),
                "size_bytes": sum(c[1] for c in inside),
            }
        return {
            "format": FORMAT,
            "contents": contents,
            "databases": self._databases,
            "skipped": [{"path": each.path, "reason": each.reason} for each in self.skipped],
        }

    def finish(self, metadata: Mapping[str, object], folder: Path) -> str:
        """Write metadata, manifest and directory; returns the SHA-256 of the archive."""
        with contextlib.ExitStack() as until:
            file = spool(folder, until)
            file.write(encode_metadata(metadata))
            write_own(self._out, self._engine, self._pool, METADATA_NAME, file)
        write_own(self._out, self._engine, self._pool, MANIFEST_NAME, self._out.lines())
        return self._out.finish()

    def _take(self, each: Run | Alone | Skipped) -> None:
        if isinstance(each, Run):
            self._take_run(each)
        elif isinstance(each, Alone):
            self._take_alone(each.found)
        else:
            self.skipped.append(each)

    def _take_run(self, run: Run) -> None:
        if run.inode and self._take_name(run.items[0].found, run.inode):
            return
        out, base, size = self._out, self._out.offset, 0
        out.append(run.blob)
        for found, member, header_at, data_at, text in run.items:
            out.record(member, base + header_at)
            if found.kind == "directory":
                out.line(line_start(found.member) + text + "}\n")
                continue
            start, at = line_start(found.member), base + data_at
            if run.inode:
                line_at = out.lines_bytes + len(start.encode())
                first = FirstName(found.member, member, at, line_at, len(text.encode()))
                self._first_names.remember(run.inode, first)
            out.line(start + text + line_end(at, member.packed_bytes))
            if found.kind == "file":
                self._count(found, member.size_bytes)
                size += member.size_bytes
        self._tell(size)

    def _take_name(self, found: Found, inode: str) -> bool:
        """Whether this is a further name of a file that is there; if so, it is there now, too."""
        first = self._first_names.find(inode)
        if first is None:
            return False
        copy_of(self._out, found.member, first)
        self._count(found, first.member.size_bytes)
        self._tell(first.member.size_bytes)
        return True

    def _begin(self, opened: Opened) -> ChunkedMember | None:
        """None when its chunks are not needed, since it is there already under another name."""
        if self._take_name(opened.found, opened.inode):
            return None
        return ChunkedMember(
            self._out, self._engine, opened.found.member, opened.seen.st_size, opened.attributes
        )

    def _chunk(self, large: ChunkedMember | None, chunk: Chunk | None) -> None:
        if large is None:
            return
        if chunk is None:
            large.broken = True
        if chunk is None or large.broken:
            return
        large.append(chunk)
        self._tell(chunk.size_bytes)

    def _end(self, large: ChunkedMember | None, opened: Opened) -> bool:
        """Whether the file was the same from the first chunk to the last; else it is taken back."""
        if large is None:
            return True
        if large.broken or not is_unchanged(opened):
            self._done -= large.size_bytes
            large.take_back()
            return False
        first = large.end()
        if opened.inode:
            self._first_names.remember(opened.inode, first)
        self._count(opened.found, large.size_bytes)
        return True

    def _take_alone(self, found: Found) -> None:
        """Take one path while the threads work on those behind it; again and again while it changes."""
        for attempt in range(TRIES):
            try:
                self._take_once(found)
                return
            except Changed:
                time.sleep(0.02 * 2**attempt)
            except OSError as error:
                if error.errno not in GONE or error.filename != found.path:
                    raise
                self.skipped.append(went_away(found))
                return
        raise MobiusError(
            f"{found.path} cannot be backed up: it changed while it was read, {TRIES} times in a row",
            f"exclude it if it is a log or a cache (it would be {found.member}), or stop what writes to it",
        )

    def _take_once(self, found: Found) -> None:
        seen = os.lstat(found.path)
        inode = inode_of(seen) if stat.S_ISREG(seen.st_mode) else ""
        if self._take_name(found, inode):
            return
        if found.database or (stat.S_ISREG(seen.st_mode) and is_sqlite(Path(found.path))):
            self._take_database(found, inode)
        elif stat.S_ISREG(seen.st_mode) and seen.st_size > CHUNK_BYTES:
            self._take_large(open_large(found))
        else:
            for each in pack_batch(self._engine, [found]):
                if isinstance(each, Alone):
                    raise Changed
                self._take(each)

    def _take_large(self, opened: Opened) -> None:
        try:
            large = self._begin(opened)
            with contextlib.closing(self._ahead.chunks(opened)) as chunks:
                for chunk in chunks:
                    self._chunk(large, chunk)
            if not self._end(large, opened):
                raise Changed
        finally:
            opened.close()

    def _take_database(self, found: Found, inode: str) -> None:
        capture = self._captures.take(found)
        copy = capture.target
        try:
            opened = opened_capture(found, str(copy), inode)
            if opened.seen.st_size > CHUNK_BYTES:
                self._take_large(opened)
            else:
                self._take_run(pack_capture(self._engine, opened))
            self._databases[found.member] = capture.facts.as_json() | {
                "captured_at_unix": round(capture.at_unix, 3),
                "captured_in_s": round(capture.duration_s, 3),
            }
        finally:
            copy.unlink(missing_ok=True)

    def _count(self, found: Found, size_bytes: int) -> None:
        self._counts[found.source][0] += 1
        self._counts[found.source][1] += size_bytes

    def _tell(self, size_bytes: int) -> None:
        self._done += size_bytes
        self._told = max(self._told, self._done)  # what is read again is not told again
        if self._progress and size_bytes:
            self._progress(self._told, max(self._total, self._told))
