"""The health gate: so many good answers in a row, over a least time, before any traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mobius.errors import MobiusError
from mobius.model.settings import HealthSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Ports, ProcessStatus

CRASHES = 3  # restarts within the gate after which waiting longer is pointless


def await_healthy(slot: str, release_id: str, ports: Ports) -> Mapping[str, Any]:
    """Returns once the slot is healthy. Raises `MobiusError` with its last answer and the end of its log."""
    health, clock = ports.settings.health, ports.clock
    began = clock.monotonic()
    good, good_since, answers = 0, began, 0
    bad: CheckResult | None = None
    while clock.monotonic() - began < health.deadline_s:
        _stop_if_it_keeps_dying(slot, release_id, ports)
        answer = look(slot, ports)
        now = clock.monotonic()
        if answer is not None:
            answers += 1
        if answer is not None and answer.outcome is Outcome.PASS:
            good_since = now if good == 0 else good_since
            good += 1
        else:
            good, bad = 0, answer
        if good >= health.successes and now - good_since >= health.min_healthy_s:
            return {"answers": answers, "waited_s": round(now - began, 3)}
        clock.wait(_pause(health, good))
    raise _never_healthy(slot, release_id, _why(bad, good, answers), ports)


def look(slot: str, ports: Ports) -> CheckResult | None:
    """The worst answer over all hosts that run the slot; None while it is not up on one of them."""
    urls = ports.target.slot_urls(slot)
    if not urls or not all(urls.values()):
        return None
    if len(urls) == 1:
        answers: Sequence[CheckResult] = [ports.checks.health(url) for url in urls.values()]
    else:
        answers = ports.checks.health_of_each(list(urls.values()))
    for host, answer in zip(urls, answers, strict=True):
        if answer.outcome is not Outcome.PASS:
            return replace(answer, message=f"{host}: {answer.message}") if host else answer
    return answers[0]


def sick_alone(slot: str, ports: Ports) -> Mapping[str, str]:
    """The hosts on which the slot is not healthy now, with the reasons, where it is on another."""
    urls = ports.target.slot_urls(slot)
    up = [host for host, url in urls.items() if url]
    answers = dict(zip(up, ports.checks.health_of_each([urls[host] for host in up]), strict=True))
    sick = {host: one.message for host, one in answers.items() if one.outcome is not Outcome.PASS}
    sick |= {host: "its web process is not up" for host in urls if host not in answers}
    return (
        {host: f"not healthy before traffic: {why}" for host, why in sick.items()}
        if len(sick) < len(urls)
        else {}
    )


def _pause(health: HealthSettings, good: int) -> float:
    """Quick looks until the first good answer, then the configured interval."""
    return health.interval_s if good else min(health.interval_s, 0.2)


def _stop_if_it_keeps_dying(slot: str, release_id: str, ports: Ports) -> None:
    for process in ports.target.processes():
        if process.slot == slot and process.kind == "web" and _is_dying(process):
            raise MobiusError(
                f"{release_id} does not stay up: {process.name} ended {process.restarts} time(s)",
                _where_its_log_is(slot, ports),
                details=tuple(ports.target.log_tail(slot).splitlines()),
            )


def _is_dying(process: ProcessStatus) -> bool:
    return process.state == "failed" or process.restarts >= CRASHES


def _why(bad: CheckResult | None, good: int, answers: int) -> str:
    """The last bad answer, or what else was missing."""
    if good:
        return f"{good} good answer(s) in a row were not enough" + (f", after {bad.message}" if bad else "")
    return bad.message if bad and answers else "it never listened"


def _never_healthy(slot: str, release_id: str, why: str, ports: Ports) -> MobiusError:
    health = ports.settings.health
    return MobiusError(
        f"{release_id} was not healthy within {health.deadline_s:g} s: {health.path}: {why}",
        _where_its_log_is(slot, ports),
        details=tuple(ports.target.log_tail(slot).splitlines()),
    )


def _where_its_log_is(slot: str, ports: Ports) -> str:
    return f"its log: mobius logs -e {ports.settings.name}" + (f" --slot {slot}" if slot else "")
