"""The stages of a canary that a deployment would go through: whether it can, and how long at the present traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from mobius.errors import MobiusError, UsageError
from mobius.flows.standing import Standing
from mobius.model.baseline import Baseline
from mobius.model.fleet import OnHosts
from mobius.model.release import Release
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Ports
from mobius.report.words import duration
from mobius.rules.adaptive.window import WHOLE
from mobius.rules.canary import needed_s


@dataclass(frozen=True, slots=True)
class PlannedStages:
    """Percent of requests in each stage, how long each has to be at the present traffic, and what is to be said."""

    percents: tuple[int, ...] = ()
    need_s: tuple[float, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    hosts: tuple[str, ...] = ()  # that get the new release first; there is one stage then
    waived: bool = False  # configured, and not wanted this time


def plan_stages(
    asked: Sequence[int] | OnHosts | None, now: Standing, pending: Sequence[str], ports: Ports
) -> PlannedStages:
    """The stages that were `asked` for, else those of the configuration. Raises `UsageError` where requests cannot be
    shared out between two releases."""
    settings = ports.settings
    if asked is None and settings.fleet.canary_hosts:
        asked = OnHosts(settings.fleet.canary_hosts)
    if isinstance(asked, OnHosts):
        return _by_host(asked.number, now, pending, ports)
    percents = tuple(settings.canary.stages if asked is None else asked)
    if not percents:
        configured = bool(settings.canary.stages or settings.fleet.canary_hosts)
        return PlannedStages(waived=asked is not None and configured)
    split = ports.traffic.check_split()
    if split.outcome is not Outcome.PASS:
        raise UsageError(f"there can be no canary: {split.message}", _all_at_once(split.advice, ports))
    if now.live is None or not now.live_slot:
        told = "nothing is live to share requests with: all of them go to it at once"
        return PlannedStages(checks=(CheckResult("canary", Outcome.PASS, told, 0.0),))
    _refuse_a_hold(now.live, pending, ports)
    baseline = _traffic(now, ports)
    need_s = _need_s(percents, baseline, ports)
    told = f"{_words(percents, need_s, baseline, ports)}; {split.message}"
    return PlannedStages(percents, need_s, (CheckResult("canary", Outcome.PASS, told, 0.0, split.advice),))


def _by_host(number: int, now: Standing, pending: Sequence[str], ports: Ports) -> PlannedStages:
    """One stage, in which so many hosts have the new release alone."""
    out = ports.target.left_out()
    there = [host for host in ports.target.addresses(now.free_slot) if host not in out]
    if not there:
        raise UsageError(
            "there are no hosts to begin with: the environment has one",
            "leave --canary-hosts out, or: --canary 10",
        )
    if number >= len(there):
        raise UsageError(
            f"{number} of {len(there)} hosts first leaves none with the release before",
            _all_at_once(f"at most {len(there) - 1}", ports),
        )
    if now.live is None or not now.live_slot:
        told = "nothing is live to be held against: all hosts get it at once"
        return PlannedStages(checks=(CheckResult("canary", Outcome.PASS, told, 0.0),))
    _refuse_a_hold(now.live, pending, ports)
    baseline, percents = _traffic(now, ports), (min(99, max(1, round(100 * number / len(there)))),)
    need_s, first = _need_s(percents, baseline, ports), tuple(there[:number])
    told = f"{', '.join(first)} of {len(there)} hosts first; {_words(percents, need_s, baseline, ports)}"
    return PlannedStages(percents, need_s, (CheckResult("canary", Outcome.PASS, told, 0.0),), hosts=first)


def _refuse_a_hold(live: Release, pending: Sequence[str], ports: Ports) -> None:
    """Two releases cannot both be live where one of them stops for a migration."""
    migrations = ports.settings.migrations
    if pending and migrations is not None and migrations.hold_s:
        raise UsageError(
            f"there can be no canary: {live.tag} stops while {', '.join(pending)} is applied (migrations.hold)",
            _all_at_once("make the change in two releases that both live with, and set hold to 0s", ports),
        )


def _need_s(percents: Sequence[int], baseline: Baseline | None, ports: Ports) -> tuple[float, ...]:
    longest_s = ports.settings.window_s + len(percents) * ports.settings.canary.stage_max_s
    after = (*percents[1:], 100)
    return tuple(
        needed_s(baseline, one, next_one, longest_s) for one, next_one in zip(percents, after, strict=True)
    )


def _all_at_once(advice: str, ports: Ports) -> str:
    return "; or ".join(
        [*([advice] if advice else []), f"mobius deploy -e {ports.settings.name} --no-canary"]
    )


def _traffic(now: Standing, ports: Ports) -> Baseline | None:
    """What the live release answered lately; None where nobody knows."""
    assert now.live is not None
    try:
        return ports.baselines(now.live.id, ports.clock.now()).get(WHOLE)
    except MobiusError:
        return None


def _words(percents: Sequence[int], need_s: Sequence[float], baseline: Baseline | None, ports: Ports) -> str:
    """ "1, 10, 50, 100 %: 4 min at least at the present 25 requests/s" """
    shares, canary = ", ".join(str(one) for one in (*percents, 100)), ports.settings.canary
    seconds = len(baseline.blocks) * baseline.block_s if baseline else 0.0
    if baseline is None or not seconds or not baseline.total.requests:
        least = duration(len(percents) * canary.stage_min_s)
        return f"{shares} %: {least} at least; how much traffic there is, is not known"
    pace = f"{baseline.total.requests / seconds:.3g} requests/s"
    long = [(one, need) for one, need in zip(percents, need_s, strict=True) if need > canary.stage_max_s]
    if long:
        percent, need = long[0]
        needs = "more than any time" if need == inf else f"about {duration(need)}"
        return (
            f"{shares} %: at the present {pace} the stage of {percent} % needs {needs}, and has "
            f"{duration(canary.stage_max_s)} (canary.stage_max): it would not be decided, and traffic would go back"
        )
    total = sum(max(need, canary.stage_min_s) for need in need_s)
    return f"{shares} %: about {duration(total)} at the present {pace}"
