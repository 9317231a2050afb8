"""The rehearsal of a deployment: its way back is proven, and timed, before its way forward is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.errors import GateFailed
from mobius.flows.actions.action import known_releases, own_backup
from mobius.flows.record import Record, migrations_folder
from mobius.flows.rehearse import prove, refuse_what_does_not_run
from mobius.model.plan import Step, Way
from mobius.model.proven import Proven
from mobius.model.release import BackupRecord, Release
from mobius.report.rehearsing import rehearsal_words, reused_words, slow_restore_words, slow_words
from mobius.rules.choosing import proven_from
from mobius.rules.holding import gate_s
from mobius.rules.rehearsing import Measured, counts, slow_restore, too_slow
from mobius.rules.sharing import may_go_back_unasked

SAID = ("booted", "not_proven", "rto_s", "rpo_s")


def rehearse(step: Step, record: Record) -> Mapping[str, Any]:
    """The run's own backup, before anything moves. Stops the deployment where the previous release does not run on it,
    or where the way back would take too long."""
    ports, backup = record.ports, own_backup(record)
    settings, now = ports.settings.rehearsal, ports.clock.now()
    boot, pending = bool(step.params.get("boot")), bool(step.params["names"])
    reused = counts(backup, now=now, within_s=settings.reuse_within_s, boot=boot, pending=pending)
    if reused:
        proven, facts = backup, _of_before(backup)
        words = reused_words(backup, now)
    else:
        migrate_from = migrations_folder(step, record) if pending else None
        proven, facts = prove(
            backup,
            ports,
            boot=None if step.params.get("boot") == "auto" else boot,
            migrate_from=migrate_from,
            candidate=_candidate(step, record) if pending else None,
            fast=True,
            progress=record.tell,
        )
        record.write(lambda _: ports.journal.put_backup(record.run.environment, proven))
        words = f"{backup.name} {rehearsal_words(facts)}"
    measured, within_s = _measured(record, backup, facts), ports.settings.rollback_within_s
    if takes_s := slow_restore(record.run.plan, measured, rollback_within_s=within_s):
        words += f"; {slow_restore_words(takes_s, within_s)}"
    record.say("rehearsed", words, facts)
    refuse_what_does_not_run(backup, facts)
    _refuse_what_takes_too_long(record, measured, proven_from(facts))
    return {name: value for name, value in facts.items() if name != "log"}


def _of_before(backup: BackupRecord) -> dict[str, Any]:
    facts = {name: getattr(backup, name) for name in SAID}
    known = {"backup": backup.name, "restore_s": backup.restore_s, "rehearsed_at": backup.rehearsed_at}
    known["boot_s"] = max(0.0, backup.rto_s - backup.restore_s)
    return {**facts, **known, "proven": True, "reused": True}


def _measured(record: Record, backup: BackupRecord, facts: Mapping[str, Any]) -> Measured:
    """By what was measured in this run; a backup that serves again says how long it took when it was made."""
    settings, made = record.ports.settings, (backup.metadata or {}).get("took_s")
    down = proven_from(facts).of(Way.DOWN)
    return Measured(
        backup_s=max(_took_s(record, "backup"), float(made) if isinstance(made, int | float) else 0.0),
        restore_s=float(facts["restore_s"]),
        boot_s=float(facts.get("boot_s") or 0.0),
        health_s=gate_s(settings),
        down_s=down.seconds if down is not None else 0.0,
    )


def _candidate(step: Step, record: Record) -> Release:
    """The release that is to be live, as it is staged."""
    plan, wanted = record.run.plan, step.params["release_id"]
    known = (release for release in known_releases(record) if release.id == wanted)
    return next(known, Release(wanted, plan.tag, "", "", ""))


def _refuse_what_takes_too_long(record: Record, measured: Measured, proven: Proven) -> None:
    """Judged on the way back that would be taken."""
    settings = record.ports.settings
    found = too_slow(
        record.run.plan,
        measured,
        rollback_within_s=settings.rollback_within_s,
        emergency_within_s=settings.emergency_within_s,
        data_unasked=may_go_back_unasked(settings),
        proven=proven,
    )
    if found is not None:
        message, hint = slow_words(found.way, found.takes_s, found.target_s, found.setting)
        raise GateFailed(message, hint)


def _took_s(record: Record, action: str) -> float:
    """How long the steps of this kind took in this run."""
    steps = {step.id: step.action for step in record.run.plan.rollout}
    done = [r for r in record.steps().values() if steps.get(r.step_id) == action and r.is_done]
    return sum(r.done_at - r.begun_at for r in done)
