"""What the gates of a window said, as checks: by their last answer, and silence is no pass."""

from __future__ import annotations

from mobius.model.sample import WAITING, Sample
from mobius.model.verdict import Outcome
from mobius.rules.quality.window import checks_of_window

SAMPLES = (
    Sample("probe", 1.0, ok=True),
    Sample("gate:media", 1.0, missing="no film yet", note=WAITING),
    Sample("gate:media", 2.0, ok=False, note="a.mp4: too quiet"),
    Sample("gate:media", 3.0, ok=True),
    Sample("gate:lint", 3.0, missing="it broke"),
    Sample("smoke", 3.0, ok=True),
    Sample("smoke", 4.0, ok=False, note="front page: 500"),
)


def test_each_gate_is_told_by_its_last_answer() -> None:
    found = checks_of_window(SAMPLES, Outcome.FAIL, "taken back")
    assert [(one.name, one.outcome, one.message) for one in found] == [
        ("lint", Outcome.INCONCLUSIVE, "it never answered: it broke"),
        ("media", Outcome.PASS, "1 of 2 passed"),
        ("smoke", Outcome.FAIL, "front page: 500 (1 of 2 passed)"),
        ("window", Outcome.FAIL, "taken back"),
    ]


def test_a_window_without_gates_is_told_too() -> None:
    found = checks_of_window((), Outcome.PASS, "accepted by the window")
    assert [(one.name, one.outcome) for one in found] == [("window", Outcome.PASS)]
