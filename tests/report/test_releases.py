"""The list of releases, wide, narrow and as JSON."""

from __future__ import annotations

from datetime import UTC

from mobius.model.release import Release, ReleaseState
from mobius.model.status import ReleaseAtHand
from mobius.report.releases import release_json, releases_text

NOW = 1_795_270_000.0  # 21 Nov 2026 14:06:40 UTC


def release(tag: str, state: ReleaseState, **more: object) -> Release:
    return Release(f"{tag}-1a2b3c4d", tag, "c0ffee", "d", "e", state=state, staged_at=NOW - 90_000, **more)  # type: ignore[arg-type]


ROWS = (
    ReleaseAtHand(release("v4", ReleaseState.FAILED), 1_200_000, "cold", 15.0),
    ReleaseAtHand(release("v3", ReleaseState.LIVE, live_since=NOW - 600, accepted=True), 1_200_000, "live"),
    ReleaseAtHand(release("v2", ReleaseState.PREVIOUS, live_since=NOW - 7200), 1_100_000, "warm", 1.0),
    ReleaseAtHand(release("v1", ReleaseState.RETIRED, live_since=NOW - 86_000), 0, "backup", 16.0, "b.zip"),
    ReleaseAtHand(release("v0", ReleaseState.RETIRED, live_since=NOW - 86_300), 0, ""),
)


def test_where_there_is_room_every_release_has_one_line() -> None:
    assert releases_text(ROWS, NOW, 120, UTC).splitlines() == [
        "release      tag  state     since                size    mark      way back",
        "v4-1a2b3c4d  v4   failed    staged 20 Nov 13:06  1.2 MB  failed    cold, about 15 s",
        "v3-1a2b3c4d  v3   live      live 13:56           1.2 MB  accepted  it is live",
        "v2-1a2b3c4d  v2   previous  live 12:06           1.1 MB  -         warm, about 1 s",
        "v1-1a2b3c4d  v1   retired   live 14:13           -       -         with the data of b.zip",
        "v0-1a2b3c4d  v0   retired   live 14:08           -       -         none: deploy it again",
    ]


def test_on_a_phone_a_release_has_its_name_and_then_the_rest() -> None:
    text = releases_text(ROWS[2:3], NOW, 40, UTC)

    assert text.splitlines() == ["v2-1a2b3c4d", "  previous, live 12:06, 1.1 MB, warm,", "  about 1 s"]
    assert all(len(line) <= 40 for line in releases_text(ROWS, NOW, 40, UTC).splitlines())


def test_as_json_the_way_back_says_whether_it_is_possible() -> None:
    told = [release_json(row) for row in ROWS]

    assert [(one["tag"], one["mark"], one["way_back"]["possible"]) for one in told] == [
        ("v4", "failed", True),
        ("v3", "accepted", True),
        ("v2", "", True),
        ("v1", "", True),
        ("v0", "", False),
    ]
    assert told[3]["way_back"] == {"possible": True, "how": "backup", "expected_s": 16.0, "by": "b.zip"}
    assert told[1]["live"] == "2026-11-21T13:56:40Z"
