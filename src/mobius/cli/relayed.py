"""A command that came over a line, in a process of its own: the very same command line, its words kept as frames."""

from __future__ import annotations

import io
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.adapters.remote_frames import Request, Seen
from mobius.adapters.remote_keeper import Keeper, write_facts
from mobius.cli.over_the_line import Line
from mobius.errors import MobiusError, UsageError

if TYPE_CHECKING:
    from mobius.adapters.remote_shelter import Shelter

CHUNK = 65_536
LINGER_BEYOND_S = 60.0  # after the other end has given up trying
LAST_OUTPUT_S = 2.0  # of programs that were started here and keep our output open
ENDLESS = ("logs", "monitor")  # they only look: whoever asked for them has left for good, and they end


class Relayed:
    """One request being done. `run` returns when its words have arrived, or nobody comes for them any more."""

    def __init__(self, request: Request, place: Shelter | None, file: int | None) -> None:
        self._request = request
        self._place = place
        self._file = file
        self._environ: dict[str, str] = {}
        self._interrupts = Interrupts()

    def run(
        self,
        first: socket.socket,
        listener: socket.socket | None,
        *,
        looking_again: bool,
        before: Mapping[str, float],
    ) -> int:
        """The exit code of the command."""
        request = self._request
        signal.signal(signal.SIGINT, self._interrupts.take)
        self._write_facts({"pid": os.getpid(), "began": time.time()})
        # Where nobody can come back, nothing is kept for them.
        linger_s = request.patience_s + LINGER_BEYOND_S if listener is not None else 0.0
        keeper = Keeper(linger_s, first=request.seen, forsaken=self._forsaken)
        keeper.serve(first, listener)
        out, pumps = self._become_the_command(keeper)
        line = Line(to=request.to, host=request.host, together=out.together)
        code = self._do(line, looking_again=looking_again, before=before)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stdout.flush()
        sys.stderr.flush()
        for pump in pumps:
            pump.end()
        keeper.say({"exit": code})
        self._write_facts({"exit": code})
        keeper.wait_until_seen()
        if self._place is not None:
            self._place.leave()
        return code

    def _do(self, line: Line, *, looking_again: bool, before: Mapping[str, float]) -> int:
        """The command line itself, as `__main__` would."""
        from mobius.cli.main import run, tell

        request = self._request
        try:
            self._interrupts.let_through()
            self._go_there()
            if looking_again:
                line.again = request.run or _run_begun_by(before, request)
            return run(request.argv, {"line": line, "environ": self._environ})
        except MobiusError as problem:
            tell(problem, as_json="--json" in request.argv)
            return problem.exit_code
        except SystemExit as leaving:
            return leaving.code if isinstance(leaving.code, int) else 1
        except KeyboardInterrupt:
            return 130
        except Exception:
            traceback.print_exc()
            return 1

    def _become_the_command(self, keeper: Keeper) -> tuple[Told, list[Pump]]:
        """From here on this process looks like the command on the terminal at the other end."""
        terminal = self._request.terminal
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        pumps = [Pump(1, "out", keeper), Pump(2, "err", keeper)]
        os.environ.update(self._variables())
        self._environ = dict(os.environ)  # what is handed on knows nothing of the terminal
        os.environ.update(COLUMNS=str(terminal.columns), LINES=str(terminal.lines))
        os.environ["TERM"] = "xterm-256color" if terminal.tty else "dumb"
        os.environ.pop("NO_COLOR", None)
        if not terminal.color:
            os.environ["NO_COLOR"] = "1"
        out, err = (Told(name, keeper, terminal.tty, self._interrupts) for name in ("out", "err"))
        streams: dict[str, Any] = {"stdin": Heard(keeper, terminal.asks, out), "stdout": out, "stderr": err}
        for name, stream in streams.items():
            setattr(sys, name, stream)
        return out, pumps

    def _variables(self) -> dict[str, str]:
        """Those that say something to mobius, and no other, whatever was sent."""
        from mobius.config.layers import is_read

        return {name: value for name, value in self._request.environ.items() if is_read(name)}

    def _go_there(self) -> None:
        """Into the folder that was named; without one, where ssh arrived."""
        directory = self._request.directory
        if not directory:
            return
        try:
            os.chdir(Path(directory).expanduser())
        except (OSError, RuntimeError) as problem:  # the latter for ~somebody who does not exist
            why = problem.strerror if isinstance(problem, OSError) else str(problem)
            raise UsageError(
                f"{directory!a} on {self._request.host}: {why}",
                "name the folder of mobius.toml there: --on user@host:FOLDER",
            ) from problem

    def _forsaken(self) -> None:
        """Nobody comes back. What acts goes on to its end; what only looks does not go on for ever."""
        if any(word in ENDLESS for word in self._request.argv[:3]):
            os.kill(os.getpid(), signal.SIGINT)

    def _write_facts(self, facts: dict[str, float]) -> None:
        if self._file is not None:
            write_facts(self._file, facts)


class Interrupts:
    """Ctrl-C, told over the line. It comes at any moment, but neither before there is a command, nor amid a frame:
    what is said is said whole, and a lock that was just taken is given back."""

    def __init__(self) -> None:
        self._held_back = 1
        self._is_due = False

    def take(self, *_: object) -> None:
        """The signal's handler."""
        if self._held_back:
            self._is_due = True
        else:
            raise KeyboardInterrupt

    def let_through(self) -> None:
        """From here on; raises KeyboardInterrupt for one that came before."""
        self._held_back -= 1
        if self._is_due and not self._held_back:
            self._is_due = False
            raise KeyboardInterrupt

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Inside the `with`. Signals come to the main thread alone."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._held_back += 1
        try:
            yield
        finally:
            self.let_through()


class Told(io.TextIOBase):
    """A stream that a command writes to; each line, or what is flushed, becomes a frame."""

    encoding = "utf-8"
    errors = "surrogateescape"

    def __init__(self, name: str, keeper: Keeper, tty: bool, interrupts: Interrupts) -> None:
        self._name = name
        self._keeper = keeper
        self._tty = tty
        self._interrupts = interrupts
        self._held: list[str] = []
        self._turn = threading.RLock()
        self._is_one = False

    @contextmanager
    def together(self, run: dict[str, Any]) -> Iterator[None]:
        """What is written inside the `with` is one frame, which also says that the run was shown so far."""
        with self._interrupts.held_back(), self._turn:
            self.flush()
            self._is_one = True
            try:
                yield
            finally:
                self._is_one = False
                said = "".join(self._held)
                self._held.clear()
                self._keeper.say({self._name: said, "run": run} if said else {"run": run})

    def write(self, text: str) -> int:
        """Keeps it until the line or the flush."""
        if not isinstance(text, str):
            raise TypeError(f"text is written here, not {type(text).__name__}")
        with self._interrupts.held_back(), self._turn:
            self._held.append(text)
            if "\n" in text:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Says what was held back."""
        with self._interrupts.held_back(), self._turn:
            said = "" if self._is_one else "".join(self._held)
            if said:
                self._held.clear()
                self._keeper.say({self._name: said})

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether the other end's stream is a terminal."""
        return self._tty

    def fileno(self) -> int:
        """Where programs that are started here write: it is carried over, too."""
        return 1 if self._name == "out" else 2


class Heard(io.TextIOBase):
    """The person at the other end, asked line by line; nobody, where there is no terminal."""

    encoding = "utf-8"

    def __init__(self, keeper: Keeper, asks: bool, out: Told) -> None:
        self._keeper = keeper
        self._asks = asks
        self._out = out

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]  # as typeshed has it
        """Their next line, with its end; "" at the end of input."""
        self._out.flush()
        return self._keeper.ask() if self._asks else ""

    def readable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether somebody is there to answer."""
        return self._asks

    def fileno(self) -> int:
        """Nothing is read past `readline`."""
        return 0


class Pump:
    """Carries what programs that were started here write to file descriptor `fd`: any bytes, as they are."""

    def __init__(self, fd: int, name: str, keeper: Keeper) -> None:
        self._fd = fd
        self._name = name
        self._keeper = keeper
        self._from, to = os.pipe()
        os.dup2(to, fd)
        os.close(to)
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Our own end is closed; what was written before has been said when this returns."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._fd)
        self._thread.join(LAST_OUTPUT_S)

    def _carry(self) -> None:
        while said := os.read(self._from, CHUNK):
            self._keeper.say({self._name: said.decode("utf-8", "surrogateescape")})


def _run_begun_by(before: Mapping[str, float], request: Request) -> Seen:
    """The run that a command began which died before it could say so. Raises `MobiusError` when there is none: then
    nothing of it goes on, and it is not begun a second time."""
    from dataclasses import replace

    from mobius.adapters.records import holder
    from mobius.wiring import open_app

    who = str(replace(holder(), pid=int(before.get("pid", 0))))
    words = request.argv
    app = open_app(words[1] if words[:1] == ("--config",) and len(words) > 1 else None)
    for name in app.environments:
        journal = app.journal(name)
        for run in journal.runs(name, 5):
            first = journal.events(run_id=run.id, limit=1)
            if not first or first[0].at < before.get("began", 0.0):
                continue
            if first[0].kind == "run queued" and first[0].who == who:
                click.echo(f"found again: run {run.id} in {name}", err=True)
                return Seen(name, run.id, 0)
    raise MobiusError(
        f"the command died on {request.host} before it had begun a run; it was not begun a second time",
        f"look how things stand: mobius --on {request.to} status; then give the command again",
    )
