"""A run's runner as a supervised job: no terminal is its parent, and its own death starts it again."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from mobius.host.client import HostClient, HostUnavailable, ensure_running
from mobius.model.run import Run

FINAL_CODES = (0,)  # anything else is a death: the runner reports its verdict in the journal, not by its code


class HostJobLauncher:
    """Starts `mobius run-on RUN` under the supervisor of the environment's root."""

    def __init__(self, root: Path, project: Path, config: Path, environ: Mapping[str, str]) -> None:
        self._root = root
        self._project = project
        self._config = config
        self._environ = environ

    def launch(self, run: Run) -> None:
        ensure_running(self._root).start_job(
            _name(run),
            [
                sys.executable,
                "-m",
                "mobius",
                "--config",
                str(self._config),
                "run-on",
                str(run.id),
                "-e",
                run.environment,
            ],
            self._project,
            {**self._environ, "PYTHONUNBUFFERED": "1"},
            max_restarts=5,
            window_s=300.0,
            final_codes=FINAL_CODES,
        )

    def alive(self, run: Run) -> bool:
        try:
            job = HostClient(self._root).status().jobs.get(_name(run))
        except HostUnavailable:
            # Without its supervisor a runner may still live: the journal's holder says which process it was.
            return run.holder is not None and _is_running(run.holder.pid)
        return job is not None and job.state in ("running", "backoff")

    def stop(self, run: Run) -> None:
        try:
            HostClient(self._root).stop_job(_name(run), timeout_s=5.0)
        except HostUnavailable:
            return


def _name(run: Run) -> str:
    return f"run-{run.id}"


def _is_running(pid: int) -> bool:
    if pid <= 0 or pid == os.getpid():
        return False
    import psutil

    try:
        return "run-on" in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
