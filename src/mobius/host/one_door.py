"""One front door process, as the supervisor keeps it: started, told what holds, restarted, its counts saved."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.host.children import MARK_ROOT, Command
from mobius.host.control import ask_async
from mobius.host.kept import Kept, Life
from mobius.host.protocol import HostUnavailable, find_socket, place_socket, remove_socket
from mobius.host.slots import inherited_environment

if TYPE_CHECKING:
    from mobius.host.doors import Doors

READY_WITHIN_S = 10.0
ASK_TIMEOUT_S = 5.0
# Without a door nobody is served, so a door that dies again and again is never left down for long: well within the
# time that a switch waits for it.
BACKOFF_S = (0.01, 1.0)


class OneDoor:
    """One door process, under a name of its own in each of its lives."""

    def __init__(self, doors: Doors, life: Life, name: str) -> None:
        self.doors = doors
        self.name = name
        self.ready = asyncio.Event()
        self.kept = Kept(life, self._command, doors.save, self._ended, *BACKOFF_S)
        self.is_leaving = False
        self.told: dict[str, Any] | None = None  # its counts, when they were asked last in this life

    @property
    def control(self) -> Path:
        return find_socket(self.doors.run, f"{self.name}.sock")

    async def ask(self, op: str, within_s: float = ASK_TIMEOUT_S, **params: Any) -> dict[str, Any]:
        return await ask_async(self.control, op, params, timeout_s=within_s)

    async def ask_counters(self) -> dict[str, Any]:
        """What it counted in this life, remembered for the case that it is killed."""
        name = self.name
        counts = await self.ask("counters")
        if name == self.name:  # it has no successor yet
            self.told = counts
        return counts

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "life": self.kept.life.as_json()}

    def _command(self) -> Command:
        doors = self.doors
        self.ready.clear()
        self.told = None
        doors.serial += 1
        self.name = f"door-{doors.serial}"
        fds = tuple(one.fileno() for one in doors.listening)
        argv = [sys.executable, "-P", "-m", "mobius.host.door", "--fds", ",".join(map(str, fds))]
        argv += [
            "--run",
            str(doors.run),
            "--name",
            self.name,
            "--control",
            str(place_socket(doors.run, f"{self.name}.sock")),
        ]
        env = {**inherited_environment(), MARK_ROOT: str(doors.root), "MOBIUS_DOOR": self.name}
        doors.soon(self.configure_when_up(self.name))
        return Command(tuple(argv), str(doors.root), env, doors.run / "door.log", fds)

    async def configure_when_up(self, name: str) -> None:
        """Tells a new door process what holds; it accepts from then on."""
        give_up_at = time.monotonic() + READY_WITHIN_S
        while self.name == name and not self.is_leaving:
            try:
                async with self.doors.lock:
                    await self.ask("configure", **self.doors.configuration())
                self.ready.set()
                return
            except HostUnavailable:
                if time.monotonic() > give_up_at:
                    self.kept.kill_and_restart()
                    return
                await asyncio.sleep(0.01)

    def _ended(self, code: int | None) -> bool:
        self.ready.clear()
        self.doors.absorb_counters(self.name, self.told)
        with contextlib.suppress(OSError):
            remove_socket(self.doors.run, f"{self.name}.sock")
        if self.is_leaving:
            self.doors.leaving = [one for one in self.doors.leaving if one is not self]
        return not self.is_leaving
