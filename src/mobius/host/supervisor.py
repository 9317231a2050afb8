"""The supervisor of one root: answers the ops, keeps slots, door and jobs, and finds them again after its
death."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mobius.host.chores import watch_logs, watch_readiness
from mobius.host.control import serve
from mobius.host.direct import drain as drain_direct
from mobius.host.doors import Doors
from mobius.host.jobs import Job, find_lost_jobs, new_job
from mobius.host.logs import rotate_grown
from mobius.host.messages import ProcessSpec, build
from mobius.host.noting import noting
from mobius.host.placed import address_from, placed_at
from mobius.host.protocol import Answer, HostRefused, remove_socket
from mobius.host.refusals import (
    refuse_bad_name,
    refuse_foreign_slot,
    refuse_own_slot,
    refuse_second_release,
    refuse_two_at_once,
    refuse_unknown_process,
)
from mobius.host.slots import Slot, find_lost
from mobius.host.state import SCHEMA_VERSION, load, put_aside, write_atomically
from mobius.host.upgrade import become_newer, version

LOOKING = frozenset(("ping", "status", "counters"))  # what an upgrade need not wait for


class Supervisor:
    """One root's slots, door and jobs. Every change is written down before it is acted on."""

    def __init__(self, root: Path, lock_fd: int, control: socket.socket) -> None:
        self.root = root
        self.run = root / "run"
        self.lock_fd = lock_fd
        self.control = control
        self.started_at = time.time()
        self.slots: dict[str, Slot] = {}
        self.jobs: dict[str, Job] = {}
        self.doors = Doors(root, self.save, self.upstreams)
        self.warnings: list[str] = []
        self.starting = asyncio.Lock()  # two starts at once could both find a singleton not running
        self.ended = asyncio.Event()
        self.busy = 0
        self.server: asyncio.Server | None = None

    async def serve(self, inherited: list[socket.socket]) -> None:
        """Finds again what ran before, then answers until it is told to end."""
        await self.adopt_all(inherited)
        self.save()
        self.server = await serve(self.control, self.answer, [])
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: self.doors.soon(self.do_shutdown(stop_slots=True)))
        chores = [
            loop.create_task(watch_readiness(self.slots, self.run)),
            loop.create_task(watch_logs(self.run)),
            *map(loop.create_task, noting(self.slots, self.doors, self.run)),
        ]
        await self.ended.wait()
        for chore in chores:
            chore.cancel()
        self.server.close()
        remove_socket(self.run, "host.sock")
        for slot in self.slots.values():
            slot.remove_sockets()

    async def answer(self, op: str, params: dict[str, Any]) -> Answer:
        """Does one op; its ops are the methods named `do_…`."""
        do: Callable[..., Awaitable[Answer]] | None = getattr(self, f"do_{op}", None)
        if do is None:
            raise HostRefused(
                f"the supervisor does not know {op}", "it may be older than this command: upgrade it"
            )
        changes = op not in LOOKING
        self.busy += changes
        try:
            return await do(**params)
        except TypeError as error:
            if f"do_{op}" not in str(error):
                raise
            raise HostRefused(f"{op} was asked wrongly: {error}") from error
        finally:
            self.busy -= changes

    # -- looking ---------------------------------------------------------------------------------------------

    async def do_ping(self) -> Answer:
        return {
            "pid": os.getpid(),
            "version": version(),
            "root": str(self.root),
            "started_at": self.started_at,
        }

    async def do_status(self) -> Answer:
        now = time.time()
        door = await self.doors.status()
        return {
            **await self.do_ping(),
            "slots": {name: asdict(slot.status(now)) for name, slot in self.slots.items()},
            "door": None if door is None else asdict(door),
            "jobs": {name: asdict(job.status()) for name, job in self.jobs.items()},
            "warnings": self.warnings,
        }

    async def do_counters(self) -> Answer:
        return await self.doors.counters()

    # -- slots -----------------------------------------------------------------------------------------------

    async def do_start_slot(
        self, *, slot: str, release: str, cwd: str, processes: list[dict[str, Any]]
    ) -> Answer:
        refuse_bad_name("slot", slot)
        specs = [build(ProcessSpec, {**one, "argv": tuple(one["argv"])}) for one in processes]
        for spec in specs:
            refuse_bad_name("process", spec.name)
        async with self.starting:
            known = self.slots.get(slot)
            async with known.lock if known is not None else asyncio.Lock():
                refuse_foreign_slot(known, slot)
                refuse_second_release(known, slot, release, specs)
                refuse_two_at_once(self.slots, slot, specs)
                target = self._slot_for(slot, release, cwd)
                started = target.start(specs, self._used_ports())
        if started:
            await self._tell_upstreams()
        else:
            self.save()
        now = time.time()
        asked = {spec.name for spec in specs}
        return {
            "started": started,
            "already": [spec.name for spec in specs if spec.name not in started],
            "processes": [asdict(one.status(now)) for name, one in target.processes.items() if name in asked],
        }

    async def do_stop_slot(
        self, *, slot: str, processes: list[str] | None = None, timeout_s: float | None = None
    ) -> Answer:
        known = self.slots.get(slot)
        if known is None:
            return {"stopped": [], "killed": [], "already": processes or []}
        names = list(known.processes) if processes is None else processes
        refuse_unknown_process(known, names)
        async with known.lock:
            stopped, killed = await known.stop(names, timeout_s)
        return {
            "stopped": stopped,
            "killed": killed,
            "already": [name for name in names if name not in stopped],
        }

    async def do_restart_process(self, *, slot: str, process: str) -> Answer:
        known = self.slots.get(slot)
        if known is None:
            raise HostRefused(f"there is no slot {slot}", f"there is {', '.join(self.slots) or 'none yet'}")
        refuse_unknown_process(known, [process])
        async with self.starting, known.lock:
            await known.stop([process], None)
            known.start([known.processes[process].spec], self._used_ports())
        return asdict(known.processes[process].status(time.time()))

    async def do_place_slot(
        self, *, slot: str, release: str, port: int | None = None, socket: str | None = None
    ) -> Answer:
        refuse_bad_name("slot", slot)
        address = placed_at(slot, port, socket)
        async with self.starting:
            known = self.slots.get(slot)
            refuse_own_slot(known, slot)
            changed = known is None or (known.placed, known.release) != (address, release)
            self._slot_for(slot, release, known.cwd if known is not None else "").placed = address
        await self._tell_upstreams()
        return {"already": not changed}

    async def do_remove_slot(self, *, slot: str) -> Answer:
        async with self.starting:
            known = self.slots.get(slot)
            if known is not None:
                if self.doors.weights.get(slot):
                    raise HostRefused(
                        f"slot {slot} still gets new requests, so it cannot be removed",
                        "route its traffic to another slot first",
                    )
                refuse_own_slot(known, slot)
                for process in known.processes.values():
                    if process.kept is not None:
                        process.kept.let_go()
                del self.slots[slot]
        await self._tell_upstreams()
        return {"already": known is None}

    # -- the door --------------------------------------------------------------------------------------------

    async def do_configure_door(self, **config: Any) -> Answer:
        async with self.starting:
            await self.doors.configure(config)
        status = await self.doors.status()
        assert status is not None
        return asdict(status)

    async def do_route(self, *, weights: dict[str, int]) -> Answer:
        for slot, weight in weights.items():
            if slot not in self.slots:
                known = ", ".join(sorted(self.slots)) or "none yet"
                raise HostRefused(
                    f"traffic cannot go to slot {slot}: there is no such slot", f"there is {known}"
                )
            if weight and self.slots[slot].address() is None:
                raise HostRefused(f"traffic cannot go to slot {slot}: it has no web process to answer")
            if not isinstance(weight, int) or weight < 0:
                raise HostRefused(f"the weight of {slot} is {weight!r}", "give a whole number from 0 up")
        self._refuse_without_door("route")
        previous, changed = await self.doors.route(weights)
        return {
            "generation": self.doors.generation,
            "at": self.doors.switched_at,
            "previous": previous,
            "weights": self.doors.weights,
            "changed": changed,
            "slots": self.upstreams(),
            "held": self.doors.hold is not None,
        }

    async def do_drain(self, *, slot: str, timeout_s: float, direct: bool = False) -> Answer:
        if self.doors.weights.get(slot) and self.doors.hold is None:
            raise HostRefused(
                f"slot {slot} still gets new requests, so it cannot be drained",
                "route its traffic to another slot first, or hold requests",
            )
        known = self.slots.get(slot)
        address = known.address() if known is not None else None
        begun = time.monotonic()
        told = await self.doors.drain(slot, timeout_s)
        if not direct or address is None or address.socket is None:
            return told
        left_s = max(0.0, timeout_s - (time.monotonic() - begun))
        more = await drain_direct(address.socket, left_s)
        return {key: told[key] + more[key] for key in told}

    async def do_hold(self, *, max_s: float, max_requests: int, max_bytes: int) -> Answer:
        self._refuse_without_door("hold")
        hold = {"until": time.time() + max_s, "max_requests": max_requests, "max_bytes": max_bytes}
        fresh = await self.doors.set_hold(hold)
        assert self.doors.hold is not None
        return {"held": True, "until": self.doors.hold["until"], "already": not fresh}

    async def do_release_hold(self) -> Answer:
        was_held = self.doors.hold is not None
        return {"released": await self.doors.release_hold(), "already": not was_held}

    async def do_upgrade_door(self) -> Answer:
        self._refuse_without_door("upgrade_door")
        async with self.starting:
            old, new = await self.doors.replace()
        return {"old_pid": old, "new_pid": new}

    # -- jobs ------------------------------------------------------------------------------------------------

    async def do_start_job(
        self,
        *,
        name: str,
        argv: list[str],
        cwd: str,
        env: dict[str, str],
        max_restarts: int,
        window_s: float,
        final_codes: list[int],
    ) -> Answer:
        refuse_bad_name("job", name)
        before = self.jobs.get(name)
        if before is None or not before.is_alive:
            saved = new_job(argv, cwd, max_restarts, window_s, final_codes)
            job = Job(self.root, name, saved, self.save)
            if before is not None:
                before.kept.let_go()
            self.jobs[name] = job
            try:
                job.start(env)
            except HostRefused:
                del self.jobs[name]
                if before is not None:
                    self.jobs[name] = before
                raise
        return asdict(self.jobs[name].status())

    async def do_stop_job(self, *, name: str, timeout_s: float) -> Answer:
        job = self.jobs.get(name)
        if job is None:
            raise HostRefused(f"there is no job {name}")
        await job.stop(timeout_s)
        return asdict(job.status())

    # -- the supervisor itself -------------------------------------------------------------------------------

    async def do_rotate_logs(self) -> Answer:
        rotated = await asyncio.to_thread(rotate_grown, self.run)
        return {"rotated": [str(log) for log in rotated]}

    async def do_upgrade(self) -> Answer:
        if self.busy > 1 or self.starting.locked():
            raise HostRefused("another operation is under way", "upgrade again when it is done")
        asyncio.get_running_loop().call_later(0.02, self._become_newer)
        return {}

    async def do_shutdown(self, *, stop_slots: bool) -> Answer:
        await self.doors.close()
        if stop_slots:
            stops: list[Awaitable[Any]] = [slot.stop(slot.processes, None) for slot in self.slots.values()]
            await asyncio.gather(*stops, *(job.stop(10.0) for job in self.jobs.values()))
        self.save()
        asyncio.get_running_loop().call_later(0.05, self.ended.set)
        return {}

    # -- what the next supervisor must know ------------------------------------------------------------------

    def save(self) -> None:
        """Writes everything down. A disk that is full must not keep traffic from moving or a process from being
        restarted, so that is only a warning: what runs is found again by its marks."""
        document = {
            "schema_version": SCHEMA_VERSION,
            "root": str(self.root),
            "slots": {name: slot.as_json() for name, slot in self.slots.items()},
            "jobs": {name: job.as_json() for name, job in self.jobs.items()},
            "door": self.doors.as_json(),
        }
        try:
            write_atomically(self.run / "host.json", document)
        except OSError as error:
            unsaved = f"the state could not be written to {self.run / 'host.json'}: {error.strerror}"
            if unsaved not in self.warnings:
                self._warn(unsaved)

    async def adopt_all(self, inherited: list[socket.socket]) -> None:
        """Reads the state and takes over the processes that still run; a damaged state is put aside, and its
        processes are found by the mark in their environment."""
        path = self.run / "host.json"
        state, complaint = load(path)
        if state is not None:
            try:
                self._restore(state)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                complaint = put_aside(path, repr(error))
                self.slots, self.jobs = {}, {}
                self.doors = Doors(self.root, self.save, self.upstreams)
        if complaint:
            self._warn(complaint)
            self._find_lost()
            for sentence in await self.doors.find_lost():
                self._warn(sentence)
            self._place_lost()
        for slot in self.slots.values():
            slot.adopt()
        for job in self.jobs.values():
            job.kept.adopt()
        await self.doors.adopt(inherited)

    def _restore(self, state: dict[str, Any]) -> None:
        for name, saved in state["slots"].items():
            slot = self._slot_for(name, saved["release"], saved["cwd"])
            slot.restore(saved["processes"], saved.get("placed"))
        for name, saved in state["jobs"].items():
            self.jobs[name] = Job(self.root, name, saved, self.save)
        self.doors.restore(state["door"])

    def upstreams(self) -> dict[str, Any]:
        """Where each slot is reached, as the door wants to know it."""
        found = {}
        for name, slot in self.slots.items():
            address = slot.address()
            if address is not None:
                found[name] = {"release": slot.release, **address.as_json()}
        return found

    async def _tell_upstreams(self) -> None:
        """Writes the slots down and tells the door where they are now."""
        self.save()
        if self.doors.current is not None:
            await self.doors.push("upstreams", lambda: {"upstreams": self.upstreams()})

    def _find_lost(self) -> None:
        for name, saved in find_lost_jobs(self.root):
            self.jobs[name] = Job(self.root, name, saved, self.save)
            self._warn(f"job {name} was found running and taken over")
        for name, release, cwd, saved in find_lost(self.root):
            slot = self._slot_for(name, release, cwd)
            slot.restore([saved])
            self._warn(f"{saved['spec']['name']} of slot {name} was found running and taken over")

    def _place_lost(self) -> None:
        """What somebody else runs bears no mark of ours: the door that still serves knows where it is."""
        for name, where in self.doors.told_upstreams.items():
            address = address_from(where)
            if name not in self.slots and address is not None and address.placed:
                self._slot_for(name, where["release"], "").placed = address
                self._warn(f"slot {name} was found placed by somebody else, and stays so")

    def _slot_for(self, name: str, release: str, cwd: str) -> Slot:
        """The slot, holding this release; what it held before is forgotten (nothing of it runs)."""
        slot = self.slots.get(name)
        if slot is None:
            slot = self.slots[name] = Slot(
                self.root, name, release, cwd, self.save, self.doors.upstreams_changed
            )
        elif slot.release != release:
            for process in slot.processes.values():
                if process.kept is not None:
                    process.kept.let_go()
            slot.processes = {}
        slot.release, slot.cwd, slot.placed = release, cwd, None
        return slot

    def _used_ports(self) -> set[int]:
        return {
            process.port
            for slot in self.slots.values()
            for process in slot.processes.values()
            if process.port is not None
        }

    def _refuse_without_door(self, op: str) -> None:
        if self.doors.current is None:
            raise HostRefused(f"there is no front door to {op}", "configure the door first")

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        print(text, file=sys.stderr, flush=True)

    def _become_newer(self) -> None:
        """This program becomes the one installed now."""
        self.save()
        become_newer(self.root, self.lock_fd, self.control, self.doors.listening)
