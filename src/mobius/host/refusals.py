"""What the supervisor will not do, and why: asked before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping

from mobius.host.messages import ProcessSpec
from mobius.host.protocol import HostRefused
from mobius.host.slots import Slot

NAME_LIMIT = 40


def refuse_second_release(known: Slot | None, slot: str, release: str, specs: list[ProcessSpec]) -> None:
    """A slot holds one release at a time, and a process in it is started in one way."""
    if known is None or not known.is_alive():
        return
    if known.release != release:
        raise HostRefused(
            f"slot {slot} still runs release {known.release}, so {release} cannot start there",
            f"stop slot {slot} first, or use another slot",
        )
    for spec in specs:
        running = known.processes.get(spec.name)
        if running is not None and running.life.wanted and running.spec != spec:
            raise HostRefused(
                f"{spec.name} of slot {slot} already runs, from release {release}, started in another way",
                f"stop {spec.name} of slot {slot} first",
            )


def refuse_foreign_slot(known: Slot | None, slot: str) -> None:
    """What somebody else runs in a slot is not started a second time by us."""
    if known is not None and known.placed is not None:
        raise HostRefused(
            f"slot {slot} is run by somebody else (release {known.release}), so nothing can start there",
            f"remove slot {slot} first, or use another slot",
        )


def refuse_own_slot(known: Slot | None, slot: str) -> None:
    """A slot with processes of ours is not given away while they run."""
    if known is not None and known.is_alive():
        raise HostRefused(
            f"slot {slot} still runs processes of release {known.release} here",
            f"stop slot {slot} first, or use another slot",
        )


def refuse_two_at_once(slots: Mapping[str, Slot], slot: str, specs: list[ProcessSpec]) -> None:
    """Workers and singletons never run in two slots."""
    for spec in specs:
        if spec.kind == "web":
            continue
        for name, other in slots.items():
            process = other.processes.get(spec.name)
            if name != slot and process is not None and (process.is_alive or process.life.wanted):
                raise HostRefused(
                    f"{spec.name} is a {spec.kind} and still runs in slot {name} (release {other.release})",
                    f"stop {spec.name} of slot {name} first: two of them must never run at once",
                )


def refuse_unknown_process(slot: Slot, names: list[str]) -> None:
    """Naming a process that the slot does not have is a mistake, not nothing to do."""
    for name in names:
        if name not in slot.processes:
            known = ", ".join(slot.processes) or "none"
            raise HostRefused(f"slot {slot.name} has no process {name}", f"it has {known}")


def refuse_bad_name(what: str, name: str) -> None:
    """Names become file names: letters, digits, dot, dash and underscore."""
    good = name and len(name) <= NAME_LIMIT and name[0].isalnum()
    if not good or not all(c.isascii() and (c.isalnum() or c in "._-") for c in name):
        raise HostRefused(
            f"{name!r} cannot be the name of a {what}", "use letters, digits, dot, dash, underscore"
        )
