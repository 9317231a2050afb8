"""What an environment under systemd needs before it can take a deployment: looked at, nothing changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mobius.adapters import systemd
from mobius.adapters.places import Places
from mobius.adapters.targets.front_door import command_is_there, port_is_ours_or_free
from mobius.adapters.targets.systemd_units import SUDOERS, UnitFiles
from mobius.errors import MobiusError
from mobius.host.client import HostClient
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.report.sudoers import rule_units
from mobius.report.units import RUN, monitor_unit, process_unit, socket_unit

JOURNAL_GROUPS = ("systemd-journal", "adm")


def preflight(
    service: str, settings: EnvironmentSettings, places: Places, host: HostClient
) -> tuple[CheckResult, ...]:
    """Is systemd here, are the units those of mobius.toml, may this user start them, is the port free?"""
    if sys.platform != "linux" or not systemd.is_here():
        told = (
            "systemd does not run this machine"
            if sys.platform == "linux"
            else f"this is {sys.platform}, no Linux"
        )
        advice = 'deploy on the host itself (mobius --on), or use target = "process"'
        return (CheckResult("systemd", Outcome.FAIL, told, 0.0, advice),)
    commands = tuple(command_is_there(process) for process in settings.processes)
    try:
        files = UnitFiles(service, settings, places, settings.processes)
        looks = (
            _units_are_installed(files, settings),
            _may_deploy(files, settings),
            _port(files, settings, places, host),
        )
    except MobiusError as problem:
        return (CheckResult("units", Outcome.ERROR, problem.message, 0.0, problem.hint), *commands)
    return (*looks, *commands)


def examine(
    service: str, settings: EnvironmentSettings, places: Places, processes: Sequence[ProcessSettings]
) -> Iterator[CheckResult]:
    """What `mobius doctor` asks besides: the monitor, the journal, the sudo rules, the user of the service."""
    files = UnitFiles(service, settings, places, processes)
    yield _monitor(files, settings)
    yield _journal()
    yield _rules(files, settings)
    yield from _user(files, settings)


def _units_are_installed(files: UnitFiles, settings: EnvironmentSettings) -> CheckResult:
    name, advice = "units", f"sudo mobius host install -e {settings.name}"
    missing = [change.path.name for change in files.changes() if change.before is None]
    other = [change.path.name for change in files.changes() if change.before and change.after]
    if missing:
        return CheckResult(name, Outcome.FAIL, f"not installed: {', '.join(missing)}", 0.0, advice)
    if other:
        told = f"differ from mobius.toml: {', '.join(other)}"
        return CheckResult(name, Outcome.FAIL, told, 0.0, advice)
    return CheckResult(
        name, Outcome.PASS, f"{len(files.wanted())} are installed, as mobius.toml has them", 0.0
    )


def _may_deploy(files: UnitFiles, settings: EnvironmentSettings) -> CheckResult:
    name, owner = "rights", files.place.owner
    if os.geteuid() == 0 and owner != "root":
        told = f"the project is {owner}'s: what root leaves there {owner} cannot change"
        return CheckResult(name, Outcome.FAIL, told, 0.0, f"be {owner}: sudo -u {owner} mobius deploy")
    if os.geteuid() == 0:
        return CheckResult(name, Outcome.PASS, "root may start and stop units", 0.0)
    asked = [*rule_units(files.place, settings.processes), process_unit(files.place.prefix, RUN, "1")]
    refused = [f"{verb} {unit}" for unit in asked for verb in systemd.VERBS if not systemd.may(verb, unit)]
    if not refused:
        return CheckResult(name, Outcome.PASS, f"sudo lets this user start and stop {len(asked)} units", 0.0)
    told = f"sudo does not let this user do without a password: systemctl {refused[0]}"
    told += f", and {len(refused) - 1} more" if refused[1:] else ""
    return CheckResult(name, Outcome.FAIL, told, 0.0, _rules_advice(files, settings))


def _port(files: UnitFiles, settings: EnvironmentSettings, places: Places, host: HostClient) -> CheckResult:
    if not files.place.listen:
        return CheckResult("port", Outcome.PASS, f"{settings.listen} belongs to {settings.traffic.kind}", 0.0)
    unit = socket_unit(files.place.prefix)
    if systemd.show([unit])[0].active == "active":
        return CheckResult("port", Outcome.PASS, f"{settings.listen} is held by {unit}", 0.0)
    return port_is_ours_or_free(settings, places.root, host)


def _monitor(files: UnitFiles, settings: EnvironmentSettings) -> CheckResult:
    unit = monitor_unit(files.place.prefix)
    state = systemd.show([unit])[0]
    if state.active in ("active", "activating"):
        return CheckResult("monitor", Outcome.PASS, f"{unit} runs", 0.0)
    advice = (
        f"sudo systemctl start {unit}" if state.is_there else f"sudo mobius host install -e {settings.name}"
    )
    told = f"{unit} is {state.active}: nobody brings the service back after a boot"
    return CheckResult("monitor", Outcome.FAIL, told, 0.0, advice)


def _journal() -> CheckResult:
    import grp

    name = "logs"
    if os.geteuid() == 0:
        return CheckResult(name, Outcome.PASS, "root reads every journal", 0.0)
    mine = {grp.getgrgid(gid).gr_name for gid in os.getgroups() if _is_group(gid)}
    if mine & set(JOURNAL_GROUPS):
        return CheckResult(name, Outcome.PASS, "this user reads the journal of the units", 0.0)
    told = "this user cannot read the journal of the units, so reports lack their last lines"
    return CheckResult(
        name, Outcome.FAIL, told, 0.0, "sudo usermod -aG systemd-journal $USER, then log in anew"
    )


def _is_group(gid: int) -> bool:
    import grp

    try:
        grp.getgrgid(gid)
    except KeyError:
        return False
    return True


def _rules(files: UnitFiles, settings: EnvironmentSettings) -> CheckResult:
    name, owner = "sudo rules", files.place.owner
    if owner == "root":
        return CheckResult(name, Outcome.PASS, "not needed: root deploys here", 0.0)
    wanted = files.sudoers(owner)  # visudo has taken these
    file = SUDOERS / files.place.prefix
    try:
        found = file.read_text()
    except FileNotFoundError:
        if os.geteuid() == 0:
            return CheckResult(
                name, Outcome.FAIL, f"{file} is not there", 0.0, _rules_advice(files, settings)
            )
        return CheckResult(name, Outcome.PASS, f"not in {file}; whether they hold is asked of sudo", 0.0)
    except OSError:
        return CheckResult(
            name, Outcome.PASS, "only root reads them; whether they hold is asked of sudo", 0.0
        )
    if found == wanted:
        return CheckResult(
            name, Outcome.PASS, f"{file} is as visudo takes it, and as mobius.toml needs it", 0.0
        )
    told = f"{file} is of another mobius.toml"
    return CheckResult(name, Outcome.FAIL, told, 0.0, _rules_advice(files, settings))


def _rules_advice(files: UnitFiles, settings: EnvironmentSettings) -> str:
    who, file = files.place.owner, SUDOERS / files.place.prefix
    return f"sudo sh -c 'umask 227; mobius host install -e {settings.name} --sudoers {who} > {file}'"


def _user(files: UnitFiles, settings: EnvironmentSettings) -> Iterator[CheckResult]:
    """Whether whoever the service runs as is there, and can reach the releases and our Python."""
    import pwd

    user = settings.systemd.user or files.place.owner
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        told = f"there is no user {user} to run the service"
        yield CheckResult("user", Outcome.FAIL, told, 0.0, f"sudo useradd --system {user}")
        return
    ways = (Path(files.place.root), Path(files.place.python))
    closed = [str(folder) for path in ways if (folder := _closed_to(account.pw_uid, account.pw_gid, path))]
    if closed:
        told = f"{user} cannot enter {closed[0]}, which is on the way to {' and '.join(map(str, ways))}"
        yield CheckResult("user", Outcome.FAIL, told, 0.0, f"sudo chmod o+x {closed[0]}")
    else:
        yield CheckResult("user", Outcome.PASS, f"the service runs as {user}", 0.0)


def _closed_to(uid: int, gid: int, path: Path) -> Path | None:
    """The first folder above the path that this user cannot enter; groups beyond the first are not asked for."""
    for folder in reversed(path.resolve().parents):
        try:
            found = folder.stat()
        except OSError:
            return None
        bit = 0o100 if found.st_uid == uid else 0o010 if found.st_gid == gid else 0o001
        if uid != 0 and not found.st_mode & bit:
            return folder
    return None
