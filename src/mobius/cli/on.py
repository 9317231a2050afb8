"""`mobius --on user@host COMMAND`: the same command there, over the system's ssh, found again when the line is cut."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TextIO

import click

from mobius.adapters.remote import Far, far, ssh_command
from mobius.adapters.remote_frames import (
    PATIENCE_S,
    PROTOCOL,
    Garbled,
    Request,
    Seen,
    Terminal,
    encode,
    encode_request,
)
from mobius.adapters.remote_line import GREETING_S, Cut, SshLine
from mobius.cli.on_refused import refused, stays_refused
from mobius.cli.over_the_line import pass_on
from mobius.errors import MobiusError, UsageError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 15.0
TOLD_EVERY_S = 0.5  # how often the far side hears what has arrived
LEAVE_S = 5.0  # after Ctrl-C: the command's last words
WIPE = "\r\x1b[2K"
NOT_THERE = ("demo", "relay", "run-on")


def run_on(address: str, argv: Sequence[str]) -> int:
    """The exit code that the command ended with there. Raises `MobiusError` when it could not be begun, or its end not
    be seen."""
    there = far(address, os.environ.get("MOBIUS_REMOTE", ""))
    if not argv or (len(argv) == 1 and argv[0] in NOT_THERE) or argv[0] in NOT_THERE:
        what = f"{argv[0]} is for this machine" if argv else f"what is to be done on {there}?"
        raise UsageError(what, f"write: mobius --on {there} status")
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    return Call(there, argv, os.environ).act()


class Call:
    """One command on another host: what has arrived of it, and how its line is made again."""

    def __init__(self, there: Far, argv: Sequence[str], environ: Mapping[str, str]) -> None:
        from mobius.config.layers import is_read

        self._there = there
        self._request = Request(
            token=secrets.token_hex(16),
            argv=tuple(argv),
            to=there.typed,
            host=there.destination,
            directory=there.directory,
            environ={name: value for name, value in environ.items() if is_read(name)},
            terminal=_terminal(environ),
            patience_s=_patience_s(environ),
        )
        self._asked_for = False  # from then on it may have been begun
        self._answer: dict[str, Any] | None = None  # of which the far side has not been seen to hear
        self._leaving_at = 0.0
        self._holds = False  # something has come over the present line
        self._was_cut = False

    def act(self) -> int:
        """Makes the line, and makes it again, until the command has ended or the person has seen enough."""
        tries, until = 0, 0.0
        try:
            while True:
                try:
                    with SshLine(self._ssh(tries), self._echo) as line:
                        return self._shown_to_the_end(line)
                except (Cut, Garbled) as problem:
                    cut = problem if isinstance(problem, Cut) else Cut(None, ())
                if self._holds:
                    tries, until = 0, 0.0
                self._holds = False
                until = until or time.monotonic() + self._request.patience_s
                self._stop_or_wait(cut, tries, until)
                tries += 1
        except KeyboardInterrupt:
            return self._leave()

    def _ssh(self, tries: int) -> Sequence[str]:
        return ssh_command(self._there, terminal=_is_tty(sys.stdin), again=self._asked_for, fresh=tries > 1)

    def _echo(self, words: str) -> None:
        """ssh's own words, until the line has held; of later tries, what was wrong with the last is told at the end."""
        if not self._asked_for:
            _say(words)

    def _begin(self, line: SshLine) -> None:
        greeting = line.greeting(GREETING_S if self._asked_for else None)
        if greeting.get("protocol") != PROTOCOL:
            raise MobiusError(
                f"mobius {greeting.get('mobius')} on {self._there} speaks another protocol"
                f" ({greeting.get('protocol')}) than this one ({PROTOCOL})",
                "install the same version on both sides",
            )
        line.send(encode_request(replace(self._request, again=self._asked_for)))
        self._asked_for = True
        if self._answer is not None:
            line.send(encode(self._answer))

    def _shown_to_the_end(self, line: SshLine) -> int:
        """The exit code; whoever leaves before the end says so, that nothing is kept there for them."""
        try:
            self._begin(line)
            return self._show(line)
        except (KeyboardInterrupt, BrokenPipeError):
            with suppress(Cut):
                line.send(encode({"bye": 1}))
            raise

    def _show(self, line: SshLine) -> int:
        """Shows what comes, to the end of the command. Raises `Cut`."""
        told_at = 0.0
        while True:
            try:
                frame = line.frame()
                if self._was_cut and not self._holds:
                    _say(f"the line to {self._there} is back")
                self._holds = True
                if "refused" in frame:
                    raise _refusal(frame["refused"])
                if "beat" not in frame:
                    self._request = replace(self._request, seen=self._request.seen + 1)
                    self._take(frame, line)
                if "exit" in frame or time.monotonic() - told_at > TOLD_EVERY_S:
                    told_at = time.monotonic()
                    line.send(encode({"seen": self._request.seen}))
                if "exit" in frame:
                    return int(frame["exit"])
                if self._leaving_at and time.monotonic() > self._leaving_at:
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                if self._leaving_at:
                    raise
                self._leaving_at = time.monotonic() + LEAVE_S
                line.send(encode({"signal": "INT"}))

    def _take(self, frame: Mapping[str, Any], line: SshLine) -> None:
        if "out" in frame:
            pass_on(sys.stdout, str(frame["out"]))
        if "err" in frame:
            pass_on(sys.stderr, str(frame["err"]))
        if "run" in frame:
            self._answer = None
            said = frame["run"]
            self._request = replace(
                self._request, run=Seen(str(said["environment"]), int(said["id"]), int(said["seq"]))
            )
        if "ask" in frame:
            self._answer = {"answer": sys.stdin.readline(), "to": frame["ask"]}
            line.send(encode(self._answer))

    def _stop_or_wait(self, cut: Cut, tries: int, until: float) -> None:
        """Returns when it is time for another try. Raises what there is to say when there is none."""
        if not self._asked_for:
            raise refused(cut, self._there)
        if self._leaving_at:
            raise KeyboardInterrupt
        if stays_refused(cut):
            raise MobiusError(
                f"the line to {self._there} was cut, and ssh does not go there again: {cut.said[-1]}",
                f"{self._goes_on()}; look before you trust it: {refused(cut, self._there).hint}",
            )
        if time.monotonic() >= until:
            why = f": {cut.said[-1]}" if cut.said else ""
            raise MobiusError(
                f"the line to {self._there} stays cut{why}",
                f"{self._goes_on()}; come back: {self._come_back()}",
            )
        self._was_cut = True
        if not tries:
            for_s = max(0, round(until - time.monotonic()))
            _say(
                f"the line to {self._there} was cut; {self._goes_on()}."
                f" Trying again for {for_s} s; Ctrl-C ends the looking only"
            )
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**tries, max(0.0, until - time.monotonic()))
        time.sleep(pause)

    def _goes_on(self) -> str:
        run = self._request.run
        if run is not None:
            return f"run {run.id} in {run.environment} goes on there"
        return "whether it has begun a run is not known yet, and it is not begun a second time"

    def _come_back(self) -> str:
        run = self._request.run
        command = f"monitor -e {run.environment}" if run is not None else "status"
        return f"mobius --on {self._request.to} {command}"

    def _leave(self) -> int:
        if not self._asked_for:
            raise KeyboardInterrupt
        _say(f"stopped looking; {self._goes_on()}. Come back: {self._come_back()}")
        return 130


def _refusal(said: Mapping[str, Any]) -> MobiusError:
    problem = MobiusError(str(said.get("message")), str(said.get("hint")))
    problem.exit_code = int(said.get("exit_code", 1))
    return problem


def _terminal(environ: Mapping[str, str]) -> Terminal:
    size = shutil.get_terminal_size((80, 24))
    tty = _is_tty(sys.stdout) and environ.get("TERM") != "dumb"
    return Terminal(
        columns=size.columns,
        lines=size.lines,
        tty=tty,
        color=tty and not environ.get("NO_COLOR"),
        asks=_is_tty(sys.stdin),
    )


def _patience_s(environ: Mapping[str, str]) -> float:
    """How long a cut line is tried again: MOBIUS_RECONNECT in seconds, or 10 minutes."""
    said = environ.get("MOBIUS_RECONNECT", "").strip()
    try:
        seconds = float(said) if said else PATIENCE_S
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise UsageError(
            f"MOBIUS_RECONNECT is {said!a}", "give it in seconds, such as 600; 0 tries only once"
        )
    return seconds


def _is_tty(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _say(words: str) -> None:
    """On stderr, below whatever is updated in place."""
    click.echo((WIPE if _is_tty(sys.stderr) else "") + words, err=True)
