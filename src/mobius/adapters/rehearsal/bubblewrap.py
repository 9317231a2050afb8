"""A boot inside bubblewrap: namespaces of its own for network, processes, mounts, messages and names; no rights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import psutil

from mobius.adapters.rehearsal.asked import Asked, Booted, Command, Ended, Mount
from mobius.adapters.rehearsal.commanded import followed
from mobius.adapters.rehearsal.following import Boot, end, last
from mobius.model.verdict import Outcome

PROGRAM = "bwrap"
INSIDE = "mobius.adapters.rehearsal.inside"
INSIDE_COMMAND = "mobius.adapters.rehearsal.inside_command"
TRY_S = 10.0
LEAST_FREE_BYTES = 256 << 20  # below it a boot is ended: the disk is that of the live data
TEMPORARY_BYTES = 1 << 30  # of /tmp and /dev/shm, which are memory
# What a process that runs as root may read or write in /proc without any capability, as container runtimes cover it.
# bubblewrap 0.8 leaves /proc/sys writable to root: kernel.core_pattern would be a way out.
PROC_READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")
PROC_MASKED = ("acpi", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list", "timer_stats")


class Bubblewrap:
    """`mobius.adapters.rehearsal.asked.Isolation` by the program bubblewrap, as whoever runs mobius."""

    def __init__(self, search: str | None = None) -> None:
        self._program = shutil.which(PROGRAM, path=search) if sys.platform == "linux" else None
        self._least_free = LEAST_FREE_BYTES

    @property
    def name(self) -> str:
        if self._program is None:
            return ""
        with suppress(OSError, subprocess.SubprocessError):
            said = subprocess.run([self._program, "--version"], capture_output=True, text=True, timeout=TRY_S)
            return said.stdout.strip()
        return PROGRAM

    def why_not(self) -> str:
        if sys.platform != "linux":
            return f"a release can be cut off on Linux only, and this is {sys.platform}"
        if self._program is None:
            return "bubblewrap is not installed: its program bwrap is not on the PATH"
        argv = [
            self._program,
            *namespaces(with_user=False),
            "--ro-bind",
            "/",
            "/",
            "--proc",
            "/proc",
            "true",
        ]
        try:
            tried = subprocess.run(
                argv, capture_output=True, text=True, timeout=TRY_S, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.SubprocessError) as problem:
            return f"bubblewrap could not be started: {problem}"
        return "" if tried.returncode == 0 else f"bubblewrap makes no namespaces here: {last(tried.stderr)}"

    def boot(self, asked: Asked, mounts: Sequence[Mount], *, within_s: float, scratch: Path) -> Booted:
        if self._program is None:
            return Booted(Outcome.ERROR, self.why_not())
        until = time.monotonic() + within_s
        try:
            with self._running(asked, mounts) as boot:
                return self._follow(boot, until, within_s, scratch)
        except OSError as problem:
            return Booted(Outcome.ERROR, f"bubblewrap could not be started: {problem.strerror or problem}")

    def run(
        self,
        command: Command,
        mounts: Sequence[Mount],
        *,
        within_s: float,
        scratch: Path,
        progress: Callable[[str], None],
    ) -> Ended:
        """What `mobius.adapters.rehearsal.asked.Commanding` promises."""
        if self._program is None:
            return Ended(None, self.why_not())
        free = self._least_free
        try:
            with self._running(command, mounts) as boot:
                return followed(boot, within_s=within_s, scratch=scratch, least_free=free, progress=progress)
        except OSError as problem:
            return Ended(None, f"bubblewrap could not be started: {problem.strerror or problem}")

    def argv(self, asked: Asked | Command, mounts: Sequence[Mount], info_fd: int) -> list[str]:
        """The whole command: everything that is inside is named here."""
        assert self._program is not None
        inside = INSIDE if isinstance(asked, Asked) else INSIDE_COMMAND
        folders = list(dict.fromkeys(str(package.parent) for package in _packages()))
        source = f"import sys; sys.path += {folders!r}; from {inside} import main; main()"
        return [
            self._program,
            *namespaces(with_user=asked.user is not None),
            *("--info-fd", str(info_fd), "--new-session", "--hostname", "rehearsal", "--clearenv"),
            *("--setenv", "PATH", os.defpath, "--setenv", "LANG", "C.UTF-8"),
            *("--dev", "/dev", "--proc", "/proc", *covered_proc()),
            *("--perms", "1777", "--size", str(TEMPORARY_BYTES), "--tmpfs", "/dev/shm"),
            *("--perms", "1777", "--size", str(TEMPORARY_BYTES), "--tmpfs", "/tmp"),
            *_placed(mounts),
            *("--remount-ro", "/", "--chdir", "/"),
            *(sys.executable, "-I", "-B", "-c", source),
        ]

    @contextmanager
    def _running(self, asked: Asked | Command, mounts: Sequence[Mount]) -> Iterator[Boot]:
        """The boot, and its end: when this is left, nothing of it runs."""
        read_info, write_info = os.pipe()
        process: subprocess.Popen[bytes] | None = None
        try:
            process = subprocess.Popen(
                self.argv(asked, mounts, write_info),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[write_info],
                start_new_session=True,
                env={"PATH": os.defpath},
            )
            os.close(write_info)
            write_info = -1
            boot = Boot(process)
            boot.ask(asked)
            yield boot
        finally:
            if process is not None:
                end(process, read_info)
            for fd in (read_info, write_info):
                if fd >= 0:
                    os.close(fd)

    def _follow(self, boot: Boot, until: float, within_s: float, scratch: Path) -> Booted:
        """Reads what is said inside until it is done, or has to be ended."""
        healthy_s, is_up = 0.0, False
        for line in boot.lines():
            if line is None:
                if time.monotonic() > until:
                    told = f"not done within {within_s:g} s on the restored copy"
                    return Booted(Outcome.FAIL if is_up else Outcome.ERROR, told, healthy_s)
                if shutil.disk_usage(scratch).free < self._least_free:
                    return Booted(Outcome.ERROR, f"ended: the disk of {scratch} is nearly full", healthy_s)
                continue
            is_up = is_up or line.kind == "up"
            if line.kind == "healthy":
                healthy_s = line.after_s
            if line.kind == "done" and line.outcome in list(Outcome):
                outcome = Outcome(line.outcome)
                return Booted(outcome, line.sentence, healthy_s, line.after_s, line.smoke, line.log)
        words = last(boot.errors()) or "it said nothing that can be read"
        what = "the boot ended by itself" if is_up else "bubblewrap could not set it up"
        return Booted(Outcome.ERROR, f"{what}: {words}", healthy_s)


def namespaces(*, with_user: bool) -> list[str]:
    """A user namespace only where we are nobody special: root needs none, and keeps no capability but, to become
    somebody else, two."""
    words = ["--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    words += ["--die-with-parent", "--cap-drop", "ALL"]
    if os.geteuid() != 0:
        return ["--unshare-user", *words]
    return [*words, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if with_user else words


def _placed(mounts: Sequence[Mount]) -> list[str]:
    """Each with the folders above it, which everybody may go through: bubblewrap would make them for root alone."""
    words: list[str] = []
    made = {Path("/"), Path("/tmp"), Path("/dev")}
    for mount in mounts:
        for folder in reversed(mount.at.parents):
            inside_shown = any(m.kind == "show" and m.at in (folder, *folder.parents) for m in mounts)
            if folder not in made and not inside_shown:
                words += ["--perms", "0755", "--dir", str(folder)]
            made.add(folder)
        words += _words(mount)
    return words


def _words(mount: Mount) -> list[str]:
    match mount.kind:
        case "show":
            return ["--ro-bind", str(mount.source), str(mount.at)]
        case "copy":
            return ["--bind", str(mount.source), str(mount.at)]
        case "link":
            return ["--symlink", str(mount.source), str(mount.at)]
        case _:
            return ["--tmpfs", str(mount.at)]


def covered_proc() -> list[str]:
    """What hides of /proc what a process that runs as root could use or read there."""
    words: list[str] = []
    for name in PROC_READ_ONLY:
        if Path("/proc", name).exists():
            words += ["--ro-bind", f"/proc/{name}", f"/proc/{name}"]
    for name in PROC_MASKED:
        path = Path("/proc", name)
        if path.exists():
            words += ["--tmpfs", str(path)] if path.is_dir() else ["--ro-bind", "/dev/null", str(path)]
    return words


def own_programs() -> list[Path]:
    """What the program inside needs to be read: this Python, its packages, and mobius."""
    python = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent]
    return [*python, *_packages()]


def _packages() -> list[Path]:
    """mobius and what the program inside imports besides, wherever it is installed."""
    others = [Path(module.__file__).parent for module in (msgspec, psutil) if module.__file__]
    return [Path(__file__).resolve().parents[2], *others]
