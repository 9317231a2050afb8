"""The health gate before traffic: so many good answers in a row, over a least time, before a deadline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mobius.adapters.checks.memory import bad, good
from mobius.errors import MobiusError
from mobius.flows.healthy import await_healthy
from mobius.model.settings import HealthSettings
from mobius.model.verdict import CheckResult
from world import SETTINGS, WEB, World


class Answers:
    """One letter an answer: "." good, "x" bad; the last one is repeated."""

    def __init__(self, letters: str) -> None:
        self.letters = list(letters)

    def health(self, base_url: str) -> CheckResult:
        letter = self.letters.pop(0) if len(self.letters) > 1 else self.letters[0]
        return good() if letter == "." else bad()


def asked(letters: str, started: bool = True, **health: Any) -> tuple[World, Any]:
    """A world with v2 in green, and ports whose checks answer by script."""
    gate = HealthSettings(
        **{"successes": 3, "interval_s": 1.0, "deadline_s": 10.0, "min_healthy_s": 0.0, **health}
    )
    world = World(settings=replace(SETTINGS, health=gate))
    if started:
        world.target.start("green", "v2", Path("/memory/v2"), [WEB])
    return world, replace(world.ports, checks=Answers(letters))


def test_enough_good_answers_in_a_row_are_healthy() -> None:
    _, ports = asked("...")

    assert await_healthy("green", "v2", ports) == {"answers": 3, "waited_s": 2.0}


def test_one_bad_answer_starts_the_count_anew() -> None:
    _, ports = asked("..x...")

    assert await_healthy("green", "v2", ports)["answers"] == 6


def test_good_answers_must_last_a_least_time() -> None:
    _, ports = asked(".", min_healthy_s=5.0)

    assert await_healthy("green", "v2", ports) == {"answers": 6, "waited_s": 5.0}


def test_until_the_first_good_answer_it_looks_often() -> None:
    _, ports = asked("xxxxx...", interval_s=2.0)

    assert await_healthy("green", "v2", ports) == {"answers": 8, "waited_s": 5.0}


@pytest.mark.parametrize(
    ("letters", "why"),
    [
        ("x", "[status == 200] was 503"),
        (".x" * 40, "1 good answer(s) in a row were not enough, after [status == 200] was 503"),
    ],
)
def test_a_release_that_is_never_healthy_is_told_with_its_last_bad_answer_and_its_log(
    letters: str, why: str
) -> None:
    _, ports = asked(letters)

    with pytest.raises(MobiusError) as never:
        await_healthy("green", "v2", ports)

    assert never.value.message == f"v2 was not healthy within 10 s: /health: {why}"
    assert never.value.details == ("api of v2",)
    assert never.value.hint == "its log: mobius logs -e production --slot green"


def test_a_release_that_never_listens_is_told_so() -> None:
    _, ports = asked("x", started=False)

    with pytest.raises(MobiusError, match="v2 was not healthy within 10 s: /health: it never listened"):
        await_healthy("green", "v2", ports)


def test_a_release_that_keeps_dying_is_given_up_at_once() -> None:
    world, ports = asked("x")
    world.target.dying_releases.add("v2")
    began = world.clock.monotonic()

    with pytest.raises(MobiusError, match=r"v2 does not stay up: api ended 3 time\(s\)"):
        await_healthy("green", "v2", ports)

    assert world.clock.monotonic() == began
