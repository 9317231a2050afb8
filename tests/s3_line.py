"""The line to an S3 server, for tests: a relay on loopback that can be cut, go dead, and change what goes over it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Change = Callable[[bytes], bytes]


class Line:
    """Relays to `port`. After `cut_after` more bytes to the server every connection is cut, once (with `dies_then` the
    line is dead from that moment on); while `dead`, new ones are, too. `up` and `down` change what passes."""

    def __init__(self, port: int) -> None:
        self.cut_after: int | None = None
        self.dies_then = False
        self.dead = False
        self.sent_bytes = 0
        self.up: Change = bytes
        self.down: Change = bytes
        self.passed = threading.Event()  # set once `cut_after` bytes have passed
        self._server_port = port
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Nothing is relayed any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Every connection, now."""
        with self._lock:
            every = list(self._open)
        for each in every:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.dead:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:  # nobody is there any more: whoever called is told in the same way
                client.close()
                continue
            with self._lock:
                is_late = self.dead  # it died while we connected
                self._open |= set() if is_late else {client, server}
            if is_late:
                client.close()
                server.close()
                continue
            for source, sink, is_up in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._relay, args=(source, sink, is_up), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, is_up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if is_up and self._is_cut_by(len(data)):
                    self.cut()
                    break
                sink.sendall((self.up if is_up else self.down)(data))
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()  # or whoever still sends would wait for a window that never opens
        with self._lock:
            self._open -= {source, sink}

    def _is_cut_by(self, count: int) -> bool:
        with self._lock:
            self.sent_bytes += count
            if self.cut_after is None:
                return False
            self.cut_after -= count
            if self.cut_after > 0:
                return False
            self.cut_after, self.dead = None, self.dead or self.dies_then
            self.passed.set()
            return True


@contextmanager
def line_to(port: int) -> Iterator[Line]:
    """Relays inside the `with`."""
    made = Line(port)
    try:
        yield made
    finally:
        made.close()
