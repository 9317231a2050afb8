"""The plan of going back: to the previous release, to a named one, to a named backup, or to the latest good one."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from mobius.errors import MobiusError, UsageError
from mobius.flows.after_migrations import NO_MIGRATIONS, after_migrations
from mobius.flows.ahead import token_checks
from mobius.flows.latest_good import latest_good
from mobius.flows.plan import asked, find_backup, proven_backup
from mobius.flows.standing import Standing, live_side, standing
from mobius.flows.unwritten import unfinished
from mobius.flows.way_back import may_be_held
from mobius.model.plan import Plan
from mobius.model.release import BackupRecord, Release
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Ports, nothing
from mobius.rules.commanding import ELSEWHERE, can_restore
from mobius.rules.composing import compose_rollback
from mobius.rules.holding import hold_check
from mobius.rules.returning import ReturnFacts
from mobius.rules.sharing import unknown, unnamed
from mobius.rules.ways_back import side

LOOKING_S = 20.0  # how long the comparison that comes before the question may take


def plan_rollback(
    ports: Ports,
    *,
    to: str = "",
    backup: str = "",
    latest: bool = False,
    emergency: bool = False,
    because: str = "",
    also: Sequence[str] = (),
    even_if_open: bool = False,
    compare: bool = False,
    progress: Callable[[str], None] = nothing,
    tool_version: str,
) -> Plan:
    """The plan of going back: to the previous release, to release `to`, to the archive `backup`, or to the `latest`
    good one, which is also where a service goes that is only observed. With `compare` it says what would be lost, which
    takes a moment. A migration tool that outlived its deployer is waited for, which `progress` hears, but not in an
    `emergency`. Raises `UsageError`, or `BackupInvalid` where what was named does not hold."""
    if emergency and not (to or backup or latest) and (cut_off := unfinished(ports)) is not None:
        return cut_off.run.plan  # what is live half way through it says nothing about where to go back to
    waited = [] if emergency else _end_of_migrations(ports, progress)
    now = standing(ports)
    if now.canary is not None and not (backup or latest) and to in _names(now.live):
        now = now.by_its_canary()
    skipped: tuple[str, ...] = ()
    found = None
    if latest or (not (to or backup or emergency) and _has_only_backups(ports)):
        found, skipped = latest_good(ports)
    _refuse_without_commands(backup or (found.name if found else ""), ports)
    if backup:
        found = find_backup(backup, ports)
    if found:
        target = _release_in(found)
    else:
        target = _target_release(to, now)
        if now.live is not None and target.id == now.live.id:
            raise UsageError(f"{target.id} is live already", "mobius releases lists the others")
    warm = not found and now.warm and now.previous is not None and target.id == now.previous.id
    slot = now.previous_slot if warm else now.free_slot
    checks = [] if warm or ports.commands else [_is_there(target, found is not None, ports)]
    after = NO_MIGRATIONS if found else after_migrations(target, now, ports, emergency=emergency)
    checks += [*waited, *(() if emergency else token_checks(ports)), *after.checks]
    if found:
        checks += _of_the_data(ports, now, found, tuple(also), even_if_open=even_if_open, emergency=emergency)
    losing = None
    if found and compare:
        losing = asdict(ports.backups.compare(Path(found.path), within_s=LOOKING_S))
    facts = ReturnFacts(
        settings=ports.settings,
        service=ports.service,
        live=live_side(now, ports),
        target=side(target, slot, ports.releases.processes(target.id)),
        target_tag=target.tag,
        held=may_be_held(ports),
        warm=warm and not after.down,
        down=after.down,
        unproven=after.unproven,
        proven=after.proven,
        backup=found.path if found else "",
        restore_s=_measured(found, ports) if found else 0.0,
        emergency=emergency,
        even_if_open=even_if_open,
        also=tuple(also),
        losing=losing,
        skipped=skipped,
        because=because,
        live_tag=now.live.tag if now.live else "",
        checks=tuple(asked(check) for check in checks),
        tool_version=tool_version,
        split_with=now.canary_slot,
        split_id=now.canary_id,
    )
    return compose_rollback(facts)


def _names(live: Release | None) -> tuple[str, ...]:
    """What asks for the release that was live before a canary began: nothing, or its name."""
    return ("", live.id, live.tag) if live else ("",)


def _end_of_migrations(ports: Ports, progress: Callable[[str], None]) -> list[CheckResult]:
    """What still migrates decides what is on the live database: nothing is chosen before it has ended."""
    if ports.migrations is None:
        return []
    try:
        ports.migrations.wait(progress)
    except MobiusError as problem:
        advice = f"{problem.hint}; or, whatever it does: mobius rollback -e {ports.settings.name} --emergency"
        return [CheckResult("migrations", Outcome.FAIL, problem.message, 0.0, advice)]
    return []


def _has_only_backups(ports: Ports) -> bool:
    """Where a service is only observed, and there is no command that brings its code back."""
    settings = ports.settings
    return settings.target == "observe" and not settings.command.rollback and can_restore(settings)


def _of_the_data(
    ports: Ports,
    now: Standing,
    found: BackupRecord,
    also: tuple[str, ...],
    *,
    even_if_open: bool,
    emergency: bool,
) -> list[CheckResult]:
    """What must be so before data goes back: everybody who shares it is named, and nobody else has it open."""
    settings = ports.settings
    command = ["mobius", "rollback", "-e", settings.name, "--backup", found.name]
    command += ["--emergency"] * emergency
    if wrong := unknown(settings, also):
        raise UsageError(
            f"{', '.join(wrong)} shares no data with {ports.service}",
            "those that do are named by shared_with in [backup] and [[database]] of mobius.toml",
        )
    checks = []
    if left := unnamed(settings, also):
        words = [*command, *(word for name in (*also, *left) for word in ("--also", name))]
        told = f"{', '.join(left)} {'uses' if len(left) == 1 else 'use'} the same data, and would go back with it"
        checks.append(CheckResult("shared data", Outcome.FAIL, told, 0.0, shlex.join(words)))
    if not even_if_open and ports.commands is None:
        pids = [process.pid for process in now.processes if process.pid]
        if users := ports.backups.in_use(pids):
            words = [*command, *(word for name in also for word in ("--also", name)), "--even-if-open"]
            advice = f"end it, or: {shlex.join(words)}"
            checks.append(CheckResult("open files", Outcome.FAIL, "; ".join(users), 0.0, advice))
    if ports.commands is None:
        checks.append(hold_check(settings, _measured(found, ports)))
    return checks


def _measured(found: BackupRecord, ports: Ports) -> float:
    """How long restoring it took when it was rehearsed; 0 where it never was."""
    if found.restore_s:
        return found.restore_s
    try:
        known = ports.journal.backups(ports.settings.name)
    except MobiusError:
        return 0.0
    return next((backup.restore_s for backup in known if backup.name == found.name), 0.0)


def _target_release(to: str, now: Standing) -> Release:
    if not to:
        if now.previous is None:
            raise UsageError(
                "there is no previous release to go back to", "name a backup: mobius rollback --backup FILE"
            )
        return now.previous
    matching = [release for release in now.releases if to in (release.id, release.tag)]
    if not matching:
        known = ", ".join(release.id for release in now.releases[:5]) or "none"
        raise UsageError(f'no release "{to}"', f"there are: {known}")
    return matching[0]


def _refuse_without_commands(backup: str, ports: Ports) -> None:
    """Where somebody else runs the service, going back takes their commands. Raises `UsageError`."""
    settings = ports.settings
    if settings.target not in ELSEWHERE:
        return
    if backup and not can_restore(settings):
        raise UsageError(
            f"the data of {settings.name} cannot be put back: nothing says how it is stopped and started",
            "set stop and start in [command] of mobius.toml, and backup.paths",
        )
    if not backup and not settings.command.rollback:
        proven = proven_backup(ports)
        named = proven.name if proven else "FILE"
        raise UsageError(
            f"{settings.name} has no rollback command",
            f"set rollback in [command] of mobius.toml; or go back with the data of a backup:"
            f" mobius rollback -e {settings.name} --backup {named}",
        )


def _is_there(target: Release, in_backup: bool, ports: Ports) -> CheckResult:
    if in_backup or ports.releases.is_staged(target.id):
        return CheckResult("release", Outcome.PASS, f"{target.id} is at hand", 0.0)
    advice = f"deploy it again: mobius deploy --tag {target.tag}, or use a backup of it"
    return CheckResult("release", Outcome.FAIL, f"{target.id} is not there any more", 0.0, advice)


def _release_in(found: BackupRecord) -> Release:
    described = (found.metadata or {}).get("release")
    if not isinstance(described, dict):
        raise UsageError(f"{found.name} holds no release", "choose another: mobius backup list")
    return Release(**described)
