"""What an instance is given to run: its command, its environment, its port and its socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mobius.adapters.places import Places
from mobius.adapters.targets.environment_file import environment_of
from mobius.adapters.targets.systemd_slots import Placed, PlacedSlot, SlotFiles, port_for
from mobius.model.settings import ProcessSettings
from mobius.report.units import process_unit, runtime_folder


@dataclass(frozen=True, slots=True)
class Given:
    """Of the processes of one environment. `environ`: of whoever deploys."""

    prefix: str
    environment: str
    places: Places
    environ: Mapping[str, str]

    def placed(self, slots: Mapping[str, PlacedSlot], slot: str, process: ProcessSettings) -> Placed:
        """Where this process goes in the slot; not written down yet."""
        service = process_unit(self.prefix, process.name, slot)
        timer = process_unit(self.prefix, process.name, slot, "timer")
        is_web = process.kind == "web"
        folder = runtime_folder(self.prefix, process, slot)
        return Placed(
            process.name,
            process.kind,
            unit=timer if process.schedule else service,
            service=service,
            port=port_for(slots, slot, process.name) if is_web else None,
            socket=f"/run/{folder}/web.sock" if is_web and process.listen != "port" else None,
            stop_timeout_s=process.stop_timeout_s,
        )

    def write(
        self,
        files: SlotFiles,
        there: PlacedSlot,
        one: Placed,
        cwd: Path,
        processes: Sequence[ProcessSettings],
    ) -> None:
        """Writes what the unit of this process runs when it is started next."""
        process = next((p for p in processes if p.name == one.name), None)
        if process is None or self.is_adopted(one, there):
            return  # an adopted unit knows by itself what it runs
        env = {
            **self.path(process),
            **environment_of(process, self.environment, self.places, self.environ),
            "MOBIUS_ROOT": str(self.places.root),
            "MOBIUS_SLOT": there.name,
            "MOBIUS_RELEASE": there.release_id,
            "MOBIUS_PROCESS": one.name,
            "MOBIUS_KIND": one.kind,
        }
        if one.port:
            env["PORT"] = str(one.port)
            env["MOBIUS_SOCKET"] = f"/run/{runtime_folder(self.prefix, process, there.name)}/web.sock"
        files.write_unit(there.name, one.name, argv=process.start, cwd=cwd, env=env, kind=one.kind)

    def path(self, process: ProcessSettings) -> dict[str, str]:
        """Programs are found as whoever deploys finds them: systemd's own PATH is another one."""
        path = process.env.get("PATH") or self.environ.get("PATH", "")
        return {"PATH": path} if path else {}

    def is_adopted(self, one: Placed, slot: PlacedSlot) -> bool:
        """Whether it runs by a unit that was there before mobius."""
        return one.service != process_unit(self.prefix, one.name, slot.name)


def adopted_ones(slot: PlacedSlot, processes: Sequence[ProcessSettings]) -> list[Placed]:
    """Those of an adopted release that are asked for, of the kinds that its settings say."""
    kinds = {process.name: process.kind for process in processes}
    return [replace(one, kind=kinds[one.name]) for one in slot.processes.values() if one.name in kinds]
