"""When the journal is back: what was done without it is written down there, once, and its tokens rise above."""

from __future__ import annotations

from contextlib import suppress

from mobius.errors import MobiusError
from mobius.model.run import Run
from mobius.ports import Ports


def reconcile(ports: Ports) -> tuple[Run, ...]:
    """Each way back that went past the journal, as the journal has it now; () where there was none, or where later runs
    have made it a thing of the past. Killed anywhere, it is done again, and nothing is written twice. Raises
    `MobiusError` where the journal still cannot be written."""
    waiting, epoch = ports.spool.waiting(), ports.spool.epoch()
    taken_in: list[Run] = []
    for spooled in waiting:
        if spooled.is_going_on and not spooled.is_ended:
            break  # those after it come after it in the journal, too
        who = str(ports.holder())
        run = ports.journal.adopt(spooled, now=ports.clock.now(), who=who)
        taken_in += [] if run is None else [run]
        ports.spool.settle(spooled)
    else:
        if epoch.token:
            now = ports.clock.now()
            ports.journal.raise_token(ports.settings.name, epoch, now=now, who=str(ports.holder()))
    return tuple(taken_in)


def up_to_date(ports: Ports) -> Ports:
    """The same ports, for whoever is about to write. What keeps the journal from being brought up to date, keeps
    nobody from what comes next: that meets it itself."""
    with suppress(MobiusError):
        reconcile(ports)
    return ports
