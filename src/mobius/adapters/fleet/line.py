"""The line to one host: the system's ssh, the agent at its other end, one question and one answer at a time."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any, Protocol

from mobius.adapters.fleet.answers import refuse_misshapen
from mobius.adapters.fleet.refusing import HostLost as HostLost
from mobius.adapters.fleet.refusing import HostRefused as HostRefused
from mobius.adapters.fleet.sending import agent_file, agent_sha256
from mobius.errors import Fenced
from mobius.report.words import printable

ASK_WITHIN_S = 30.0
CONNECT_WITHIN_S = 20.0
MOST_ANSWER = 16 << 20
MOST_WORDS = 1000  # of what a host says to a person
CHUNK = 1 << 18
ANSWERED = "it answered"
OLD_LINE = "line"


class Asks(Protocol):
    """A line to one host. One thread at a time asks."""

    def ask(
        self,
        verb: str,
        *,
        within_s: float = ASK_WITHIN_S,
        stream: Callable[[], Iterator[bytes]] | None = None,
        **asked: Any,
    ) -> Mapping[str, Any]:
        """The host's answer. `stream` follows the question. Raises `HostLost` when there is none in time, `Fenced` or
        `HostRefused` when it is no."""

    def close(self) -> None:
        """Ends the line; what the host was told goes on."""


class Line:
    """Opened with the first question, opened anew after it broke. One thread at a time asks."""

    def __init__(self, name: str, argv: Sequence[str], root: str, address: str = "") -> None:
        """`address`: what a person gives ssh to look there; the name where there is none."""
        self.name = name
        self._address = address or name
        self._argv = list(argv)
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self._rest = b""
        self._lock = threading.Lock()

    def ask(
        self,
        verb: str,
        *,
        within_s: float = ASK_WITHIN_S,
        stream: Callable[[], Iterator[bytes]] | None = None,
        **asked: Any,
    ) -> Mapping[str, Any]:
        """The host's answer. `stream` follows the question. Raises `HostLost` when there is none in time, `Fenced` or
        `HostRefused` when it is no."""
        with self._lock:
            try:
                return self._ask(verb, asked, within_s, stream)
            except HostRefused as refused:
                if refused.code != OLD_LINE:
                    raise
            self.close()  # somebody has opened a newer line since: nothing was done, and a new one is as good as theirs
            return self._ask(verb, asked, within_s, stream)

    def _ask(
        self,
        verb: str,
        asked: Mapping[str, Any],
        within_s: float,
        stream: Callable[[], Iterator[bytes]] | None,
    ) -> Mapping[str, Any]:
        try:
            self._open(min(within_s, CONNECT_WITHIN_S))
            until = time.monotonic() + within_s
            self._write(json.dumps({"verb": verb, **asked}).encode() + b"\n", until)
            for chunk in stream() if stream else ():
                self._write(len(chunk).to_bytes(4, "big") + chunk, until)
            if stream:
                self._write(bytes(4), until)
            told = self._read(until)
        except BaseException:
            self.close()
            raise
        answer = judged(self.name, told, self._address)
        refuse_misshapen(self.name, verb, answer, self._address)
        return answer

    def close(self) -> None:
        """Ends the line; what the host was told goes on."""
        self.hang_up()
        process, self._process = self._process, None
        self._rest = b""
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
            if process.poll() is None:
                process.kill()
                process.wait()
        if self._said is not None:
            self._said.close()
            self._said = None

    def hang_up(self) -> None:
        """Lets it end without waiting for that: of many lines all end at once then, before the first is closed."""
        if self._process is not None:
            for end in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    assert end is not None
                    end.close()

    # -- one line --------------------------------------------------------------------------------------------

    def _open(self, within_s: float) -> None:
        if self._process is not None:
            return
        until = time.monotonic() + within_s
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the line
        try:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as problem:
            raise HostLost(
                f"{self.name}: {self._argv[0]} cannot be started: {problem.strerror}",
                "install the ssh client",
            ) from problem
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None
            os.set_blocking(end.fileno(), False)
        first = json.dumps({"root": self._root, "sha256": agent_sha256(), "size": len(agent_file())}).encode()
        self._write(b"%08d" % len(first) + first, until)
        if not judged(self.name, self._read(until), self._address).get("has"):
            self._write(agent_file(), until)

    def _write(self, content: bytes, until: float) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        file, left = self._process.stdin.fileno(), memoryview(content)
        while left:
            self._await(file, selectors.EVENT_WRITE, until)
            try:
                left = left[os.write(file, left[:CHUNK]) :]
            except BlockingIOError:
                continue
            except OSError as problem:
                raise self._lost("the line broke") from problem

    def _read(self, until: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        file = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            self._await(file, selectors.EVENT_READ, until)
            try:
                piece = os.read(file, CHUNK)
            except BlockingIOError:
                continue
            if not piece:
                raise self._lost("the line ended")
            self._rest += piece
            if len(self._rest) > MOST_ANSWER:
                raise self._lost("it answers without an end")
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            told = json.loads(line)
        except (ValueError, RecursionError) as problem:
            raise self._lost(f"{ANSWERED} {line[:60]!r}") from problem
        if not isinstance(told, dict):
            raise self._lost(f"{ANSWERED} {line[:60]!r}")
        return told

    def _await(self, file: int, event: int, until: float) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(file, event)
            if not ready.select(max(0.0, until - time.monotonic())):
                raise self._lost("no answer in time")

    def _lost(self, how: str) -> HostLost:
        """What ssh said last is the reason where it ended with that; otherwise it may be no more than a greeting."""
        said = self._why()
        has_ended = self._process is not None and self._process.poll() is not None
        why = said if said and has_ended and not how.startswith(ANSWERED) else how
        return HostLost(f"{self.name} is not reached: {why}", advice(why, self._address))

    def _why(self) -> str:
        """The last line that ssh said; the program at the other end may have said one, too."""
        if self._said is None:
            return ""
        with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(0.2)
            self._said.seek(0)
            lines = self._said.read(65536).decode(errors="replace").strip().splitlines()
            return printable(lines[-1])[:200] if lines else ""
        return ""


def advice(why: str, address: str) -> str:
    """What to do about a host that is not reached, by what ssh, or the shell there, said last."""
    there = f"ssh {address}"
    if "Host key verification failed" in why:
        host = address.rpartition("@")[2]
        return f"new here, or the same machine set up anew? then: ssh-keygen -R {host}, and once: {there}"
    if "Permission denied" in why:
        return f"its user must let in a key of yours without a question: ssh-copy-id {address}; try: {there} true"
    if "resolve hostname" in why:
        return f"see the address of this host in mobius.toml, and in ~/.ssh/config; try: {there} true"
    if why.startswith(ANSWERED):
        return f"its shell says something before it does what it is told: nothing may be printed by `{there} true`"
    if "not found" in why or "No such file" in why:
        return f"install Python 3.8 or newer there, or say where it is: [fleet] python; look: {there}"
    return f"look: {there}; when it is back: mobius resume, or mobius status"


def judged(name: str, told: Mapping[str, Any], address: str = "") -> Mapping[str, Any]:
    """What the host of this name answered. Raises `Fenced` or `HostRefused` where it is no."""
    if told.get("ok") is True:
        return told
    message, hint, code = (
        printable(str(told.get(key) or ""))[:MOST_WORDS] for key in ("message", "hint", "code")
    )
    if code == "fenced":
        raise Fenced(f"{name}: {message}", hint)
    raise HostRefused(f"{name}: {message or 'it refused'}", hint or f"look: ssh {address or name}", code=code)
