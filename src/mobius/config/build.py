"""From complete values to Settings: paths made absolute, and the few shapes that differ from the file's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mobius.config import premerge
from mobius.config.notifying import escalation_settings, notify_settings
from mobius.config.proving import evidence_settings
from mobius.model.fleet import FleetSettings, HostSettings
from mobius.model.forge import GitHubSettings
from mobius.model.policies import PolicySettings
from mobius.model.quality import (
    AudioGates,
    MediaSettings,
    MonitoringGates,
    PerformanceGates,
    QualityGates,
    VideoGates,
)
from mobius.model.settings import (
    BackupSettings,
    CanarySettings,
    CommandSettings,
    DatabaseSettings,
    DoorSettings,
    EnvironmentSettings,
    GateCommand,
    HealthSettings,
    JournalSettings,
    MigrationSettings,
    MonitorSettings,
    PremergeSettings,
    ProcessSettings,
    ReadySettings,
    RehearsalSettings,
    ReleaseSettings,
    ServeSettings,
    SignalSettings,
    SmokeKind,
    SmokeSettings,
    StoreSettings,
    SystemdSettings,
    TrafficSettings,
)

_SAME = ("target", "url", "listen", "window_s", "auto_rollback", "auto_restore", "rollback_within_s")
_ALSO_SAME = ("emergency_within_s", "deploy_lead", "critical_routes")


def environment(
    name: str, values: dict[str, Any], policy: PolicySettings, project: Path
) -> EnvironmentSettings:
    """One environment from its complete values, which are free of mistakes."""
    same = {key: values[key] for key in (*_SAME, *_ALSO_SAME) if values[key] is not None}
    release, migrations = values["release"], values["migrations"]
    if release["source"] != "git":
        release = release | {"source": str(under(project, release["source"]))}
    return EnvironmentSettings(
        name=name,
        root=under(project, values["root"]),
        artifact_dir=under(project, values["artifact_dir"]),
        policy=policy,
        release=ReleaseSettings(**release),
        processes=tuple(ProcessSettings(**row | {"env": dict(row["env"])}) for row in values["process"]),
        health=HealthSettings(**values["health"]),
        smoke=tuple(smoke(row) for row in values["smoke"]),
        checks=tuple(GateCommand(**row) for row in values["gate"]),
        signals=tuple(SignalSettings(**row) for row in values["signal"]),
        backup=_backup(values["backup"], project),
        databases=tuple(DatabaseSettings(**row) for row in values["database"]),
        hosts=tuple(HostSettings(**row) for row in values["host"]),
        fleet=FleetSettings(**values["fleet"]),
        rehearsal=_rehearsal(values["rehearsal"], project),
        store=_store(values["store"], project),
        journal=JournalSettings(**values["journal"]),
        migrations=MigrationSettings(**migrations) if migrations is not None else None,
        monitor=MonitorSettings(**values["monitor"]),
        canary=_canary(values["canary"]),
        serve=ServeSettings(**values["serve"]),
        notify=notify_settings(values["notify"], project),
        escalation=escalation_settings(values["escalation"]),
        evidence=evidence_settings(values["evidence"], lambda path: under(project, path)),
        door=_door(values["door"], project),
        traffic=_traffic(values["traffic"], project),
        systemd=_systemd(values["systemd"], project),
        command=CommandSettings(**values["command"]),
        scan=premerge.scan(values["scan"]),
        premerge=PremergeSettings(**values["premerge"]),
        quality_gates=_gates(values["quality_gates"]),
        media=MediaSettings(**values["media"] | {"golden": under(project, values["media"]["golden"])}),
        ready=ReadySettings(**values["ready"]),
        github=_github(values["github"], project),
        **same,
    )


def _github(values: dict[str, Any], project: Path) -> GitHubSettings:
    file = values["token_file"]
    given = {key: value for key, value in values.items() if value is not None}
    return GitHubSettings(**given | {"token_file": under(project, file) if file else None})


def _rehearsal(values: dict[str, Any], project: Path) -> RehearsalSettings:
    return RehearsalSettings(**values | {"show": tuple(under(project, shown) for shown in values["show"])})


def smoke(row: dict[str, Any]) -> SmokeSettings:
    """One smoke test: the key that says what is looked at becomes its kind."""
    method = next((key for key in ("get", "post", "head") if row[key]), "get")
    tls, run, headers = row["tls"], row["run"] or (), dict(row["headers"])
    body = row["body"]
    if row["json"] is not None:
        body = row["json"]
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
    kind: SmokeKind = "tls" if tls else "command" if run else "http"
    if row["database"] or row["file"]:
        kind = "database" if row["database"] else "file"
    return SmokeSettings(
        name=row["name"],
        kind=kind,
        method=method.upper(),
        url=(tls["url"] or "") if tls else (row[method] or ""),
        expect=row["expect"] or (("status == 200",) if kind == "http" else ()),
        body=body,
        headers=headers,
        timeout_s=row["timeout_s"],
        database=row["database"],
        file=row["file"],
        writable=row["writable"],
        tls_min_days=tls["min_days"] if tls else None,
        run=run,
    )


def under(folder: Path, path: str | Path) -> Path:
    """The path, taken from the folder unless it is absolute; `~` is the home folder where it is known."""
    try:
        expanded = Path(path).expanduser()
    except RuntimeError:  # no such user
        expanded = Path(path)
    return Path(os.path.normpath(folder / expanded))


def _backup(values: dict[str, Any], project: Path) -> BackupSettings:
    keys = ("folder", "sign_key", "allowed_signers")
    return BackupSettings(**values | {key: under(project, values[key]) for key in keys if values[key]})


def _canary(values: dict[str, Any]) -> CanarySettings:
    return CanarySettings(**values | {"stages": tuple(share for share in values["stages"] if share < 100)})


def _store(values: dict[str, Any], project: Path) -> StoreSettings:
    url = values["url"]
    return StoreSettings(**values | ({"url": str(under(project, url))} if url and "://" not in url else {}))


def _door(values: dict[str, Any], project: Path) -> DoorSettings:
    files = {key: under(project, values[key]) for key in ("tls_cert", "tls_key") if values[key]}
    return DoorSettings(**values | {"tls_cert": None, "tls_key": None} | files)


def _traffic(values: dict[str, Any], project: Path) -> TrafficSettings:
    keys = ("config", "socket", "state_file", "access_log")
    return TrafficSettings(
        **values | {key: under(project, values[key]) if values[key] else None for key in keys}
    )


def _systemd(values: dict[str, Any], project: Path) -> SystemdSettings:
    credentials = {name: str(under(project, file)) for name, file in values["credentials"].items()}
    return SystemdSettings(**values | {"credentials": credentials, "directives": dict(values["directives"])})


def _gates(values: dict[str, Any]) -> QualityGates:
    return QualityGates(
        AudioGates(**values["audio"]),
        VideoGates(**values["video"]),
        PerformanceGates(**values["performance"]),
        MonitoringGates(**values["monitoring"]),
    )
