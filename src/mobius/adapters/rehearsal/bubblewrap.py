"""A boot inside bubblewrap: namespaces of its own for network, processes, mounts, messages and names; no rights."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import msgspec
import psutil

from mobius.adapters.rehearsal.asked import TOLD_BYTES, Asked, Booted, Line, Mount
from mobius.model.verdict import Outcome

PROGRAM = "bwrap"
INSIDE = "mobius.adapters.rehearsal.inside"
TRY_S = 10.0
LOOK_S = 0.2
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
            *_namespaces(with_user=False),
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
        return "" if tried.returncode == 0 else f"bubblewrap makes no namespaces here: {_last(tried.stderr)}"

    def boot(self, asked: Asked, mounts: Sequence[Mount], *, within_s: float, scratch: Path) -> Booted:
        if self._program is None:
            return Booted(Outcome.ERROR, self.why_not())
        until = time.monotonic() + within_s
        try:
            with self._running(asked, mounts) as boot:
                return self._follow(boot, until, within_s, scratch)
        except OSError as problem:
            return Booted(Outcome.ERROR, f"bubblewrap could not be started: {problem.strerror or problem}")

    def argv(self, asked: Asked, mounts: Sequence[Mount], info_fd: int) -> list[str]:
        """The whole command: everything that is inside is named here."""
        assert self._program is not None
        folders = list(dict.fromkeys(str(package.parent) for package in _packages()))
        source = f"import sys; sys.path += {folders!r}; from {INSIDE} import main; main()"
        return [
            self._program,
            *_namespaces(with_user=asked.user is not None),
            *("--info-fd", str(info_fd), "--new-session", "--hostname", "rehearsal", "--clearenv"),
            *("--setenv", "PATH", os.defpath, "--setenv", "LANG", "C.UTF-8"),
            *("--dev", "/dev", "--proc", "/proc", *_covered_proc()),
            *("--perms", "1777", "--size", str(TEMPORARY_BYTES), "--tmpfs", "/dev/shm"),
            *("--perms", "1777", "--size", str(TEMPORARY_BYTES), "--tmpfs", "/tmp"),
            *_placed(mounts),
            *("--remount-ro", "/", "--chdir", "/"),
            *(sys.executable, "-I", "-B", "-c", source),
        ]

    @contextmanager
    def _running(self, asked: Asked, mounts: Sequence[Mount]) -> Iterator[_Boot]:
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
            boot = _Boot(process)
            boot.ask(asked)
            yield boot
        finally:
            if process is not None:
                _end(process, read_info)
            for fd in (read_info, write_info):
                if fd >= 0:
                    os.close(fd)

    def _follow(self, boot: _Boot, until: float, within_s: float, scratch: Path) -> Booted:
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
        words = _last(boot.errors()) or "it said nothing that can be read"
        what = "the boot ended by itself" if is_up else "bubblewrap could not set it up"
        return Booted(Outcome.ERROR, f"{what}: {words}", healthy_s)


class _Boot:
    """A boot that runs: its pipes, never trusted to be short or to be ours."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        self.process = process
        self._errors: list[bytes] = []
        self._reader = threading.Thread(target=_keep, args=(process.stderr, self._errors), daemon=True)
        self._reader.start()

    def ask(self, asked: Asked) -> None:
        """Keeps the input open: its end tells the inside that we are gone."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(msgspec.json.encode(asked) + b"\n")
            self.process.stdin.flush()

    def lines(self) -> Iterator[Line | None]:
        """What is said, and None again and again while nothing is. Ends with the output, or when it is too long."""
        assert self.process.stdout is not None
        fd, total, rest = self.process.stdout.fileno(), 0, b""
        while True:
            if not select.select([fd], [], [], LOOK_S)[0]:
                yield None
                continue
            chunk = os.read(fd, 65_536)
            total += len(chunk)
            if not chunk or total > TOLD_BYTES:
                return
            *whole, rest = (rest + chunk).split(b"\n")
            for text in whole:
                with suppress(msgspec.MsgspecError):
                    yield msgspec.json.decode(text, type=Line)

    def errors(self) -> str:
        self._reader.join(1.0)
        return b"".join(self._errors).decode(errors="replace")


def _namespaces(*, with_user: bool) -> list[str]:
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


def _covered_proc() -> list[str]:
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


def _end(process: subprocess.Popen[bytes], info: int) -> None:
    """Kills the first process in there, and with it everything; bubblewrap itself ends when it is gone."""
    pid = _child(info)
    if pid and process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, 9)
        with suppress(subprocess.TimeoutExpired):
            process.wait(TRY_S)
    if process.poll() is None:
        process.kill()  # its child dies with it
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _child(info: int) -> int:
    """The pid of the first process inside, as we see it; 0 where bubblewrap did not come so far."""
    if not select.select([info], [], [], LOOK_S)[0]:
        return 0
    with suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads(os.read(info, 65_536))["child-pid"])
    return 0


def _keep(pipe: IO[bytes], kept: list[bytes]) -> None:
    """The beginning of what is said there, and the rest read away."""
    size = 0
    with suppress(OSError, ValueError):
        while chunk := os.read(pipe.fileno(), 4096):
            if size < 16_384:
                kept.append(chunk)
                size += len(chunk)
    pipe.close()


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
