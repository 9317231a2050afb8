"""Clients that stay: WebSockets that talk all the time, and uploads that trickle. Each must end well."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

SESSION_S = 1.5
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class LongLines:
    """`tunnels` and `uploads` clients in threads, one session after the other; `ended` counts them by kind."""

    def __init__(self, url: str, *, tunnels: int = 3, uploads: int = 3) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self.ended = {"tunnel": 0, "upload": 0}
        self.lost: list[str] = []
        self.releases: set[str] = set()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        kinds: list[tuple[str, Callable[[socket.socket], str]]] = [("tunnel", self._tunnel)] * tunnels
        kinds += [("upload", self._upload)] * uploads
        self._threads = [threading.Thread(target=self._go_on, args=kind, daemon=True) for kind in kinds]

    def start(self) -> LongLines:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Every session ends as it would have."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)

    def _go_on(self, kind: str, session: Callable[[socket.socket], str]) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                with socket.create_connection(self._address, timeout=30) as line:
                    release = session(line)
                with self._lock:
                    self.ended[kind] += 1
                    self.releases.add(release)
            except (OSError, ValueError, KeyError, AssertionError) as problem:
                with self._lock:
                    self.lost.append(f"{kind} after {time.monotonic() - began:.2f} s: {problem!r}")
                time.sleep(0.05)

    def _tunnel(self, line: socket.socket) -> str:
        line.sendall(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n" % KEY.encode()
        )
        head = line.recv(4096)
        assert head.startswith(b"HTTP/1.1 101"), head
        until, release = time.monotonic() + SESSION_S, ""
        while time.monotonic() < until:
            line.sendall(b"hello ")
            said = line.recv(4096)
            assert said.startswith(b"hello ") and said.endswith(b"\n"), said
            release = said[6:-1].decode()
            time.sleep(0.05)
        return release

    def _upload(self, line: socket.socket) -> str:
        body, pieces = os.urandom(200_000), 30
        line.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        size = -(-len(body) // pieces)
        for at in range(0, len(body), size):
            line.sendall(body[at : at + size])
            time.sleep(SESSION_S / pieces)
        heard = b""
        while part := line.recv(65_536):
            heard += part
        head, _, content = heard.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), heard[:200]
        told = json.loads(content)
        assert told["sha256"] == hashlib.sha256(body).hexdigest(), "another body arrived"
        return str(told["release"])
