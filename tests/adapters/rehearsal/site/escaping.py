# ruff: noqa: PTH110, PTH112, PTH115, PTH208, SIM115 - the plainest calls, as somebody makes them who wants out
"""Tries every way out, writes down how each one went, and then answers as if nothing had been."""

import ctypes
import json
import os
import runpy
import socket
import sqlite3
import subprocess
from pathlib import Path

LIVE = json.loads(os.environ["LIVE"])  # where everything live is: a fair start
found: dict[str, object] = {}


def tried(name, act):
    """Whether it worked, or what the system said."""
    try:
        found[name] = ["worked", repr(act())[:200]]
    except BaseException as problem:
        found[name] = ["refused", f"{type(problem).__name__}: {problem}"[:200]]


def connected(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.settimeout(2)
        line.connect(address)
        return line.recv(16)


def written(path):
    with open(path, "r+b" if os.path.exists(path) else "wb") as file:
        return file.write(b"x")


def same_again(path):
    """Writes what is there already: to see whether one may, without harm."""
    text = Path(path).read_bytes()
    fd = os.open(path, os.O_WRONLY)
    try:
        return os.write(fd, text)
    finally:
        os.close(fd)


def opened_for_writing(path):
    os.close(os.open(path, os.O_WRONLY))


def remounted(path):
    libc = ctypes.CDLL(None, use_errno=True)
    if (
        libc.mount(None, path.encode(), None, 32 | 4096, None) != 0
    ):  # MS_REMOUNT | MS_BIND: no longer read-only
        raise OSError(ctypes.get_errno(), "remount")


def in_a_namespace_of_its_own(source):
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "sh", "-c", source],
        capture_output=True,
        text=True,
        timeout=10,
    )
    if done.returncode:
        raise OSError(done.stderr.strip())
    return done.stdout


def other_processes():
    mine = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    strange = [
        pid for pid in mine if LIVE["mark"] in Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    ]
    if not strange:
        raise LookupError(f"{len(mine)} processes are to be seen, none of them live")
    return strange


tried("tcp to the live port", lambda: connected(socket.AF_INET, ("127.0.0.1", LIVE["port"])))
tried(
    "tcp to the live port by the host's address",
    lambda: connected(socket.AF_INET, (LIVE["host"], LIVE["port"])),
)
tried("tcp to the internet", lambda: connected(socket.AF_INET, ("192.0.2.1", 443)))
tried("the live unix socket", lambda: connected(socket.AF_UNIX, LIVE["socket"]))
tried("the live abstract socket", lambda: connected(socket.AF_UNIX, "\0" + LIVE["abstract"]))
for name in ("env", "journal", "archive", "neighbour", "key"):
    tried(f"read the {name}", lambda name=name: Path(LIVE[name]).read_bytes())
for path in (
    "/etc/shadow",
    "/root",
    "/home",
    "/var/lib",
    "/run/systemd",
    "/run/docker.sock",
    "/var/run/postgresql",
    "/run/dbus",
    "/sys/kernel",
    "/boot",
    "/dev/vda",
    "/dev/mem",
    "/proc/kcore",
):
    tried(
        f"see {path}", lambda path=path: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)
    )
for path in (
    "/outside",
    "/usr/outside",
    "/etc/outside",
    "/bin/sh",
    LIVE["env"],
    LIVE["project"] + "/outside",
):
    tried(f"write {path}", lambda path=path: written(path))
tried("write /proc/sys", lambda: same_again("/proc/sys/kernel/core_pattern"))
tried("open sysrq-trigger", lambda: opened_for_writing("/proc/sysrq-trigger"))
tried("the root of a live process", lambda: os.listdir(f"/proc/{LIVE['pid']}/root"))
tried("the files of a live process", lambda: os.listdir(f"/proc/{LIVE['pid']}/fd"))
tried("a signal to a live process", lambda: os.kill(LIVE["pid"], 0))
tried("see a live process", other_processes)
tried("remount the root", lambda: remounted("/"))
tried("remount the programs", lambda: remounted("/usr"))
tried(
    "write /usr in a namespace of its own",
    lambda: in_a_namespace_of_its_own("mount -o remount,rw,bind /usr && touch /usr/outside"),
)
tried(
    "write /proc/sys in a namespace of its own",
    lambda: in_a_namespace_of_its_own(
        "mount -t proc proc /proc && cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern"
    ),
)
tried(
    "leave by the namespace of the first process",
    lambda: subprocess.run(
        ["nsenter", "-t", "1", "-m", "-n", "cat", LIVE["env"]], check=True, capture_output=True
    ),
)

status = dict(
    line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line
)
found["facts"] = {
    "uid": os.getuid(),
    "groups": os.getgroups(),
    "capabilities": status["CapEff"].strip(),
    "permitted": status["CapPrm"].strip(),
    "new privileges": status["NoNewPrivs"].strip(),
    "open": sorted(
        os.readlink(f"/proc/self/fd/{fd}")
        for fd in os.listdir("/proc/self/fd")
        if int(fd) > 2 and os.path.exists(f"/proc/self/fd/{fd}")
    ),
    "environment": dict(os.environ),
    "interfaces": [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]],
    "root": sorted(os.listdir("/")),
}

# Everything that it may do, it does: to the copy.
with sqlite3.connect(os.environ["DATABASE"]) as db:
    db.execute("DELETE FROM word")
folder = Path(os.environ["DATABASE"]).parent
for path in folder.iterdir():
    if path.suffix == ".txt":
        path.unlink()
(folder / "findings.json").write_text(json.dumps(found))
runpy.run_path("web.py", run_name="__main__")
