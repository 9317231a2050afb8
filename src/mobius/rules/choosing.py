"""Which of a plan's ways back is taken: by how far the run has come, and by what its rehearsal proved.

*Code alone* is taken unless the previous release was seen to fail on the migrated data. Then *down*, where the
rehearsal proved that it gives everything back; nobody is asked. *Restore* goes unasked only with `auto_restore`. Where
a migration is there in part, *code alone* must have been seen to work, and *down* is nobody's but a person's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from mobius.model.plan import Plan, Step, Way, WayBack
from mobius.model.proven import NOTHING_PROVEN, Proven
from mobius.model.run import StepRecord
from mobius.model.trial import OpenWay

BEFORE, INSIDE, DURING, AFTER = "before traffic", "inside the hold", "during the canary", "after traffic"
MOVES = ("switch", "command")  # actions after which users may meet another release


def proven_by(plan: Plan, steps: Mapping[str, StepRecord]) -> Proven:
    """From the result of the run's step `rehearse`; for the watch that took a run over, from what its plan says."""
    rehearsed = next((step for step in plan.rollout if step.action == "rehearse"), None)
    done = steps.get(rehearsed.id) if rehearsed else None
    return proven_from(done.result if done is not None else plan.facts.get("proven") or {})


def proven_from(facts: Mapping[str, Any]) -> Proven:
    """From the facts of a rehearsal; `NOTHING_PROVEN` where it tried no migrations."""
    ways = tuple(
        OpenWay(
            Way(way["way"]), bool(way["is_open"]), float(way["seconds"]), way["loses"], way.get("why", "")
        )
        for way in facts.get("ways") or ()
    )
    if not ways:
        return NOTHING_PROVEN
    old = facts.get("old") or {}
    return Proven(
        ways,
        old_fails=bool(old.get("tried")) and not old.get("works"),
        at=float(facts.get("at") or facts.get("rehearsed_at") or 0.0),
        migrate_s=float(facts.get("migrate_s") or 0.0),
    )


def choose(
    plan: Plan,
    begun: Collection[str],
    proven: Proven = NOTHING_PROVEN,
    *,
    moved: bool = True,
    half: bool = False,
) -> WayBack | None:
    """The way back that is taken without asking, from as far as the run has come. `moved`: whether any of its
    migrations is on the live database; `half`: whether one is, or may be, there in part.

    None when no step that touches the service was begun: then there is nothing to take back. Also None when
    something was `touched`, but only a person may choose what to do about it.
    """
    if not touched(plan, begun):
        return None
    return unasked(plan, phase_of(plan, begun), proven, moved=moved, half=half)


def touched(plan: Plan, begun: Collection[str]) -> list[Step]:
    """The steps that touch the service and were begun."""
    return [step for step in plan.rollout if step.effect and step.id in begun]


def phase_of(plan: Plan, begun: Collection[str]) -> str:
    """From which phase the way back begins. While requests are held, nobody has met the new release."""
    actions = {step.action for step in touched(plan, begun)}
    if "hold" in actions and "release_hold" not in actions:
        return INSIDE
    if "split" in actions and not actions & set(MOVES):
        return DURING
    return AFTER if actions & set(MOVES) else BEFORE


def unasked(
    plan: Plan,
    phase: str = AFTER,
    proven: Proven = NOTHING_PROVEN,
    *,
    moved: bool = True,
    half: bool = False,
) -> WayBack | None:
    """The way back from this phase that may be taken without asking. On `half` of a migration the previous release
    must have been seen to work on all of it, and nothing was proven of a way down from there."""
    code_alone = plan.way_back(phase)
    if code_alone is not None and not _is_against_code_alone(plan, proven, moved=moved, half=half):
        return code_alone
    down = plan.way_back(phase, Way.DOWN)
    if down is not None and proven.is_open(Way.DOWN) and not half:
        return down
    return plan.way_back(phase, Way.RESTORE) if plan.facts.get("auto_restore") else None


def _is_against_code_alone(plan: Plan, proven: Proven, *, moved: bool, half: bool) -> bool:
    if half and plan.previous_id:
        return not proven.is_open(Way.CODE_ALONE)
    return moved and proven.old_fails


def begun_way(plan: Plan, begun: Collection[str]) -> WayBack | None:
    """The way back that was begun: whoever carries on finishes it, for what it has stopped the others do not start.
    Of several, one that failed and the one that came after it, the last."""
    taken = [way for way in plan.ways_back if any(step.id in begun for step in way.steps)]
    return taken[-1] if taken else None


def next_way(
    plan: Plan,
    failed: WayBack,
    begun: Collection[str],
    proven: Proven,
    *,
    restores: bool,
    moved: bool,
    half: bool = False,
) -> WayBack | None:
    """What is tried where the release before did not come up by the way that failed: on what the data is now, the data
    must go back, too. None once traffic has moved, for then it did come up, and where the data is as it was.
    `restores`: whether data may be restored without asking."""
    has_switched = any(step.action == "switch" and step.id in begun for step in failed.steps)
    if failed.phase == BEFORE or has_switched or (failed.phase == INSIDE and not (moved or half)):
        return None
    if failed.way is Way.CODE_ALONE and proven.is_open(Way.DOWN) and not half:
        down = plan.way_back(failed.phase, Way.DOWN)
        if down is not None:
            return down
    return plan.way_back(failed.phase, Way.RESTORE) if restores and failed.way is not Way.RESTORE else None


def keeps_warm(plan: Plan, way: WayBack | None, proven: Proven) -> bool:
    """Whether the release before is kept running beside this one: not where it was stopped for its schema to move."""
    held_for_it = bool(plan.facts.get("hold_s")) and not proven.is_open(Way.CODE_ALONE)
    return way is not None and way.way is Way.CODE_ALONE and not held_for_it
