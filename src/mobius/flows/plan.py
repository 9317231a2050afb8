"""Looks at everything a plan depends on, changes nothing, and hands the facts to the pure composers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from mobius.errors import GateFailed, GateUnknown, MobiusError, UsageError
from mobius.flows.ahead import token_checks
from mobius.flows.before import foreseen
from mobius.flows.freeze import check_freeze
from mobius.flows.keep import known_backups
from mobius.flows.migrating_programs import has_programs
from mobius.flows.plan_canary import plan_stages
from mobius.flows.seen_before import old_release_check
from mobius.flows.standing import Standing, live_side, standing
from mobius.model.fleet import OnHosts
from mobius.model.linting import Dialect
from mobius.model.migrating import PendingMigration
from mobius.model.plan import Plan, PlannedCheck, Way, WayBack
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import ProcessSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Ports, Source
from mobius.report.words import duration
from mobius.rules.commanding import ELSEWHERE
from mobius.rules.composing import compose_deploy
from mobius.rules.expanding import ReadMigration
from mobius.rules.holding import migrating_check
from mobius.rules.planning import Facts
from mobius.rules.reusing import reusable


def plan_deploy(
    tag: str,
    ports: Ports,
    *,
    tool_version: str,
    despite_freeze: str = "",
    canary: Sequence[int] | OnHosts | None = None,
    asks_ready: bool = True,
) -> Plan:
    """The plan of deploying `tag`, its checks answered; `canary`: the stages, None for what the configuration says.
    `asks_ready`: also whether it is ready, where that is required; what that rests on does not ask. Raises `UsageError`
    for an unknown tag, and where a canary cannot be."""
    if ports.settings.target == "observe":
        name = ports.settings.name
        raise UsageError(
            f"{name} is only observed: mobius does not deploy there",
            f'deploy by your own means, then: mobius monitor -e {name}; or set target = "command"',
        )
    source = ports.releases.find(tag)
    now = standing(ports)
    candidate = release_of(source, ports)
    pending, read, can_go_down, findings = _migrations(source, ports)
    backups = ports.journal.backups(ports.settings.name)
    stages = plan_stages(canary, now, pending, ports)
    facts = Facts(
        settings=ports.settings,
        service=ports.service,
        release=candidate,
        slot=now.free_slot,
        live=live_side(now, ports),
        pending=pending,
        can_go_down=can_go_down,
        migrations=read,
        restore_s=next((backup.restore_s for backup in backups if backup.rehearsed_at), 0.0),
        checks=tuple(
            asked(check)
            for check in [
                check_freeze(ports, despite_freeze),
                *_look(source, now, candidate, ports),
                *stages.checks,
                *findings,
                *_while_the_schema_moves(pending, now, ports),
                *old_release_check(pending, candidate, now.live, ports),
                *_at_hand(now, pending, ports),
                *(ports.ready(source) if asks_ready else ()),
            ]
        ),
        tool_version=tool_version,
        despite_freeze=despite_freeze,
        branch=source.branch,
        committed_at=source.committed_at,
        dirty=source.dirty,
        live_tag=now.live.tag if now.live else "",
        stages=stages.percents,
        stages_need_s=stages.need_s,
        stage_hosts=stages.hosts,
        without_stages=stages.waived,
        split_with=now.canary_slot,
        split_id=now.canary_id,
    )
    plan = compose_deploy(facts)
    return replace(plan, ways_back=tuple(_proven(way, backups) for way in plan.ways_back))


def refuse_unless_checks_pass(plan: Plan) -> None:
    """Raises `GateFailed` (3) for a no, `GateUnknown` (4) where there was no answer; every one is named."""
    bad = [check for check in plan.checks if check.outcome != Outcome.PASS]
    if not bad:
        return
    error = GateFailed if any(check.outcome == Outcome.FAIL for check in bad) else GateUnknown
    details = tuple(f"{check.name}: {check.answer}" for check in bad)
    hint = next((check.advice for check in bad if check.advice), f"mobius plan --tag {plan.tag}")
    done = {"restart": "was not restarted", "rollback": "was not brought back"}.get(
        plan.kind, "was not deployed"
    )
    raise error(
        f"{plan.tag} {done}: {len(bad)} check(s) not passed, nothing was changed",
        hint,
        details=details,
    )


def release_of(source: Source, ports: Ports) -> Release:
    """The candidate's identity: the same content with the same configuration is the same release."""
    config = config_digest(ports.settings.processes, ports)
    both = hashlib.sha256(f"{source.digest}\0{config}".encode()).hexdigest()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", source.tag).strip("-.")[:48] or "release"
    return Release(f"{name}-{both[:8]}", source.tag, source.commit, source.digest, config)


def config_digest(processes: Sequence[ProcessSettings], ports: Ports) -> str:
    """SHA-256 of what a release keeps of the configuration."""
    snapshot = {
        "processes": [{**asdict(replace(p, env={})), "env": dict(p.env)} for p in processes],
        "release": asdict(replace(ports.settings.release, keep=0)),
    }
    return hashlib.sha256(json.dumps(snapshot, sort_keys=True, default=str).encode()).hexdigest()


def _look(source: Source, now: Standing, candidate: Release, ports: Ports) -> list[CheckResult]:
    return [
        CheckResult("tag", Outcome.PASS, f"{source.tag} is {(source.commit or source.digest)[:12]}", 0.0),
        _is_clean(source, ports),
        _is_another(candidate, now, ports),
        *token_checks(ports),
        *ports.target.preflight(),
        *ports.traffic.preflight(),
        live_is_seen(now),
        *ports.look_at_signals(),
        *foreseen(now.live, ports),
        *ports.backups.preflight(now.live, ports.journal.backups(ports.settings.name)),
    ]


def _at_hand(now: Standing, pending: Sequence[str], ports: Ports) -> list[CheckResult]:
    """Whether a backup that is there serves again, where that is wanted."""
    within_s = ports.settings.backup.reuse_within_s
    if not within_s or now.live is None:
        return []
    name, at = "backup at hand", ports.clock.now()
    if pending:
        return [CheckResult(name, Outcome.PASS, "a new one is made: migrations are pending", 0.0)]
    found = reusable(known_backups(ports), ports.settings, now.live.id, within_s=within_s, now=at)
    if found is None:
        return [
            CheckResult(name, Outcome.PASS, f"none of the last {duration(within_s)}: a new one is made", 0.0)
        ]
    told = f"{found.name} is {duration(at - found.created_at)} old and serves again: a restore loses what came since"
    return [CheckResult(name, Outcome.PASS, told, 0.0)]


def _is_clean(source: Source, ports: Ports) -> CheckResult:
    if source.dirty and not ports.settings.release.allow_dirty:
        advice = "commit or stash them, or set release.allow_dirty = true"
        return CheckResult("work tree", Outcome.FAIL, f"uncommitted changes: {source.message}", 0.0, advice)
    return CheckResult("work tree", Outcome.PASS, "no uncommitted changes", 0.0)


def _is_another(candidate: Release, now: Standing, ports: Ports) -> CheckResult:
    live = now.live
    same = live is not None and (
        live.id == candidate.id or _made_of(live) == _made_of(candidate)
    )  # after a restart the same content with the same configuration has another id
    if live is None or not same:
        return CheckResult("release", Outcome.PASS, f"{candidate.id} is not live yet", 0.0)
    again = f"to start it anew: mobius restart -e {ports.settings.name}; "
    if ports.settings.target in ELSEWHERE:
        again = "there is nothing to do; "
    advice = f"{again}another tag or another configuration makes another release"
    return CheckResult("release", Outcome.FAIL, f"{live.id} is live already", 0.0, advice)


def _made_of(release: Release) -> tuple[str, str, str]:
    """The tag, too: a build may be told nothing else, as where it is the version of a package."""
    return release.tag, release.content_digest, release.config_digest


def live_is_seen(now: Standing) -> CheckResult:
    """Whether what runs and what was written down agree on what is live."""
    if now.doubts:
        return CheckResult(
            "live release", Outcome.ERROR, "; ".join(now.doubts), 0.0, "mobius status, then mobius resume"
        )
    what = (
        f"{now.live.id}{f' in {now.live_slot}' if now.live_slot else ''}"
        if now.live
        else "nothing yet: this is the first deployment"
    )
    return CheckResult("live release", Outcome.PASS, what, 0.0)


def _migrations(
    source: Source, ports: Ports
) -> tuple[tuple[str, ...], tuple[ReadMigration, ...], bool, list[CheckResult]]:
    """Pending names, what was read of each, whether all of them have a way down, and what is wrong with them."""
    settings = ports.settings.migrations
    if settings is None or ports.migrations is None:
        return (), (), False, []
    with ports.releases.look_into(source, settings.path) as folder:
        try:
            pending = ports.migrations.read(folder)
            names = tuple(migration.name for migration in pending)
            down = ports.migrations.can_go_down(folder, names)
            missing = ports.migrations.missing_programs(folder)
        except MobiusError as problem:
            return (), (), False, [CheckResult("migrations", Outcome.FAIL, str(problem), 0.0, problem.hint)]
    told = f"pending: {', '.join(names)}" if names else "none pending"
    checks = [CheckResult("migrations", Outcome.PASS, told, 0.0)]
    checks += has_programs(source, missing, ports) if names else []
    return names, _read(pending, ports), down, checks


def _read(pending: Sequence[PendingMigration], ports: Ports) -> tuple[ReadMigration, ...]:
    """Judged by their texts; the way back does not wait for the linter to load where nothing is pending."""
    if not pending:
        return ()
    from mobius.rules.reading_pending import read_migration

    servers = {database.name for database in ports.settings.databases}
    migrations = ports.settings.migrations
    dialect: Dialect = "postgresql" if migrations and migrations.database in servers else "sqlite"
    return tuple(read_migration(one.name, one.sql, has_down=one.has_down, dialect=dialect) for one in pending)


def _while_the_schema_moves(pending: Sequence[str], now: Standing, ports: Ports) -> list[CheckResult]:
    migrations = ports.settings.migrations
    hold_s = migrations.hold_s if migrations is not None and now.live_slot else 0.0
    check = migrating_check(ports.settings, pending, hold_s)
    return [check] if check is not None else []


def _proven(way: WayBack, backups: Sequence[BackupRecord]) -> WayBack:
    """Restoring is proven by the newest rehearsed backup; nothing else is proven before it was done."""
    if way.way is Way.RESTORE:
        rehearsed = next((backup for backup in backups if backup.rehearsed_at), None)
        if rehearsed is not None:
            words = f"{rehearsed.name} was restored in {rehearsed.restore_s:.1f} s"
            return replace(
                way, proven=f"the last one: {words}; this run's own is rehearsed before anything moves"
            )
    return way


def asked(check: CheckResult) -> PlannedCheck:
    """The check with its answer, as a plan has it."""
    return PlannedCheck(check.name, "", str(check.outcome), check.message, check.advice)


def proven_backup(ports: Ports) -> BackupRecord | None:
    """The newest backup that was restored in a scratch place, else the newest that was verified; None for none."""
    known = ports.journal.backups(ports.settings.name) or ports.backups.found()
    good = [backup for backup in known if backup.kind == "release" and backup.release_id]
    return next((b for b in good if b.rehearsed_at), next((b for b in good if b.verified_at), None))


def find_backup(named: str, ports: Ports) -> BackupRecord:
    """The backup of this name, or the archive at this path."""
    wanted = Path(named)
    is_bare = wanted.name == named and not wanted.exists()
    for found in ports.backups.found():
        if (is_bare and named == found.name) or wanted.absolute() == Path(found.path):
            return found
    there = (path for path in ports.backups.files() if is_bare and path.name == named)
    return ports.backups.describe(next(there, wanted.absolute()))
