"""A far side on this machine: a home of its own with a project in it, and an `ssh` that leads there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from journeys.service import Done, Service

MOBIUS = Path(sys.executable).with_name("mobius")
HOST = "deploy@far"


class FarSide:
    """`home` is where ssh arrives. `on` runs `mobius --on`, from a folder that has no project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.here = folder / "here"
        self.lines = self.home / ".local" / "state" / "mobius" / "lines"
        for made in (self.home, self.here, folder / "bin"):
            made.mkdir(parents=True)
        program = folder / "bin" / "ssh"
        stand_in = Path(__file__).with_name("ssh.py")
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {stand_in} "$@"\n')
        program.chmod(0o755)
        (folder / "environ.json").write_text("{}")
        self._started: list[subprocess.Popen[str]] = []

    def without_shelter(self) -> None:
        """From now on there is no folder on the far side in which a command could be found again."""
        (self.home / ".local").write_text("")
        (self.folder / "environ.json").write_text(json.dumps({"TMPDIR": str(self.home / ".local")}))

    def service(self, name: str = "shop", **how: Any) -> Service:
        """A project in the far home, with a window in which a busy machine has time for its checks."""
        return Service(self.home / name, **{"window": "3s", "interval": "500ms", **how})

    def cut(self, *cuts: Mapping[str, Any]) -> None:
        """What becomes of the next connections."""
        (self.folder / "cuts.json").write_text(json.dumps(cuts))

    @property
    def connections(self) -> list[list[str]]:
        """The argv of each ssh so far."""
        file = self.folder / "argv.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def start(
        self, *words: str, at: str = f"{HOST}:shop", environ: Mapping[str, str] | None = None, **more: Any
    ) -> subprocess.Popen[str]:
        """`mobius --on …`, not waited for."""
        options: dict[str, Any] = {
            "cwd": self.here,
            "env": {
                **os.environ,
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "FAR": str(self.folder),
                "FAR_PATH": os.environ["PATH"],
                "MOBIUS_REMOTE": str(MOBIUS),
                **(environ or {}),
            },
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "start_new_session": True,
            **more,
        }
        argv = [sys.executable, "-m", "mobius", "--on", at, *words]
        process = subprocess.Popen(argv, **options)
        self._started.append(process)
        return process

    def on(self, *words: str, timeout_s: float = 90.0, **more: Any) -> Done:
        """`mobius --on …` to its end."""
        process = self.start(*words, **more)
        out, err = process.communicate(timeout=timeout_s)
        return Done(process.returncode, out or "", err or "")

    def commands(self) -> list[psutil.Process]:
        """Those that came over a line and live."""
        found = []
        for file in self.lines.glob("*") if self.lines.is_dir() else ():
            text = file.read_text() if file.is_file() and not file.suffix else ""
            pid = json.loads(text).get("pid", 0) if text else 0
            if pid and psutil.pid_exists(pid):
                found.append(psutil.Process(pid))
        return found

    def close(self) -> None:
        """Ends whatever was started and still runs."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for left in self.commands():
            left.send_signal(signal.SIGKILL)


def seqs(lines: str) -> list[int]:
    """The numbers of the events in the NDJSON that a command printed."""
    said = [json.loads(line) for line in lines.splitlines()]
    return [one["seq"] for one in said if "seq" in one]


def journal_seqs(service: Service, run: int = 1) -> list[int]:
    """The numbers of the events of a run, as they were written."""
    return [seq for (seq,) in service.journal(f"SELECT seq FROM events WHERE run_id = {run} ORDER BY seq")]


def assert_watched_to_the_end(service: Service, run: int, code: int, *, of: int = 1) -> None:
    """There are `of` runs, this one was watched to a verdict that accepted it, and the command ended with its code."""
    query = f"SELECT state, exit_code, (SELECT count(*) FROM runs) FROM runs WHERE id = {run}"
    assert (service.journal(query), code) == ([("accepted", 0, of)], 0)


def runs(service: Service) -> Sequence[tuple[Any, ...]]:
    """How many runs there are, and how each stands: none while the journal is only being made."""
    if not service.journal("SELECT 1 FROM sqlite_master WHERE name = 'runs'"):
        return []
    return service.journal("SELECT id, kind, state FROM runs ORDER BY id")
