"""A small server on loopback that can be slow, refuse, cut answers off, drip bytes and answer nonsense."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

from free_ports import free_port

Script = Callable[[socket.socket, bytes, threading.Event], None]


def answers(status: str = "200 OK", body: bytes = b"", headers: str = "") -> Script:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode()
    return lambda sock, asked, over: sock.sendall(head + body)


def raw(data: bytes) -> Script:
    return lambda sock, asked, over: sock.sendall(data)


def drips(byte: bytes = b"x", every_s: float = 0.02, head: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Script:
    def script(sock: socket.socket, asked: bytes, over: threading.Event) -> None:
        sock.sendall(head)
        while not over.wait(every_s):
            sock.sendall(byte)

    return script


def silent(sock: socket.socket, asked: bytes, over: threading.Event) -> None:
    over.wait(60)


def resets(sock: socket.socket, asked: bytes, over: threading.Event) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@contextlib.contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """The server's address and the requests it got. Everything is gone afterwards."""
    listener = socket.create_server(("127.0.0.1", 0))
    over, requests, threads = threading.Event(), [], []

    def one(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            wrapped = tls.wrap_socket(sock, server_side=True) if tls else sock
            with wrapped:
                asked = b""
                while b"\r\n\r\n" not in asked and (piece := wrapped.recv(65_536)):
                    asked += piece
                requests.append(asked)
                script(wrapped, asked, over)

    def accept() -> None:
        while not over.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=one, args=(sock,), daemon=True)
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    scheme = "https" if tls else "http"
    try:
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", requests
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (acceptor, *threads):
            thread.join(30)


def unused_port() -> int:
    """A port of loopback that nobody listens on."""
    return free_port()
