"""Supervised one-off commands: kept running, apart from any terminal, until they exit with a final code."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobius.host.children import MARK_ROOT, MARK_SPAWN, Command, find_marked
from mobius.host.kept import Kept, Life
from mobius.host.messages import JobState, JobStatus, build
from mobius.host.protocol import HostRefused
from mobius.host.slots import inherited_environment, read_values
from mobius.host.state import write_atomically

STOP_SIGNAL = 15


class Job:
    """One command, its life, and how often it may die."""

    def __init__(self, root: Path, name: str, saved: dict[str, Any], save: Callable[[], None]) -> None:
        self.root = root
        self.name = name
        self.saved = saved  # argv, cwd, max_restarts, window_s, final_codes, state, deaths
        self.folder = root / "run" / "jobs"
        self.log = self.folder / f"{name}.log"
        self.life = build(Life, saved["life"])
        self.kept = Kept(self.life, self._command, save, self._ended)

    @property
    def is_alive(self) -> bool:
        return self.kept.is_running or self.life.wanted

    def start(self, env: dict[str, str]) -> None:
        """Starts it anew. Raises HostRefused when it cannot be started."""
        argv = self.saved["argv"]
        path = env.get("PATH", inherited_environment().get("PATH"))
        if not argv or not Path(self.saved["cwd"]).is_dir():
            raise HostRefused(
                f"job {self.name} cannot be started: no command, or no directory {self.saved['cwd']}"
            )
        name = str(Path(self.saved["cwd"], argv[0])) if "/" in argv[0] else argv[0]
        if shutil.which(name, path=path) is None:
            raise HostRefused(
                f"job {self.name} cannot be started: {argv[0]} was not found or is not executable"
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(self._env_file, {self.name: env})
        self.saved["state"], self.saved["deaths"] = "running", []
        try:
            self.kept.start()
        except OSError as error:
            raise HostRefused(f"job {self.name} cannot be started: {error.strerror or error}") from error

    async def stop(self, timeout_s: float) -> None:
        if self.is_alive:
            self.saved["state"] = "stopped"
        await self.kept.stop(STOP_SIGNAL, timeout_s)

    def status(self) -> JobStatus:
        state: JobState = self.saved["state"]
        if state == "running" and not self.kept.is_running:
            state = "backoff"
        life = self.life
        return JobStatus(
            self.name, life.pid, state, life.restarts, life.started_at, life.last_exit, str(self.log)
        )

    def as_json(self) -> dict[str, Any]:
        return {**self.saved, "life": self.life.as_json()}

    @property
    def _env_file(self) -> Path:
        return self.folder / f"{self.name}.env.json"

    def _command(self) -> Command:
        given = read_values(self._env_file).get(self.name, {})
        env = {**inherited_environment(), **given, MARK_ROOT: str(self.root), "MOBIUS_JOB": self.name}
        return Command(tuple(self.saved["argv"]), self.saved["cwd"], env, self.log)

    def _ended(self, code: int | None) -> bool:
        """Whether to start it again. An end nobody saw (None) counts as a death: a job is safe to start
        again."""
        if self.saved["state"] == "stopped":
            return False
        if code is not None and code in self.saved["final_codes"]:
            self.saved["state"] = "finished"
            return False
        now = time.time()
        deaths = [at for at in self.saved["deaths"] if now - at <= self.saved["window_s"]]
        self.saved["deaths"] = [*deaths, now]
        if len(deaths) >= self.saved["max_restarts"]:
            self.saved["state"] = "failed"
            return False
        return True


def new_job(
    argv: list[str], cwd: str, max_restarts: int, window_s: float, final_codes: list[int]
) -> dict[str, Any]:
    """What is written down about a job that has not been started yet."""
    return {
        "argv": argv,
        "cwd": cwd,
        "max_restarts": max_restarts,
        "window_s": window_s,
        "final_codes": final_codes,
        "state": "stopped",
        "deaths": [],
        "life": Life().as_json(),
    }


def find_lost_jobs(root: Path) -> list[tuple[str, dict[str, Any]]]:
    """Jobs of this root that run without being in any state, with the usual limits."""
    lost = []
    for found in find_marked(MARK_ROOT, str(root)):
        env = found.environ()
        if "MOBIUS_JOB" not in env or MARK_SPAWN not in env:
            continue
        saved = new_job(found.cmdline(), found.cwd(), 5, 600.0, [0])
        life = Life(wanted=True, token=env[MARK_SPAWN], started_at=found.create_time())
        lost.append((env["MOBIUS_JOB"], {**saved, "state": "running", "life": life.as_json()}))
    return lost
