"""The open window on a terminal, as one line, and as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mobius.model.run import Event, RunState
from mobius.model.sample import Sample
from mobius.model.status import DisarmNow
from mobius.model.tick import Figures, Nearness, Tick
from mobius.model.verdict import Outcome
from mobius.report.live import LiveJson, LiveText
from mobius.report.paint import Paint
from mobius.report.watching import WindowScreen, bar, sparks
from mobius.report.watching_json import tick_json
from mobius.report.watching_text import look_line
from report import stories
from report.stories import NOON

TICK = Tick(
    at=NOON,
    left_s=2832.0,
    outcome=Outcome.INCONCLUSIVE,
    sentence="so far so good: 120 checks, 0 failed",
    checks=120,
    requests=12_034,
    errors=12,
    traffic={"traffic": Figures(102.4, 0.1, 12.0, 120.0, 340.0), "route:/api/render": Figures(3.0, 0.0)},
    gauges={"cpu": 34.0, "memory": 12.0, "gauge:queue": 17.0},
    evidence={"traffic": (3.14, 1250.0), "route:/api/render": (0.2, 5000.0)},
    nearest=(Nearness("p95", "p95 120 ms of 5,000 ms", 0.024),),
    issues=1,
)


def event(at_s: float, kind: str, message: str = "", **data: Any) -> Event:
    return Event(1, 7, NOON + at_s, kind, message, data)


class Still:
    """A window in which nothing changes."""

    service, way_back = "dhash", "code alone, about 1 s, proven 02:10, nothing lost"

    def __init__(
        self, tick: Tick = TICK, *, note: str = "no sound in previews", disarmed: bool = False
    ) -> None:
        self.run = replace(stories.run(RunState.OBSERVING), window_opened_at=NOON - 768)
        self.fed: list[Sample] = []
        self._tick, self._note, self._disarmed = tick, note, disarmed

    def add(self, samples: Sequence[Sample]) -> None:
        self.fed += samples

    def tick(self, now: float) -> Tick:
        return self._tick

    def disarm(self, now: float) -> DisarmNow | None:
        until = NOON + 720
        return DisarmNow("ann@box", NOON, until, "the name servers are down") if self._disarmed else None

    def issues(self) -> Sequence[Sample]:
        return [Sample("issue", NOON - 180, ok=False, note=self._note)] if self._note else []

    def curves(self, now: float, number: int) -> Sequence[tuple[Figures, Mapping[str, float]]]:
        return [(Figures(100.0, i % 3, 10.0, 100.0 + i, 300.0), {"cpu": 30.0}) for i in range(number)]


def test_a_screen_of_eighty_columns_says_it_all() -> None:
    lines = WindowScreen(Still()).lines(NOON, 80, 30, "⠋")
    assert lines[0] == "⠋ dhash production: v3 watched by conservative · 47 min 12 s left"
    assert lines[1] == "  way back: code alone, about 1 s, proven 02:10, nothing lost"
    assert lines[2] == "  issues     1 reported; 3 min ago: no sound in previews"
    assert [line.split()[0] for line in lines[3:11]] == [
        *("errors", "p50", "p95", "p99", "requests/s", "CPU", "memory", "queue"),
    ]
    assert lines[11].startswith("  evidence   ━━━━━━━") and lines[11].endswith(" 3.1 of 1,250")
    assert lines[12].startswith("  /api/rend… ──────") and lines[12].endswith(" 0.2 of 5,000")
    assert lines[13] == "  nearest    p95 120 ms of 5,000 ms"
    assert lines[14] == "  so far so good: 120 checks, 0 failed"


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120, 300])
@pytest.mark.parametrize("height", [5, 12, 24, 60])
def test_nothing_is_wider_or_higher_than_the_terminal(width: int, height: int) -> None:
    lines = WindowScreen(Still(disarmed=True, note=500 * "x")).lines(NOON, width, height, "⠋")
    assert len(lines) < height
    assert max(len(line) for line in lines) < width


def test_disarmed_is_said_loudly_on_the_screen_and_in_the_line() -> None:
    text = "\n".join(WindowScreen(Still(disarmed=True), Paint(True)).lines(NOON, 80, 30))
    assert "\x1b[31m  DISARMED for 12 min more, by ann@box until" in text
    assert " DISARMED · 120 checks" in look_line(replace(TICK, disarmed_until=NOON + 720))


def test_without_colour_there_is_no_escape_and_what_others_wrote_cannot_draw() -> None:
    still = Still(replace(TICK, sentence="\x1b[2Jgone", missing={"cpu": "\x07no"}), note="\x1b]0;t\x07")
    assert "\x1b" not in "".join(WindowScreen(still).lines(NOON, 80, 30)).replace("\n", "")
    assert "\x07" not in "".join(WindowScreen(still).lines(NOON, 80, 30))


def test_what_is_not_measured_is_called_by_the_name_it_was_given() -> None:
    lines = WindowScreen(Still(replace(TICK, missing={"gauge:queue": "refused"}))).lines(NOON, 80, 30)
    assert "  not measured: queue: refused" in lines


def test_a_curve_has_gaps_where_nothing_was_measured_and_a_bar_is_filled_by_its_share() -> None:
    assert sparks([0.0, 1.0, 2.0, 4.0]) == "▁▃▅█"
    assert sparks([1.0, None, 1.0, None, None, 1.0]) == "███  █"
    assert sparks([None, None]) == "  "
    assert sparks([0.0, 0.0]) == "▁▁"
    assert bar(0.5, 4) == "━━──" and bar(2.0, 4) == "━━━━" and bar(-1, 4) == "────"


def test_evidence_is_drawn_on_a_scale_of_logarithms() -> None:
    for value, full in ((0.5, 0), (1.0, 0), (35.36, 25), (1250.0, 51)):
        line = WindowScreen(Still(replace(TICK, evidence={"traffic": (value, 1250.0)}))).lines(NOON, 80, 30)[
            11
        ]
        assert abs(line.count("━") - full) <= 1, line


def test_one_look_is_one_line() -> None:
    assert look_line(TICK) == (
        "2026-11-20T12:00:00Z INCONCLUSIVE 120 checks, 0 failed · 102 requests/s, 0.1 % errors, p95 120 ms · "
        "evidence 3.1 of 1,250 · CPU 34 %, memory 12 % · 1 issue reported · 47 min 12 s left: "
        "so far so good: 120 checks, 0 failed"
    )


@pytest.mark.parametrize(
    ("figures", "drawn", "told"),
    [
        (Figures(), "–", ""),
        (Figures(0.0), "0", "0 requests/s"),
        (Figures(0.0333, 0.0), "0.033", "0.033 requests/s, 0 % errors"),
        (Figures(2.04, 0.0), "2.0", "2.0 requests/s, 0 % errors"),
    ],
)
def test_no_requests_and_nobody_who_counts_them_are_two_things(
    figures: Figures, drawn: str, told: str
) -> None:
    tick = replace(TICK, traffic={"traffic": figures})
    [line] = [line for line in WindowScreen(Still(tick)).lines(NOON, 80, 30) if "requests/s" in line]
    assert line.split()[-1] == drawn
    said = look_line(tick).split(" · ")
    assert [part for part in said if "requests/s" in part] == ([told] if told else [])
    assert tick_json(tick, stories.run(RunState.OBSERVING))["traffic"]["traffic"]["requests_per_s"] == (
        None if figures.requests_per_s is None else pytest.approx(figures.requests_per_s, abs=1e-4)
    )


def test_in_a_pipe_there_is_a_line_a_minute() -> None:
    stream, still = io.StringIO(), Still()
    live = LiveText(stream, screen=lambda run_id: WindowScreen(still))
    live.event(event(0, "window opened", "watching v3", deadline=NOON + 600))
    for second in range(1, 181):
        live.sample(Sample("probe", NOON + second, ok=True, value=4.0))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4 and lines[1:] == [look_line(TICK)] * 3
    assert len(still.fed) == 180


def test_on_a_terminal_the_screen_is_drawn_in_place_and_makes_room_for_what_happens() -> None:
    stream = io.StringIO()
    live = LiveText(stream, tty=True, screen=lambda run_id: WindowScreen(Still()), size=lambda: (80, 30))
    live.event(event(0, "window opened", "watching v3", deadline=NOON + 600))
    live.tick(NOON + 1)
    live.tick(NOON + 2)
    assert stream.getvalue().count("\r\x1b[14A\x1b[J") == 2
    live.event(event(3, "page", "look at it"))
    live.close()
    assert stream.getvalue().endswith("\r\x1b[14A\x1b[J")


def test_json_has_an_object_with_the_figures_of_each_look() -> None:
    stream = io.StringIO()
    live = LiveJson(stream, looking=lambda run_id: Still())
    live.event(event(0, "window opened", "watching v3", deadline=NOON + 600))
    live.sample(Sample("probe", NOON + 1, ok=True, value=4.0))
    live.sample()
    _, tick = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (tick["schema_version"], tick["event"], tick["run"], tick["left_s"]) == (1, "tick", 7, 2832.0)
    assert tick["evidence"]["traffic"] == {"value": 3.14, "threshold": 1250.0}
    assert tick["traffic"]["traffic"]["p95_ms"] == 120.0
    assert tick["disarmed_until"] is None


def test_while_a_bad_moment_would_be_forgiven_whole_it_says_why_there_is_no_evidence() -> None:
    young = replace(TICK, evidence={"traffic": (0.0, 1250.0)}, forgiven_s=30.0)
    assert "· evidence 0 of 1,250 (the first 30 s count for nothing) ·" in look_line(young)
    [line] = [line for line in WindowScreen(Still(young)).lines(NOON, 80, 40) if "evidence" in line]
    assert line.split() == [
        "evidence",
        "the",
        "first",
        "30",
        "s",
        "count",
        "for",
        "nothing",
        "0",
        "of",
        "1,250",
    ]
    assert tick_json(young, stories.run(RunState.OBSERVING))["forgiven_s"] == 30.0
