"""How an environment stands, for `mobius status`: looks at everything, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.errors import MobiusError
from mobius.flows.actions.stage import canary_words
from mobius.flows.ahead import look_ahead, what_to_do
from mobius.flows.disarm import disarmed
from mobius.flows.freeze import frozen
from mobius.flows.off_site import newest_copied
from mobius.flows.report_issue import issues_of
from mobius.flows.schema_moves import fit_of, made_for, rollback_with_data, rollback_with_its_backup
from mobius.flows.standing import Standing, standing
from mobius.flows.way_back import proven_of, run_that_made_live
from mobius.model.emergency import Spooled
from mobius.model.fleet import HostSeen
from mobius.model.plan import Way
from mobius.model.proven import Fit
from mobius.model.release import BackupRecord, Release
from mobius.model.run import Run, RunState
from mobius.model.status import BackupNow, IssueNow, ProcessNow, ReleaseNow, RunNow, Status, WayBackNow
from mobius.model.verdict import Outcome
from mobius.ports import Ports
from mobius.report.ahead import ahead_words
from mobius.report.next_step import held
from mobius.report.ways import moved_words
from mobius.report.words import clock
from mobius.rules.canary import is_in_a_stage
from mobius.rules.choosing import AFTER, unasked
from mobius.rules.commanding import NO_CODE, can_restore

WARM_S, COLD_S = 1.0, 15.0  # what a switch, and a start and a switch, are expected to take
COMMAND_S = 30.0  # and what a command of the owner is


def status(ports: Ports) -> Status:
    """The truth as far as it can be seen; what cannot be seen is a warning."""
    now = standing(ports)
    freeze = disarm = None
    issues: tuple[IssueNow, ...] = ()
    try:
        freeze, disarm = frozen(ports), disarmed(ports)
        runs = ports.journal.runs(ports.settings.name, 50)
        issues = _issues(now, runs, ports)
        outbox = tuple(row for row in ports.journal.outbox() if row.topic == "alert")
        backups = ports.journal.backups(ports.settings.name) or ports.backups.found()
        is_read = True
    except MobiusError:
        runs, outbox, backups, is_read = (), (), ports.backups.found(), False
    run = runs[0] if runs else None
    way_back = _way_back(now, backups, ports)
    alive = None if run is None or run.ended else ports.launcher.alive(run)
    hosts = ports.target.hosts()
    unwritten, behind = _unwritten(ports), _behind_hosts(ports, hosts)
    return Status(
        service=ports.service,
        environment=ports.settings.name,
        at=ports.clock.now(),
        url=ports.settings.url,
        live=_release(now.live, now.live_slot, runs),
        previous=_release(now.previous, now.previous_slot, runs),
        processes=tuple(
            ProcessNow(p.name, p.kind, p.slot, p.release_id, p.state, p.pid, p.restarts, p.host)
            for p in now.processes
        ),
        hosts=hosts,
        run=_run(run, alive, ports) if run else None,
        way_back=way_back,
        backup=_backup(backups),
        freeze=freeze,
        disarm=disarm,
        issues=issues,
        unsent=len(outbox),
        oldest_unsent_at=outbox[0].created_at if outbox else 0.0,
        warnings=(
            *now.doubts,
            *(() if is_read or now.previous is None else (_works_all_the_same(ports),)),
            *unwritten,
            *(() if unwritten else behind),
            *_left_alone(run, alive),
            *_unattended(now, ports),
            *_by_other_means(now, ports),
            *_here_alone(backups, ports),
        ),
        next=_next(now, run, alive, way_back, ports, bool(unwritten), bool(behind), is_read, hosts),
    )


def _release(release: Release | None, slot: str, runs: Sequence[Run]) -> ReleaseNow | None:
    if release is None:
        return None
    who = next((run.lead for run in runs if run.plan.release_id == release.id), "")
    return ReleaseNow(release.id, release.tag, slot, release.live_since, who, release.accepted)


def _run(run: Run, alive: bool | None, ports: Ports) -> RunNow:
    step = ""
    if not run.ended:
        open_steps = [record for record in ports.journal.steps(run.id) if not record.is_done]
        found = run.plan.step(open_steps[-1].step_id) if open_steps else None
        step = found.title if found else ""
    sentence = run.sentence or (canary_words(run, ports) if is_in_a_stage(run) else "")
    return RunNow(
        id=run.id,
        kind=run.kind,
        tag=run.plan.tag,
        state=run.state,
        started_at=run.started_at,
        sentence=sentence,
        holder=str(run.holder or ""),
        step=step,
        window_deadline=run.window_deadline,
        ended_at=run.ended_at,
        runner_alive=alive,
    )


def _way_back(now: Standing, backups: Sequence[BackupRecord], ports: Ports) -> WayBackNow | None:
    """Code alone where the previous release is at hand, else the newest good backup of another release."""
    if ports.commands is not None:
        return _way_back_elsewhere(now, backups, ports)
    if now.live is None:
        return None
    if now.canary is not None:
        at = _proven_at(now.by_its_canary(), backups, Fit(), ports)
        return WayBackNow(Way.CODE_ALONE, now.live.tag, WARM_S, "nothing", at)
    if now.previous is not None:
        fit = fit_of(now.previous.id, ports)
        made = made_for(now.previous.id, run_that_made_live(now, ports), fit)
        if made is not None and (chosen := _proven_way(made, now.previous, ports)) is not None:
            return chosen
        loses = "nothing" if fit.is_open and not fit.works_at else "nothing; the migrated schema stays"
        proven = _proven_at(now, backups, fit, ports)
        unproven = "" if fit.is_open else moved_words(fit, now.previous.tag)
        instead = rollback_with_data(now.previous, ports) if fit.fails else ""
        expected_s = WARM_S if now.warm else COLD_S
        return WayBackNow(Way.CODE_ALONE, now.previous.tag, expected_s, loses, proven, unproven, instead)
    older = [b for b in backups if b.kind == "release" and b.release_id not in ("", now.live.id)]
    good = next((backup for backup in [*(b for b in older if b.rehearsed_at), *older]), None)
    if good is None:
        return None
    lost = "every write since the backup"
    return WayBackNow(Way.RESTORE, good.release_id, COLD_S + good.restore_s, lost, good.rehearsed_at)


def _proven_way(made: Run, previous: Release, ports: Ports) -> WayBackNow | None:
    """The one that the rehearsal of its deployment chose, where code alone is not it: without asking, else the one
    that a person may choose. None where code alone is, or nothing was tried."""
    proven = proven_of(made, ports)
    way = unasked(made.plan, AFTER, proven)
    kind = way.way if way is not None else Way.RESTORE
    said = proven.of(kind)
    if said is None or kind is Way.CODE_ALONE:
        return None
    instead = rollback_with_its_backup(made, ports) if kind is Way.RESTORE else ""
    return WayBackNow(kind, previous.tag, said.seconds, said.loses, proven.at, instead=instead)


def _way_back_elsewhere(now: Standing, backups: Sequence[BackupRecord], ports: Ports) -> WayBackNow | None:
    """Their rollback command, which nobody has proven before it is used; else a proven backup between their stop
    and start."""
    settings = ports.settings
    if settings.target == "command" and settings.command.rollback and now.live and now.previous:
        return WayBackNow(Way.CODE_ALONE, now.previous.tag, COMMAND_S, "nothing")
    good = [b for b in backups if b.kind == "release" and b.release_id and (b.rehearsed_at or b.verified_at)]
    best = next((b for b in good if b.rehearsed_at), next(iter(good), None))
    if best is None or not can_restore(settings):
        return None
    return WayBackNow(Way.RESTORE, best.name, COMMAND_S + best.restore_s, NO_CODE, best.rehearsed_at)


def _proven_at(now: Standing, backups: Sequence[BackupRecord], fit: Fit, ports: Ports) -> float:
    """Never where the schema has moved on since: whether it works on that, nobody has seen. Else warm: now, if it
    answers now. Cold: by the rehearsal on this schema, or by the rehearsed backup that holds it."""
    assert now.previous is not None
    if not fit.is_open:
        return 0.0
    if now.warm:
        url = ports.target.slot_url(now.previous_slot)
        return ports.clock.now() if ports.checks.health(url).outcome is Outcome.PASS else 0.0
    if fit.works_at:
        return fit.works_at
    ours = [b.rehearsed_at for b in backups if b.release_id == now.previous.id and b.rehearsed_at]
    return max(ours, default=0.0)


def _backup(backups: Sequence[BackupRecord]) -> BackupNow | None:
    newest = next((backup for backup in backups if backup.kind == "release"), None)
    if newest is None:
        return None
    return BackupNow(
        newest.name,
        newest.created_at,
        newest.size_bytes,
        newest.verified_at,
        newest.rehearsed_at,
        newest.restore_s,
        newest.booted,
        newest.not_proven,
        newest.rto_s,
        newest.rpo_s,
    )


def _left_alone(run: Run | None, alive: bool | None) -> tuple[str, ...]:
    if run is None or run.ended or alive is not False or run.state is RunState.NEEDS_OPERATOR:
        return ()
    return (f"run {run.id} is {run.state}, but its runner is gone",)


def _by_other_means(now: Standing, ports: Ports) -> tuple[str, ...]:
    """The version command says so, and no deployment of ours knows it."""
    known = {release.id for release in now.releases}
    if ports.settings.hosts:
        return ()  # where several machines deploy, another one may have
    if now.live is None or now.live.id in known or ports.settings.target == "observe":
        return ()
    return (f"{now.live.tag} was not deployed by mobius",)


def _here_alone(backups: Sequence[BackupRecord], ports: Ports) -> tuple[str, ...]:
    """A store is configured, and the newest backup has no copy there, as far as the journal knows."""
    newest = next((backup for backup in backups if backup.kind == "release"), None)
    if newest is None or ports.store is None:
        return ()
    copied, why_not = newest_copied(ports)
    if copied == newest.name:
        return ()
    told = why_not if newest.name in why_not else f"{newest.name} is on this machine alone"
    return (f"{told}; mobius backup copy --latest -e {ports.settings.name}",)


def _unattended(now: Standing, ports: Ports) -> tuple[str, ...]:
    """Where nothing can be seen of what is live, nothing keeps it: a process that dies stays dead. Unless somebody
    else keeps it."""
    if now.live is None or now.processes or now.doubts or ports.commands is not None:
        return ()
    return ("the supervisor does not run: what dies now is not started again",)


def _issues(now: Standing, runs: Sequence[Run], ports: Ports) -> tuple[IssueNow, ...]:
    """What was reported of what is live; where nobody knows what that is, since the newest run began."""
    if now.live is not None:
        return issues_of(ports, now.live.id, now.live.live_since)
    ids = {"", runs[0].plan.release_id} if runs else {""}
    since = runs[0].started_at if runs else 0.0
    found = [issue for release_id in ids for issue in issues_of(ports, release_id, since)]
    return tuple(sorted(found, key=lambda issue: issue.at))


def _unwritten(ports: Ports) -> tuple[str, ...]:
    """What went past the journal on this machine, and is not in it yet."""
    on = f"mobius resume -e {ports.settings.name}"
    try:
        waiting, here = ports.spool.waiting(), ports.spool.epoch()
    except MobiusError as problem:
        return (f"{problem.message}; {problem.hint}",)
    told = [_of_an_emergency(one, ports, on) for one in waiting]
    if not waiting and here.token and _is_below(here.token, ports):
        told.append(f"an emergency of {here.by} went past the journal, which does not know of it yet: {on}")
    return tuple(told)


def _behind_hosts(ports: Ports, hosts: Sequence[HostSeen]) -> tuple[str, ...]:
    """What an emergency on another machine told the hosts, or a journal of which this is an older copy."""
    try:
        seen = look_ahead(ports, hosts)
    except MobiusError:
        return ()  # that it cannot be read is said already
    return (f"{ahead_words(seen)}; {what_to_do(ports, seen.highest)}",) if seen.is_so else ()


def _of_an_emergency(one: Spooled, ports: Ports, on: str) -> str:
    when = clock(one.run.started_at, ports.clock.now(), None)
    cut_off = "" if one.is_ended or one.is_going_on else ", and was cut off in the middle"
    return f"an emergency rollback of {when} by {one.run.holder} is not yet in the journal{cut_off}: {on}"


def _works_all_the_same(ports: Ports) -> str:
    return f"going back works without the journal: mobius rollback -e {ports.settings.name} --emergency"


def _is_below(token: int, ports: Ports) -> bool:
    try:
        return ports.journal.token(ports.settings.name) < token
    except MobiusError:
        return False  # that it cannot be read is said already


def _is_a_host_out(ports: Ports) -> bool:
    try:
        return bool(ports.target.left_out())
    except MobiusError:
        return False


def _next(
    now: Standing,
    run: Run | None,
    alive: bool | None,
    way_back: WayBackNow | None,
    ports: Ports,
    is_unwritten: bool,
    is_behind: bool,
    is_read: bool,
    hosts: Sequence[HostSeen],
) -> str:
    environment = ports.settings.name
    if not is_read:  # it cannot be brought up to date either
        return f"mobius doctor -e {environment}"
    if is_unwritten:
        return f"mobius resume -e {environment}"
    if is_behind:
        return f"mobius journal raise-token -e {environment} --dry-run"
    if _unattended(now, ports):
        return f"mobius host start -e {environment}"
    if run is not None and not run.ended:
        if run.state is RunState.NEEDS_OPERATOR or alive is False:
            return f"mobius resume -e {environment}"
        if run.state is RunState.OBSERVING and any(host.is_reached and host.absent_since for host in hosts):
            return f"mobius resume -e {environment}"
        return f"mobius monitor -e {environment}"
    if run is not None and run.state is RunState.ROLLED_BACK and run.kind == "rollback":
        return f"mobius monitor -e {environment}"  # it went past the journal: nobody watches
    kept = now.live is not None and now.live.accepted
    if run is not None and run.state is RunState.INCONCLUSIVE and not kept:
        return f"mobius accept -e {environment}"
    if run is not None and run.state is RunState.FAILED:
        if held(run, [record.step_id for record in ports.journal.steps(run.id)]):
            return f"mobius report -e {environment}"
        return f"mobius rollback -e {environment} --emergency"
    if ports.settings.target == "observe":
        return f"mobius monitor -e {environment}"
    if now.live is None and now.doubts:  # it may be that something is, and a deployment would be refused
        return f"mobius doctor -e {environment}"
    if now.live is None:
        return f"mobius deploy -e {environment} --tag TAG"
    if way_back is not None and way_back.instead:
        return way_back.instead
    if _is_a_host_out(ports):
        return f"mobius resume -e {environment}"
    return f"mobius rollback -e {environment}" if now.previous else f"mobius plan -e {environment} --tag TAG"
