"""A command that came over a line, in a process of its own: the very same command line, its words kept as frames."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobius.adapters.remote_frames import Request, Seen
from mobius.adapters.remote_keeper import Keeper, write_facts
from mobius.cli.over_the_line import Line
from mobius.cli.relayed_streams import Heard, Interrupts, Pump, Told
from mobius.errors import MobiusError, UsageError

if TYPE_CHECKING:
    from mobius.adapters.remote_shelter import Shelter

LINGER_BEYOND_S = 60.0  # after the other end has given up trying
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
