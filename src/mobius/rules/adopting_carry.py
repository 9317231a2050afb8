"""What of a unit the next releases keep, as it is: limits, rights, variables; and what cannot be kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mobius.model.adoption import UnitFound
from mobius.rules.adopting_unit import words_of


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Said by mobius itself, or only about how the old unit is started.
OURS = _names(
    "ExecStart ExecReload Type User Group WorkingDirectory Environment EnvironmentFile KillSignal TimeoutStopSec"
    " TimeoutStartSec TimeoutSec NotifyAccess PIDFile RemainAfterExit GuessMainPID KillMode SendSIGKILL SendSIGHUP"
    " FinalKillSignal Restart RestartSec RestartPreventExitStatus RestartForceExitStatus SuccessExitStatus"
    " StartLimitInterval StartLimitIntervalSec StartLimitBurst BusName Sockets FileDescriptorStoreMax"
    " LoadCredential ReloadSignal TimeoutStartFailureMode TimeoutStopFailureMode"
)
COMMANDS = ("ExecStartPre", "ExecStartPost", "ExecStop", "ExecStopPost", "ExecCondition")
JOINED = _names(  # several lines are one list
    "ReadWritePaths ReadOnlyPaths InaccessiblePaths ExecPaths NoExecPaths BindPaths BindReadOnlyPaths"
    " TemporaryFileSystem SupplementaryGroups CapabilityBoundingSet AmbientCapabilities SystemCallFilter"
    " RestrictAddressFamilies SystemCallArchitectures StateDirectory CacheDirectory LogsDirectory"
    " ConfigurationDirectory IPAddressAllow IPAddressDeny UnsetEnvironment PassEnvironment LogExtraFields"
    " RestrictNamespaces SecureBits"
)
YES = ("yes", "true", "1", "on")
KINDS = ("", "simple", "exec", "notify", "idle")
SIGNALS = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL")
SECRET = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|WEBHOOK|DSN|PRIVATE|AUTH|_URL$|_URI$", re.IGNORECASE)
UNITS_S = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("ms", "msec"), 0.001),
}
LONGEST_STOP_S = 3600.0


@dataclass(frozen=True, slots=True)
class Carried:
    """What the next releases keep. `secret_env`: variables that do not belong into mobius.toml."""

    directives: Mapping[str, str]
    env: Mapping[str, str]
    secret_env: Mapping[str, str]
    credentials: Mapping[str, str]
    ready: str = "health"
    stop_signal: str = "TERM"
    stop_timeout_s: float = 90.0
    notes: tuple[str, ...] = ()
    blockers: tuple[str, ...] = field(default=())


def carried(
    unit: UnitFound, file_env: Mapping[str, Mapping[str, str]], *, port: int, root: str, tree: str
) -> Carried:
    """Sorts every line of the unit into what is kept, what is said otherwise, and what stands in the way."""
    lines = [(key, _here(value, unit.name)) for key, value in unit.directives]
    last = dict(lines)
    kept, notes = _kept(lines, unit.kind)
    blockers = [*unit.conditions, *_blockers(unit, last, lines, root)]
    files = [path for path, _ in unit.environment_files]
    if len(files) == 1:
        path, optional = unit.environment_files[0]
        kept["EnvironmentFile"] = f"{'-' if optional else ''}{path}"
    elif files:
        blockers.append(f"it has {len(files)} environment files ({', '.join(files)}): make them one")
    from_files = {name for values in file_env.values() for name in values}
    own = {
        name: value
        for name, value in unit.environment.items()
        if name not in from_files and not (name == "PORT" and value == str(port))
    }
    notes += [
        f"{name} names {tree}, where the next release is not: {value}"
        for name, value in own.items()
        if tree in value and not SECRET.search(name)
    ]
    return Carried(
        directives=kept,
        env={name: value for name, value in own.items() if not SECRET.search(name)},
        secret_env={name: value for name, value in own.items() if SECRET.search(name)},
        credentials=_credentials(lines, notes),
        ready="notify" if unit.kind == "notify" else "health",
        stop_signal=_signal(last.get("KillSignal", ""), notes),
        stop_timeout_s=_span(last.get("TimeoutStopSec") or last.get("TimeoutSec") or "90"),
        notes=tuple(notes),
        blockers=tuple(blockers),
    )


def _here(value: str, unit: str) -> str:
    """What means another name in another unit is put in; what means the same in both stays as it is."""
    stem = unit.removesuffix(".service")
    prefix, _, instance = stem.partition("@")
    known = {"n": unit, "N": stem, "p": prefix, "i": instance, "%": "%%"}
    return re.sub(r"%(.)", lambda m: known.get(m[1], m[0]), value)


def _kept(lines: Sequence[tuple[str, str]], kind: str) -> tuple[dict[str, str], list[str]]:
    kept: dict[str, str] = {}
    notes: list[str] = []
    for key, value in lines:
        if key in OURS or (key == "WatchdogSec" and kind != "notify"):
            continue
        if key in COMMANDS:
            notes.append(
                f"{key}={value} is not carried over: what a release needs belongs into [release] build"
            )
        elif key.startswith("RuntimeDirectory"):
            if key == "RuntimeDirectory":
                told = "each release has a folder of its own there, named in $RUNTIME_DIRECTORY"
                notes.append(f"RuntimeDirectory={value} is not carried over: {told}")
        elif key in JOINED and key in kept:
            both = _joined(kept[key], value)
            if both is None:
                notes.append(
                    f"{key} mixes what is allowed and what is not; only its last line is kept: {value}"
                )
            kept[key] = both or value
        elif key in kept and key not in JOINED and kept[key] != value and key.endswith("Allow"):
            notes.append(f"{key} stands there several times; only its last line is kept: {value}")
            kept[key] = value
        else:
            kept[key] = value
    return kept, notes


def _joined(one: str, other: str) -> str | None:
    if one.startswith("~") != other.startswith("~"):
        return None
    return f"{one} {other.removeprefix('~')}"


def _blockers(
    unit: UnitFound, last: Mapping[str, str], lines: Sequence[tuple[str, str]], root: str
) -> Iterator[str]:
    if unit.kind not in KINDS:
        yield f"it is of Type={unit.kind}: let the program stay in the foreground, with Type=simple or notify"
    if unit.triggered_by:
        sockets = [name for name in unit.triggered_by if name.endswith(".socket")]
        if sockets:
            yield f"{sockets[0]} holds its port and hands it over: let the program listen on a port itself"
    for key, why in (
        ("DynamicUser", "give it a user of its own with User="),
        ("PrivateNetwork", "two releases of it could not be reached beside each other"),
    ):
        if last.get(key, "").lower() in YES:
            yield f"it has {key}={last[key]}: {why}"
    for key in ("RootDirectory", "RootImage"):
        if key in last:
            yield f"it has {key}={last[key]}: releases lie outside of that"
    hidden = [
        (key, word.lstrip("-+").partition(":")[0])
        for key, value in lines
        if key in ("InaccessiblePaths", "TemporaryFileSystem")
        for word in words_of(value)
    ]
    if last.get("ProtectHome", "").lower() in (*YES, "tmpfs"):
        hidden += [("ProtectHome", path) for path in ("/home", "/root", "/run/user")]
    if last.get("PrivateTmp", "").lower() in YES:
        hidden += [("PrivateTmp", path) for path in ("/tmp", "/var/tmp")]
    for key, path in hidden:
        if f"{root}/".startswith(f"{path.rstrip('/')}/"):
            yield f"its {key} hides {path}, and so the releases in {root}: use another folder for the project"


def _credentials(lines: Sequence[tuple[str, str]], notes: list[str]) -> dict[str, str]:
    found = {}
    for key, value in lines:
        if key == "LoadCredential":
            name, _, path = value.partition(":")
            if path.startswith("/") and re.fullmatch(r"[A-Za-z0-9._-]+", name):
                found[name] = path
            else:
                notes.append(f"LoadCredential={value} is not carried over: give it a whole path")
    return found


def _signal(value: str, notes: list[str]) -> str:
    name = value.removeprefix("SIG") or "TERM"
    if name not in SIGNALS:
        notes.append(f"KillSignal={value} is not carried over: the next releases are stopped by SIGTERM")
        return "TERM"
    return name


def _span(value: str) -> float:
    """Seconds, as systemd writes them (`1min 30s`); at most an hour."""
    if value.strip() == "infinity":
        return LONGEST_STOP_S
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]*)", value)
    seconds = sum(float(number) * UNITS_S.get(unit, 1.0) for number, unit in parts)
    return min(max(seconds, 1.0), LONGEST_STOP_S)
