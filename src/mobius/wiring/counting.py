"""What counts real traffic in an environment: whoever receives requests, its access log, or both together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mobius.adapters.signals.access_log import AccessLog, LoggedTraffic
from mobius.adapters.signals.access_log_whose import ByServer, BySwitches, EveryLine
from mobius.adapters.signals.recorder import FILE as COUNTED
from mobius.adapters.signals.recorder import Recorder, live_alone
from mobius.adapters.traffic.door import DoorTraffic
from mobius.host.history import FILE
from mobius.model.haproxy import haproxy_place, server_name
from mobius.model.settings import EnvironmentSettings
from mobius.ports import Clock, Counters, Target, Traffic

SOMEBODY_ELSES = ("command", "observe")  # targets whose traffic we neither direct nor see, but for its log


@dataclass(frozen=True, slots=True)
class Counting:
    """The counters by release, None where nobody counts, and what they leave out in words."""

    counters: Callable[[], Mapping[str, Counters]] | None
    remark: Callable[[], str] = lambda: ""


def counting(
    service: str,
    settings: EnvironmentSettings,
    root: Path,
    traffic: Traffic,
    target: Target,
    now: Callable[[], float],
    release_id: str,
) -> Counting:
    """For one window of `release_id`: an access log is read from its present end on. Behind our own front door none
    is: it has every request, and counts it by release."""
    path, kind = settings.traffic.access_log, settings.traffic.kind
    log_format, routes = settings.traffic.access_log_format, settings.critical_routes
    if settings.target in SOMEBODY_ELSES:
        if path is None:
            return Counting(None)
        log = AccessLog(path, EveryLine(release_id), log_format=log_format, routes=routes, now=now)
        return Counting(log.counters, log.remark)
    if path is None or kind == "door":
        return Counting(traffic.counters)
    is_haproxy = kind == "haproxy"

    def releases() -> Mapping[str, str]:
        webs = [process for process in target.processes() if process.kind == "web"]
        return {server_name(p.slot, p.host) if p.host else p.slot: p.release_id for p in webs}

    whose = ByServer(haproxy_place(service, settings).backend, releases) if is_haproxy else BySwitches(root)
    log = AccessLog(path, whose, log_format=log_format, routes=routes, now=now)
    counted = traffic.counters if is_haproxy else DoorTraffic(root).counters
    logged = LoggedTraffic(log, counted, counts_all=is_haproxy)
    return Counting(logged.counters, logged.remark)


def noted_files(settings: EnvironmentSettings) -> tuple[str, ...]:
    """Where the traffic of releases is noted: by the supervisor of our own front door, or by `mobius serve`, where
    whoever receives requests sends them straight to a release. Counts of both are never mixed."""
    return (FILE,) if settings.traffic.kind == "door" else (COUNTED, FILE)


def recorder(
    service: str, settings: EnvironmentSettings, root: Path, traffic: Traffic, target: Target, clock: Clock
) -> Recorder:
    """Notes what the supervisor does not see. Of what somebody else serves, nothing is noted."""
    is_elsewhere = settings.target in SOMEBODY_ELSES
    by_supervisor = settings.traffic.kind == "door"

    def begin() -> Callable[[], Mapping[str, Counters]] | None:
        return counting(service, settings, root, traffic, target, clock.now, "").counters

    return Recorder(
        root / "run",
        clock,
        counting=None if is_elsewhere or by_supervisor else begin,
        live=None
        if is_elsewhere or (by_supervisor and settings.target == "process")
        else partial(live_alone, traffic, target),
    )
