"""systemd's own words about a unit: its files, its processes, what they listen on; and the few acts of an adoption."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mobius.adapters.targets.environment_file import read_environment_file
from mobius.errors import ConfigurationError, GateUnknown, MobiusError, UsageError
from mobius.model.adoption import Listening, Timer, UnitFound
from mobius.rules.adopting_unit import shown, unit_of

PATIENCE_S = 60.0
CGROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")
LISTENS = 0x10000  # __SO_ACCEPTCON in /proc/net/unix
ENABLED = ("enabled", "enabled-runtime")
LINKS_IN = (Path("/etc/systemd/system"), Path("/run/systemd/system"))


class Units:
    """The units of this machine. `program`: systemctl, or what a test puts in its place."""

    def __init__(self, program: Sequence[str] = ("systemctl",)) -> None:
        self._program = tuple(program)

    # -- looking ------------------------------------------------------------------------------------------------

    def look(self, unit: str) -> UnitFound:
        """The unit as it runs. Raises `UsageError` where there is none, `GateUnknown` where it cannot be seen."""
        properties = shown(self._ask("show", "--no-pager", "--", unit))
        state = properties.get("LoadState", ("",))[-1]
        if state != "loaded":
            raise UsageError(
                f"systemd knows no {unit} ({state or 'nothing'})",
                "see what runs: systemctl list-units --type=service",
            )
        names = properties.get("FragmentPath", ()) + tuple(
            path for value in properties.get("DropInPaths", ()) for path in value.split()
        )
        files = {}
        for name in names:
            if name:
                try:
                    files[name] = Path(name).read_text("utf-8", errors="replace")
                except OSError as problem:
                    raise GateUnknown(
                        f"{name} cannot be read: {problem.strerror}", "run mobius adopt as root"
                    ) from problem
        return unit_of(unit, properties, files)

    def environment_files(self, unit: UnitFound) -> dict[str, dict[str, str]]:
        """What each EnvironmentFile= says. Raises `GateUnknown` for one that cannot be read."""
        found: dict[str, dict[str, str]] = {}
        for name, optional in unit.environment_files:
            try:
                found[name] = read_environment_file(Path(name))
            except ConfigurationError as problem:
                if optional and not Path(name).exists():
                    found[name] = {}
                    continue
                raise GateUnknown(problem.message, problem.hint or "run mobius adopt as root") from problem
        return found

    def listening(self, unit: UnitFound) -> tuple[Listening, ...]:
        """What the unit's processes accept on, the main process first."""
        import psutil

        pids = self._pids(unit)
        found = []
        try:
            for each in psutil.net_connections("tcp"):
                if each.pid in pids and each.status == psutil.CONN_LISTEN and each.laddr:
                    found.append(Listening(each.pid, port=each.laddr.port, address=each.laddr.ip))
            accepting = _accepting()
            for each in psutil.net_connections("unix"):
                if each.pid in pids and str(each.laddr) in accepting:
                    found.append(Listening(each.pid, path=str(each.laddr)))
        except psutil.AccessDenied as problem:
            raise GateUnknown(
                f"what {unit.name} listens on cannot be seen", "run mobius adopt as root"
            ) from problem
        once = {(each.port, each.path): each for each in reversed(found)}
        return tuple(sorted(once.values(), key=lambda each: (each.pid != unit.main_pid, each.port)))

    def timers(self, unit: UnitFound) -> tuple[Timer, ...]:
        """Timers whose services run in the same folder, or whose names begin alike."""
        rows = self._ask("list-units", "--type=timer", "--all", "--plain", "--no-legend", "--no-pager")
        stem = unit.name.removesuffix(".service").partition("@")[0]
        found = []
        for name in (line.split()[0] for line in rows.splitlines() if line.split()):
            starts = shown(self._ask("show", "-p", "Unit", "--", name)).get("Unit", ("",))[-1]
            if not starts or starts == unit.name:
                continue
            folder = shown(self._ask("show", "-p", "WorkingDirectory", "--", starts))
            same = (
                unit.working_directory and folder.get("WorkingDirectory", ("",))[-1] == unit.working_directory
            )
            if same or name.startswith((f"{stem}-", f"{stem}_", f"{stem}.")):
                found.append(Timer(name, starts))
        return tuple(found)

    def is_active(self, unit: str) -> bool:
        """Whether it runs."""
        state = shown(self._ask("show", "-p", "ActiveState", "--", unit))
        return state.get("ActiveState", ("",))[-1] in ("active", "reloading", "activating")

    def boot_links(self, unit: UnitFound) -> dict[str, str]:
        """The symbolic links that start it at boot, or give it another name: when each was made, and what it holds."""
        own = {Path(name).resolve() for name in unit.files[:1]}
        return {
            str(link): f"{link.lstat().st_mtime_ns} {link.readlink()}"
            for folder in LINKS_IN
            for link in sorted(folder.rglob("*"))
            if link.is_symlink() and link.resolve() in own
        }

    # -- acting -------------------------------------------------------------------------------------------------

    def disable(self, unit: str, enabled: str) -> None:
        """Boot does not start it any more; it runs on. Not enabled is a success."""
        if enabled in ENABLED:
            runtime = ["--runtime"] if enabled == "enabled-runtime" else []
            self._do("disable", *runtime, "--", unit)

    def link(self, links: Mapping[str, str]) -> None:
        """Puts these links back, exactly; those that are there stay."""
        for name, told in links.items():
            made_ns, _, target = told.partition(" ")
            path = Path(name)
            if not os.path.lexists(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(target)
                os.utime(path, ns=(int(made_ns), int(made_ns)), follow_symlinks=False)
        self._do("daemon-reload")

    def start(self, unit: str) -> None:
        """Starts it; running is a success."""
        self._do("start", "--", unit)

    def reload(self, unit: str) -> None:
        """Lets it read its files anew."""
        self._do("reload", "--", unit)

    def _do(self, *words: str) -> None:
        done = self._run(*words)
        if done.returncode:
            raise MobiusError(
                f"systemctl {' '.join(words)} failed ({done.returncode}): {done.stderr.strip() or 'no words'}",
                "run mobius adopt as root" if os.geteuid() else f"systemctl status {words[-1]}",
            )

    def _ask(self, *words: str) -> str:
        done = self._run(*words)
        if done.returncode:
            raise GateUnknown(
                f"systemd cannot be asked: {_first_line(done.stderr) or f'systemctl left with {done.returncode}'}",
                "adopting needs a machine that systemd runs, and systemctl",
            )
        return done.stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [*self._program, *words]
        try:
            return subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PATIENCE_S,
                check=False,
                env={**os.environ, "LC_ALL": "C", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"},
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise GateUnknown(
                f"systemd cannot be asked: {problem}",
                "adopting needs a machine that systemd runs, and systemctl",
            ) from problem

    def _pids(self, unit: UnitFound) -> set[int]:
        import psutil

        group = shown(self._ask("show", "-p", "ControlGroup", "--", unit.name)).get("ControlGroup", ("",))[-1]
        pids = {pid for top in CGROUPS if group.strip("/") for pid in _in_group(Path(top + group))}
        try:
            main = psutil.Process(unit.main_pid) if unit.main_pid else None
            return pids | (
                {main.pid, *(child.pid for child in main.children(recursive=True))} if main else set()
            )
        except psutil.Error:
            return pids


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _in_group(folder: Path) -> Iterator[int]:
    for file in [folder / "cgroup.procs", *folder.glob("*/cgroup.procs")]:
        try:
            yield from (int(line) for line in file.read_text().split())
        except (OSError, ValueError):
            continue


def _accepting() -> set[str]:
    """The paths of Unix sockets that somebody listens on."""
    found = set()
    for line in Path("/proc/net/unix").read_text(errors="replace").splitlines()[1:]:
        parts = line.split(maxsplit=7)
        if len(parts) == 8 and int(parts[3], 16) & LISTENS:
            found.add(parts[7])
    return found
