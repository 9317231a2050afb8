"""From facts to the plan of a restart: the live tree with the present configuration, and the same way back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from mobius.model.numbers import whole
from mobius.model.plan import Plan, PlannedCheck, Way
from mobius.model.release import Release, tree_of
from mobius.model.settings import BackupSettings
from mobius.model.verdict import Outcome
from mobius.rules import steps as make
from mobius.rules.planning import Facts, bring_up, remembered, stop_the_old, take_traffic, with_hash
from mobius.rules.ways_back import side, ways_back

NO_BACKUP = PlannedCheck(
    "backup",
    "",
    str(Outcome.PASS),
    "none is made, and none is rehearsed: neither code nor schema changes; the way back is the warm release",
)


def compose_restart(facts: Facts, *, only: str = "") -> Plan:
    """The live release once more, as a release of its own. What proves new code is left out: its gates, its build,
    backup and rehearsal; what proves that it runs is not: health, smoke tests, window, warm way back."""
    unchanged = replace(facts, pending=(), settings=replace(facts.settings, backup=BackupSettings()))
    new = side(facts.release, facts.slot, facts.settings.processes)
    ways = ways_back(unchanged.settings, new, facts.live)
    plan = Plan(
        kind="restart",
        service=facts.service,
        environment=facts.settings.name,
        tag=facts.release.tag,
        release_id=facts.release.id,
        previous_id=facts.live.release_id,
        slot=facts.slot,
        previous_slot=facts.live.slot,
        rollout=make.numbered(
            "go",
            [
                make.configure(facts.release, facts.live.release_id, only),
                *bring_up(unchanged),
                *take_traffic(unchanged),
            ],
        ),
        ways_back=tuple(way for way in ways if way.way is Way.CODE_ALONE),
        acceptance=make.numbered("accept", stop_the_old(facts)),
        checks=(*facts.checks, NO_BACKUP, *_gates_left_out(facts)),
        facts={**remembered(unchanged), "only": only},
        tool_version=facts.tool_version,
    )
    return with_hash(plan)


def _gates_left_out(facts: Facts) -> list[PlannedCheck]:
    names = [gate.name for gate in facts.settings.checks if gate.when in ("before", "both")]
    if not names:
        return []
    told = f"not asked: they judge code, and the code stays: {', '.join(names)}"
    return [PlannedCheck("gates", "", str(Outcome.PASS), told)]


def next_id(live_id: str, known: Collection[str]) -> str:
    """`v2-1a2b3c4d+2` after `v2-1a2b3c4d`: the same tree, one more time. Two slots never hold one id, so that
    counters, journal and version markers tell them apart."""
    tree = tree_of(live_id)
    numbers = [_number(release_id) for release_id in (*known, live_id) if tree_of(release_id) == tree]
    return f"{tree}+{max(numbers) + 1}"


def restarted(live: Release, known: Collection[str], config_digest: str) -> Release:
    """The candidate: the live tree under its next id."""
    return Release(
        id=next_id(live.id, known),
        tag=live.tag,
        commit=live.commit,
        content_digest=live.content_digest,
        config_digest=config_digest,
        schema_revision=live.schema_revision,
    )


def _number(release_id: str) -> int:
    return whole(release_id.partition("+")[2]) or 1
