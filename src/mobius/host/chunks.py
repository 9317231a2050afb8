"""Reads a chunked body strictly, piece by piece; extensions and trailers are dropped, their size bounded."""

from __future__ import annotations

import re

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t -~\x80-\xff]*)?")
_TRAILER_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*")
LINE_LIMIT_BYTES = 4096
TRAILERS_LIMIT_BYTES = 16 * 1024


class BadChunk(Exception):
    """The bytes are not a chunked body."""


class ChunkReader:
    """Feed it bytes; it gives the body in pieces. When `done`, `rest` holds what came after the body."""

    __slots__ = ("_buffer", "_in_trailers", "_left", "_trailer_bytes", "done", "rest")

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0  # bytes still to come of this chunk, with its closing CRLF
        self._in_trailers = False
        self._trailer_bytes = 0
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of body in `data`. Raises BadChunk at the first byte that does not belong there."""
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        pieces: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            if self._left > 2:
                take = min(self._left - 2, end - at)
                pieces.append(data[at : at + take])
                self._left -= take
                at += take
            elif self._left:
                if end - at < 2:
                    if data[at : at + 1] != b"\r":
                        raise BadChunk("a chunk longer than its size")
                    break
                if data[at : at + 2] != b"\r\n":
                    raise BadChunk("a chunk longer than its size")
                self._left = 0
                at += 2
            else:
                stop = data.find(b"\r\n", at)
                if stop < 0:
                    self._refuse_unfinished(data[at:])
                    break
                line, at = data[at:stop], stop + 2
                self._line(line)
                if self.done:
                    self.rest = data[at:]
                    return pieces
        self._buffer = data[at:]
        return pieces

    def _line(self, line: bytes) -> None:
        if self._in_trailers:
            self._trailer_bytes += len(line) + 2
            if not line:
                self.done = True
            elif self._trailer_bytes > TRAILERS_LIMIT_BYTES or not _TRAILER_LINE.fullmatch(line):
                raise BadChunk("a trailer that is not `name: value`, or too many of them")
            return
        found = _SIZE_LINE.fullmatch(line) if len(line) <= LINE_LIMIT_BYTES else None
        if not found:
            raise BadChunk("a chunk size that is not a hexadecimal number")
        size = int(found[1], 16)
        if size:
            self._left = size + 2
        else:
            self._in_trailers = True

    def _refuse_unfinished(self, line: bytes) -> None:
        if len(line) > LINE_LIMIT_BYTES or b"\n" in line or b"\x00" in line:
            raise BadChunk("a chunk line that does not end with CRLF")


def encode_chunks(pieces: list[bytes]) -> bytes:
    """These pieces, as chunks; nothing for nothing, as an empty chunk would end the body."""
    return b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece])


LAST_CHUNK = b"0\r\n\r\n"
