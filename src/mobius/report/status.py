"""What `mobius status` says, for a terminal or a phone: what is live, and the way back from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo
from typing import Any

from mobius.model.fleet import HostSeen
from mobius.model.run import ENDED, RunState
from mobius.model.status import BackupNow, IssueNow, ProcessNow, ReleaseNow, RunNow, Status, WayBackNow
from mobius.report.freezing import disarm_words, freeze_words
from mobius.report.paint import BAD, BOLD, GOOD, WARN, Paint
from mobius.report.ways import losing
from mobius.report.words import ago, clock, command_lines, counted, duration, iso, shortened, size, wrapped

MOST_HOSTS = 12  # of more, only those are named with which something is wrong
MOST_AILING = 20
MOST_NAMED = 5
LABEL = 10  # "previous: " and "way back: " are as wide as a label gets


def status_text(status: Status, width: int = 80, *, color: bool = False, tz: tzinfo | None = None) -> str:
    """One labelled line a fact, wrapped under itself; `tz` None is the zone of this machine.

    The service comes first, then what is live, then what is wrong with it; the last line is the next command.
    """
    paint = Paint(color)
    lines = [paint(line, BOLD) for line in wrapped(f"{status.service} {status.environment}", width)]
    for label, value, style in facts(status, tz):
        body = wrapped(value, width, f"{label}: ".ljust(LABEL), " " * LABEL)
        lines += [paint(line, style) for line in body]
    if status.next:
        command = command_lines(status.next.split(), width, " " * LABEL)
        lines += [f"{'next:':<{LABEL}}{command[0].lstrip()}", *command[1:]]
    return "\n".join(lines)


def status_json(status: Status) -> dict[str, Any]:
    """The same facts as plain JSON types, with times also as ISO 8601 beside `at`."""
    return {
        "schema_version": 1,
        "event": "status",
        "time": iso(status.at),
        **dataclasses.asdict(status),
        "way_back_words": way_back_words(status.way_back, status.at, UTC) if status.way_back else "none",
    }


def way_back_words(way: WayBackNow, now: float, tz: tzinfo | None) -> str:
    """ "code alone, about 1 s, proven 02:10, nothing lost" """
    if way.unproven:
        instead = f"; with its data: {way.instead}" if way.instead else ""
        return f"{way.way}, not proven: {way.unproven}{instead}"
    proven = f"proven {clock(way.proven_at, now, tz)}" if way.proven_at else "not proven"
    return f"{way.way}, about {duration(way.expected_s)}, {proven}, {losing(way.loses)}"


def facts(status: Status, tz: tzinfo | None) -> Iterable[tuple[str, str, str]]:
    """(label, words, style) of each line; the style is one of `paint`, "" for none."""
    now = status.at
    if status.live is None:
        yield "live", "nothing yet", WARN
    else:
        yield "live", _release(status.live, now, tz) + _processes(status.processes, status.live.slot), ""
    if _nothing_serves(status):
        yield "warning", "no web process of the live release is running", BAD
    if status.hosts:
        yield "hosts", *_hosts(status)
    for warning in status.warnings:
        yield "warning", warning, WARN
    if status.previous is not None:
        has_slots = bool(status.previous.slot or (status.live and status.live.slot) or status.processes)
        warm = f", {_warm(status)}" if has_slots else ""
        yield "previous", f"{status.previous.tag or status.previous.id}{warm}", ""
    named = [one for one in status.hosts if len(status.hosts) <= MOST_HOSTS or _ails(one)]
    yield from ((f"host {one.name}", *_host(one, status)) for one in named[:MOST_AILING])
    if len(named) > MOST_AILING:
        yield (
            "hosts",
            f"{counted(len(named) - MOST_AILING, 'other')} with something wrong: --json names them",
            BAD,
        )
    if status.url:
        yield "url", status.url, ""
    if status.web:
        yield "web page", status.web, ""
    if status.run is not None:
        yield "run", _run(status.run, now), _run_style(status.run)
    if status.disarm is not None:
        yield "DISARMED", f"{disarm_words(status.disarm, now, tz)}; nothing is judged, nothing acts", BAD
    if status.issues:
        yield "issues", issue_words(status.issues, now), WARN
    if status.way_back is not None:
        yield (
            "way back",
            way_back_words(status.way_back, now, tz),
            GOOD if status.way_back.proven_at else WARN,
        )
    elif status.live is not None:
        yield "way back", "none: there is no release to go back to", WARN
    yield "backup", _backup(status.backup, now, tz), "" if status.backup else WARN
    if status.freeze is not None:
        yield "frozen", freeze_words(status.freeze, now, tz), WARN
    if status.unsent:
        waiting = counted(status.unsent, "notification")
        since = f", the oldest from {ago(status.oldest_unsent_at, now)}" if status.oldest_unsent_at else ""
        yield "unsent", f"{waiting}{since}", WARN


def issue_words(issues: Sequence[IssueNow], now: float) -> str:
    """ "2 reported; the last 3 min ago by ann: no sound in previews" """
    last = issues[-1]
    told = f"{ago(last.at, now)} by {last.by}: {shortened(last.text, 120)}"
    return f"{len(issues):,} reported; the last {told}" if len(issues) > 1 else f"1 reported {told}"


def _release(release: ReleaseNow, now: float, tz: tzinfo | None) -> str:
    since = f" since {clock(release.since, now, tz)} ({ago(release.since, now)})" if release.since else ""
    by = f", by {release.who}" if release.who else ""
    return f"{release.tag or release.id}{since}{by}"


def _hosts(status: Status) -> tuple[str, str]:
    """How many take part, and who does not."""
    out = [one.name for one in status.hosts if one.absent_since]
    lost = [one.name for one in status.hosts if not one.is_reached]
    back = [name for name in out if name not in lost]
    words = [f"{len(status.hosts) - len({*out, *lost}):,} of {len(status.hosts):,} serve"]
    words += [f"{_named(lost)} not reached"] if lost else []
    words += [f"{_named(back)} left out: mobius resume -e {status.environment}"] if back else []
    return "; ".join(words), BAD if lost else WARN if out else ""


def _named(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names):,} hosts"


def _ails(one: HostSeen) -> bool:
    return bool(one.absent_since) or not one.is_reached


def _host(one: HostSeen, status: Status) -> tuple[str, str]:
    """How one host of a fleet stands, and the style of that line."""
    for_s = duration(status.at - one.absent_since)
    out = f"; {'taken out' if one.is_bad else 'out of the fleet'} for {for_s}" if one.absent_since else ""
    resume = f"mobius resume -e {status.environment}"
    why = one.why.removeprefix(f"{one.name} is not reached: ").removeprefix(f"{one.name}: ")
    if not one.is_reached:
        back = f"; when it is back: {resume}" if one.absent_since else ""
        return f"not reached{out}: what it runs is not known ({why}){back}", BAD
    there = ", ".join(f"{slot} {release_id}" for slot, release_id in sorted(one.slots.items()))
    told = (f": {why}" if why else "") + f"; put it back: {resume}" if out else ""
    return f"{there or 'runs nothing'}{out}{told}", WARN if out else ""


def _processes(processes: tuple[ProcessNow, ...], slot: str) -> str:
    mine = [process for process in processes if process.slot == slot]
    if not mine:
        return ""
    if any(process.host for process in mine):
        said = ", ".join(_on_hosts(mine))
    else:
        said = ", ".join(_process(process) for process in mine)
    return f"; {slot}: {said}" if slot else f"; {said}"


def _on_hosts(processes: Sequence[ProcessNow]) -> Iterable[str]:
    """ "web running on web1, web2" """
    alike: dict[str, list[str]] = {}
    for process in processes:
        alike.setdefault(_process(process), []).append(process.host)
    return [f"{words} on {_named(hosts)}" for words, hosts in alike.items()]


def _process(process: ProcessNow) -> str:
    state = {"backoff": "restarting"}.get(process.state, process.state)
    often = f" ({counted(process.restarts, 'restart')})" if process.restarts else ""
    return f"{process.name} {state}{often}"


def _nothing_serves(status: Status) -> bool:
    web = [p for p in status.processes if status.live and p.slot == status.live.slot and p.kind == "web"]
    return bool(web) and not any(process.state == "running" for process in web)


def _warm(status: Status) -> str:
    slot = status.previous.slot if status.previous else ""
    running = [p for p in status.processes if p.slot == slot and p.kind == "web" and p.state == "running"]
    return f"warm in {slot}" if running and slot else "not running"


def _run(run: RunNow, now: float) -> str:
    tag = f" {run.tag}" if run.tag else ""
    ended = f" {ago(run.ended_at, now)}" if run.ended_at else ""
    again = run.sentence.startswith(str(run.state))  # "accepted by ada" says the state itself
    parts = [f"{run.id} {run.kind}{tag}, {run.sentence if again else run.state}{ended}"]
    if run.state not in ENDED and run.step:
        parts.append(f"now: {run.step}")
    if run.sentence and not again:
        parts.append(run.sentence)
    if run.state is RunState.OBSERVING and run.window_deadline:
        left_s = run.window_deadline - now
        parts.append(f"{duration(round(left_s))} of the window left" if left_s >= 1 else "the window is over")
    if run.state not in ENDED and run.holder:
        parts.append(f"held by {run.holder}")
    if run.state not in ENDED and run.runner_alive is False:
        parts.append("its runner is gone")
    return "; ".join(parts)


def _run_style(run: RunNow) -> str:
    if run.state in (RunState.FAILED, RunState.NEEDS_OPERATOR) or run.runner_alive is False:
        return BAD
    return WARN if run.state in (RunState.ROLLED_BACK, RunState.INCONCLUSIVE, RunState.ROLLING_BACK) else ""


def _backup(backup: BackupNow | None, now: float, tz: tzinfo | None) -> str:
    if backup is None:
        return "none yet"
    parts = [backup.name, ago(backup.created_at, now)]
    if backup.size_bytes:
        parts.append(size(backup.size_bytes))
    parts.append("verified" if backup.verified_at else "not verified")
    if backup.rehearsed_at:
        took = f" in {duration(backup.restore_s)}" if backup.restore_s else ""
        parts.append(f"restored{took} as a rehearsal {clock(backup.rehearsed_at, now, tz)}")
        if backup.booted:
            parts.append(f"its release booted on it, back in {duration(backup.rto_s)}")
    elif backup.not_proven:
        parts.append(f"NOT PROVEN: {backup.not_proven}")
    else:
        parts.append("not rehearsed")
    return ", ".join(parts)
