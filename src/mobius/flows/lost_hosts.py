"""A way back waits for no host that is not reached."""

from __future__ import annotations

from mobius.flows.record import Record


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
        record.say("hosts left out", f"going back without {names}, which is not reached", told, topic="alert")
