"""A line to PostgreSQL that is cut exactly where a test wants it: between a COMMIT and its answer, or before it."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from pathlib import Path
from typing import Literal

Cut = Literal["never", "before", "after"]


class CuttingLine:
    """Listens in a folder of its own and passes everything on to the server's socket in `folder`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cut-", dir="/tmp"))
        self.cut: Cut = "never"
        self.cuts = 0
        self._to = str(folder / f".s.PGSQL.{port}")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.folder / f".s.PGSQL.{port}"))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Nobody is let in any more; whoever waits for somebody is woken, so that it waits on no other's number."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for left in self.folder.iterdir():
            left.unlink()
        self.folder.rmdir()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._to)
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        """What the client says goes to the server, and the answers back, until one is cut."""
        answers = threading.Thread(target=_pass, args=(server, client), daemon=True)
        answers.start()
        with contextlib.suppress(OSError):
            while said := client.recv(65536):
                if self.cut != "never" and b"COMMIT" in said:
                    how, self.cut = self.cut, "never"
                    self.cuts += 1
                    client.shutdown(socket.SHUT_RDWR)
                    if how == "after":
                        server.sendall(said)
                        server.settimeout(0.5)
                    break
                server.sendall(said)
            answers.join(2)
        client.close()
        server.close()


def _pass(source: socket.socket, to: socket.socket) -> None:
    """To the end, which is passed on as well: nobody waits for a server that has hung up."""
    with contextlib.suppress(OSError):
        while said := source.recv(65536):
            to.sendall(said)
    with contextlib.suppress(OSError):
        to.shutdown(socket.SHUT_RDWR)
