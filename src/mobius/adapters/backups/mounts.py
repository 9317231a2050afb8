"""Said before a deployment: data on a mount of its own comes back inside of it, and what could not come back at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mobius.adapters.backups.exchanging import half_done, is_mount, mounts_below
from mobius.model.verdict import CheckResult, Outcome

NAME = "restore in place"


def look_at_mounts(places: Mapping[str, Path]) -> tuple[CheckResult, ...]:
    """By configured path; nothing where each is an ordinary file or folder. Changes nothing."""
    checks = []
    for name, place in places.items():
        live = place.resolve() if place.is_symlink() else place
        if left := half_done(live):
            told = f"{name} is half exchanged: going back was begun and not finished ({left[0].name})"
            checks.append(CheckResult(NAME, Outcome.FAIL, told, 0.0, "mobius resume finishes it"))
        elif inner := mounts_below(live):
            told = f"{name} could not be restored: {inner[0]} below it is a mount of its own"
            advice = "name in backup.paths what is on each of the two disks, side by side"
            checks.append(CheckResult(NAME, Outcome.FAIL, told, 0.0, advice))
        elif is_mount(live):
            told = f"{name} is a mount of its own: it is restored inside of it, child by child"
            checks.append(CheckResult(NAME, Outcome.PASS, told, 0.0))
    return tuple(checks)
