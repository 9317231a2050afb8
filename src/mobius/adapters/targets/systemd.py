"""The systemd target: releases run as instances of template units that `mobius host install` wrote once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mobius.adapters import systemd
from mobius.adapters.places import Places
from mobius.adapters.systemd import UnitState
from mobius.adapters.targets.front_door import open_door, shared_out
from mobius.adapters.targets.one_host import OneHost
from mobius.adapters.targets.systemd_checks import preflight
from mobius.adapters.targets.systemd_given import Given, adopted_ones
from mobius.adapters.targets.systemd_slots import (
    Placed,
    PlacedSlot,
    SlotFiles,
    adopted_slot,
    boot_id,
    port_for,
)
from mobius.adapters.targets.systemd_states import await_end, is_alive, state_of, url
from mobius.errors import MobiusError
from mobius.host.client import HostClient, ensure_running
from mobius.host.messages import ProcessSpec
from mobius.host.slots import port_is_free, refuse_missing_command
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.model.verdict import CheckResult
from mobius.ports import ProcessStatus
from mobius.report.units import unit_prefix

START_WITHIN_S = 120.0  # `ready = "notify"` waits for READY=1; anything else has started at once
STOP_SPARE_S = 30.0  # past its own stop_timeout systemd needs a moment to kill what is left


class SystemdTarget(OneHost):
    """Slots of one environment as units; the supervisor keeps the front door only."""

    def __init__(
        self, service: str, settings: EnvironmentSettings, places: Places, environ: Mapping[str, str]
    ) -> None:
        self._service = service
        self._settings = settings
        self._places = places
        self._host = HostClient(places.root, revives=True)
        self._files = SlotFiles(places.root)
        self._given = Given(unit_prefix(service, settings.name), settings.name, places, environ)

    def prepare(self) -> None:
        self._places.root.mkdir(parents=True, exist_ok=True)
        ensure_running(self._places.root)
        open_door(self._settings, self._host)
        self._restore()

    def preflight(self) -> tuple[CheckResult, ...]:
        return preflight(self._service, self._settings, self._places, self._host)

    # -- acting ----------------------------------------------------------------------------------------------

    def start(self, slot: str, release_id: str, cwd: Path, processes: Sequence[ProcessSettings]) -> None:
        with self._files.held():
            self._start_all(slot, release_id, cwd, processes)

    def _start_all(self, slot: str, release_id: str, cwd: Path, processes: Sequence[ProcessSettings]) -> None:
        slots = self._slots()
        before = slots.get(slot, PlacedSlot(slot))
        adopted = self._adopted()
        if adopted is not None and adopted.release_id == release_id and adopted.name == slot:
            wanted = adopted_ones(adopted, processes)
        else:
            self._refuse_missing(processes, cwd)
            wanted = [self._given.placed(slots, slot, process) for process in processes]
        states = self._states(slots.values())
        alive = {one.name for one in before.processes.values() if is_alive(one, states)}
        self._refuse_another_release(before, alive, slot, release_id)
        self._refuse_two_at_once(slots, states, slot, wanted)
        fresh = [one for one in wanted if not (one.name in alive and before.processes[one.name].wanted)]
        if not fresh:
            return
        self._refuse_not_installed(fresh)
        kept = dict(before.processes) if before.release_id == release_id else {}
        now, boot = time.time(), boot_id()
        fresh = [replace(one, wanted=True, since=now, boot=boot) for one in fresh]
        there = PlacedSlot(slot, release_id, {**kept, **{one.name: one for one in fresh}})
        for one in fresh:
            self._given.write(self._files, there, one, cwd, processes)
        self._files.write(there)
        self._start(there, fresh)

    def stop(self, slot: str, kinds: Sequence[str] = ()) -> None:
        there = self._slots().get(slot)
        if there is not None:
            self._stop(there, there.of_kinds(kinds))

    def restart(self, slot: str, name: str) -> None:
        there = self._slots().get(slot)
        one = there.processes.get(name) if there is not None else None
        if there is None or one is None:
            raise MobiusError(f"there is no {name} in {slot}", f"mobius status -e {self._settings.name}")
        self._stop(there, [one])
        again = replace(one, wanted=True, since=time.time(), boot=boot_id())
        there = replace(there, processes={**there.processes, name: again})
        self._files.write(there)
        self._start(there, [again])

    # -- looking ---------------------------------------------------------------------------------------------

    def processes(self) -> tuple[ProcessStatus, ...]:
        slots = self._slots()
        states = self._states(slots.values())
        return tuple(
            ProcessStatus(
                name=one.name,
                kind=one.kind,
                slot=slot.name,
                release_id=slot.release_id,
                state=state_of(one, states),
                pid=states[one.service].pid,
                restarts=states[one.service].restarts,
                url=url(one),
            )
            for slot in slots.values()
            for one in slot.processes.values()
        )

    def slot_url(self, slot: str) -> str:
        there = self._slots().get(slot)
        web = there.web() if there is not None else None
        if there is None or web is None:
            return ""
        return url(web) if is_alive(web, self._states([there])) else ""

    def log_tail(self, slot: str, lines: int = 20) -> str:
        there = self._slots().get(slot)
        if there is None:
            return ""
        tails = [systemd.journal_of(one.service, lines, one.since) for one in there.processes.values()]
        told = "\n".join(shared_out(tails, lines))
        return told if len(told) <= systemd.TAIL_BYTES else told[-systemd.TAIL_BYTES :].partition("\n")[2]

    def units(self, slot: str) -> tuple[str, ...]:
        """The units whose processes are the slot's."""
        there = self._slots().get(slot)
        return tuple(one.service for one in there.processes.values()) if there is not None else ()

    # -- what is there ---------------------------------------------------------------------------------------

    def _slots(self) -> dict[str, PlacedSlot]:
        slots = self._files.read()
        adopted = self._adopted()
        if adopted is not None and adopted.name not in slots:
            slots[adopted.name] = adopted
        return slots

    def _adopted(self) -> PlacedSlot | None:
        return adopted_slot(self._places.root, {one.name: one.kind for one in self._settings.processes})

    def _states(self, slots: Iterable[PlacedSlot]) -> dict[str, UnitState]:
        ones = [one for slot in slots for one in slot.processes.values()]
        units = sorted({unit for one in ones for unit in (one.unit, one.service)})
        return {state.name: state for state in systemd.show(units)}

    # -- refusing, before anything is changed ------------------------------------------------------------------

    def _refuse_missing(self, processes: Sequence[ProcessSettings], cwd: Path) -> None:
        for process in processes:
            refuse_missing_command(
                ProcessSpec(process.name, process.kind, process.start, env=self._given.path(process)),
                str(cwd),
            )

    def _refuse_another_release(
        self, before: PlacedSlot, alive: set[str], slot: str, release_id: str
    ) -> None:
        if alive and before.release_id != release_id:
            raise MobiusError(
                f"slot {slot} still runs release {before.release_id}, so {release_id} cannot start there",
                f"see what is live: mobius status -e {self._settings.name}",
            )

    def _refuse_two_at_once(
        self,
        slots: Mapping[str, PlacedSlot],
        states: Mapping[str, UnitState],
        slot: str,
        wanted: Sequence[Placed],
    ) -> None:
        """Workers and singletons never run in two slots; what is only written down counts, too: it starts with
        the host."""
        for one in wanted:
            for other in slots.values():
                its = other.processes.get(one.name)
                if one.kind == "web" or other.name == slot or its is None:
                    continue
                if its.wanted or is_alive(its, states):
                    raise MobiusError(
                        f"{one.name} is a {one.kind} and still runs in slot {other.name}"
                        f" (release {other.release_id})",
                        f"two of them must never run at once; look: systemctl status {its.service}",
                    )

    def _refuse_not_installed(self, wanted: Sequence[Placed]) -> None:
        for state in systemd.show([unit for one in wanted for unit in {one.unit, one.service}]):
            if not state.is_there:
                raise MobiusError(
                    f"the unit {state.name} is not installed on this host",
                    f"sudo mobius host install -e {self._settings.name}",
                )

    # -- doing -----------------------------------------------------------------------------------------------

    def _start(self, there: PlacedSlot, wanted: Sequence[Placed]) -> None:
        for one in wanted:
            systemd.forgive(one.service)
        try:
            systemd.act("start", [one.unit for one in wanted], within_s=START_WITHIN_S)
        except MobiusError as problem:
            log = shared_out([systemd.journal_of(one.service, 20, one.since) for one in wanted], 20)
            self._stop(there, wanted)
            raise MobiusError(problem.message, problem.hint, details=tuple(log)) from problem
        self._place(there)

    def _place(self, there: PlacedSlot) -> None:
        """Tells the front door where the slot is now."""
        web = there.web()
        if web is not None and web.wanted:
            self._host.place_slot(there.name, there.release_id, port=web.port, socket=web.socket)

    def _stop(self, there: PlacedSlot, ones: Sequence[Placed]) -> None:
        """Written down first: what is being stopped must not come back with the host."""
        if not ones:
            return
        there = self._files.want(there, [one.name for one in ones], wanted=False)
        states = self._states([there])
        timers = [one for one in ones if one.unit != one.service]
        if ticking := [one.unit for one in timers if states[one.unit].is_alive]:
            systemd.act("stop", ticking, within_s=STOP_SPARE_S)
        for one in timers:  # what it began may end by itself, within its time
            await_end(one.service, one.stop_timeout_s)
        states = self._states([there])
        left = [one for one in ones if states[one.service].is_alive]
        longest_s = max((one.stop_timeout_s for one in left), default=0.0)
        systemd.act("stop", [one.service for one in left], within_s=longest_s + STOP_SPARE_S)
        gone = self._states([there])
        for one in ones:
            if is_alive(one, gone):
                raise MobiusError(
                    f"{one.name} of {there.name} did not stop", f"look at it: systemctl status {one.service}"
                )
            if gone[one.service].active == "failed":
                systemd.forgive(one.service)

    def _restore(self) -> None:
        """After the host started anew: what was to run is started again, as the supervisor does for its own. What
        ended since then is left alone, systemd has seen why. One that does not start keeps no other from it."""
        failed: list[MobiusError] = []
        with self._files.held():
            for slot in self._slots().values():
                try:
                    self._start_again(slot, boot_id())
                except MobiusError as problem:
                    failed.append(problem)
        if failed:
            raise failed[0]

    def _start_again(self, slot: PlacedSlot, boot: str) -> None:
        lost = [one for one in slot.processes.values() if one.wanted and one.boot != boot]
        if not lost:
            self._place(slot)
            return
        states, there = self._states([slot]), slot
        down = [one for one in lost if not is_alive(one, states)]
        for one in down:
            if one.port and not self._given.is_adopted(one, slot) and not port_is_free(one.port):
                there = self._files.move_port(there, one.name, port_for(self._slots(), slot.name, one.name))
        fresh = {
            one.name: replace(
                there.processes[one.name], boot=boot, since=time.time() if one in down else one.since
            )
            for one in lost
        }
        self._place(there)
        systemd.act("start", [one.unit for one in down], within_s=START_WITHIN_S)
        # Only now: killed before, the next one to prepare starts them.
        self._files.write(replace(there, processes={**there.processes, **fresh}))
