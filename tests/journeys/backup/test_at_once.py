"""Backups while others are made, and while the service writes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from journeys.backup.ground import Ground

pytestmark = pytest.mark.journey


def test_two_backups_at_once_are_two_backups_or_one_says_that_the_other_runs(ground: Ground) -> None:
    before = ground.archives()
    both = [ground.service.start("backup", "create", "--json") for _ in range(2)]
    done = [ground.service.finish(process) for process in both]
    codes = sorted(each.code for each in done)
    assert codes[0] == 0 and codes[1] in (0, 10), done
    new = ground.archives() - before
    assert {Path(each.json["path"]).name for each in done if each.code == 0} <= new
    assert ground.broken() == [] and ground.left() == []
    assert all("Traceback" not in each.err for each in done)


def test_a_backup_of_a_service_that_writes_holds_every_row_answered_before_it_began(
    ground: Ground, tmp_path: Path
) -> None:
    stop, answered = threading.Event(), [ground.posts()]

    def write() -> None:
        while not stop.is_set():
            if ground.service.post()["code"] == 200:
                answered[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(2):
            before = answered[0]
            backup = ground.backup()
            kept = ground.posts_in(backup, tmp_path / f"taken-{number}")
            assert before <= kept <= answered[0] + 1
    finally:
        stop.set()
        writer.join()
    assert ground.posts() == answered[0]
    assert ground.broken() == []
