"""What was asked to run in the slots of an environment under systemd: written down before it is done."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mobius.errors import MobiusError
from mobius.host.messages import build
from mobius.host.slots import free_port, port_is_free
from mobius.host.state import write_atomically
from mobius.host.unit import unit_file

SCHEMA_VERSION = 1
ADOPTED_STOP_S = 90.0  # what systemd allows a unit that says nothing of it


@dataclass(frozen=True, slots=True)
class Placed:
    """One process in a slot. `wanted`: it is to run, also after the host starts anew; `unit` is what is started
    and stopped, a timer's service by its timer."""

    name: str
    kind: str
    unit: str
    service: str  # the unit whose process it is; the same as `unit`, but for a timer
    port: int | None = None
    socket: str | None = None
    wanted: bool = False
    boot: str = ""
    since: float = 0.0
    stop_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class PlacedSlot:
    """A slot: the release in it and its processes, also those that were stopped."""

    name: str
    release_id: str = ""
    processes: Mapping[str, Placed] = field(default_factory=dict)

    def web(self) -> Placed | None:
        """The process that answers for this slot: its first web process."""
        return next((one for one in self.processes.values() if one.kind == "web"), None)

    def of_kinds(self, kinds: Sequence[str]) -> tuple[Placed, ...]:
        """Its processes of these kinds; all when empty."""
        return tuple(one for one in self.processes.values() if not kinds or one.kind in kinds)


class SlotFiles:
    """`run/units/SLOT.json` of every slot, and in `run/units/SLOT/` what each of its units runs."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / "run" / "units"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """One change at a time: after a boot several come at once to start what was to run."""
        import fcntl

        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(
            os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb"
        ) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self) -> dict[str, PlacedSlot]:
        """By name. Raises MobiusError for one that cannot be read: unknown is not empty."""
        found = {}
        for path in sorted(self._folder.glob("[!.]*.json")):
            found[path.stem] = _slot(path)
        return found

    def write(self, slot: PlacedSlot) -> None:
        """Durably, as a whole."""
        path = self._folder / f"{slot.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        document = {"schema_version": SCHEMA_VERSION, "release_id": slot.release_id}
        write_for_owner(
            path, {**document, "processes": {name: asdict(one) for name, one in slot.processes.items()}}
        )

    def want(self, slot: PlacedSlot, names: Sequence[str], wanted: bool) -> PlacedSlot:
        """Writes down that these are to run, or not to."""
        changed = {
            name: replace(one, wanted=wanted) if name in names else one
            for name, one in slot.processes.items()
        }
        fresh = replace(slot, processes=changed)
        self.write(fresh)
        return fresh

    def write_unit(
        self, slot: str, process: str, *, argv: Sequence[str], cwd: Path, env: Mapping[str, str], kind: str
    ) -> None:
        """What the instance of this slot runs when it is started next; readable for its owner only."""
        path = unit_file(self._root, process, slot)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        document = {"schema_version": SCHEMA_VERSION, "argv": list(argv), "cwd": str(cwd), "kind": kind}
        write_for_owner(path, {**document, "env": dict(env)})

    def move_port(self, slot: PlacedSlot, process: str, port: int) -> PlacedSlot:
        """The same process on another port: somebody took the one it had."""
        path = unit_file(self._root, process, slot.name)
        said = json.loads(path.read_bytes())
        write_for_owner(path, {**said, "env": {**said["env"], "PORT": str(port)}})
        one = replace(slot.processes[process], port=port)
        fresh = replace(slot, processes={**slot.processes, process: one})
        self.write(fresh)
        return fresh


def write_for_owner(path: Path, document: Any) -> None:
    """Durably, readable for the owner of the root only: also where root goes back in their place at night."""
    write_atomically(path, document)
    folder = path.parent.parent.stat() if path.parent.stat().st_uid == 0 else path.parent.stat()
    if os.geteuid() == 0 and folder.st_uid != 0:
        os.chown(path, folder.st_uid, folder.st_gid)
        os.chown(path.parent, folder.st_uid, folder.st_gid)


def port_for(slots: Mapping[str, PlacedSlot], slot: str, process: str) -> int:
    """A port for this web process: the one it had in this slot if nobody has taken it, else a free one."""
    before = slots[slot].processes.get(process) if slot in slots else None
    if before is not None and before.port and port_is_free(before.port):
        return before.port
    return free_port({one.port for there in slots.values() for one in there.processes.values() if one.port})


def boot_id() -> str:
    """Changes with every start of the host."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + _started_at()
    return ""


def _started_at() -> str:
    """When process 1 began: a container starts anew without a new kernel."""
    with contextlib.suppress(OSError, IndexError):
        return "/" + Path("/proc/1/stat").read_text().rpartition(") ")[2].split()[19]
    return ""


def adopted_slot(root: Path, kinds: Mapping[str, str]) -> PlacedSlot | None:
    """The slot in which what ran before mobius runs on, by its own units; None where nothing was adopted."""
    path = root / "adopted.json"
    if not path.exists():
        return None
    said = _document(path)
    try:
        processes = {
            name: Placed(
                name,
                str(one.get("kind") or kinds.get(name) or ("web" if one.get("port") else "worker")),
                unit=one.get("timer") or one["unit"],
                service=one["unit"],
                port=one.get("port") or None,
                socket=one.get("socket") or None,
                wanted=True,
                stop_timeout_s=ADOPTED_STOP_S,
            )
            for name, one in said["processes"].items()
        }
        return PlacedSlot(said["slot"], said["release_id"], processes)
    except (LookupError, TypeError, AttributeError) as problem:
        raise MobiusError(
            f"{path} does not hold what mobius writes: {problem!r}", "mobius adopt --undo"
        ) from problem


def _slot(path: Path) -> PlacedSlot:
    said = _document(path)
    try:
        processes = {name: build(Placed, one) for name, one in said["processes"].items()}
        return PlacedSlot(path.stem, said["release_id"], processes)
    except (LookupError, TypeError, AttributeError) as problem:
        raise MobiusError(
            f"{path} does not hold what mobius writes: {problem!r}",
            f"remove it once its units are stopped: {path}",
        ) from problem


def _document(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError) as problem:
        raise MobiusError(f"{path} cannot be read: {problem}", f"look at it: {os.fspath(path)}") from problem
    if not isinstance(said, dict) or said.get("schema_version") != SCHEMA_VERSION:
        raise MobiusError(f"{path} was written by another version of mobius", "install that version again")
    return said
