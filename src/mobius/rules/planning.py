"""From facts to the plan of a deployment. Pure: the same facts always give the same hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mobius.model.plan import Plan, PlannedCheck, Step
from mobius.model.ready import READY_CHECK
from mobius.model.release import Release
from mobius.model.settings import EnvironmentSettings
from mobius.rules import canary
from mobius.rules import steps as make
from mobius.rules.expanding import ReadMigration, in_two_releases
from mobius.rules.sharing import may_go_back_unasked
from mobius.rules.ways_back import Side, is_opaque, side, ways_back

READ = (
    "migrations",
    "in_two_releases",
)  # what a linter says of the release's files: another version says it otherwise


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found by looking, before anything is planned."""

    settings: EnvironmentSettings
    service: str
    release: Release  # the candidate
    slot: str  # where it will run
    live: Side
    pending: tuple[str, ...] = ()  # names of pending migrations
    can_go_down: bool = False
    migrations: tuple[ReadMigration, ...] = ()  # what was read of each pending one
    restore_s: float = 0.0  # how long the last rehearsal's restore took
    checks: tuple[PlannedCheck, ...] = ()
    tool_version: str = ""
    branch: str = ""
    committed_at: float = 0.0
    dirty: bool = False
    live_tag: str = ""
    despite_freeze: str = ""  # why this goes on although the environment is frozen
    stages: tuple[int, ...] = ()  # percent of requests, one after the other, before all of them
    stages_need_s: tuple[float, ...] = ()  # how long each has to be at the present traffic
    stage_hosts: tuple[
        str, ...
    ] = ()  # the hosts that get the new release first, in the one stage there is then
    without_stages: bool = False  # although the configuration asks for some
    split_with: str = ""  # the slot of an earlier canary that still gets requests
    split_id: str = ""  # the release in it

    @property
    def hold_s(self) -> float:
        """How long requests may wait while the schema moves; 0 where they do not."""
        migrations = self.settings.migrations
        return migrations.hold_s if migrations is not None and self.pending and self.live.slot else 0.0


def compose_deploy(facts: Facts) -> Plan:
    """The whole deployment of one release, with its ways back."""
    new = side(facts.release, facts.slot, facts.settings.processes)
    plan = Plan(
        kind="deploy",
        service=facts.service,
        environment=facts.settings.name,
        tag=facts.release.tag,
        release_id=facts.release.id,
        previous_id=facts.live.release_id,
        slot=facts.slot,
        previous_slot=facts.live.slot,
        rollout=make.numbered("go", [*prove(facts, [_stage(facts)]), *bring_up(facts), *take_traffic(facts)]),
        ways_back=ways_back(
            facts.settings,
            new,
            facts.live,
            pending=facts.pending,
            can_go_down=facts.can_go_down,
            held=facts.hold_s > 0,
            restore_s=facts.restore_s,
            staged=bool(facts.stages),
        ),
        acceptance=make.numbered("accept", stop_the_old(facts)),
        checks=facts.checks,
        facts=remembered(facts),
        tool_version=facts.tool_version,
    )
    return with_hash(plan)


def with_hash(plan: Plan) -> Plan:
    """The plan with its hash: over everything but times, the answers of checks, whether it is ready, what was read of
    the migrations, the reason to go on despite a freeze, and the tool's version."""
    naked = asdict(replace(plan, hash="", tool_version=""))
    naked["checks"] = [check["name"] for check in naked["checks"] if check["name"] != READY_CHECK]
    digest = hashlib.sha256(json.dumps(_timeless(naked), sort_keys=True).encode()).hexdigest()
    return replace(plan, hash=digest[:16])


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        timed = (
            "expected_s",
            "proven",
            "staged_at",
            "live_since",
            "committed_at",
            "despite_freeze",
            "losing",
            "skipped",
            *READ,
        )
        return {key: _timeless(inner) for key, inner in value.items() if key not in timed}
    if isinstance(value, list | tuple):
        return [_timeless(inner) for inner in value]
    return value


def prove(facts: Facts, laid_out: Sequence[Step]) -> list[Step]:
    """Everything that touches nothing that serves: gates, then the release `laid_out`, backup, rehearsal."""
    settings, release = facts.settings, facts.release
    steps = (
        [canary.end_split(facts.live.slot, facts.split_with, facts.live.release_id, facts.split_id)]
        if facts.split_with
        else []
    )
    steps += [make.gate(asked) for asked in settings.checks if asked.when in ("before", "both")]
    steps += laid_out
    if facts.live.release_id or settings.backup.kept_paths:
        steps += [
            make.backup(facts.live.release_id, 0.0 if facts.pending else settings.backup.reuse_within_s),
            make.verify(),
            make.rehearse(
                release.id,
                facts.pending,
                facts.restore_s,
                boot=facts.live.release_id if settings.rehearsal.boots(pending=bool(facts.pending)) else "",
                only_to_migrate=settings.rehearsal.boot is None,
            ),
        ]
        steps += [make.copy_backup(settings.store)] if settings.store.url else []
    return steps


def _stage(facts: Facts) -> Step:
    return make.stage(facts.release, facts.settings.release.build)


def bring_up(facts: Facts) -> list[Step]:
    """The candidate beside the live release, proven healthy before it sees a user. What the old release could not live
    with comes while requests are held and nothing of it runs."""
    slot, old = facts.slot, facts.live
    steps = [make.stop(slot, "make room", "start")]
    if facts.hold_s:
        steps += make.quiet(facts.hold_s, old.slot, old.release_id)
    if facts.pending:
        steps.append(make.migrate(facts.release.id, facts.pending, opaque=is_opaque(facts.settings)))
    steps += [
        make.start_web(slot, facts.release.id),
        make.await_healthy(facts.settings, slot, facts.release.id),
        make.smoke(slot),
    ]
    return steps


def take_traffic(facts: Facts) -> list[Step]:
    """Traffic first, then what may never run twice, then the version markers."""
    slot, old, release_id = facts.slot, facts.live, facts.release.id
    steps = canary.stages(
        facts.stages, facts.settings.canary, slot, old.slot, facts.stages_need_s, facts.stage_hosts
    )
    steps.append(make.switch(slot, old.slot, f"switch traffic to {slot}"))
    if facts.hold_s:
        steps.append(make.release_hold())
    if old.slot:
        steps.append(make.drain(old.slot))
    steps += make.change_over(old.slot, old.processes, slot, release_id, facts.settings.processes)
    steps += [make.mark_live(release_id, previous_id=old.release_id, slot=slot), make.smoke("")]
    return steps


def stop_the_old(facts: Facts) -> list[Step]:
    """Once the new release is accepted."""
    stop_old = [make.stop(facts.live.slot, "stop the old release", "accept")] if facts.live.slot else []
    return [*stop_old, make.prune()]


def remembered(facts: Facts) -> dict[str, Any]:
    """What a reader of the run wants to know later without the configuration of that day."""
    settings = facts.settings
    despite = {"despite_freeze": facts.despite_freeze} if facts.despite_freeze else {}
    return {
        **despite,
        "commit": facts.release.commit,
        **({"committed_at": facts.committed_at} if facts.committed_at else {}),
        "branch": facts.branch,
        "dirty": facts.dirty,
        "previous_tag": facts.live_tag,
        "content_digest": facts.release.content_digest,
        "config_digest": facts.release.config_digest,
        "pending_migrations": list(facts.pending),
        **_of_migrations(facts),
        "policy": settings.policy.name,
        "policy_base": settings.policy.base,
        "policy_note": settings.policy.note,
        "judged_by": _digest_of_questions(settings),
        "window_s": settings.window_s,
        "interval_s": settings.monitor.interval_s,
        "url": settings.url,
        "auto_rollback": settings.auto_rollback,
        **({"stages": list(facts.stages)} if facts.stages else {}),
        **({"stage_hosts": list(facts.stage_hosts)} if facts.stage_hosts else {}),
        **({"without_stages": True} if facts.without_stages else {}),
    }


def _of_migrations(facts: Facts) -> dict[str, Any]:
    """What decides on the way back from them, and what was read of each."""
    if not facts.pending:
        return {}
    told = {"hold_s": facts.hold_s, "auto_restore": may_go_back_unasked(facts.settings)}
    read = [asdict(migration) for migration in facts.migrations]
    return {**told, "migrations": read, "in_two_releases": list(in_two_releases(facts.migrations))}


def _digest_of_questions(settings: EnvironmentSettings) -> str:
    """Of every threshold, health check, smoke test and gate: whoever approved the plan approved these. Only their
    digest, for a header or a body may hold a secret."""
    asked = (settings.policy, settings.health, settings.monitor, settings.smoke, settings.checks)
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]
