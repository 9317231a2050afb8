"""Whether this machine can hold a bed, and if not, why: one sentence that a skipped test prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from .build import TOOLS, CannotBuild, beds, rootfs
from .ground import hierarchies


@cache
def why_not(*, built: bool = True) -> str:
    """Empty when a bed can be had; else the reason. With `built`, the root file system must be there already."""
    if not sys.platform.startswith("linux"):
        return "a bed is a systemd host in systemd-nspawn: Linux only"
    if os.geteuid() != 0:
        return "a bed needs root"
    if built:
        try:
            if not rootfs().exists():
                return "the root file system is not built: make bed"
        except (CannotBuild, OSError) as reason:
            return str(reason)
        missing = [program for program in TOOLS if shutil.which(program) is None]
        if missing:
            return f"{', '.join(missing)} not found: make bed installs it"
    elif shutil.which("apt-get") is None:
        return "no apt-get: the root file system is built on Debian and its children only"
    return no_groups() or no_namespaces()


def no_groups() -> str:
    """Control groups can be made and entered."""
    if not hierarchies():
        return "no control groups below /sys/fs/cgroup"
    for root in hierarchies():
        probe = root / f"mbed-probe-{os.getpid()}"
        try:
            probe.mkdir()
            probe.rmdir()
        except OSError as reason:
            return f"no control group can be made in {root}: {reason.strerror}"
    return ""


def no_namespaces() -> str:
    """Namespaces and an overlay can be made: an unprivileged container, for one, may not."""
    try:
        beds().mkdir(parents=True, exist_ok=True)
    except (CannotBuild, OSError) as reason:
        return str(reason)
    with tempfile.TemporaryDirectory(dir=beds()) as folder:
        for name in ("lower", "upper", "work", "merged"):
            Path(folder, name).mkdir()
        layers = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
        mount = ("mount", "-t", "overlay", "overlay", "-o", layers, f"{folder}/merged")
        for argv in (
            ("unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "true"),
            ("unshare", "--mount", "--propagation", "private", *mount),
        ):
            done = subprocess.run(argv, capture_output=True, text=True)
            if done.returncode != 0:
                return f"{argv[0]} … {argv[-1]}: {done.stderr.strip() or done.returncode}"
    return ""


if __name__ == "__main__":
    reason = why_not(built="--unbuilt" not in sys.argv)
    print(
        f"the fleet tests cannot run here: {reason}"
        if reason
        else "the fleet tests can run here: make test-fleet"
    )
    sys.exit(1 if reason else 0)
