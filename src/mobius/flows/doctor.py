"""What an environment lacks before it can be deployed to and taken back: every answer with its cure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mobius.errors import MobiusError
from mobius.flows.standing import Standing, standing
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Ports
from mobius.report.words import counted, duration

BUILT_AFTER = 1_735_689_600.0  # 2025-01-01: a clock before that was never set
LATE_S = 600.0  # a message that reached nobody for so long is worth a look
AHEAD_S = 60.0  # an event further in the future than that was written by another clock


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What lies around the environment. `supervisor`: the running one's version, "" for none."""

    installed: str
    supervisor: str
    is_git: bool
    tags: tuple[str, ...] = ()
    uncommitted: int = 0
    has_scripts: bool = True
    not_executable: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()  # data folders with content that no release will find
    units: tuple[CheckResult, ...] = ()  # of the host's units, users and sudo rules, under systemd
    web: tuple[CheckResult, ...] = ()  # where `mobius serve` answers


def examine(ports: Ports, around: Surroundings) -> tuple[CheckResult, ...]:
    """Looks, changes nothing. What cannot be looked at is an ERROR, never silence."""
    try:
        now = standing(ports)
    except MobiusError as problem:
        return (_error("environment", problem),)
    looks: tuple[tuple[str, Callable[[], Iterable[CheckResult]]], ...] = (
        ("repository", lambda: _repository(ports, around)),
        ("start and port", ports.target.preflight),
        ("units", lambda: around.units),
        ("traffic", ports.traffic.preflight),
        ("signals", ports.look_at_signals),
        ("backup", lambda: ports.backups.preflight(now.live, ports.journal.backups(ports.settings.name))),
        ("store", lambda: [ports.store.preflight()] if ports.store else []),
        ("data", lambda: _data(ports, around)),
        ("clock and journal", lambda: _journal(ports)),
        ("supervisor", lambda: _supervisor(ports, around, now)),
        ("web page", lambda: around.web),
        ("scripts", lambda: _scripts(around)),
        ("health", lambda: _health(ports, now)),
        ("smoke tests", lambda: _smoke(ports)),
        ("notifications", lambda: _unsent(ports)),
    )
    return tuple(result for name, look in looks for result in _made(name, look))


def _made(name: str, look: Callable[[], Iterable[CheckResult]]) -> list[CheckResult]:
    try:
        return list(look())
    except MobiusError as problem:
        return [_error(name, problem)]


def _repository(ports: Ports, around: Surroundings) -> Iterator[CheckResult]:
    release = ports.settings.release
    if ports.settings.target == "observe":
        return  # its releases are laid out by other means
    if release.source != "git":
        yield _yes("release source", f"{release.source}")
        return
    if not around.is_git:
        yield _no("git", "this is no git repository", "git init && git add -A && git commit -m 'Begin'")
        return
    if around.tags:
        yield _yes("git tag", f"the newest is {around.tags[0]}")
    else:
        yield _no("git tag", "there is none, so no release has a name", "git tag v1.0.0")
    if around.uncommitted and not release.allow_dirty:
        changed = f"{around.uncommitted} tracked file(s) with changes: a deployment is refused"
        yield _no("work tree", changed, "git commit -a, or git stash")


def _data(ports: Ports, around: Surroundings) -> Iterator[CheckResult]:
    shared = ports.settings.root / "shared"
    for folder in around.left_behind:
        advice = f"mkdir -p {shared} && cp -a {folder} {shared / folder}"
        yield _no("data", f"{folder} has content that no release will find: it is not in {shared}", advice)


def _journal(ports: Ports) -> Iterator[CheckResult]:
    now = ports.clock.now()
    if now < BUILT_AFTER:
        yield _no("clock", "the clock of this machine was never set", "timedatectl set-ntp true")
        return
    count, _ = ports.journal.verify_chain()
    newest = max((event.at for event in ports.journal.events(after=max(0, count - 1))), default=0.0)
    if newest > now + AHEAD_S:
        ahead = f"the newest event was written {newest - now:.0f} s in the future"
        yield _no("clock", ahead, "set the clock: timedatectl set-ntp true")
    else:
        yield _yes("clock", "later than everything recorded")
    if not ports.journal.is_writable():
        told = "it is read, and cannot be written: rights, a full disk, or a server that only reads"
        yield _no("journal", told, "see where it lies ([journal] in mobius.toml), and who may write there")
        return
    yield _yes("journal", f"{count} events, and the chain holds" if count else "nothing is recorded yet")


def _supervisor(ports: Ports, around: Surroundings, now: Standing) -> Iterator[CheckResult]:
    name, on = "supervisor", f"-e {ports.settings.name}"
    if not around.supervisor:
        if now.live is None or ports.commands is not None:
            yield _yes(name, "not running; the next run starts it")
        else:
            yield _no(name, f"not running, so {now.live.id} is down", f"mobius host start {on}")
    elif around.supervisor != around.installed:
        told = f"runs version {around.supervisor}, {around.installed} is installed"
        yield _no(name, told, f"mobius host upgrade {on}")
    else:
        yield _yes(name, f"running, version {around.supervisor}")


def _scripts(around: Surroundings) -> Iterator[CheckResult]:
    if around.not_executable:
        named = " ".join(around.not_executable)
        yield _no("scripts", f"not executable: {named}", f"chmod +x {named}")
    else:
        told = "all of them can be started" if around.has_scripts else "none here; mobius init makes them"
        yield _yes("scripts", told)


def _health(ports: Ports, now: Standing) -> Iterator[CheckResult]:
    if now.live is None:
        yield _yes("health", f"{ports.settings.health.path} is asked once something is live")
        return
    found = ports.checks.health(ports.settings.url)
    advice = found.advice or f"mobius logs -e {ports.settings.name}"
    yield CheckResult("health", found.outcome, found.message, found.duration_ms, advice)


def _smoke(ports: Ports) -> Iterator[CheckResult]:
    count = len(ports.settings.smoke)
    if count:
        yield _yes("smoke tests", f"{count} of them")
    else:
        yield _no("smoke tests", "none, so a broken release looks well", "add a [[smoke]] to mobius.toml")


def _unsent(ports: Ports) -> Iterator[CheckResult]:
    rows = ports.journal.outbox()
    name, waiting = ports.settings.name, len(rows)
    if not ports.settings.notify.channels:
        unsaid = f"; {counted(waiting, 'message')} would have been sent" if waiting else ""
        yield _yes("notifications", f"no channel is configured: nobody is told of anything{unsaid}")
        return
    late_s = ports.clock.now() - min((row.created_at for row in rows), default=ports.clock.now())
    if late_s > LATE_S:
        told = f"{counted(waiting, 'message')} reached nobody yet, the oldest for {duration(late_s)}"
        yield _no("notifications", told, f"mobius notify status -e {name}")
    else:
        yield _yes("notifications", f"{waiting} on their way" if waiting else "none wait")


def _yes(name: str, message: str) -> CheckResult:
    return CheckResult(name, Outcome.PASS, message, 0.0)


def _no(name: str, message: str, cure: str) -> CheckResult:
    return CheckResult(name, Outcome.FAIL, message, 0.0, cure)


def _error(name: str, problem: MobiusError) -> CheckResult:
    return CheckResult(name, Outcome.ERROR, problem.message, 0.0, problem.hint.removeprefix("try: "))
