"""Talking to the door with bare sockets, so that the tests decide about each byte."""

from __future__ import annotations

import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Line:
    """One client connection."""

    def __init__(self, port: int, timeout_s: float = 10.0, over: socket.socket | None = None) -> None:
        self.socket = over or socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.buffer = b""
        self.is_ending = False  # the last answer said so

    @classmethod
    def over(cls, connected: socket.socket) -> Line:
        return cls(0, over=connected)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def get(self, path: str, method: str = "GET") -> Answer:
        self.send(f"{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        return self.answer(method)

    def post(self, path: str, body: bytes) -> Answer:
        self.send(
            f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )
        return self.answer()

    def answer(self, method: str = "GET") -> Answer:
        """The next answer; ConnectionError when the connection ends before it is whole."""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:-2])}
        self.is_ending = headers.get("connection") == "close"
        body = b""
        if method == "HEAD" or status < 200 or status in (204, 304):
            return Answer(status, headers, body)
        if headers.get("transfer-encoding") == "chunked":
            pieces = []
            while size := int(self._until(b"\r\n"), 16):
                pieces.append(self._exactly(size + 2)[:-2])
            self._exactly(2)
            body = b"".join(pieces)
        elif "content-length" in headers:
            body = self._exactly(int(headers["content-length"]))
        else:
            body = self.rest()
        return Answer(status, headers, body)

    def rest(self) -> bytes:
        """Everything until the other side closes."""
        while data := self.socket.recv(65536):
            self.buffer += data
        found, self.buffer = self.buffer, b""
        return found

    def is_closed(self) -> bool:
        """Waits for the end of the connection; False when data comes instead."""
        try:
            return not self.buffer and self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def _until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            self._more()
        found, _, self.buffer = self.buffer.partition(end)
        return found + end

    def _exactly(self, size: int) -> bytes:
        pieces, missing = [self.buffer[:size]], size - len(self.buffer)
        self.buffer = self.buffer[size:]
        while missing > 0:
            self._more()
            pieces.append(self.buffer[:missing])
            self.buffer, missing = self.buffer[missing:], missing - len(self.buffer)
        return b"".join(pieces)

    def _more(self) -> None:
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the answer broke off")
        self.buffer += data


def get(port: int, path: str = "/") -> Answer:
    """One request on a connection of its own."""
    with Line(port) as line:
        return line.get(path)


def post(port: int, path: str, body: bytes) -> Answer:
    with Line(port) as line:
        return line.post(path, body)
