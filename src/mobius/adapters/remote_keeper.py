"""Keeps what a command says until the other end of the line has seen it: a cut line loses nothing, repeats nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from mobius.adapters.remote_frames import BEAT_S, Frame, Garbled, decode, encode

KEPT_BYTES = 16 * 1024 * 1024  # more than that unseen, and the command waits, as it would for a full pipe
LOOK_S = 1.0


class Keeper:
    """Frames of one command, numbered from `first`, served to whoever is connected last.

    Whoever has been away longer than `linger_s` does not come back: from then on nothing is kept, nothing waits,
    and `forsaken` is called once.
    """

    def __init__(
        self, linger_s: float, *, first: int = 0, forsaken: Callable[[], None] = lambda: None
    ) -> None:
        self._linger_s = linger_s
        self._forsaken = forsaken
        self._changed = threading.Condition()
        self._kept: deque[bytes] = deque()
        self._first = first  # the number of the oldest that is kept
        self._bytes = 0
        self._asked = 0
        self._answers: dict[int, str] = {}
        self._turn = 0  # of the connection that counts
        self._line: socket.socket | None = None
        self._alone_since: float | None = time.monotonic()
        self._gone = False

    # -- for the command -------------------------------------------------------------------------------------

    def say(self, frame: Frame) -> None:
        """Keeps the frame for whoever is, or comes to be, connected. Waits while too much is unseen."""
        line = encode(frame)
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < KEPT_BYTES or self._gone)
            if self._gone:
                return
            self._kept.append(line)
            self._bytes += len(line)
            self._changed.notify_all()

    def ask(self) -> str:
        """A line from the person at the other end; "" when there is nobody any more, or at the end of input."""
        with self._changed:
            self._asked += 1
            number = self._asked
        self.say({"ask": number})
        with self._changed:
            self._changed.wait_for(lambda: number in self._answers or self._gone)
            return self._answers.get(number, "")

    def wait_until_seen(self) -> None:
        """Returns when everything has arrived, or nobody comes for it any more."""
        with self._changed:
            self._changed.wait_for(lambda: not self._kept or self._gone)

    # -- for the line ----------------------------------------------------------------------------------------

    def serve(self, first: socket.socket, listener: socket.socket | None) -> None:
        """Talks to `first`, and from then on to whoever connects to `listener`; returns at once."""
        self._connect(first)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket | None) -> None:
        if listener is None:
            while not self._is_forsaken():
                time.sleep(LOOK_S)
            return
        listener.settimeout(LOOK_S)
        with listener:  # once forsaken nobody is let in: what was said meanwhile was not kept
            while not self._is_forsaken():
                try:
                    line = listener.accept()[0]
                except TimeoutError:
                    continue  # nobody came within a second
                except OSError:
                    time.sleep(LOOK_S)  # too many files are open, or the like
                    continue
                if self._is_forsaken():
                    line.close()  # came in the moment in which it was
                else:
                    self._connect(line)

    def _is_forsaken(self) -> bool:
        with self._changed:
            since = self._alone_since
            if since is None or time.monotonic() - since < self._linger_s:
                return self._gone
        self._forsake()
        return True

    def _forsake(self) -> None:
        with self._changed:
            if self._gone:
                return
            self._gone = True
            self._changed.notify_all()
        self._forsaken()

    def _connect(self, line: socket.socket) -> None:
        line.settimeout(None)
        with self._changed:
            before, self._line = self._line, line
            self._turn += 1
            turn = self._turn
            self._alone_since = None
            self._changed.notify_all()
        if before is not None:
            with suppress(OSError):  # whoever came last is the one; the one before may hang in a dead line
                before.shutdown(socket.SHUT_RDWR)
        threading.Thread(target=self._hear, args=(line, turn), daemon=True).start()

    def _hear(self, line: socket.socket, turn: int) -> None:
        """Takes what comes in; the first word is how many frames were seen, and starts the telling."""
        telling = False
        try:
            with line.makefile("rb") as words:
                for word in words:
                    said = decode(word)
                    if "seen" in said:
                        self._forget_until(int(said["seen"]))
                        if not telling:
                            telling = True
                            threading.Thread(target=self._tell, args=(line, turn), daemon=True).start()
                    elif "answer" in said:
                        with self._changed:
                            self._answers.setdefault(int(said["to"]), str(said["answer"]))
                            self._changed.notify_all()
                    elif said.get("signal") == "INT":
                        os.kill(os.getpid(), signal.SIGINT)
                    elif "bye" in said:
                        self._forsake()
        except (OSError, Garbled, ValueError, KeyError):
            pass  # cut, or not one of ours: the next one may come
        self._left(line, turn)

    def _left(self, line: socket.socket, turn: int) -> None:
        with self._changed:
            if turn == self._turn:
                self._turn += 1
                self._alone_since = time.monotonic()
                self._changed.notify_all()
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        line.close()

    def _forget_until(self, seen: int) -> None:
        with self._changed:
            while self._kept and self._first < seen:
                self._bytes -= len(self._kept.popleft())
                self._first += 1
            self._changed.notify_all()

    def _tell(self, line: socket.socket, turn: int) -> None:
        """Sends what is kept, then what comes to be kept, and a beat when that is nothing for a while."""
        with self._changed:
            told = self._first
        try:
            while (ready := self._news(told, turn)) is not None:
                line.sendall(b"".join(ready) or encode({"beat": 1}))
                told += len(ready)
        except OSError:
            return  # cut: whoever hears finds out, too

    def _news(self, told: int, turn: int) -> list[bytes] | None:
        """The frames after the first `told`; none after a while of silence. None when another connection counts."""
        with self._changed:
            self._changed.wait_for(lambda: turn != self._turn or self._first + len(self._kept) > told, BEAT_S)
            if turn != self._turn:
                return None
            return list(self._kept)[max(0, told - self._first) :]


def write_facts(file: int, facts: Frame) -> None:
    """What is known of a command, into the file that its lock is on."""
    text = json.dumps(facts).encode()
    os.ftruncate(file, 0)
    os.pwrite(file, text, 0)


def read_facts(file: int) -> dict[str, float]:
    """What `write_facts` wrote; nothing where it never came to that."""
    try:
        facts = json.loads(os.pread(file, 65_536, 0))
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
