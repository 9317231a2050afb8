"""What may be removed, and what never."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.rules.retention import fates, releases_to_remove

STAGED, LIVE, PREVIOUS, RETIRED, FAILED = ReleaseState


def release(number: int, state: ReleaseState = RETIRED, accepted: bool = False) -> Release:
    """The higher the number, the newer."""
    return Release(
        f"v{number}", f"v{number}", "", "", "", state=state, staged_at=float(number), accepted=accepted
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


# Backups


NOW = 100 * 86_400.0


def backup(
    days_old: float,
    guards: str = "v1",
    *,
    rehearsed: bool = False,
    kind: str = "release",
    verified: bool = True,
) -> BackupRecord:
    """Named by its age in days."""
    created_at = NOW - days_old * 86_400
    return BackupRecord(
        f"b{days_old:g}", f"/b{days_old:g}", "", 1, created_at, guards, 0, kind,
        verified_at=created_at if verified else 0.0, rehearsed_at=created_at if rehearsed else 0.0,
    )  # fmt: skip


def judged(
    backups: list[BackupRecord],
    *,
    days: float = 30,
    count: int = 0,
    needed: Mapping[str, str] | None = None,
    named: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Name to reasons, with "goes: " in front of those that go."""
    made = fates(backups, now=NOW, days=days, count=count, needed=needed or {}, named=named or {})
    again = fates(backups[::-1], now=NOW, days=days, count=count, needed=needed or {}, named=named or {})
    assert again == made, "the order in which they are given changes nothing"
    return {fate.backup.name: ("" if fate.stays else "goes: ") + "; ".join(fate.reasons) for fate in made}


VERIFIED = "the newest that was verified"


@pytest.mark.parametrize(
    ("backups", "how", "expected"),
    [
        ([], {}, {}),
        (
            [backup(1), backup(29.9), backup(30), backup(41)],
            {},
            {
                "b1": f"{VERIFIED}; younger than 30 d",
                "b29.9": "younger than 30 d",
                "b30": "goes: 30 d old, past 30 d",
                "b41": "goes: 41 d old, past 30 d",
            },
        ),
        (
            [backup(40), backup(50), backup(60), backup(70)],
            {"count": 3},
            {
                "b40": f"{VERIFIED}; among the newest 3",
                "b50": "among the newest 3",
                "b60": "among the newest 3",
                "b70": "goes: 70 d old, past 30 d",
            },
        ),
        (
            [backup(40), backup(50)],
            {"count": 1},
            {"b40": f"{VERIFIED}; the newest", "b50": "goes: 50 d old, past 30 d"},
        ),
        (
            [backup(40), backup(50, rehearsed=True), backup(60, rehearsed=True)],
            {},
            {"b40": VERIFIED, "b50": "the newest that was rehearsed", "b60": "goes: 60 d old, past 30 d"},
        ),
        (
            [backup(40, verified=False), backup(50), backup(60)],
            {},
            {"b40": "goes: 40 d old, past 30 d", "b50": VERIFIED, "b60": "goes: 60 d old, past 30 d"},
        ),
        (
            [backup(40, "v2"), backup(50), backup(60), backup(70, "v0")],
            {"needed": {"v2": "which is live", "v1": "the previous"}},
            {
                "b40": f"{VERIFIED}; the newest of v2, which is live",
                "b50": "the newest of v1, the previous",
                "b60": "goes: 60 d old, past 30 d",
                "b70": "goes: 70 d old, past 30 d",
            },
        ),
        (
            [backup(40), backup(50, "v2", verified=False), backup(60, "v2")],
            {"needed": {"v2": "which is live"}},
            {
                "b40": VERIFIED,
                "b50": "goes: 50 d old, past 30 d",
                "b60": "the newest of v2, which is live",
            },
        ),
        (
            [backup(40), backup(50), backup(60, kind="emergency")],
            {"named": {"b50": "run 7 depends on it", "b60": "run 7 depends on it", "gone": "…"}},
            {"b40": VERIFIED, "b50": "run 7 depends on it", "b60": "run 7 depends on it"},
        ),
        (
            [backup(40, kind="emergency", rehearsed=True), backup(50), backup(1, kind="emergency")],
            {"count": 1},
            {
                "b1": "younger than 30 d",
                "b40": "goes: 40 d old, past 30 d",
                "b50": f"{VERIFIED}; the newest",
            },
        ),
        (
            [backup(40, ""), backup(50), backup(60, "")],
            {},
            {"b40": "goes: 40 d old, past 30 d", "b50": VERIFIED, "b60": "goes: 60 d old, past 30 d"},
        ),
        ([backup(40, "")], {}, {"b40": VERIFIED}),
        ([backup(-1)], {}, {"b-1": f"{VERIFIED}; younger than 30 d"}),
    ],
    ids=[
        "none", "days", "count", "the newest alone", "the newest rehearsed", "the only verified",
        "what releases need", "what releases need, verified before newer", "what a run names",
        "emergency copies go by age alone", "data alone is no way back", "data alone where there is no other",
        "a clock that was set back",
    ],
)  # fmt: skip
def test_each_backup_stays_for_a_reason_or_goes(
    backups: list[BackupRecord], how: dict[str, Any], expected: dict[str, str]
) -> None:
    assert judged(backups, **how) == expected


def test_whatever_the_limits_the_last_way_back_stays() -> None:
    for days, count in itertools.product((0, 1, 1000), (0, 1, 10)):
        every = [backup(n + 1, f"v{n % 3}", rehearsed=n == 7) for n in range(12)]
        kept = [
            name for name, why in judged(every, days=days, count=count).items() if not why.startswith("goes")
        ]
        assert {"b1", "b8"} <= set(kept)
