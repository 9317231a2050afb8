"""`mobius relay`: the far end of `mobius --on`. Reads one request from stdin, and answers in frames on stdout.

The command itself runs in a process of its own, which no line is the parent of: this one only carries words
between it and the line. A line that is cut, and comes back with the same token, finds it again.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from mobius.adapters.remote_frames import LONGEST_LINE, PROTOCOL, Request, decode_request, encode
from mobius.errors import MobiusError, UsageError

if TYPE_CHECKING:
    from mobius.adapters.remote_shelter import Shelter

CUT = 75  # the command is gone without a word: whoever called asks again what became of it
CHUNK = 65_536
NOTHING: Mapping[str, float] = {}
LAST_WORDS_S = 2.0  # after the line's end: what is under way still arrives, or is kept


@click.command("relay", hidden=True)
def command() -> int:
    """Carry one command over the line that is stdin and stdout."""
    from importlib.metadata import version

    _send(encode({"mobius": version("mobius"), "protocol": PROTOCOL, "pid": os.getpid()}))
    try:
        request = decode_request(_first_line())
        line = _line_to(request)
    except (MobiusError, OSError) as problem:
        told = (
            problem
            if isinstance(problem, MobiusError)
            else MobiusError(f"{problem.strerror}: {problem.filename}")
        )
        refused = {"message": told.message, "hint": told.hint, "exit_code": told.exit_code}
        _send(encode({"refused": refused}))
        return told.exit_code
    try:
        line.sendall(encode({"seen": request.seen}))
        return _carry(line)
    except OSError:
        return CUT


def _first_line() -> bytes:
    """The request, and not a byte more of what comes after it."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte or len(line) > LONGEST_LINE:
            raise UsageError("no command came over the line", "this is for mobius --on user@host COMMAND")
        line += byte
    return bytes(line)


def _line_to(request: Request) -> socket.socket:
    """A connection to the command, which is begun here if it never was. Raises `MobiusError`."""
    from mobius.adapters.remote_keeper import read_facts
    from mobius.adapters.remote_shelter import shelter

    place = shelter(request.token)
    if place is None:  # no folder to keep it in: it runs, but a cut line finds it no more
        if request.again and request.run is None:
            raise MobiusError(
                f"{request.host} has no folder in which a command could be found again, so it was not begun twice",
                f"look what became of it: mobius --on {request.to} status",
            )
        return _begin(request, None, None, looking_again=request.again)
    while (file := place.claim()) is None:
        try:
            if (line := place.reach()) is not None:
                return line
        except MobiusError:  # it goes on, but has let go of whoever was away for too long
            if request.run is None:
                raise
            return _begin(request, None, None, looking_again=True)
    facts = read_facts(file)
    if "exit" in facts and request.run is None:
        ended = MobiusError(
            f"the command has ended there with exit code {facts['exit']}, and its last words are lost",
            f"look what became of it: mobius --on {request.to} status",
        )
        ended.exit_code = int(facts["exit"])
        raise ended
    if facts or request.run:
        return _begin(request, place, file, looking_again=True, before=facts)
    if request.seen:
        raise MobiusError(
            f"{request.host} does not know this command any more, and it had not begun a run",
            f"look at it: mobius --on {request.to} status; then give the command again",
        )
    return _begin(request, place, file)


def _begin(
    request: Request,
    place: Shelter | None,
    file: int | None,
    *,
    looking_again: bool = False,
    before: Mapping[str, float] = NOTHING,
) -> socket.socket:
    """Forks the process that runs the command, and returns our end of a line to it. `looking_again`: it was begun
    before, `before` is what is known of that process, and it is only to be shown on."""
    listener = None
    if place is not None:
        with suppress(OSError, MobiusError):
            listener = place.listen()
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    if os.fork() == 0:
        code = 1
        try:
            ours.close()
            os.setsid()
            from mobius.cli.relayed import Relayed

            code = Relayed(request, place, file).run(
                theirs, listener, looking_again=looking_again, before=before
            )
        finally:
            os._exit(code)
    # No zombie is left of it: whether it lives is asked by its pid.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    theirs.close()
    if listener is not None:
        listener.close()
    if file is not None:
        os.close(file)
    return ours


def _carry(line: socket.socket) -> int:
    """Carries bytes both ways until the command has said all, or the line has ended."""
    until = None
    watched: list[int] = [0, line.fileno()]
    while until is None or time.monotonic() < until:
        ready, _, _ = select.select(watched, [], [], None if until is None else LAST_WORDS_S)
        if line.fileno() in ready:
            said = line.recv(CHUNK)
            if not said:
                return 0 if until is not None else CUT
            _send(said)
        if 0 in ready:
            heard = os.read(0, CHUNK)
            if heard:
                with suppress(OSError):
                    line.sendall(heard)
            else:
                watched.remove(0)
                until = time.monotonic() + LAST_WORDS_S
                with suppress(OSError):
                    line.shutdown(socket.SHUT_WR)
    return 0


def _send(words: bytes) -> None:
    """To stdout, all of it, past every buffer."""
    view = memoryview(words)
    while view:
        view = view[os.write(1, view) :]
