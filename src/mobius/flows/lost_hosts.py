"""A way back waits for no host that is not reached; and whatever goes on without a host says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mobius.errors import MobiusError
from mobius.flows.record import Record
from mobius.ports import Ports

LEFT_OUT = "hosts left out"


def leave_out_lost(record: Record) -> None:
    """Those that are not reached take no part, and it is told which. Raises `MobiusError` where none is left."""
    lost = record.ports.target.leave_out_lost()
    if lost:
        names = ", ".join(lost)
        told = {
            "sentence": f"{names} not reached: gone back without",
            "choices": ["it gets no requests, and is put right by the next run that reaches it"],
            "hosts": list(lost),
        }
        record.say(LEFT_OUT, f"going back without {names}, which is not reached", told, topic="alert")


@contextmanager
def tell_left_out(record: Record) -> Iterator[None]:
    """Which hosts what is done inside goes on without: within the failure budget that is no failure, but somebody must
    know. Of those that are bad by themselves it is told where that is found."""
    before = _left_out(record.ports)
    yield
    lost = sorted(_left_out(record.ports) - before)
    if not lost:
        return
    try:
        seen = {one.name: one for one in record.ports.target.hosts()}
    except MobiusError:
        seen = {}
    lost = [name for name in lost if name not in seen or not seen[name].is_bad]
    if not lost:
        return
    names = ", ".join(lost)
    why = {name: one.why for name, one in seen.items()}
    told = {
        "sentence": f"{names}: left out, the others go on",
        "choices": [f"once it is well again: mobius resume -e {record.run.environment}"],
        "hosts": lost,
    }
    reasons = "; ".join(why[name] for name in lost if why.get(name))
    words = f"going on without {names}{f': {reasons}' if reasons else ''}"
    record.say(LEFT_OUT, words, told, topic="alert")


def _left_out(ports: Ports) -> frozenset[str]:
    try:
        return frozenset(ports.target.left_out())
    except MobiusError:
        return frozenset()
