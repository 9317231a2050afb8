"""kill -9 of a backup and of a way back with data, at moments spread over all that they do."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from journeys.backup.ground import Ground

pytestmark = pytest.mark.journey


def strike_backups(ground: Ground, moments: int) -> dict[str, int]:
    """Kill one backup at each of so many moments; how they ended."""
    began_s = time.monotonic()
    ground.backup()
    whole_s = time.monotonic() - began_s
    seen = {"nothing": 0, "published": 0, "over": 0}
    for number in range(moments):
        before = ground.archives()
        done = ground.kill_a_backup_after(1.1 * whole_s * (number + 0.5) / moments)
        new = {name for name in ground.archives() - before if name.count("_") == 2}  # not the day's name
        assert len(new) <= 1
        seen["over" if done.code == 0 else "published" if new else "nothing"] += 1
        assert ground.broken() == [], f"killed after {number + 0.5} of {moments}"
        for path in ground.backups.glob("*.zip*") if number % 20 == 19 else ():
            path.unlink()  # or a hundred of them would have to be verified again and again
    ground.backup()
    assert ground.broken() == []
    assert ground.left() == [], "a later backup sweeps what the dead ones left"
    return seen


def strike_rollbacks(ground: Ground, moments: int, longest_s: float, scratch: Path) -> int:
    """Kill the runner of `rollback --backup` at each of so many moments; how often it was alive to be killed."""
    struck = 0
    files = ground.files()
    for number in range(moments):
        assert ground.service.post()["code"] == 200
        backup = ground.backup()
        expected = ground.posts_in(backup, scratch / f"taken-{number}")
        assert expected == ground.posts()
        for _ in range(3):
            assert ground.service.post()["code"] == 200
        (ground.data / "since.txt").write_text("written since")
        delay_s = longest_s * number / moments
        done, was_struck = ground.kill_a_rollback_after(backup, delay_s)
        run = ground.settled()
        where = f"killed {delay_s:.2f} s after it began: {run} {done}"
        struck += was_struck
        assert run["state"] in ("observing", "rolled_back", "accepted"), where
        assert (ground.posts(), ground.files()) == (expected, files), (
            f"the data is not that of the backup; {where}"
        )
        assert ground.service.get()["code"] == 200, where
        assert ground.broken() == []
        ground.service.mobius("accept")
        for path in ground.backups.glob("*.zip*"):
            path.unlink()
    return struck


def test_a_backup_that_is_killed_is_not_there_or_whole(ground: Ground) -> None:
    seen = strike_backups(ground, 6)
    assert seen["nothing"] >= 2, "the kills came too late to be worth anything"


@pytest.mark.slow
def test_a_backup_that_is_killed_at_any_of_120_moments_is_not_there_or_whole(ground: Ground) -> None:
    seen = strike_backups(ground, 120)
    print(f"\n| mobius backup create | 120 moments | {seen} |")
    assert seen["nothing"] >= 40 and seen["published"] + seen["over"] >= 1


def test_a_way_back_with_data_whose_runner_is_killed_ends_with_the_data_of_the_backup(
    ground: Ground, tmp_path: Path
) -> None:
    assert strike_rollbacks(ground, 2, 1.0, tmp_path) >= 1


@pytest.mark.slow
def test_a_way_back_with_data_whose_runner_is_killed_at_any_of_24_moments(
    ground: Ground, tmp_path: Path
) -> None:
    struck = strike_rollbacks(ground, 24, 4.0, tmp_path)
    print(f"\n| mobius rollback --backup | 24 moments | {struck} struck |")
    assert struck >= 12
