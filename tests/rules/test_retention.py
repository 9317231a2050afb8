"""What may be removed, and what never."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.rules.retention import backups_to_keep, releases_to_remove

STAGED, LIVE, PREVIOUS, RETIRED, FAILED = ReleaseState


def release(number: int, state: ReleaseState = RETIRED, accepted: bool = False) -> Release:
    """The higher the number, the newer."""
    return Release(
        f"v{number}", f"v{number}", "", "", "", state=state, staged_at=float(number), accepted=accepted
    )


def backup(number: int, guards: str = "", rehearsed: bool = False) -> BackupRecord:
    name, rehearsed_at = f"b{number}", float(number) if rehearsed else 0.0
    return BackupRecord(
        name, name, "", 1, float(number), guards, number, "release", rehearsed_at=rehearsed_at
    )


@pytest.mark.parametrize(
    ("releases", "keep", "removed"),
    [
        ([], 5, ()),
        ([release(1), release(2), release(3)], 3, ()),
        ([release(1), release(2), release(3, LIVE)], 2, ()),
        ([release(1), release(2), release(3, LIVE)], 1, ("v1",)),
        ([release(1, LIVE), release(2), release(3), release(4)], 2, ("v2",)),
        ([release(1, PREVIOUS), release(2, LIVE), release(3, FAILED), release(4, FAILED)], 1, ("v3",)),
        ([release(1, accepted=True), release(2, FAILED), release(3, LIVE)], 0, ("v2",)),
        ([release(1, accepted=True), release(2, accepted=True), release(3, LIVE)], 0, ("v1",)),
        ([release(1, LIVE)], 0, ()),
        ([release(n) for n in range(9)], 5, ("v3", "v2", "v1", "v0")),
    ],
)
def test_releases_beyond_the_newest_go_but_never_live_previous_or_the_newest_accepted(
    releases: list[Release], keep: int, removed: tuple[str, ...]
) -> None:
    assert releases_to_remove(releases, keep=keep) == removed
    assert releases_to_remove(releases[::-1], keep=keep) == removed


def test_a_day_of_restarts_does_not_push_out_the_other_releases() -> None:
    restarts = [replace(release(9, RETIRED), id=f"v9+{n}", staged_at=9.0 + n) for n in range(2, 8)]
    live = replace(release(9, LIVE), id="v9+8", staged_at=99.0)

    removed = releases_to_remove([live, *restarts, release(9), release(8), release(7), release(6)], keep=2)

    assert removed == ("v9+5", "v9+4", "v9+3", "v9+2", "v9", "v7", "v6")


def test_the_newest_rehearsed_backup_stays_whatever_its_age() -> None:
    backups = [backup(3), backup(2, rehearsed=True), backup(1, rehearsed=True)]

    assert backups_to_keep(backups, []) == ("b2",)


def test_what_guards_a_kept_release_stays() -> None:
    backups = [backup(1, "v1"), backup(2, "v2", rehearsed=True), backup(3, "v1"), backup(4, "v0")]

    assert set(backups_to_keep(backups, ["v1", "v2"])) == {"b1", "b2", "b3"}


def test_without_backups_nothing_is_kept() -> None:
    assert backups_to_keep([], ["v1"]) == ()
