"""Starts the sender as a process of its own: whoever writes a message goes on at once, and may end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from mobius.adapters.locks.os_lock import OsLock

LOCK = "notify.lock"
LOG = "notify.log"
LARGEST_LOG = 1 << 20
# Marks of who starts it: a supervisor that looks for its own must not take the sender for one of them.
_MARKS = (
    "MOBIUS_JOB",
    "MOBIUS_SPAWN",
    "MOBIUS_SLOT",
    "MOBIUS_DOOR",
    "MOBIUS_PROCESS",
    "NOTIFY_SOCKET",
    "WATCHDOG_",
)


class SenderLauncher:
    """One sender an environment: where one is alive, `wake` starts none; it sees the message by itself."""

    def __init__(self, root: Path, config: Path, environment: str, environ: Mapping[str, str]) -> None:
        self._root, self._config = root, config
        self._environment, self._environ = environment, environ
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def lock(self) -> OsLock:
        """Held by the sender for as long as it lives."""
        return OsLock(self._root / "run" / LOCK, f"the sender of {self._environment}")

    @property
    def generation(self) -> str:
        """Changes when a sender is to make room for one that is started with newer settings and variables."""
        try:
            return self._generation.read_text("utf-8")
        except OSError:
            return ""

    def renew(self) -> None:
        """The sender that lives ends as soon as it may; `wake` starts another one."""
        self._generation.parent.mkdir(parents=True, exist_ok=True)
        self._generation.write_text(uuid.uuid4().hex, "utf-8")

    @property
    def config_changed_at(self) -> float:
        """Of mobius.toml: a sender goes by what it read when it began."""
        try:
            return self._config.stat().st_mtime
        except OSError:
            return 0.0

    @property
    def _generation(self) -> Path:
        return self._root / "run" / "notify.generation"

    def wake(self) -> None:
        """There is a message. Returns at once; whatever fails, nobody is held up, and `mobius notify status` tells."""
        try:
            self._started = [process for process in self._started if process.poll() is None]
            if not self._started and not self.lock.holder():
                self._started.append(self._start())
        except OSError:
            return  # no process, no file: it is sent by the next one that is started

    def _start(self) -> subprocess.Popen[bytes]:
        folder = self._root / "run"
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / LOG
        if log.exists() and log.stat().st_size > LARGEST_LOG:
            log.unlink(missing_ok=True)
        words = ["--config", str(self._config), "notify", "send", "-e", self._environment]
        env = {name: value for name, value in self._environ.items() if not name.startswith(_MARKS)}
        env |= {"MOBIUS_ROOT": str(self._root.resolve()), "PYTHONUNBUFFERED": "1"}
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            return subprocess.Popen(
                [*_politely(), sys.executable, "-m", "mobius", *words],
                cwd=self._config.parent,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        finally:
            os.close(out)


@cache
def _politely() -> tuple[str, ...]:
    """The processor goes to whoever ships, or goes back, first."""
    nice = shutil.which("nice")
    return (nice, "-n", "10") if nice else ()
