"""What a rehearsal leaves beside its backup: a file that says what was proven, when, how, and with what."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mobius.adapters.releases.store import write_durably
from mobius.errors import MobiusError

SUFFIX = ".rehearsal.json"


def evidence_of(archive: Path) -> Path:
    """`dhash_20260101_120000.zip.rehearsal.json`, which goes when the backup goes."""
    return archive.with_name(archive.name + SUFFIX)


def write_evidence(archive: Path, facts: Mapping[str, Any]) -> Path:
    """Whole or not at all, in place of the one before. Raises `MobiusError` where it cannot be written."""
    said = {
        "schema_version": 1,
        **facts,
        "tools": {
            "mobius": _version(),
            "python": platform.python_version(),
            "system": platform.platform(),
            **dict(facts.get("tools") or {}),
        },
    }
    path = evidence_of(archive)
    try:
        write_durably(path, json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    except OSError as problem:
        raise MobiusError(
            f"the evidence {path} could not be written: {problem.strerror or problem}",
            "free some space, or let this user write there",
        ) from problem
    return path


def read_evidence(archive: Path, sha256: str) -> Mapping[str, Any] | None:
    """What was proven of this very archive; None where there is nothing, or it is of another."""
    with suppress(OSError, ValueError):
        said = json.loads(evidence_of(archive).read_bytes())
        if isinstance(said, dict) and said.get("sha256") == sha256:
            return said
    return None


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mobius")
    except PackageNotFoundError:
        return "unknown"
