"""The files that people read: `logs/deployment.log`, the artifacts of a run, who is at the keyboard."""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from mobius.model.run import Holder

PRIVATE = ("lost-rows.jsonl",)  # artifacts that hold what users wrote


def deployment_log(path: Path) -> Callable[[str], None]:
    """Appends lines with their time. A log that cannot be written never stops a deployment or a rollback."""

    def write(line: str) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{stamp} {line}\n")
        except OSError:
            return

    return write


def artifacts(folder: Path, redact: Callable[[str], str]) -> Callable[[str, str], Path]:
    """Writes `(name, text)` into the artifact folder, secrets taken out; the newest replaces the one before."""

    def write(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name in PRIVATE:  # before there is anything to read in it
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
        path.write_text(redact(text), encoding="utf-8")
        return path

    return write


def holder() -> Holder:
    """Who acts now."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return Holder(
        user=user, host=socket.gethostname(), pid=os.getpid(), since=time.time(), boot_id=_boot_id()
    )


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
