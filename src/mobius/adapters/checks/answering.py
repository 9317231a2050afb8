"""Reads one HTTP answer as its bytes come in: lenient as clients are, bounded in every direction."""

from __future__ import annotations

import re

LARGEST_HEAD = 65_536
LARGEST_BODY = 5 * 1024 * 1024
_STATUS = re.compile(rb"HTTP/1\.\d +(\d{3})(?: |\r?\n|\Z)")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_CHUNK = re.compile(rb" *([0-9A-Fa-f]{1,12}) *(?:;[^\r\n]*)?\r?\n")
_SHOWN = 40


class NotHttp(Exception):
    """What came is no answer, or too large a one; the text says what it is instead."""


class Answering:
    """One answer. Feed it until `is_done`; at the end of the connection ask `ends_well`."""

    def __init__(self, method: str) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_done = False
        self._method = method
        self._data = bytearray()  # the head, later what is left of a chunked body
        self._body = bytearray()
        self._length: int | None = None  # of the body that is still to come
        self._is_chunked = False

    @property
    def body(self) -> bytes:
        """As much of it as there is."""
        return bytes(self._body)

    @property
    def has_begun(self) -> bool:
        """Whether anything at all came."""
        return bool(self.status or self._data)

    def feed(self, data: bytes) -> None:
        """More of it. Raises NotHttp."""
        if self.status:
            self._more(data)
            return
        seen = max(0, len(self._data) - 3)  # no end begins before there
        self._data += data
        while not self.status and (end := _END_OF_HEAD.search(self._data, seen)):
            seen = 0
            head, rest = bytes(self._data[: end.start()]), bytes(self._data[end.end() :])
            self._data.clear()
            self._begin(head)
            if self.status:
                self._more(rest)
            else:
                self._data += rest  # after "continue" comes the real one
        if not self.status:
            self._refuse_what_cannot_be()

    def ends_well(self) -> bool:
        """Whether the other side may close here: all was said, or its answer lasts as long as the connection."""
        return self.is_done or bool(self.status and self._length is None and not self._is_chunked)

    def _refuse_what_cannot_be(self) -> None:
        if not self._data.startswith(b"HTTP/1."[: len(self._data)]):
            raise NotHttp(f"the answer is not HTTP: it begins with {_shown(self._data)}")
        if len(self._data) > LARGEST_HEAD:
            raise NotHttp(f"the head of the answer is larger than {LARGEST_HEAD // 1024} KB")

    def _begin(self, head: bytes) -> None:
        if len(head) > LARGEST_HEAD:
            raise NotHttp(f"the head of the answer is larger than {LARGEST_HEAD // 1024} KB")
        first, _, rest = head.partition(b"\n")
        told = _STATUS.match(first + b"\n")
        if told is None or int(told[1]) < 100:
            raise NotHttp(f"the answer is not HTTP: it begins with {_shown(first)}")
        if 100 <= int(told[1]) < 200 and int(told[1]) != 101:
            return
        self.status, self.headers = int(told[1]), _headers(rest)
        if self._method == "HEAD" or self.status in (101, 204, 304):
            self._length = 0
        elif self.headers.get("transfer-encoding", "").lower() == "chunked":
            self._is_chunked = True
        elif (length := self.headers.get("content-length", "")).isascii() and length.isdigit():
            self._length = int(length)

    def _more(self, data: bytes) -> None:
        if self.is_done:
            return
        if self._is_chunked:
            self._data += data
            self._unpack()
        else:
            self._body += data if self._length is None else data[: self._length]
            if self._length is not None:
                self._length = max(0, self._length - len(data))
                self.is_done = not self._length
        if len(self._body) > LARGEST_BODY:
            raise NotHttp(f"the answer is larger than {LARGEST_BODY // 1024 // 1024} MB")

    def _unpack(self) -> None:
        """Moves whole chunks over to the body. `_length` is what the chunk at hand still lacks, with its line end."""
        data = self._data
        while True:
            if self._length is None:
                told = _CHUNK.match(data)
                if told is None:
                    if b"\n" in data or len(data) > 4096:
                        raise NotHttp("the answer is not HTTP: a chunk of it has no size")
                    return
                size = int(told[1], 16)
                del data[: told.end()]
                if not size:
                    self.is_done = True
                    return
                self._length = size
            taken = bytes(data[: self._length])
            self._body += taken
            self._length -= len(taken)
            del data[: len(taken)]
            end = 2 if data.startswith(b"\r\n") else 1 if data.startswith(b"\n") else 0
            if self._length or not end:
                if data and data != b"\r":
                    raise NotHttp("the answer is not HTTP: a chunk of it is longer than it says")
                return
            del data[:end]
            self._length = None
            if len(self._body) > LARGEST_BODY:
                return


def _headers(lines: bytes) -> dict[str, str]:
    """By name in lower case; of one that comes twice the last. A line that is none is passed over."""
    found: dict[str, str] = {}
    last = ""
    for line in lines.decode("latin-1").split("\n"):
        if line[:1] in (" ", "\t") and last:  # an old way to go on with a long one
            found[last] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        if colon:
            last = name.strip().lower()
            found[last] = value.strip()
    return found


def _shown(data: bytes | bytearray) -> str:
    text = bytes(data[:_SHOWN]).decode("latin-1").partition("\n")[0].strip()
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text) or "nothing to read"
