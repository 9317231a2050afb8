"""Hosts that have seen a higher fencing token than the journal gave: an emergency went past it and its record is lost,
or the journal is an older copy. Who asks the journal for a token is refused there until it is raised above them.
"""

from __future__ import annotations

from collections.abc import Sequence

from mobius.errors import Fenced, GateUnknown, MobiusError, UsageError
from mobius.model.emergency import Ahead, Epoch
from mobius.model.fleet import HostSeen
from mobius.model.plan import Plan
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Ports
from mobius.report.ahead import ahead_words
from mobius.report.words import counted

CHECK = "token"


def token_checks(ports: Ports) -> tuple[CheckResult, ...]:
    """What a plan says of the same; nothing where there are no hosts, or none is reached, which others say."""
    try:
        hosts = ports.target.hosts()
        seen = look_ahead(ports, hosts)
    except MobiusError:
        return ()
    if not any(host.is_reached for host in hosts):
        return ()
    if seen.is_so:
        return (CheckResult(CHECK, Outcome.FAIL, ahead_words(seen), 0.0, what_to_do(ports, seen.highest)),)
    return (CheckResult(CHECK, Outcome.PASS, "no host has seen a higher one than the journal gave", 0.0),)


def refuse_planned_behind_hosts(plan: Plan) -> None:
    """Raises `Fenced` where the plan says so already."""
    for check in plan.checks:
        if check.name == CHECK and check.outcome == Outcome.FAIL:
            raise Fenced(check.answer, check.advice)


def refuse_behind_hosts(ports: Ports) -> None:
    """Raises `Fenced`, with what to do, where a host has seen a higher token than the journal gave. Hosts that are not
    reached refuse nobody here: whoever acts on them meets that."""
    try:
        seen = ports.target.epoch()
    except MobiusError:
        return
    if seen.token and seen.token > (given := ports.journal.token(ports.settings.name)):
        raise Fenced(ahead_words(Ahead(given, seen)), what_to_do(ports, seen))


def go_above_hosts(plan: Plan, ports: Ports, *, lead: str) -> None:
    """Before a run is written down. An emergency asks nothing: the journal is raised for it, which is recorded; any
    other run is refused. Raises `Fenced` then, and `MobiusError` where the journal cannot be told."""
    if not plan.facts.get("emergency"):
        return refuse_behind_hosts(ports)
    try:
        seen = ports.target.epoch()
    except MobiusError:
        return None
    if seen.token:
        _raise(ports, seen, reason="an emergency rollback came after it", who=lead)
    return None


def look_ahead(ports: Ports, hosts: Sequence[HostSeen] | None = None) -> Ahead:
    """The hosts against the journal; `hosts`: as they were seen just now."""
    hosts = ports.target.hosts() if hosts is None else hosts
    given = ports.journal.token(ports.settings.name)  # after the hosts, for it only grows and is always first
    highest = max(hosts, key=lambda host: host.token, default=None)
    return Ahead(
        given,
        Epoch(highest.token, highest.emergency_by, highest.emergency_at) if highest else Epoch(),
        tuple(host.name for host in hosts if host.token > given),
        {host.name: host.why or "no answer" for host in hosts if not host.is_reached},
    )


def raise_above_hosts(ports: Ports, *, reason: str, who: str) -> Ahead:
    """Carries what the hosts have seen into the journal, with the name and the reason of who says so, and returns how
    it was. What was active is superseded. Raises `UsageError` without a reason and where there are no hosts,
    `GateUnknown` where none of them is reached."""
    refuse_without_reason(reason)
    seen = hosts_ahead(ports)
    if seen.is_so:
        _raise(ports, seen.highest, reason=reason.strip(), who=who)
    return seen


def refuse_without_reason(reason: str) -> None:
    """Raises `UsageError`."""
    if not reason.strip():
        raise UsageError("why is the token raised?", 'add --reason "TEXT": whoever audits it reads that')


def hosts_ahead(ports: Ports) -> Ahead:
    """`look_ahead` for a person who asked. Raises as `raise_above_hosts` does."""
    name = ports.settings.name
    if not ports.settings.hosts:
        raise UsageError(
            f"{name} has no hosts that keep a token of their own", f"look: mobius status -e {name}"
        )
    seen = look_ahead(ports)
    if len(seen.silent) == len(ports.settings.hosts):
        why = next(iter(seen.silent.values()))
        raise GateUnknown(
            f"what the hosts have seen is not known: none of {counted(len(seen.silent), 'host')} is reached: {why}",
            f"try again when one answers: mobius journal raise-token -e {name} --dry-run",
        )
    return seen


def what_to_do(ports: Ports, seen: Epoch) -> str:
    """For whoever is refused."""
    name = ports.settings.name
    command = f'mobius journal raise-token -e {name} --reason "TEXT"'
    if seen.by:
        return (
            f"on the machine of that emergency: mobius resume -e {name}; where its record is lost: {command}"
        )
    return (
        f"where this journal is an older copy, or a new one: {command}; another one is in use: act with that"
    )


def _raise(ports: Ports, seen: Epoch, *, reason: str, who: str) -> None:
    now = ports.clock.now()
    ports.journal.raise_token(ports.settings.name, seen, now=now, who=who, reason=reason)
