"""One process of a release on this host: started in a session of its own, known again by its pid and its start."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Iterator, Mapping

from .refusal import Refusal

LOG_BYTES = 10 << 20  # then the log begins anew, the old one beside it
Wanted = Mapping[str, Any]  # name, kind, start, env, env_file, port, stop_signal, stop_timeout_s


def start(root: Path, slot: str, release_id: str, wanted: Wanted) -> subprocess.Popen[bytes]:
    """Starts it in the release's tree. Raises `OSError` or `Refusal`."""
    cwd = root / "releases" / release_id
    log = log_of(root, slot, str(wanted["name"]))
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        os.replace(str(log), str(log) + ".1")
    env = environment(root, slot, release_id, wanted)
    with log.open("ab") as out:
        return subprocess.Popen(
            command(cwd, env, wanted),
            cwd=str(cwd),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def command(cwd: Path, env: Mapping[str, str], wanted: Wanted) -> list[str]:
    """Its command line, the program found in the release's folder or on its PATH. Raises `Refusal` where it is not."""
    first, rest = str(wanted["start"][0]), [str(word) for word in wanted["start"][1:]]
    if "/" in first:
        found = first if os.path.isabs(first) else str(cwd / first)
        there = os.access(found, os.X_OK) and os.path.isfile(found)
    else:
        found = shutil.which(first, path=env.get("PATH")) or ""
        there = bool(found)
    if not there:
        raise Refusal(
            "command",
            "{} cannot be started: there is no command {}".format(wanted["name"], first),
            "install it on this host",
        )
    return [found, *rest]


def environment(root: Path, slot: str, release_id: str, wanted: Wanted) -> dict[str, str]:
    """What the process gets: the least of this host's own, its `env_file`, what the controller says, and its port."""
    env = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "TZ", "USER", "LOGNAME")
        if name in os.environ
    }
    env.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
    if wanted.get("env_file"):
        env.update(read_env_file(root, str(wanted["env_file"])))
    env.update({str(name): str(value) for name, value in dict(wanted.get("env") or {}).items()})
    env.update(
        MOBIUS_SLOT=slot, MOBIUS_RELEASE=release_id, MOBIUS_ROOT=str(root), MOBIUS_SHARED=str(root / "shared")
    )
    env["MOBIUS_KEPT"] = f"{slot}/{wanted['name']}/{int(wanted.get('generation', 0))}"
    if wanted.get("port"):
        env["PORT"] = str(wanted["port"])
    return env


def read_env_file(root: Path, named: str) -> dict[str, str]:
    """NAME=VALUE lines of a file on this host. Raises `Refusal` for one that is not there, naming no value."""
    path = Path(named) if os.path.isabs(named) else root / named
    found = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise Refusal(
            "env_file",
            "{} cannot be read: {}".format(path, getattr(problem, "strerror", None) or "not UTF-8"),
            "put it there",
        ) from problem
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name = name[7:].strip() if name.startswith("export ") else name.strip()
        if not equals or not name.isidentifier():
            raise Refusal("env_file", f"line {number} of {path} is not NAME=VALUE", "mend it")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name] = value
    return found


def log_of(root: Path, slot: str, name: str) -> Path:
    """What it says, on standard output and standard error."""
    return root / "run" / slot / (name + ".log")


def started_at(pid: int) -> str:
    """When the kernel started it: with its pid, that is one process and no other. "" for one that is gone or dead."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def is_alive(pid: int, started: str) -> bool:
    """Whether that very process is there."""
    return bool(pid) and bool(started) and started_at(pid) == started


def signal_all(pid: int, started: str, name: str) -> None:
    """To the process and all it started; gone already is well."""
    if is_gone(pid, started):
        return
    number = getattr(signal, "SIG" + name, signal.SIGTERM)
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def is_gone(pid: int, started: str) -> bool:
    """Whether nothing of its session is left, but for the dead that nobody has collected. A pid that another process
    has by now is a sign that everything of the old one is gone: the kernel gives no group's number away."""
    now = started_at(pid) if pid > 1 else ""
    if pid <= 1 or (now and now != started):
        return True
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return not _members(pid)


def left_behind(root: Path) -> Iterator[tuple[str, str, int, int]]:
    """(slot, name, generation, pid) of every process that a keeper of this root started, by what its environment says:
    also of one that a keeper started and was killed before it could write that down."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or not _leads_a_session(int(entry)):
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                told = dict(line.split(b"=", 1) for line in file.read().split(b"\0") if b"=" in line)
        except OSError:
            continue
        if told.get(b"MOBIUS_ROOT") == os.fsencode(str(root)) and b"MOBIUS_KEPT" in told:
            slot, name, generation = told[b"MOBIUS_KEPT"].decode("utf-8", "replace").split("/", 2)
            yield slot, name, int(generation), int(entry)


def _leads_a_session(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except OSError:
        return False


def _members(group: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] not in (b"Z", b"X"):
            found.append(int(entry))
    return found
