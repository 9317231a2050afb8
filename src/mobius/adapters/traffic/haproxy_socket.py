"""HAProxy's runtime API: commands on one line, over one connection, with every answer read in bounded time."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path
from typing import Protocol

from mobius.errors import MobiusError

TIMEOUT_S = 3.0
PATIENCE_S = 0.5  # a restart of HAProxy takes its socket away for a moment
SHOW_SNIPPET = "what its configuration needs: mobius traffic snippet"
WORD = re.compile(r"[A-Za-z0-9_.:@/#-]+")


class Asked(Protocol):
    """Who carries out commands and answers, as HAProxy does on its socket."""

    @property
    def path(self) -> Path:
        """Of the socket."""

    def ask(self, *commands: tuple[str, ...]) -> tuple[str, ...]:
        """The answer to each command, given as its words; all are carried out in order. Raises `MobiusError`."""


class RuntimeApi:
    """The `stats socket` at `path`. Every exchange ends within `timeout_s`, with an answer or a `MobiusError`."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        self.path = path
        self._timeout_s = timeout_s

    def ask(self, *commands: tuple[str, ...]) -> tuple[str, ...]:
        """The answer to each command, given as its words; all are written at once and carried out in order.

        Raises `MobiusError`, with what to do, when the socket is missing, may not be opened, is silent, or has not
        the level that a command needs. A connection that breaks leaves open how many of them were carried out.
        """
        line = "; ".join(" ".join(_word(word) for word in command) for command in commands)
        answers = tuple(split_answers(self._exchange(line)))
        if "Permission denied" in answers:
            raise MobiusError(
                f"HAProxy's socket {self.path} is not of level admin, so nothing can be changed by it",
                f"write `stats socket {self.path} mode 660 level admin` in `global`, and reload HAProxy once",
            )
        if len(answers) != len(commands):
            raise MobiusError(
                f"HAProxy gave {len(answers)} answers to {len(commands)} questions on {self.path}",
                "ask it yourself: echo 'show servers state' | socat stdio " + str(self.path),
            )
        return answers

    def _exchange(self, line: str) -> str:
        deadline = time.monotonic() + self._timeout_s
        try:
            with self._connected(deadline) as talk:
                _wait_until(talk, deadline)
                talk.sendall(line.encode() + b"\n")
                heard = bytearray()
                while True:
                    _wait_until(talk, deadline)
                    part = talk.recv(65_536)
                    if not part:
                        return heard.decode(errors="replace")
                    heard += part
        except TimeoutError as silence:
            raise MobiusError(
                f"HAProxy did not answer on {self.path} within {self._timeout_s:g} s",
                "see whether it hangs: systemctl status haproxy; then try again",
            ) from silence
        except OSError as problem:
            raise MobiusError(
                f"HAProxy's socket {self.path} broke off: {problem.strerror or problem}",
                "see whether HAProxy was just restarted, and try again",
            ) from problem

    def _connected(self, deadline: float) -> socket.socket:
        patient_until = min(deadline, time.monotonic() + PATIENCE_S)
        while True:
            talk = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                _wait_until(talk, deadline)
                talk.connect(str(self.path))
                return talk
            except TimeoutError:
                talk.close()
                raise
            except OSError as problem:
                talk.close()
                is_away = isinstance(problem, FileNotFoundError | ConnectionRefusedError)
                if not is_away or time.monotonic() > patient_until:
                    raise _cannot_connect(self.path, problem) from problem
            time.sleep(0.05)


def split_answers(heard: str) -> list[str]:
    """What was said to each command: an answer ends with an empty line, and an empty one is just that line."""
    answers = []
    while heard:
        if heard.startswith("\n"):
            answers.append("")
            heard = heard[1:]
            continue
        answer, _, heard = heard.partition("\n\n")
        answers.append(answer)
    return answers


def _cannot_connect(path: Path, problem: OSError) -> MobiusError:
    match problem:
        case FileNotFoundError():
            return MobiusError(
                f"HAProxy's socket {path} is not there",
                f"start HAProxy, or correct [traffic] socket; {SHOW_SNIPPET}",
            )
        case ConnectionRefusedError():
            return MobiusError(f"HAProxy does not run: nobody answers on {path}", "systemctl start haproxy")
        case PermissionError():
            return MobiusError(
                f"this user may not open HAProxy's socket {path}",
                f"write `stats socket {path} mode 660 group GROUP level admin` with a group of this user",
            )
        case _:
            return MobiusError(
                f"HAProxy's socket {path} cannot be used: {problem.strerror or problem}", SHOW_SNIPPET
            )


def _wait_until(talk: socket.socket, deadline: float) -> None:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    talk.settimeout(left_s)


def _word(word: str) -> str:
    """A word that cannot end the command it stands in. Raises `MobiusError` for any other."""
    if not WORD.fullmatch(word):
        raise MobiusError(
            f"{word!r} cannot be a name in HAProxy", "names have letters, digits and . _ : - only"
        )
    return word
