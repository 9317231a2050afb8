"""Keeps what the supervisor must know after its own kill -9: one JSON file, replaced as a whole or not at
all."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1


def write_atomically(path: Path, document: Any) -> None:
    """Replaces the file, readable for this user only; after a power cut it holds the old or the new."""
    fresh = path.with_name(f".{path.name}.new")
    data = json.dumps(document, separators=(",", ":")).encode()
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    fresh.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def load(path: Path) -> tuple[dict[str, Any] | None, str]:
    """The state and "", or None and why there is none. A file that makes no sense is put aside, not deleted,
    so that it can do no harm at the next start either."""
    try:
        document = json.loads(path.read_bytes())
        if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
            raise ValueError("not a state file of this version")
        for part, kind in (("slots", dict), ("jobs", dict)):
            if not isinstance(document.get(part), kind):
                raise ValueError(f"its part {part} is missing")
    except FileNotFoundError:
        return None, ""
    except ValueError as error:
        return None, put_aside(path, str(error))
    return document, ""


def put_aside(path: Path, why: str) -> str:
    """Renames a damaged file and returns the sentence that says so."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}")
    path.replace(aside)
    return (
        f"{path} made no sense ({why}); it was put aside as {aside.name}, running processes were looked for"
    )
