"""A run's runner as a supervised job: no terminal is its parent, and its own death starts it again."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mobius.adapters.snapshot import save_settings
from mobius.errors import Locked
from mobius.host.client import HostClient, HostRefused, HostUnavailable, ensure_running
from mobius.model.run import Run, RunState
from mobius.model.settings import Settings

LAUNCH_WITHIN_S = 60.0  # a run that was queued longer ago than this was left by whoever queued it
LOOKING_S = 3.0  # a supervisor that hangs must not hang whoever only looks
FINAL_CODES = (0,)  # anything else is a death: the runner reports its verdict in the journal, not by its code


class HostJobLauncher:
    """Starts `mobius run-on RUN` under the supervisor of the environment's root."""

    def __init__(self, root: Path, settings: Settings, environ: Mapping[str, str]) -> None:
        self._root = root
        self._settings = settings
        self._environ = environ

    def launch(self, run: Run) -> None:
        kept = keep_settings(self._root, run, self._settings)
        ensure_running(self._root).start_job(
            _name(run),
            runner_argv(run, kept),
            self._settings.project,
            {**self._environ, "PYTHONUNBUFFERED": "1"},
            max_restarts=5,
            window_s=300.0,
            final_codes=FINAL_CODES,
        )

    def alive(self, run: Run) -> bool:
        try:
            job = HostClient(self._root, timeout_s=LOOKING_S).status().jobs.get(_name(run))
        except HostUnavailable:
            # Without its supervisor a runner may still live: the journal's holder says which process it was.
            return is_about_to_launch(run) or (run.holder is not None and is_running(run.holder.pid))
        if job is None:
            return is_about_to_launch(run)
        return job.state in ("running", "backoff")

    def stop(self, run: Run) -> None:
        try:
            HostClient(self._root).stop_job(_name(run), timeout_s=5.0)
        except HostRefused:
            return  # there is no such job
        except HostUnavailable:
            # A runner outlives its supervisor, and one that is started later would start it again.
            if run.holder is not None and is_running(run.holder.pid):
                try:
                    ensure_running(self._root).stop_job(_name(run), timeout_s=5.0)
                except HostRefused as problem:
                    raise Locked(
                        f"run {run.id} is in the hands of {run.holder}, which no supervisor of this root started",
                        f"act in the folder where it was begun, or end process {run.holder.pid} first",
                    ) from problem

    def stop_all(self) -> None:
        client = HostClient(self._root)
        try:
            runners = [name for name, job in client.status().jobs.items() if _is_runner(name, job.state)]
        except HostUnavailable:
            return  # without it nobody knows their names; the local epoch keeps them from acting
        for name in runners:
            with suppress(HostRefused):
                client.stop_job(name, timeout_s=5.0)


def keep_settings(root: Path, run: Run, settings: Settings) -> Path:
    """Writes the settings that the run began with, once; forgets those of runs long ended."""
    # By the plan's hash too: a journal that was lost numbers its runs anew.
    kept = root / "run" / "jobs" / f"{_name(run)}-{run.plan.hash}.settings.json"
    if not kept.exists():
        _forget_older(kept.parent)
        save_settings(kept, settings, run.environment)
    return kept


def runner_argv(run: Run, kept: Path) -> list[str]:
    """The command that is the runner of this run."""
    begun_with = ["-e", run.environment, "--settings", str(kept)]
    return [sys.executable, "-m", "mobius", "run-on", str(run.id), *begun_with]


def _forget_older(jobs: Path) -> None:
    """Of ended runs; one run is under way at a time, and the one it took over may still read its own."""
    kept = (
        sorted(jobs.glob("run-*.settings.json"), key=lambda file: file.stat().st_mtime)
        if jobs.is_dir()
        else []
    )
    for old in kept[:-5]:
        old.unlink(missing_ok=True)


def _name(run: Run) -> str:
    return f"run-{run.id}"


def _is_runner(job: str, state: str) -> bool:
    return job.startswith("run-") and state in ("running", "backoff")


def is_about_to_launch(run: Run) -> bool:
    """Whether the command that has just queued the run still lives: it starts the supervisor, then the runner."""
    if run.state is not RunState.QUEUED or run.holder is None or run.holder.pid == os.getpid():
        return False
    if time.time() - run.started_at > LAUNCH_WITHIN_S:
        return False
    import psutil

    try:
        return psutil.Process(run.holder.pid).create_time() <= run.started_at + 1.0
    except psutil.Error:
        return False


def is_running(pid: int) -> bool:
    """Whether this process is a runner."""
    if pid <= 0 or pid == os.getpid():
        return False
    import psutil

    try:
        return "run-on" in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
