"""The unit files of an environment on this host: what differs from mobius.toml, written and removed as a whole."""

from __future__ import annotations

import contextlib
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters import systemd
from mobius.adapters.places import Places
from mobius.adapters.releases.store import write_durably
from mobius.adapters.targets.systemd_slots import SlotFiles, adopted_slot
from mobius.errors import MobiusError, UsageError
from mobius.host.client import UNIT_NOTE, HostClient, HostUnavailable
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.report import units
from mobius.report.sudoers import sudo_rules
from mobius.report.units import SLOTS, UnitPlace, is_ours, unit_files

FOLDER = Path("/etc/systemd/system")
SUDOERS = Path("/etc/sudoers.d")
STOP_WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class Change:
    """One unit file as it is and as it should be; None: not there."""

    path: Path
    before: str | None
    after: str | None

    def diff(self) -> str:
        """As `diff -u` shows it."""
        old, new = (str(self.path) if text is not None else "/dev/null" for text in (self.before, self.after))
        lines = difflib.unified_diff(
            (self.before or "").splitlines(), (self.after or "").splitlines(), old, new, lineterm=""
        )
        return "\n".join(lines)


class UnitFiles:
    """The units of one environment. `processes` are those of mobius.toml and of every release at hand: the way
    back to an older one needs its units, too."""

    def __init__(
        self,
        service: str,
        settings: EnvironmentSettings,
        places: Places,
        processes: Sequence[ProcessSettings],
        folder: Path = FOLDER,
    ) -> None:
        self._settings = settings
        self._places = places
        self._folder = folder
        self._processes = _once(processes)
        self.place = unit_place(service, settings, places)

    # -- looking ---------------------------------------------------------------------------------------------

    def wanted(self) -> Mapping[str, str]:
        """File name to content. Raises UsageError for what cannot stand in a unit."""
        return unit_files(self.place, self._settings.systemd, self._processes)

    def changes(self) -> tuple[Change, ...]:
        """What `install` would write and remove; empty when all is in place. Raises UsageError for a unit of that
        name that somebody else wrote."""
        wanted = self.wanted()
        made = []
        for name, after in wanted.items():
            before = _text(self._folder / name)
            if before is not None and not is_ours(before, self.place.root):
                raise UsageError(
                    f"{self._folder / name} is there, and not of this environment",
                    "give the service or the environment another name, or remove that unit",
                )
            if before != after:
                made.append(Change(self._folder / name, before, after))
        gone = [path for path in self._installed() if path.name not in wanted]
        return (*made, *(Change(path, _text(path), None) for path in gone))

    def removals(self) -> tuple[Change, ...]:
        """What `uninstall` would remove."""
        return tuple(Change(path, _text(path), None) for path in self._installed())

    def sudoers(self, user: str) -> str:
        """The rules file that lets `user` deploy, checked by visudo where there is one. Raises UsageError."""
        adopted = adopted_slot(self._places.root, {})
        theirs = (
            [unit for one in adopted.processes.values() for unit in (one.unit, one.service)]
            if adopted
            else []
        )
        text = sudo_rules(user, self.place, self._processes, theirs, program=systemd.program("systemctl"))
        if visudo := shutil.which("visudo", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            done = subprocess.run([visudo, "-c", "-f", "-"], input=text, capture_output=True, text=True)
            if done.returncode:
                raise MobiusError(
                    f"visudo does not take the rules: {done.stderr.strip() or done.stdout.strip()}",
                    "look at what would be written: mobius host install --dry-run",
                )
        return text

    # -- changing --------------------------------------------------------------------------------------------

    def install(self, changes: Sequence[Change]) -> tuple[str, ...]:
        """Writes them (each file whole or not at all), tells systemd, enables and starts the supervisor and the
        monitor; says what it did. Nothing is written that systemd-analyze does not take. Raises MobiusError."""
        self._refuse_unless_root()
        self._refuse_other_supervisor()
        self.verify()
        for change in changes:
            if change.after is None:
                change.path.unlink(missing_ok=True)
            else:
                write_durably(change.path, change.after.encode(), mode=0o644)
                change.path.chmod(0o644)  # whatever the umask: whoever deploys compares it with mobius.toml
        done = [f"{'removed' if change.after is None else 'wrote'} {change.path}" for change in changes]
        done += self._alias()
        _systemctl("daemon-reload")
        self._note()
        prefix = self.place.prefix
        sockets = [units.socket_unit(prefix)] if self.place.listen else []
        started = [*sockets, units.host_unit(prefix), units.monitor_unit(prefix)]
        for unit in started:
            _systemctl("enable", unit)
        for unit in started[:-1]:
            _systemctl("start", unit)
        # It is of this version of its unit from now on; what it looks after goes on meanwhile.
        _systemctl("restart", started[-1])
        return (*done, f"enabled and started {', '.join(started)}")

    def uninstall(self) -> tuple[str, ...]:
        """Stops everything of this environment, then removes its units. Raises MobiusError."""
        self._refuse_unless_root()
        names = [path.name for path in self._installed()]
        self._stop([units.monitor_unit(self.place.prefix), *self._runs()])  # nobody else may act from here on
        self._forget_slots()
        done = [*self.stop_all()]
        for name in names:
            if "@" not in name:
                _systemctl("disable", name, forgiving=True)
        alias = self._folder / units.MONITOR_ALIAS
        if alias.is_symlink() and str(alias.readlink()) == units.monitor_unit(self.place.prefix):
            alias.unlink()
            done.append(f"removed {alias}")
        for name in names:
            (self._folder / name).unlink(missing_ok=True)
            done.append(f"removed {self._folder / name}")
        (self._places.root / UNIT_NOTE).unlink(missing_ok=True)
        _systemctl("daemon-reload")
        return tuple(done)

    def stop_all(self, *, adopted: bool = False) -> tuple[str, ...]:
        """Monitor, runs, processes, front door and its port, in this order: the service is down afterwards. With
        `adopted`, also what ran before mobius and is release 0 now."""
        prefix = self.place.prefix
        slots = SlotFiles(self._places.root)
        with slots.held():
            for slot in slots.read().values():
                slots.want(slot, list(slot.processes), wanted=False)
        runs = self._runs()
        named = {units.process_unit(prefix, p.name, slot, kind) for p, slot, kind in self._instances()}
        theirs = adopted_slot(self._places.root, {}) if adopted else None
        if theirs is not None:
            named |= {unit for one in theirs.processes.values() for unit in (one.unit, one.service)}
        listed = [
            units.monitor_unit(prefix),
            *runs,
            *sorted(named, key=lambda unit: unit.endswith(".service")),
        ]
        listed += [units.socket_unit(prefix)] if self.place.listen else []
        listed.append(units.host_unit(prefix))
        return tuple(f"stopped {unit}" for unit in self._stop(listed))

    def verify(self) -> None:
        """Raises MobiusError with what systemd-analyze has against the units as they would be."""
        program = shutil.which("systemd-analyze")
        if program is None:
            return
        with tempfile.TemporaryDirectory(prefix="mobius-units-") as folder:
            files = []
            for name, text in self.wanted().items():
                files.append(Path(folder, name))
                files[-1].write_text(text)
            done = subprocess.run(
                [program, "verify", "--man=no", *map(str, files)], capture_output=True, text=True, timeout=60
            )
        said = [line for line in done.stderr.splitlines() if folder in line or self.place.prefix in line]
        if said or done.returncode:
            told = tuple(said or done.stderr.splitlines())
            raise MobiusError(
                "systemd does not take the units, so nothing was written",
                "correct [systemd] in mobius.toml, then try again",
                details=told[:20],
            )

    # -- parts -----------------------------------------------------------------------------------------------

    def _installed(self) -> list[Path]:
        found = sorted(self._folder.glob(f"{self.place.prefix}*"))
        return [path for path in found if path.is_file() and is_ours(_text(path) or "", self.place.root)]

    def _instances(self) -> Iterator[tuple[ProcessSettings, str, str]]:
        for process in self._processes:
            for slot in SLOTS:
                if process.schedule:
                    yield process, slot, "timer"
                yield process, slot, "service"

    def _runs(self) -> list[str]:
        folder = self._places.root / "run" / "units" / units.RUN
        names = sorted(path.stem for path in folder.glob("[0-9]*.json"))
        return [units.process_unit(self.place.prefix, units.RUN, name) for name in names if name.isdigit()]

    def _stop(self, names: Sequence[str]) -> list[str]:
        """Stops those that run, one after another in this order, and names them."""
        stopped = []
        for unit in names:
            if systemd.show([unit])[0].is_alive:
                systemd.act("stop", [unit], within_s=STOP_WITHIN_S)
                stopped.append(unit)
        return stopped

    def _forget_slots(self) -> None:
        """The supervisor lets go of slots that units ran, so that it can run them itself from now on."""
        host = HostClient(self._places.root)
        with contextlib.suppress(HostUnavailable):  # then there is nobody who would remember
            now = host.status()
            placed = [name for name, slot in now.slots.items() if slot.placed]
            if now.door is not None:
                host.route({})
            for name in placed:
                host.remove_slot(name)

    def _alias(self) -> list[str]:
        """`systemctl status mobius-monitor` answers for production, where no other service has that name."""
        alias = self._folder / units.MONITOR_ALIAS
        if self._settings.name != "production" or alias.exists() or alias.is_symlink():
            return []
        alias.symlink_to(units.monitor_unit(self.place.prefix))
        return [f"wrote {alias}"]

    def _note(self) -> None:
        """Says to every command where the supervisor of this root is started."""
        run = self._places.root / "run"
        owner = self._places.project.stat()
        for folder in (self._places.root.parent, self._places.root, run):
            if not folder.exists():
                folder.mkdir(parents=True, mode=0o700 if folder == run else 0o755)
                os.chown(folder, owner.st_uid, owner.st_gid)
        write_durably(self._places.root / UNIT_NOTE, f"{units.host_unit(self.place.prefix)}\n".encode())
        os.chown(self._places.root / UNIT_NOTE, owner.st_uid, owner.st_gid)

    def _refuse_unless_root(self) -> None:
        if os.geteuid() != 0:
            raise UsageError(
                f"units are written to {self._folder}, which is root's",
                f"sudo mobius host install -e {self._settings.name}, or look with --dry-run",
            )
        if not systemd.is_here():
            raise UsageError("systemd does not run this machine", 'use target = "process"')

    def _refuse_other_supervisor(self) -> None:
        """One that was started by hand holds the lock of the root and the port."""
        unit = units.host_unit(self.place.prefix)
        if HostClient(self._places.root).is_running() and not systemd.show([unit])[0].is_alive:
            name = self._settings.name
            raise UsageError(
                f"the supervisor of {name} runs already, and not as a unit",
                f"stop it; the service is down until the next deployment: mobius host stop -e {name}",
            )


def unit_place(service: str, settings: EnvironmentSettings, places: Places) -> UnitPlace:
    """Where the units belong: whoever owns the project runs mobius."""
    import grp
    import pwd

    owner = places.project.stat()
    try:
        user, group = pwd.getpwuid(owner.st_uid).pw_name, grp.getgrgid(owner.st_gid).gr_name
    except KeyError as problem:
        raise UsageError(
            f"{places.project} belongs to nobody who is known here (uid {owner.st_uid})",
            f"give it to whoever deploys: chown -R USER: {places.project}",
        ) from problem
    return UnitPlace(
        service=service,
        environment=settings.name,
        root=str(places.root),
        project=str(places.project),
        python=sys.executable,
        owner=user,
        owner_group=group,
        listen=settings.listen if settings.traffic.kind == "door" else "",
    )


def _once(processes: Sequence[ProcessSettings]) -> tuple[ProcessSettings, ...]:
    """The first of each name counts: mobius.toml before the releases that are at hand."""
    found: dict[str, ProcessSettings] = {}
    for process in processes:
        found.setdefault(process.name, process)
    return tuple(found.values())


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as problem:
        raise MobiusError(f"{path} cannot be read: {problem}", f"look at it: ls -l {path}") from problem


def _systemctl(verb: str, *names: str, forgiving: bool = False) -> None:
    done = subprocess.run(
        [systemd.program("systemctl"), verb, *names], capture_output=True, text=True, timeout=STOP_WITHIN_S
    )
    if done.returncode and not forgiving:
        told = tuple(done.stderr.splitlines())
        about = names[-1] if names else ""
        raise MobiusError(
            f"systemctl {' '.join((verb, *names))} failed",
            f"journalctl -u {about}" if about else "",
            details=told,
        )
