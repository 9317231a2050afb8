"""Whether a backup can be made here: the folder, room for it and for its rehearsal, time, and what signs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from mobius.archive.signature import Signatures
from mobius.errors import MobiusError
from mobius.model.cost import Need
from mobius.model.release import BackupRecord
from mobius.model.verdict import CheckResult, Outcome
from mobius.report.affording import takes, too_little
from mobius.report.words import size
from mobius.rules.affording import expected, shortage

NAME = "backup"


def room_and_time(
    size_bytes: Callable[[], int], folder: Path, root: Path, past: Sequence[BackupRecord]
) -> CheckResult:
    """`size_bytes` says how much there is, and raises MobiusError naming a path that cannot be backed up. The archive
    goes to `folder`, the copy of its rehearsal below `root`."""
    try:
        whole = size_bytes()
        at = _existing(folder)
        if not at.is_dir() or not os.access(at, os.W_OK | os.X_OK) or _is_read_only(at):
            advice = "make it a folder that you may write to, or set backup.folder in mobius.toml"
            return CheckResult(NAME, Outcome.FAIL, f"{at} cannot be written", 0.0, advice)
        needs = _needs(whole, at, _existing(root))
    except MobiusError as problem:
        return CheckResult(NAME, Outcome.FAIL, problem.message, 0.0, problem.hint)
    except OSError as problem:
        told = f"{problem.filename or folder} cannot be looked at: {problem.strerror or problem}"
        return CheckResult(NAME, Outcome.FAIL, told, 0.0, "let this user look at it")
    if (short := shortage(needs)) is not None:
        told, advice = too_little(short)
        return CheckResult(NAME, Outcome.FAIL, told, 0.0, advice)
    free = min(need.free_bytes for need in needs)
    told = f"{size(whole)} to back up, {size(free)} free; {takes(expected(whole, past))}"
    return CheckResult(NAME, Outcome.PASS, told, 0.0)


def signing(signatures: Signatures, folder: Path) -> tuple[CheckResult, ...]:
    """Signs and checks a line of text, where anything is said of signatures."""
    name = "signature"
    if not (signatures.key or signatures.allowed or signatures.required):
        return ()
    try:
        told = signatures.try_out(folder)
    except MobiusError as problem:
        return (CheckResult(name, Outcome.FAIL, problem.message, 0.0, problem.hint),)
    return (CheckResult(name, Outcome.PASS, told, 0.0),)


def _needs(whole: int, folder: Path, root: Path) -> list[Need]:
    """The archive, at worst as large as what is in it, and the copy that the rehearsal restores from it."""
    wanted = ((folder, "the archive"), (root, "the copy of its rehearsal"))
    return [
        Need(purpose, str(place), place.stat().st_dev, whole, shutil.disk_usage(place).free)
        for place, purpose in wanted
    ]


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(path for path in [folder, *folder.parents] if path.exists())


def _is_read_only(folder: Path) -> bool:
    """A mount that nobody may write to; root may write to anything else."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY) if hasattr(os, "statvfs") else False
