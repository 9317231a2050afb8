"""The unit files of one environment under systemd, as text: what `mobius host install` writes, once.

They name no release. The units of a process are templates, `mobius-dhash-api@blue.service`; what an instance
runs is said by a file that the target writes before it starts it (`mobius.host.unit`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mobius.errors import UsageError
from mobius.model.settings import ProcessSettings, SystemdSettings
from mobius.report.unit_lines import as_it_is, command, comment, setting

SLOTS = ("blue", "green")
RUN = "run"  # the name of the template that a run's runner is an instance of
MONITOR_ALIAS = "mobius-monitor.service"
MARK = "mobius-root:"
STOPPING_RUNS_S = 15.0
STARTS = (20, 120)  # so many starts within so many seconds, then a unit stays down until somebody looks
RUN_STARTS = (6, 300)
LONGEST_RUNTIME_NAME = 70  # so that /run/NAME-green/web.sock fits into the address of a Unix socket

HARDENING: tuple[tuple[str, str], ...] = (
    ("NoNewPrivileges", "yes"),
    ("PrivateTmp", "yes"),
    ("ProtectSystem", "full"),
    ("ProtectControlGroups", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("LockPersonality", "yes"),
    ("SystemCallArchitectures", "native"),
)
UNPRIVILEGED = ("CapabilityBoundingSet", "")  # for whoever is not root: nothing to gain, whatever it executes
OURS = frozenset(("ExecStart", "Group", "LoadCredential", "NotifyAccess", "RuntimeDirectory", "Type", "User"))


@dataclass(frozen=True, slots=True)
class UnitPlace:
    """Where the units belong. `owner` runs mobius itself; `listen` is "" where a proxy has the port."""

    service: str
    environment: str
    root: str
    project: str
    python: str
    owner: str
    owner_group: str
    listen: str = ""

    @property
    def prefix(self) -> str:
        """What the names of all of them begin with."""
        return unit_prefix(self.service, self.environment)


def unit_prefix(service: str, environment: str) -> str:
    """`mobius-dhash` in production, `mobius-dhash-staging` elsewhere. Raises UsageError for what no unit is called."""
    name = f"mobius-{service}" if environment == "production" else f"mobius-{service}-{environment}"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,180}", name):
        raise UsageError(f"no unit can be called {name!r}", "use a-z, 0-9, - and _ in both names")
    return name


def host_unit(prefix: str) -> str:
    """The supervisor's."""
    return f"{prefix}.service"


def socket_unit(prefix: str) -> str:
    """Holds the port of the front door."""
    return f"{prefix}.socket"


def monitor_unit(prefix: str) -> str:
    """That of `mobius serve`."""
    return f"{prefix}-monitor.service"


def process_unit(prefix: str, process: str, slot: str = "", kind: str = "service") -> str:
    """A process in a slot, or the template of it; `kind` is "service" or "timer". Raises UsageError."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}", process) or not re.fullmatch(r"[A-Za-z0-9_-]{0,63}", slot):
        raise UsageError(f"no unit can be called {process}@{slot}", "use a-z, 0-9, - and _ in both names")
    return f"{prefix}-{process}@{slot}.{kind}"


def runtime_folder(prefix: str, process: ProcessSettings, slot: str) -> str:
    """The folder below /run that an instance has for itself (web), or shares with the other slot (its lock)."""
    name = f"{prefix}-{process.name}"
    if len(name) > LONGEST_RUNTIME_NAME:
        name = f"mobius-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return f"{name}-{slot}" if process.kind == "web" else name


def unit_files(
    place: UnitPlace, systemd: SystemdSettings, processes: Sequence[ProcessSettings]
) -> Mapping[str, str]:
    """File name to content, in the order of their names. Raises UsageError for what cannot stand in a unit."""
    for name in systemd.directives:
        if name in OURS:
            raise UsageError(
                f"{name} of a unit is mobius's own to say", f"remove it from [systemd] directives: {name}"
            )
    prefix = place.prefix
    files = {host_unit(prefix): _host(place), monitor_unit(prefix): _monitor(place)}
    files[process_unit(prefix, RUN)] = _run(place)
    if place.listen:
        files[socket_unit(prefix)] = _socket(place)
    for process in processes:
        files[process_unit(prefix, process.name)] = _process(place, systemd, process)
        if process.schedule:
            files[process_unit(prefix, process.name, kind="timer")] = _timer(place, process)
    return dict(sorted(files.items()))


def is_ours(content: str, root: str) -> bool:
    """Whether a unit file was written by us for this root."""
    return comment(f"{MARK} {root}") in content.splitlines()[:3]


def _file(place: UnitPlace, **sections: Sequence[str]) -> str:
    head = [comment("written by `mobius host install`, from mobius.toml; that command writes it again")]
    head.append(comment(f"{MARK} {place.root}"))
    parts = ["\n".join(head)] + [
        "\n".join([f"[{name}]", *lines]) for name, lines in sections.items() if lines
    ]
    return "\n\n".join(parts) + "\n"


def _host(place: UnitPlace) -> str:
    socket = socket_unit(place.prefix)
    return _file(
        place,
        Unit=[
            setting("Description", f"mobius: supervisor and front door of {_named(place)}"),
            "After=network.target",
            *([f"Requires={socket}", f"After={socket}"] if place.listen else []),
            "StartLimitIntervalSec=0",
        ],
        Service=[
            "Type=notify",
            f"ExecStart={command([place.python, '-P', '-m', 'mobius.host', '--root', place.root])}",
            *_user(place.owner, place.owner_group),
            "Restart=on-failure",
            "RestartSec=200ms",
            "RestartPreventExitStatus=10",
            "WatchdogSec=60",
            # The door outlives a killed supervisor, and the next one takes it over with what is in flight.
            "KillMode=process",
            "TimeoutStopSec=45",
            "LimitNOFILE=65536",
            "NoNewPrivileges=yes",
        ],
        Install=["WantedBy=multi-user.target"],
    )


def _socket(place: UnitPlace) -> str:
    host, _, port = place.listen.rpartition(":")
    address = f"{'127.0.0.1' if host == 'localhost' else host}:{port}"
    return _file(
        place,
        Unit=[setting("Description", f"mobius: port of the front door of {_named(place)}")],
        Socket=[setting("ListenStream", address), "Backlog=1024", "FileDescriptorName=door"],
        Install=["WantedBy=sockets.target"],
    )


def _monitor(place: UnitPlace) -> str:
    argv = [place.python, "-P", "-m", "mobius", "--config", f"{place.project}/mobius.toml"]
    return _file(
        place,
        Unit=[
            setting("Description", f"mobius: windows and what must run of {_named(place)}"),
            f"Wants={host_unit(place.prefix)}",
            f"After=network.target {host_unit(place.prefix)}",
            "StartLimitIntervalSec=0",
        ],
        Service=[
            "Type=notify",
            f"ExecStart={command([*argv, 'serve', '-e', place.environment])}",
            *_user(place.owner, place.owner_group),
            "Environment=PYTHONUNBUFFERED=1",
            "Restart=always",
            "RestartSec=2",
            "WatchdogSec=120",
            "TimeoutStopSec=20",
        ],
        Install=["WantedBy=multi-user.target"],
    )


def _run(place: UnitPlace) -> str:
    return _file(
        place,
        Unit=[
            setting("Description", f"mobius: deployments and windows of {_named(place)}") + ", run %i",
            f"After={host_unit(place.prefix)}",
            *_limit(RUN_STARTS),
        ],
        Service=[
            "Type=exec",
            f"ExecStart={_unit_program(place, RUN)}",
            *_user(place.owner, place.owner_group),
            "Restart=on-failure",
            "RestartSec=500ms",
            f"TimeoutStopSec={STOPPING_RUNS_S:g}",
        ],
    )


def _process(place: UnitPlace, systemd: SystemdSettings, process: ProcessSettings) -> str:
    once = bool(process.schedule)
    kind = "oneshot" if once else "notify" if process.ready == "notify" else "exec"
    user = systemd.user or place.owner
    lines = [
        f"Type={kind}",
        *(["NotifyAccess=all"] if kind == "notify" else []),
        f"ExecStart={_unit_program(place, process.name)}",
        *_user(user, systemd.group or (place.owner_group if user == place.owner else "")),
        f"RuntimeDirectory={runtime_folder(place.prefix, process, '%i')}",
        *([] if process.kind == "web" else ["RuntimeDirectoryPreserve=yes"]),
        *_credentials(place, systemd, process, user),
        *([] if once else ["Restart=always", "RestartSec=500ms"]),
        f"KillSignal=SIG{process.stop_signal}",
        "KillMode=control-group",
        f"TimeoutStopSec={process.stop_timeout_s:g}",
    ]
    if systemd.harden:
        lines += [f"{name}={value}" for name, value in _hardening(place, user)]
    said = set(systemd.directives)
    lines = [line for line in lines if line.partition("=")[0] not in said]
    lines += [as_it_is(name, value) for name, value in systemd.directives.items()]
    return _file(
        place,
        Unit=[
            setting("Description", f"mobius: {process.name} of {_named(place)}") + ", slot %i",
            f"After=network.target {host_unit(place.prefix)}",
            # A timer may come as often as it likes: what it starts does not fail by that.
            *(["StartLimitIntervalSec=0"] if once else _limit(STARTS)),
        ],
        Service=lines,
    )


def _timer(place: UnitPlace, process: ProcessSettings) -> str:
    return _file(
        place,
        Unit=[setting("Description", f"mobius: times of {process.name} of {_named(place)}") + ", slot %i"],
        Timer=[
            setting("OnCalendar", process.schedule),
            "AccuracySec=1s",
            # Not made up for: the other slot has run what this one missed.
            "Persistent=false",
        ],
    )


def _hardening(place: UnitPlace, user: str) -> Iterator[tuple[str, str]]:
    for name, value in HARDENING:
        if name == "PrivateTmp" and any(
            f"{path}/".startswith(("/tmp/", "/var/tmp/")) for path in (place.root, place.project)
        ):
            continue  # it would hide the release itself
        yield name, value
    if user != "root":
        yield UNPRIVILEGED


def _credentials(
    place: UnitPlace, systemd: SystemdSettings, process: ProcessSettings, user: str
) -> Iterator[str]:
    if user != place.owner:  # the file is its owner's alone: systemd hands it to whoever runs the process
        given = setting("LoadCredential", f"mobius-unit:{place.root}/run/units/")
        yield f"{given}%i/{process.name}.json"
    for name, file in sorted(systemd.credentials.items()):
        yield setting("LoadCredential", f"{name}:{file}")


def _unit_program(place: UnitPlace, name: str) -> str:
    return command([place.python, "-P", "-m", "mobius.host.unit", place.root, name, "%i"])


def _user(user: str, group: str) -> list[str]:
    return [setting("User", user), *([setting("Group", group)] if group else [])]


def _limit(starts: tuple[int, int]) -> list[str]:
    return [f"StartLimitIntervalSec={starts[1]}", f"StartLimitBurst={starts[0]}"]


def _named(place: UnitPlace) -> str:
    return f"{place.service} ({place.environment})"
