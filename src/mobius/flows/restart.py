"""Starts the live release anew: beside itself with the present configuration, or one worker where it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from mobius.errors import GateFailed, GateUnknown, MobiusError, UsageError
from mobius.flows.ahead import refuse_behind_hosts, token_checks
from mobius.flows.freeze import check_freeze
from mobius.flows.plan import asked, config_digest, live_is_seen
from mobius.flows.standing import Standing, live_side, standing
from mobius.flows.turn import turn
from mobius.model.plan import Plan
from mobius.model.settings import ProcessSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Note, Ports, ProcessStatus
from mobius.rules.commanding import ELSEWHERE
from mobius.rules.planning import Facts
from mobius.rules.restarting import compose_restart, restarted

SETTLED_S, WITHIN_S = 2.0, 15.0  # how long a restarted worker must stay up, and how long it may take to do so


def plan_restart(ports: Ports, *, only: str = "", tool_version: str, despite_freeze: str = "") -> Plan:
    """The plan of starting the live release anew; with `only`, just that web process is configured anew. Raises
    `UsageError` when nothing is live, or there is no such process."""
    _refuse_elsewhere(ports)
    now = standing(ports)
    live = live_side(now, ports)
    if now.live is None:
        raise _nothing_live(ports)
    processes = _configured(live.processes, only, ports)
    known = [release.id for release in now.releases]
    facts = Facts(
        settings=replace(ports.settings, processes=tuple(processes)),
        service=ports.service,
        release=restarted(now.live, known, config_digest(processes, ports)),
        slot=now.free_slot,
        live=live,
        checks=tuple(
            asked(check)
            for check in [
                check_freeze(ports, despite_freeze),
                _what_changes(live.processes, processes),
                _is_at_hand(now, ports),
                *token_checks(ports),
                *ports.target.preflight(),
                *ports.traffic.preflight(),
                live_is_seen(now),
            ]
        ),
        tool_version=tool_version,
        live_tag=now.live.tag,
        despite_freeze=despite_freeze,
        split_with=now.canary_slot,
        split_id=now.canary_id,
    )
    return compose_restart(facts, only=only)


def is_in_place(ports: Ports, name: str) -> bool:
    """Whether this process of the live release is restarted where it runs: a worker or singleton, of which two
    never run. Raises `UsageError` when nothing is live, or there is no such process."""
    _refuse_elsewhere(ports)
    now = standing(ports)
    if now.live is None:
        raise _nothing_live(ports)
    return _process(name, ports.releases.processes(now.live.id)).kind != "web"


def restart_in_place(ports: Ports, name: str, *, who: str, despite_freeze: str = "") -> ProcessStatus:
    """Stops one worker or singleton and starts it again, as the live release has it; an open window goes on.
    Returns it once it stayed up. Raises `GateFailed` while frozen or when its configuration has changed (then the
    whole release wants a restart), `Locked` while a deployment acts, `Fenced` below what the hosts have seen,
    `MobiusError` when it does not stay up."""
    ports.refuse_elsewhere()
    _refuse(check_freeze(ports, despite_freeze), name)
    now = standing(ports)
    if now.live is None:
        raise _nothing_live(ports)
    kept = _process(name, ports.releases.processes(now.live.id))
    _refuse(_is_configured_alike(kept, ports), name)
    refuse_behind_hosts(ports)
    with turn(ports):
        ports.target.prepare()
        ports.target.restart(now.live_slot, name)
        up = _await_steady(now.live_slot, name, ports)
    told = f"{name} of {now.live.id} was restarted in {now.live_slot}"
    data = {"process": name, "slot": now.live_slot, "release_id": now.live.id}
    if despite_freeze:
        told, data = (
            f"{told}, despite the freeze: {despite_freeze}",
            {**data, "despite_freeze": despite_freeze},
        )
    note = Note("process restarted", told, data)
    ports.journal.say(None, ports.settings.name, note, now=ports.clock.now(), who=who)
    return up


def _await_steady(slot: str, name: str, ports: Ports) -> ProcessStatus:
    """The process, once it has run as one and the same for a while."""
    began = steady_since = ports.clock.monotonic()
    pid = 0
    while ports.clock.monotonic() - began < WITHIN_S:
        there = next((p for p in ports.target.processes() if (p.slot, p.name) == (slot, name)), None)
        if there is None or there.state != "running" or there.pid != pid:
            pid = there.pid if there and there.state == "running" else 0
            steady_since = ports.clock.monotonic()
        elif ports.clock.monotonic() - steady_since >= SETTLED_S:
            return there
        ports.clock.wait(0.2)
    raise MobiusError(
        f"{name} was restarted in {slot}, but does not stay up",
        f"its log: mobius logs -e {ports.settings.name} --slot {slot}",
        details=tuple(ports.target.log_tail(slot).splitlines()),
    )


def _configured(kept: Sequence[ProcessSettings], only: str, ports: Ports) -> Sequence[ProcessSettings]:
    """The present processes; with `only` those of the live release, that one as it is configured now."""
    if not only:
        return ports.settings.processes
    _process(only, kept)
    present = _process(only, ports.settings.processes)
    return [present if process.name == only else process for process in kept]


def _process(name: str, processes: Sequence[ProcessSettings]) -> ProcessSettings:
    for process in processes:
        if process.name == name:
            return process
    known = ", ".join(process.name for process in processes)
    raise UsageError(f'no process "{name}"', f"there are: {known or 'none'}")


def _what_changes(kept: Sequence[ProcessSettings], present: Sequence[ProcessSettings]) -> CheckResult:
    """For the reader: which process starts otherwise than it runs now. Values may be secret, and are not shown."""
    before = {process.name: process for process in kept}
    after = {process.name: process for process in present}
    told = [f"{name}: {_difference(before[name], after[name])}" for name in after if name in before]
    told = [one for one in told if not one.endswith(": ")]
    told += [f"{name} is new" for name in after if name not in before]
    told += [f"{name} goes" for name in before if name not in after]
    unchanged = "as it runs now; what env_file holds is read anew"
    return CheckResult("configuration", Outcome.PASS, "; ".join(told) or unchanged, 0.0)


def _difference(before: ProcessSettings, after: ProcessSettings) -> str:
    names = [field.name for field in fields(ProcessSettings) if field.name not in ("name", "env")]
    changed = [name for name in names if getattr(before, name) != getattr(after, name)]
    keys = sorted({*before.env, *after.env})
    changed += [f"env {key}" for key in keys if before.env.get(key) != after.env.get(key)]
    return ", ".join(changed)


def _is_at_hand(now: Standing, ports: Ports) -> CheckResult:
    assert now.live is not None
    if ports.releases.is_staged(now.live.id):
        return CheckResult("release", Outcome.PASS, f"{now.live.id} is at hand", 0.0)
    advice = f"deploy it again: mobius deploy -e {ports.settings.name} --tag {now.live.tag}"
    return CheckResult("release", Outcome.FAIL, f"{now.live.id} is not there any more", 0.0, advice)


def _is_configured_alike(kept: ProcessSettings, ports: Ports) -> CheckResult:
    present = next((p for p in ports.settings.processes if p.name == kept.name), kept)
    if not (changed := _difference(kept, present)):
        return CheckResult("configuration", Outcome.PASS, "as it runs now", 0.0)
    advice = f"restart the whole release: mobius restart -e {ports.settings.name}"
    told = f"its configuration changed ({changed}), and a restart in place keeps the old one"
    return CheckResult("configuration", Outcome.FAIL, told, 0.0, advice)


def _refuse(check: CheckResult, name: str) -> None:
    if check.outcome is Outcome.PASS:
        return
    error = GateFailed if check.outcome is Outcome.FAIL else GateUnknown
    raise error(f"{name} was not restarted: {check.message}", check.advice)


def _refuse_elsewhere(ports: Ports) -> None:
    settings = ports.settings
    if settings.target in ELSEWHERE:
        raise UsageError(
            f"the processes of {settings.name} are not ours to restart: its target is {settings.target}",
            "restart it by its own means, then look: mobius health",
        )


def _nothing_live(ports: Ports) -> UsageError:
    name = ports.settings.name
    return UsageError(f"nothing is live in {name}", f"mobius deploy -e {name} --tag TAG")
