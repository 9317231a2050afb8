"""Releases that fall ill, at once or late: each is found on a real service with users, and taken back in time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys.watch.ward import FAULTS, LATE, LEAK, Fault, Ward

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with Ward(tmp_path_factory.mktemp("ward")) as there:
        there.settle_in()
        yield there


def test_a_release_whose_every_answer_fails_is_gone_when_no_bad_moment_is_that_long_without_any_history(
    tmp_path: Path,
) -> None:
    [fault] = [fault for fault in FAULTS if fault.name.startswith("100 %")]
    with Ward(tmp_path, window="2m") as ward:
        found = ward.deploy_ill(fault)
        assert found.done.code == 12, found.done
        assert re.search(r"^[\d,]+ of the last [\d,]+ requests failed, for 3\d s$", found.sentence), found
        assert 30 < found.back_s < 45
        assert ward.service.get("/")["release"] == "v1"


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*FAULTS, *LATE, LEAK], ids=str)
def test_a_release_that_falls_ill_is_taken_back_and_told_why(ward: Ward, fault: Fault) -> None:
    if fault.gauges:
        ward.write_gauges()
        ward.set_window("9m")  # what is known of it comes by the half minute
    if fault.hour:
        ward.write_hour()
    before = ward.service.status()["live"]["tag"]
    found = ward.deploy_ill(fault)
    assert found.done.code == 12, found.done
    assert re.search(fault.words, found.sentence), found.sentence
    assert found.back_s < 2 * fault.goal_s
    assert ward.service.get("/")["release"] == before
