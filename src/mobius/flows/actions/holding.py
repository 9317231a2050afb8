"""While requests are held: who waits, what need not be done, and whether it is still worth going on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mobius.errors import MobiusError
from mobius.flows.record import Record
from mobius.flows.way_back import proven_now
from mobius.model.plan import Step, Way
from mobius.report.words import duration
from mobius.rules.holding import STARTING_S, gate_s, is_sooner_back

Do = Callable[[Step, Record], Mapping[str, Any]]


def unless_open(do: Do) -> Do:
    """The same action, left out where its step says so and the rehearsal proved that code alone is open."""

    def look_first(step: Step, record: Record) -> Mapping[str, Any]:
        if not step.params.get("unless_open") or not proven_now(record).is_open(Way.CODE_ALONE):
            return do(step, record)
        why = f"{record.run.plan.previous_id} works on the new schema: nobody need wait"
        record.log(f"       left out: {why}")
        return {"left_out": why}

    return look_first


def hold(step: Step, record: Record) -> Mapping[str, Any]:
    """New requests wait from here on. What was turned away before is remembered, so that this hold's can be told."""
    door, traffic = record.ports.settings.door, record.ports.traffic
    max_s = float(step.params.get("max_s") or door.hold_max_s)
    before = _turned_away(record)
    traffic.hold(max_s, door.hold_max_requests, door.hold_max_bytes)
    return {"max_s": max_s, "turned_away_before": before}


def see_hold(step: Step, record: Record) -> Mapping[str, Any]:
    """Nothing is migrated yet. Raises `MobiusError`, so that the run goes back, where the hold has run out and going
    back is sooner over. Once the schema moves, what is left of the way forward is the shorter one."""
    plan, settings = record.run.plan, record.ports.settings
    held_s, hold_s = _held_s(record) or 0.0, float(plan.facts.get("hold_s") or 0.0)
    start_s = STARTING_S + gate_s(settings)
    forward_s = proven_now(record).migrate_s + start_s
    if is_sooner_back(held_s=held_s, hold_s=hold_s, forward_s=forward_s, back_s=start_s):
        raise MobiusError(
            f"the hold of {duration(hold_s)} ran out before anything was migrated (it took {duration(held_s)} to let"
            " requests finish and to stop what writes), and going back is sooner over",
            "let requests wait longer: hold in [migrations] of mobius.toml; or shorten what takes so long to finish",
        )
    return {"held_s": round(held_s, 3), "forward_s": round(forward_s, 3)}


def left_of_hold(record: Record) -> float | None:
    """Seconds, 0 for a hold that has run out; None where nobody waits."""
    held_s, hold_s = _held_s(record), float(record.run.plan.facts.get("hold_s") or 0.0)
    return None if held_s is None or not hold_s else max(0.0, hold_s - held_s)


def _held_s(record: Record) -> float | None:
    began = next((s.begun_at for s in record.steps().values() if s.result.get("max_s")), None)
    return None if began is None else record.ports.clock.now() - began


def release_hold(step: Step, record: Record) -> Mapping[str, Any]:
    """They go on, and are counted: those that waited, and those that could not."""
    waited = record.ports.traffic.release_hold()
    held = _held_since(record)
    if held is None:
        return {"waited": waited}
    begun_at, before = held
    if _was_told(record, begun_at):
        return {"waited": waited}
    after = _turned_away(record)
    away = after - before if before is not None and after is not None else None
    seconds = round(record.ports.clock.now() - begun_at, 3)
    told = {"waited": waited, "turned_away": away, "seconds": seconds}
    not_known = "how many were turned away is not known"
    words = not_known if away is None else f"{away:,} turned away with 503 and Retry-After"
    _tell_traffic_back(record)
    record.say(
        "held", f"requests were held for {seconds:.1f} s: {waited:,} waited and went on, {words}", told
    )
    return told


def _was_told(record: Record, begun_at: float) -> bool:
    """By a runner that was killed between the effect and its end."""
    events = record.read(lambda: record.ports.journal.events(run_id=record.run.id))
    return any(event.kind == "held" and event.at >= begun_at for event in events)


def _held_since(record: Record) -> tuple[float, int | None] | None:
    """When the hold that ends now began, and who had been turned away by then; None where none goes on: a hold that
    was let go already is not told again."""
    known = record.steps().values()
    over = max((s.begun_at for s in known if s.is_done and "waited" in s.result), default=0.0)
    holds = [s for s in known if "turned_away_before" in s.result and s.begun_at >= over]
    first = min(holds, key=lambda s: s.begun_at, default=None)
    return (first.begun_at, first.result["turned_away_before"]) if first is not None else None


def _tell_traffic_back(record: Record) -> None:
    """From here on users are answered again: the switch before it only decided by whom."""
    events = record.read(lambda: record.ports.journal.events(run_id=record.run.id))
    begun = next((event for event in reversed(events) if event.kind == "rollback begun"), None)
    if begun is not None and not record.has_said("traffic back"):
        decided_at = float(begun.data.get("decided_at") or begun.at)
        seconds = round(max(0.0, record.ports.clock.now() - decided_at), 3)
        record.say("traffic back", f"all traffic is back after {seconds:.1f} s", {"seconds": seconds})


def _turned_away(record: Record) -> int | None:
    try:
        return record.ports.traffic.turned_away()
    except MobiusError:
        return None
