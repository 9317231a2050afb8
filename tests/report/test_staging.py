from __future__ import annotations

from mobius.model.sample import Sample
from mobius.report.staging import StageProgress

OPENED = {"percent": 10, "new": "v2", "old": "v1", "deadline": 1000.0}


def counted() -> StageProgress:
    """A stage that opened at 100, with one reading of both sides."""
    stage = StageProgress(OPENED, 100.0)
    for at in (90.0, 110.0):  # the first belongs to the stage before
        stage.add(Sample("traffic", at, requests=310, errors=6))
        stage.add(Sample("control", at, requests=30_690, errors=31))
    return stage


def test_a_stage_shows_its_share_both_releases_and_the_time() -> None:
    assert counted().words(880.0, 80) == "10 % · v2 310 (1.9 % bad) · v1 30,690 (0.1 % bad) · 2 min at most"


def test_a_stage_shows_how_much_longer_it_takes_where_there_is_room() -> None:
    stage = counted()
    stage.reach({"missing": "enough in 40 s"})
    assert stage.words(880.0, 100).endswith("2 min at most · enough in 40 s")
    assert stage.words(880.0, 75).endswith("v1 30,690 (0.1 % bad) · enough in 40 s")
    assert stage.words(880.0, 60) == "10 % · v2 310 (1.9 % bad) · v1 30,690 (0.1 % bad)"


def test_a_failing_check_is_said_before_what_is_missing() -> None:
    stage = counted()
    stage.reach({"missing": "enough in 40 s"})
    stage.add(Sample("probe", 120.0, ok=False, note="was 503"))
    assert stage.words(880.0, 100).endswith("was 503")


def test_nothing_counted_yet_is_nothing() -> None:
    assert StageProgress(OPENED, 100.0).words(1100.0, 80) == "10 % · v2 0 · v1 0 · time is up"
