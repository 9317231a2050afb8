"""Calls one tool as every scanner is called: without a shell, within its time, its words without what is secret."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mobius.adapters.checks.run import Ran, run
from mobius.model.scan import Asked, Known, NotKnown
from mobius.rules.scanning.shapes import Unread, decoded

MOST_BYTES = 64 << 20
VERSION_S = 20.0
_USER = re.compile(r"(?<=://)[^/\s@]+(?=@)")


class Calling:
    """How tools are called here."""

    def __init__(self, environ: Mapping[str, str], redact: Callable[[str], str], timeout_s: float) -> None:
        self._environ = environ
        self._redact = redact
        self._timeout_s = timeout_s

    def tool(self, words: Sequence[str], *, cwd: Path, missing: str) -> tuple[str, int]:
        """(what it printed, its exit code). Raises `Unread` where it is not there (`missing`: how to have it), could
        not be started, was stopped or took too long."""
        ran = run(
            words, cwd=cwd, env=self._environ, timeout_s=self._timeout_s, apart=True, keep_bytes=MOST_BYTES
        )
        if ran.exit_code is None:
            raise Unread(self.clean(ran.reason), missing if "is not there" in ran.reason else "")
        if ran.exit_code < 0:
            raise Unread(f"{words[0]} was {ran.reason}")
        if not ran.output.strip():
            raise Unread(f"{words[0]} printed nothing, {ran.reason}: {self.clean(_last(ran))}")
        return ran.output, ran.exit_code

    def version(self, words: Sequence[str], *, cwd: Path) -> str:
        """What it says of itself, "" where it does not."""
        ran = run([*words, "--version"], cwd=cwd, env=self._environ, timeout_s=VERSION_S, apart=True)
        found = re.search(r"\d+(\.\d+)+", ran.output) if ran.exit_code == 0 else None
        return f"{Path(words[0]).name} {found[0]}" if found else Path(words[0]).name

    def clean(self, text: str) -> str:
        """On one line, without secrets and without the users in addresses."""
        return " ".join(_USER.sub("…", self._redact(text)).split())[:300]

    def asked(self, source: str, of: str, ask: Callable[[], Known], advice: str = "") -> Asked:
        """What `ask` returns; why not, where it raises. `advice`: the next step then, where it names none."""
        began = time.monotonic()
        answer: Known | NotKnown
        try:
            answer = ask()
        except Unread as problem:
            answer = NotKnown(self.clean(problem.message), problem.hint or advice)
        except (OSError, UnicodeError) as problem:
            answer = NotKnown(self.clean(str(problem)), advice)
        return Asked(source, of, answer, time.monotonic() - began)


def _last(ran: Ran) -> str:
    said = [line.strip() for line in ran.complaint.splitlines() if line.strip()]
    return said[-1] if said else "it does not say why"


def content_of(file: Path) -> str:
    """The text of a file of the project. Raises `Unread` for a pipe and the like, on which one would wait for ever."""
    if file.exists() and not file.is_file():
        raise Unread("it is no file")
    return decoded(file.read_bytes())
