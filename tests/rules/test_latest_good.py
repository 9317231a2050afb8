"""Which backup is the latest good one: by what was written down of it and of its release."""

from __future__ import annotations

from dataclasses import replace

from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.rules.latest_good import in_order

NOW = 1_000_000.0
V1 = Release("v1-11", "v1", "", "", "", state=ReleaseState.PREVIOUS, live_since=1.0, accepted=True)
V2 = Release("v2-22", "v2", "", "", "", state=ReleaseState.LIVE, live_since=2.0)
BASE = BackupRecord("a.zip", "/b/a.zip", "a" * 64, 1, NOW - 100, "v1-11", 1, "release", verified_at=1.0)


def order(*backups: BackupRecord, releases: tuple[Release, ...] = (V1, V2)) -> tuple[list[str], list[str]]:
    found, passed = in_order(backups, releases, live_id="v2-22", now=NOW)
    return [backup.name for backup in found], list(passed)


def named(name: str, **changes: object) -> BackupRecord:
    return replace(BASE, name=name, **changes)  # type: ignore[arg-type]


def test_rehearsed_ones_come_first_then_verified_ones_the_newest_first_among_each() -> None:
    assert order(
        named("old-rehearsed", rehearsed_at=5.0, created_at=10.0),
        named("new-verified", created_at=90.0),
        named("unverified", verified_at=0.0, created_at=99.0),
        named("rehearsed", rehearsed_at=4.0, created_at=20.0),
        named("verified", created_at=80.0),
    ) == (["rehearsed", "old-rehearsed", "new-verified", "verified", "unverified"], [])


def test_an_emergency_backup_is_never_one() -> None:
    assert order(named("emergency", kind="emergency")) == (
        [],
        ["emergency is of a state that is not known to be good"],
    )


def test_a_backup_of_what_is_live_and_not_accepted_comes_last() -> None:
    assert order(
        named("of-v2", release_id="v2-22", rehearsed_at=9.0), named("of-v1", verified_at=0.0, created_at=1.0)
    ) == (["of-v1", "of-v2"], [])


def test_an_accepted_live_release_has_good_backups() -> None:
    accepted = replace(V2, accepted=True)
    assert order(
        named("of-v2", release_id="v2-22", rehearsed_at=9.0), named("of-v1"), releases=(V1, accepted)
    ) == (["of-v2", "of-v1"], [])


def test_releases_that_failed_or_never_were_live_have_none() -> None:
    failed = replace(V1, state=ReleaseState.FAILED)
    staged = Release("v3-33", "v3", "", "", "", state=ReleaseState.STAGED)
    assert order(named("of-failed"), named("of-staged", release_id="v3-33"), releases=(failed, staged)) == (
        [],
        ["of-failed is of v1-11, which failed", "of-staged is of v3-33, which was never live"],
    )


def test_what_holds_no_release_or_comes_from_the_future_is_none() -> None:
    assert order(named("initial", release_id=""), named("hostile", created_at=NOW + 86_400)) == (
        [],
        ["initial holds no release", "hostile says that it was made in the future"],
    )


def test_of_a_release_that_nobody_knows_the_kind_has_to_do() -> None:
    assert order(named("of-somebody", release_id="what-runs-now"))[0] == ["of-somebody"]
