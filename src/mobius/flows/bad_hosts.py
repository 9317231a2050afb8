"""A host that is worse than the others: it is taken out, and the window goes on with the rest; and it is put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from mobius.errors import GateFailed, Locked, MobiusError
from mobius.flows.record import Record
from mobius.flows.turn import turn
from mobius.model.fleet import HostSeen
from mobius.model.run import Event
from mobius.model.verdict import Outcome
from mobius.ports import Note, Ports
from mobius.rules.hosts.streams import Out

TAKEN_OUT, PUT_BACK = "host taken out", "hosts put back"


def outs_of(record: Record) -> tuple[Out, ...]:
    """The hosts that were taken out since this window opened, and when each was put back."""
    run, journal = record.run, record.ports.journal
    told = record.read(
        lambda: journal.events(environment=run.environment, kinds=(TAKEN_OUT, PUT_BACK), after=0)
    )
    return _outs([event for event in told if event.at >= run.window_opened_at])


def _outs(events: Sequence[Event]) -> tuple[Out, ...]:
    found: list[Out] = []
    for event in events:
        for host in event.data.get("hosts") or ():
            if event.kind == TAKEN_OUT:
                found.append(Out(str(host), event.at))
                continue
            found = [
                Out(one.host, one.at, event.at) if one.host == host and one.back_at == inf else one
                for one in found
            ]
    return tuple(found)


def take_out(record: Record, bad: Mapping[str, str]) -> None:
    """These hosts get no requests any more, and what they are answering ends there. Done again, it changes nothing, and
    what was not written down yet is. Raises `Locked` while another acts, and `MobiusError` where HAProxy or the failure
    budget does not let it."""
    ports = record.ports
    with turn(ports):
        ports.target.leave_out(bad)
        ports.traffic.switch_hosts(ports.traffic.weights(), ())
        for host, why in bad.items():
            tell_taken_out(host, why, record)


def tell_taken_out(host: str, why: str, record: Record) -> None:
    """Written down, and somebody is told."""
    environment, run = record.run.environment, record.run
    sentence = f"{host} is bad by itself and gets no requests any more: {why}"
    told = {
        "hosts": [host],
        "why": why,
        "sentence": sentence,
        "choices": [
            f"put it back once it is well: mobius resume -e {environment}",
            f"go back everywhere: mobius rollback -e {environment}",
        ],
    }
    record.say(TAKEN_OUT, f"{sentence}; {run.plan.release_id} stays on the others", told, topic="alert")


def put_hosts_back(ports: Ports, *, who: str = "") -> tuple[str, ...]:
    """Hosts that take no part and are reached run what the others run, started anew, and get requests again once they
    are healthy; their names. The others stay out. Raises `Locked` while another acts."""
    with turn(ports):
        return put_back_now(ports, who=who)


def put_back_now(ports: Ports, *, who: str = "") -> tuple[str, ...]:
    """The same for who holds the lock."""
    weights = ports.traffic.weights()
    if len(weights) > 1:
        raise GateFailed(
            "hosts are put back when the canary has ended",
            f"watch it: mobius monitor -e {ports.settings.name}",
        )
    slot = next(iter(weights), "")
    there = ports.target.put_right()
    well = _healthy(there, slot, ports) if slot else there
    if not well:
        return ()
    ports.target.take_back_in(well)
    if slot:
        ports.traffic.switch_hosts(weights, well)
    words = f"{', '.join(well)}: healthy, and part of the fleet again"
    note = Note(PUT_BACK, words, {"hosts": list(well)})
    run = ports.journal.active_run(ports.settings.name)
    ports.journal.say(run, ports.settings.name, note, now=ports.clock.now(), who=who)
    return well


def put_back_before(record: Record) -> None:
    """A deployment begins with every host that is well; one that is not stays out, within the failure budget."""
    ports = record.ports
    if not ports.target.left_out():
        return
    try:
        put_back_now(ports)
    except Locked:
        raise
    except MobiusError as problem:
        record.log(f"hosts stay out: {problem.message}")


def resume_hosts(ports: Ports, *, who: str = "") -> tuple[str, ...] | None:
    """The same for `mobius resume`, where nothing else stands still; None where no host is out. Raises `GateFailed`
    where none of them could be put back, naming each with the reason."""
    out = [host for host in ports.target.hosts() if host.absent_since]
    if not out:
        return None
    well = put_hosts_back(ports, who=who)
    if well:
        return well
    names = ", ".join(host.name for host in out)
    raise GateFailed(
        f"{names}: not put back",
        f"see what is wrong there: mobius logs -e {ports.settings.name}; mobius status -e {ports.settings.name}",
        details=tuple(_why_not(host) for host in out),
    )


def _why_not(host: HostSeen) -> str:
    if not host.is_reached:
        return f"{host.name} is not reached: {host.why}"
    why = host.why.removeprefix(f"{host.name}: ")
    return f"{host.name} is not healthy yet, or does not take what it is told; it was left out for: {why}"


def _healthy(hosts: Sequence[str], slot: str, ports: Ports) -> tuple[str, ...]:
    """Those that pass the health gate past HAProxy, each by itself, within its time."""
    health, clock = ports.settings.health, ports.clock
    urls = {host: url for host, url in ports.target.addresses(slot).items() if host in hosts}
    good, since = dict.fromkeys(urls, 0), dict.fromkeys(urls, clock.monotonic())
    well = {host for host in hosts if host not in urls}  # it serves no requests
    until = clock.monotonic() + health.deadline_s
    while len(well) < len(hosts) and clock.monotonic() < until:
        left = [host for host in urls if host not in well]
        answers = ports.checks.health_of_each([urls[host] for host in left])
        for host, answer in zip(left, answers, strict=True):
            if answer.outcome is not Outcome.PASS:
                good[host] = 0
                continue
            since[host] = since[host] if good[host] else clock.monotonic()
            good[host] += 1
            if good[host] >= health.successes and clock.monotonic() - since[host] >= health.min_healthy_s:
                well.add(host)
        if len(well) < len(hosts):
            clock.wait(health.interval_s)
    return tuple(host for host in hosts if host in well)
