"""Keeps one process running: started, recognised again, restarted with back-off when it dies, stopped when
asked."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mobius.host.children import (
    MARK_SPAWN,
    Command,
    Watch,
    birth_of,
    end_group,
    find_marked,
    is_alive,
    signal_group,
    spawn,
)

BACKOFF_FIRST_S = 0.2
BACKOFF_LONGEST_S = 30.0
RAN_A_WHILE_S = 10.0  # a process that lived this long did not die of its start


@dataclass(slots=True)
class Life:
    """What is written down about one process, so that the next supervisor knows it again."""

    wanted: bool = False
    pid: int | None = None
    birth: str | None = None
    token: str = ""
    restarts: int = 0
    quick_deaths: int = 0
    started_at: float | None = None
    last_exit: int | None = None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def backoff_s(
    quick_deaths: int, first_s: float = BACKOFF_FIRST_S, longest_s: float = BACKOFF_LONGEST_S
) -> float:
    """How long to wait before the next start, after so many deaths in a row that followed the start
    closely."""
    return min(first_s * 2.0 ** min(quick_deaths - 1, 20), longest_s) if quick_deaths > 0 else 0.0


class Kept:
    """One process that is kept running while `life.wanted`.

    `command` says what to start, at each start anew. `save` writes all state down: before a start, so that a
    process started by a supervisor that was killed in that instant is found by its token, and after it.
    `ended` is told each end with its exit code, and answers whether to start again.
    """

    def __init__(
        self,
        life: Life,
        command: Callable[[], Command],
        save: Callable[[], None],
        ended: Callable[[int | None], bool] = lambda code: True,
        first_backoff_s: float = BACKOFF_FIRST_S,
        longest_backoff_s: float = BACKOFF_LONGEST_S,
    ) -> None:
        self.life = life
        self._command = command
        self._save = save
        self._ended = ended
        self._backoff_s = (first_backoff_s, longest_backoff_s)
        self._watch: Watch | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._gone = asyncio.Event()
        self._gone.set()
        self._stopping: asyncio.Task[bool] | None = None

    @property
    def is_running(self) -> bool:
        return self._watch is not None

    @property
    def state(self) -> Literal["starting", "backoff", "stopped", "failed"]:
        """What can be said without asking the process: "starting" means that it is there."""
        if self.is_running:
            return "starting"
        if not self.life.wanted:
            return "stopped"
        return "failed" if self.life.reason else "backoff"

    def start(self) -> None:
        """Starts it now and keeps it running. Raises OSError when it cannot be started; then it is not
        wanted."""
        life = self.life
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        life.wanted, life.reason, life.quick_deaths = True, "", 0
        try:
            self._start_now()
        except OSError:
            life.wanted = False
            self._save()
            raise

    def adopt(self) -> bool:
        """Takes over the process that a former supervisor left, if it still runs; else starts it when wanted.
        Whether it was still there. One that was being stopped is stopped to the end by `stop`."""
        life = self.life
        if self.recognise() and life.pid is not None:
            self._attend(life.pid, life.birth or "")
            return True
        if life.wanted:
            # It ended, or was never started, while nobody watched: that says nothing about how it starts.
            life.wanted = self._ended(None)
            if life.wanted:
                life.restarts += 1
                self._timer = asyncio.get_running_loop().call_later(0, self._start_again)
            self._save()
        return False

    def recognise(self) -> bool:
        """Whether the process that was written down still runs: by its pid and birth, or, when a supervisor was
        killed between starting it and writing that down, by its token."""
        life = self.life
        if not is_alive(life.pid, life.birth):
            life.pid = life.birth = None
            for process in find_marked(MARK_SPAWN, life.token) if life.token else []:
                life.pid, life.birth = process.pid, birth_of(process.pid)
        return life.pid is not None

    async def stop(self, stop_signal: int, timeout_s: float) -> bool:
        """Stops it, with its whole group. Whether it had to be killed. A second call waits for the first."""
        self.life.wanted = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._save()
        pid = self.life.pid
        if pid is None or not self.is_running:
            return False
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(pid, stop_signal, timeout_s))
        return await asyncio.shield(self._stopping)

    def kill_now(self) -> None:
        """Ends it, with its group, without waiting: it has only just been started and nobody uses it."""
        self.life.wanted = False
        if self.life.pid is not None and self.is_running:
            signal_group(self.life.pid, signal.SIGKILL)

    def kill_and_restart(self) -> None:
        """Ends it where it hangs; it is started again like after any other death."""
        if self.life.pid is not None and self.is_running:
            signal_group(self.life.pid, signal.SIGKILL)

    async def wait_gone(self) -> None:
        await self._gone.wait()

    def let_go(self) -> None:
        """Watches it no more and leaves it running."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _stop(self, pid: int, stop_signal: int, timeout_s: float) -> bool:
        try:
            killed = await end_group(pid, stop_signal, timeout_s)
            await self._gone.wait()
            return killed
        finally:
            self._stopping = None

    def _start_now(self) -> None:
        life = self.life
        life.pid = life.birth = None
        life.token = uuid.uuid4().hex
        command = self._command()
        self._save()
        env = {**command.env, MARK_SPAWN: life.token}
        pid = spawn(Command(command.argv, command.cwd, env, command.log, command.fds))
        life.pid, life.birth, life.started_at = pid, birth_of(pid), time.time()
        self._attend(pid, life.birth or "")
        self._save()

    def _attend(self, pid: int, birth: str) -> None:
        self._gone.clear()
        self._watch = Watch(pid, birth, self._end)

    def _end(self, code: int | None) -> None:
        """It has ended: what it left of its group would hold its port, so that goes too."""
        self._watch = None
        life = self.life
        if life.pid is not None:
            if self._stopping is None:
                signal_group(life.pid, signal.SIGKILL)
            life.last_exit = code
        ran_s = time.time() - (life.started_at or 0.0)
        life.pid = life.birth = None
        self._gone.set()
        again = self._ended(code)
        if not life.wanted or not again:
            life.wanted = False
        else:
            life.restarts += 1
            life.quick_deaths = 1 if ran_s > RAN_A_WHILE_S else life.quick_deaths + 1
            delay_s = backoff_s(life.quick_deaths, *self._backoff_s)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._start_again)
        self._save()

    def _start_again(self) -> None:
        self._timer = None
        life = self.life
        try:
            life.reason = ""
            self._start_now()
        except OSError as error:
            life.reason = f"cannot be started: {error.strerror or error}"
            life.quick_deaths += 1
            print(f"{life.reason} ({error.filename})", file=sys.stderr, flush=True)
            delay_s = backoff_s(life.quick_deaths, *self._backoff_s)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._start_again)
            self._save()
