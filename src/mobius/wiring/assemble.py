"""One environment's ports: which adapter stands behind each, by its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import assert_never

from mobius.adapters import records
from mobius.adapters.backups.folder import FolderBackups
from mobius.adapters.backups.rehearsing import Rehearser
from mobius.adapters.checks.http import HttpChecks
from mobius.adapters.clocks.system import SystemClock
from mobius.adapters.commands.kept import KeptCommands
from mobius.adapters.databases.captures import Dumps
from mobius.adapters.emergencies.spool import FileSpool
from mobius.adapters.launchers.host_job import HostJobLauncher
from mobius.adapters.migrations.configured import live_migrations, source_of
from mobius.adapters.monitor_logs import monitor_logs
from mobius.adapters.places import Places
from mobius.adapters.quality_archive import quality_reports
from mobius.adapters.redaction import redactor, secrets_of
from mobius.adapters.releases.elsewhere import ElsewhereOrigin
from mobius.adapters.releases.sources import origin_of
from mobius.adapters.releases.store import ReleaseStore
from mobius.adapters.signals.gauges import gauges
from mobius.adapters.signals.recorded import recorded
from mobius.adapters.targets.command import CommandTarget
from mobius.adapters.targets.observe import ObserveTarget
from mobius.adapters.targets.process import ProcessTarget
from mobius.adapters.traffic.door import DoorTraffic
from mobius.adapters.traffic.elsewhere import ElsewhereTraffic
from mobius.adapters.traffic.haproxy import HaproxyTraffic
from mobius.adapters.traffic.live_socket import LiveSocketTraffic
from mobius.errors import UsageError
from mobius.model.haproxy import haproxy_place
from mobius.model.release import Release
from mobius.model.settings import EnvironmentSettings, Settings
from mobius.model.verdict import CheckResult
from mobius.ports import (
    Commands,
    Launcher,
    Ports,
    Signals,
    Source,
    Store,
    Target,
    Traffic,
    nothing_required,
)
from mobius.rules.commanding import ELSEWHERE
from mobius.wiring.counting import noted_files, recorder
from mobius.wiring.journal import lock_of, refuse_elsewhere, shared_launcher
from mobius.wiring.telling import journal_of
from mobius.wiring.window_signals import Watching


def assemble(
    all_settings: Settings, settings: EnvironmentSettings, environ: Mapping[str, str], *, read_only: bool
) -> Ports:
    """Everything that the flows of this environment touch. Makes and starts nothing."""
    project, service = all_settings.project, all_settings.service
    places = Places(project, settings.root, settings.release.link)
    databases = _databases(service, settings, places, environ)
    secret_addresses = databases.secrets() if databases else set[str]()
    redact = redactor(secrets_of(settings, places, environ) | secret_addresses)
    origin = origin_of(settings.release.source, project, (settings.root, settings.backup.folder))
    commands = KeptCommands(settings, places, environ, redact) if settings.target in ELSEWHERE else None
    origin = ElsewhereOrigin(origin) if commands else origin
    clock = SystemClock()
    made_of = (places, settings.release, settings.processes, origin, redact)
    store = ReleaseStore(*made_of)
    rehearser = Rehearser(
        settings,
        places,
        environ=environ,
        databases=databases,
        redact=redact,
        source=source_of(settings.migrations) if settings.migrations else None,
    )
    journal = journal_of(all_settings, settings, environ, redact, read_only=read_only)
    target: Target
    traffic: Traffic
    checks = HttpChecks(settings, resolve=places.resolve, redact=redact, cwd=project)
    of_hosts: Callable[[Signals, Release], Signals] | None = None
    if settings.target == "ssh":
        from mobius.wiring.each_host import of_each_host
        from mobius.wiring.fleet import fleet

        fleet_target, fleet_traffic, store = fleet(
            service, settings, places, environ, clock, journal, made_of
        )
        of_hosts = of_each_host(service, settings, fleet_target, fleet_traffic, checks, clock)
        target, traffic = fleet_target, fleet_traffic
    else:
        target = _target(service, settings, places, environ, commands)
        traffic = _traffic(service, settings, places, target, store.path)

    watching = Watching(
        all_settings, settings, environ, places, clock, checks, target, traffic, redact, of_hosts
    )
    return Ports(
        settings=settings,
        service=service,
        clock=clock,
        journal=journal,
        lock=lock_of(places, settings, journal),
        releases=store,
        target=target,
        traffic=traffic,
        signals=watching.signals,
        signals_beside=watching.signals,
        checks=checks,
        backups=FolderBackups(service, settings, places, store, rehearser, databases, environ),
        migrations=live_migrations(settings, places, environ, redact) if commands is None else None,
        launcher=shared_launcher(_launcher(all_settings, settings, environ), settings, journal),
        holder=records.holder,
        redact=redact,
        deployment_log=records.deployment_log(project / "logs" / "deployment.log"),
        artifact=records.artifacts(settings.artifact_dir, redact),
        commands=commands,
        baselines=partial(recorded, places.root / "run", files=noted_files(settings)),
        look_at_signals=watching.look,
        gauges=partial(gauges, places.root / "run", journal, settings.name),
        note_usual=recorder(service, settings, places.root, traffic, target, clock).note,
        monitor_log=monitor_logs(project / "monitor_logs", settings.name, redact),
        quality_report=quality_reports(project, settings.media.keep, redact),
        refuse_elsewhere=refuse_elsewhere(all_settings, settings, journal),
        spool=FileSpool(places.root / "emergencies", redact),
        store=_store(settings, environ),
        ready=_ready(all_settings, settings, environ),
    )


def _databases(
    service: str, settings: EnvironmentSettings, places: Places, environ: Mapping[str, str]
) -> Dumps | None:
    """The databases on servers. None of them is asked before it has to be."""
    return Dumps(service, settings, places, environ) if settings.databases else None


def _ready(
    all_settings: Settings, settings: EnvironmentSettings, environ: Mapping[str, str]
) -> Callable[[Source], tuple[CheckResult, ...]]:
    """Whether a release is ready, where a deployment here requires it."""
    if not settings.ready.required:
        return nothing_required

    def gate(source: Source) -> tuple[CheckResult, ...]:
        from mobius.wiring import ready

        return ready.gate(all_settings, settings.name, environ, source)

    return gate


def _store(settings: EnvironmentSettings, environ: Mapping[str, str]) -> Store | None:
    """Where copies of backups go. Whether it is there, is seen when it is used."""
    url = settings.store.url
    if not url:
        return None
    if "://" not in url:
        from mobius.adapters.stores.folder import FolderStore

        return FolderStore(Path(url), timeout_s=settings.store.timeout_s, beside=settings.backup.folder)
    from mobius.adapters.stores.s3 import S3Store

    return S3Store(settings.store, environ)


def _target(
    service: str,
    settings: EnvironmentSettings,
    places: Places,
    environ: Mapping[str, str],
    commands: Commands | None,
) -> Target:
    if commands is not None:
        elsewhere = ObserveTarget if settings.target == "observe" else CommandTarget
        return elsewhere(settings, commands)
    match settings.target:
        case "process":
            return ProcessTarget(settings, places, environ)
        case "systemd":
            from mobius.adapters.targets.systemd import SystemdTarget

            return SystemdTarget(service, settings, places, environ)
        case other:
            raise UsageError(
                f'the target "{other}" of {settings.name} is not available in this version',
                'use target = "process"',
            )


def _traffic(
    service: str,
    settings: EnvironmentSettings,
    places: Places,
    target: Target,
    tree_of: Callable[[str], Path],
) -> Traffic:
    if settings.target in ELSEWHERE:
        return ElsewhereTraffic(settings.name)
    match settings.traffic.kind:
        case "door":
            return DoorTraffic(places.root)
        case "haproxy":
            return HaproxyTraffic(haproxy_place(service, settings), places.root, target, settings.traffic)
        case "nginx" | "caddy":
            return LiveSocketTraffic(places.root, settings, tree_of)
        case other:
            assert_never(other)


def _launcher(all_settings: Settings, settings: EnvironmentSettings, environ: Mapping[str, str]) -> Launcher:
    if settings.target == "systemd":
        from mobius.adapters.launchers.unit import UnitLauncher

        return UnitLauncher(all_settings.service, settings.name, settings.root, all_settings, environ)
    return HostJobLauncher(settings.root, all_settings, environ)
