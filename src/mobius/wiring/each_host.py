"""What each host of a fleet answers by itself: imported only where `target = "ssh"`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mobius.adapters.signals.access_log import AccessLog, LoggedTraffic
from mobius.adapters.signals.access_log_whose import ByServer
from mobius.adapters.signals.hosts import HostSignals
from mobius.adapters.targets.fleet import FleetTarget
from mobius.adapters.traffic.fleet import FleetTraffic
from mobius.model.haproxy import haproxy_place
from mobius.model.release import Release
from mobius.model.settings import EnvironmentSettings
from mobius.ports import Checks, Clock, Counters, Signals


def of_each_host(
    service: str,
    settings: EnvironmentSettings,
    target: FleetTarget,
    traffic: FleetTraffic,
    checks: Checks,
    clock: Clock,
) -> Callable[[Signals, Release], Signals]:
    """What each host answers, beside the signals of the window. Where HAProxy's access log is read, with times."""
    path, routes = settings.traffic.access_log, settings.critical_routes
    backend = haproxy_place(service, settings).backend

    def flat() -> Mapping[str, Counters]:
        by_host = traffic.host_counters()
        return {_key(release_id, host): one for host, of in by_host.items() for release_id, one in of.items()}

    def keys() -> Mapping[str, str]:
        return {server: _key(release_id, host) for server, (host, release_id) in traffic.releases().items()}

    def signals(whole: Signals, release: Release) -> Signals:
        read: Callable[[], Mapping[str, Counters]] = flat
        if path is not None:
            log = AccessLog(
                path,
                ByServer(backend, keys),
                log_format=settings.traffic.access_log_format,
                routes=routes,
                now=clock.now,
            )
            read = LoggedTraffic(log, flat, counts_all=True).counters

        def by_host() -> Mapping[str, Mapping[str, Counters]]:
            found: dict[str, dict[str, Counters]] = {}
            for key, counted in read().items():
                release_id, _, host = key.rpartition("@")
                found.setdefault(host, {})[release_id] = counted
            return found

        def addresses() -> Mapping[str, str]:
            there = traffic.host_weights()
            return {
                host: url
                for host, url in target.addresses(release.slot).items()
                if there.get(host, {}).get(release.slot)
            }

        return HostSignals(
            whole, release.id, counters=by_host, addresses=addresses, checks=checks, routes=routes
        )

    return signals


def _key(release_id: str, host: str) -> str:
    return f"{release_id}@{host}"
