from __future__ import annotations

import io
import json
import re
import threading
from dataclasses import replace
from typing import Any

import pytest

from mobius.model.run import Event, RunState
from mobius.model.sample import Sample, quantile_ms
from mobius.report.live import LiveJson, LiveText
from mobius.report.words import milliseconds
from report import stories
from report.stories import NOON, SENTENCE


def told(**options: Any) -> str:
    """The whole story, written as it came."""
    stream = io.StringIO()
    live = LiveText(stream, **options)
    for event in stories.events():
        live.event(event)
    live.close(stories.run())
    return stream.getvalue()


def screen(written: str) -> str:
    """What a terminal shows in the end: a line in place that was wiped is gone."""
    return re.sub(r"[^\n]*\r\x1b\[2K", "", written)


def event(at_s: float, kind: str, message: str = "", **data: Any) -> Event:
    return Event(1, 7, NOON + at_s, kind, message, data)


def test_on_a_terminal_a_run_grows_as_a_tree_of_phases() -> None:
    assert screen(told(tty=True)) == (
        "run 7: deploy v3 to production queued by ada\n"
        "  stage         ✓ lay out and build release v3                             9.1 s\n"
        "  backup        ✓ take a backup of code, configuration and data            2.2 s\n"
        "                    dhash_20261120_120009.zip published and verified\n"
        "                ✓ restore it in a scratch place and check every hash       3.4 s\n"
        "                    dhash_20261120_120009.zip restored in 3.1 s and checked\n"
        "  start         ✓ start v3 in slot green                                   1.1 s\n"
        "                ✓ wait until v3 is healthy                                   4 s\n"
        "  switch        ✓ move traffic from blue to green                          12 ms\n"
        "                    traffic goes to green\n"
        "                ✓ let requests in flight on blue finish                    0.8 s\n"
        "                    blue is empty; 0 request(s) cut\n"
        "                ✓ 2 of 2 passed\n"
        "  watch         · watching v3-4f2c91a by conservative\n"
        "                ✗ verdict FAIL: errors 7.3 % of 1,204 requests (more than 5 %,\n"
        "                  over at least 100)\n"
        "  way back      ↩ going back to v2-77aa01b (code alone)\n"
        "                ✓ move traffic from green to blue                           9 ms\n"
        "                    traffic goes to blue\n"
        "                ✓ stop v3 in slot green                                    1.2 s\n"
        "                ✓ v2-77aa01b is live again after 1.6 s\n"
        "run 7 is rolled back: errors 7.3 % of 1,204 requests (more than 5 %, over at\n"
        "least 100)\n"
        "find out why:\n"
        "  mobius logs -e production --slot green\n"
    )


def test_in_a_pipe_every_event_is_one_line_with_its_time_and_nothing_moves_the_cursor() -> None:
    lines = told(color=True).splitlines()
    assert lines[0] == "2026-11-20T12:00:00Z run queued: deploy v3 to production queued by ada"
    assert f"2026-11-20T12:02:21Z verdict: {SENTENCE}" in lines
    assert len(lines) == len(stories.events()) + 3
    assert lines[-3:] == [
        f"run 7 is rolled back: {SENTENCE}",
        "find out why:",
        "  mobius logs -e production --slot green",
    ]
    assert "\x1b" not in "".join(lines)
    assert "\r" not in "".join(lines)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    plain = re.sub(r"\x1b\[[0-9;]*[mK]|\r", "\n", told(tty=True, color=True, width=width))
    assert max(len(line) for line in plain.splitlines()) <= width


def test_a_step_that_fails_shows_the_reason_under_it() -> None:
    stream = io.StringIO()
    live = LiveText(stream, tty=True)
    live.event(event(0, "step begun", "start v3", step="go-4", phase="start"))
    live.event(event(3, "step failed", "start v3: node: not found", step="go-4", phase="start"))
    live.close()
    assert screen(stream.getvalue()) == (
        "  start         ✗ start v3                                                   3 s\n"
        "                  node: not found\n"
    )


def test_the_reason_of_a_refusal_is_told_once() -> None:
    stream = io.StringIO()
    live = LiveText(stream, tty=True)
    reason = "the migrations must not run: no such column: nick"
    live.event(event(0, "step begun", "rehearse it", step="go-2", phase="rehearse"))
    live.event(event(3, "step failed", f"rehearse it: {reason}", step="go-2", phase="rehearse"))
    live.close(replace(stories.run(), state=RunState.REFUSED, sentence=reason))
    shown = screen(stream.getvalue())
    assert shown.count("no such column: nick") == 1
    assert "\nrun 7 is refused\n" in shown


def test_what_is_waited_for_is_told_at_once_and_not_when_the_step_has_ended() -> None:
    stream = io.StringIO()
    live = LiveText(stream, tty=True)
    live.event(event(0, "step begun", "run 1 migration", step="go-4", phase="migrate"))
    live.event(event(5, "waiting", "002.sql: a lock was not had within 5 s, attempt 1; again in 0.5 s"))
    assert screen(stream.getvalue()).startswith(
        "  migrate       … 002.sql: a lock was not had within 5 s, attempt 1; again in\n"
        "                  0.5 s\n"
    )


def test_the_running_step_counts_its_seconds_in_place() -> None:
    stream = io.StringIO()
    live = LiveText(stream, tty=True)
    live.event(event(0, "step begun", "start v3", step="go-4", phase="start"))
    live.tick(NOON + 12)
    assert stream.getvalue().endswith("\r\x1b[2K                ⠙ start v3, 12 s")


def test_during_the_window_one_line_says_checks_errors_p95_and_time_left() -> None:
    stream = io.StringIO()
    live = LiveText(stream, tty=True, width=100)
    live.event(event(0, "window opened", "watching v3", deadline=NOON + 600, interval_s=1))
    histogram = stories.histogram(100, 30)
    for second in range(1, 42):
        at = NOON + second
        live.sample(Sample("probe", at, ok=second != 9, value=4.0))
        live.sample(Sample("traffic", at, requests=100, errors=second % 2, histogram=histogram))
    p95 = milliseconds(quantile_ms(histogram, 0.95) or 0)
    assert stream.getvalue().endswith(
        f"⠋ 41 checks, 1 failed · 4,100 requests, 0.51 % errors · p95 {p95} · 9 min 19 s left"
    )


def test_who_attaches_late_sees_the_figures_that_were_counted_before() -> None:
    stream = io.StringIO()
    live = LiveText(stream, tty=True, width=100)
    so_far = {"checks": 41, "failed": 0, "requests": 12034, "errors_pct": 0.02, "p95_ms": 120, "left_s": 1380}
    live.event(event(0, "so far", "so far so good", **so_far))
    assert stream.getvalue().endswith(
        "⠋ 41 checks, 0 failed · 12,034 requests, 0.02 % errors · p95 120 ms · 23 min left"
    )


def test_a_look_that_could_not_be_made_is_shown_and_counts_as_nothing() -> None:
    stream = io.StringIO()
    live = LiveText(stream, tty=True, width=100)
    live.event(event(0, "window opened", "watching v3", deadline=NOON + 600))
    live.sample(Sample("probe", NOON + 1, missing="too many open files"))
    assert stream.getvalue().endswith(
        "⠋ 0 checks, 0 failed · 9 min 59 s left · could not measure: too many open files"
    )


def test_a_page_names_the_choices_a_person_has() -> None:
    stream = io.StringIO()
    live = LiveText(stream, tty=True)
    choices = ["go back: mobius rollback -e production", "keep it: mobius accept -e production"]
    live.event(event(0, "page", "too little was measured", choices=choices))
    live.close(replace(stories.run(), state=RunState.INCONCLUSIVE, sentence=""))
    assert screen(stream.getvalue()) == (
        "                ! too little was measured\n"
        "                  go back: mobius rollback -e production\n"
        "                  keep it: mobius accept -e production\n"
        "run 7 is inconclusive\n"
        "nothing is decided by itself; look, then accept it or roll back:\n"
        "  mobius accept -e production\n"
    )


def test_what_others_wrote_cannot_draw_on_the_terminal() -> None:
    for tty in (True, False):
        stream = io.StringIO()
        live = LiveText(stream, tty=tty)
        live.event(event(0, "step begun", "start \x1b[2Jx", step="a", phase="p\x1b[H"))
        live.event(event(1, "step failed", "start \x1b[2Jx: \x07boom\x1b]0;t\x07", step="a", phase="p\x1b[H"))
        live.event(event(2, "unheard of", "a\x1b[31mb\nc"))
        live.close()
        assert "\x1b" not in stream.getvalue().replace("\x1b[2K", "")
        assert "\x07" not in stream.getvalue()


def test_json_is_one_object_a_line_with_its_schema_and_ends_with_the_run() -> None:
    stream = io.StringIO()
    live = LiveJson(stream)
    for one in stories.events():
        live.event(one)
    live.sample(*stories.samples())
    live.tick(NOON)
    live.close(stories.run())
    documents = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {document["schema_version"] for document in documents} == {1}
    assert [document["event"] for document in documents[:-1]] == [e.kind for e in stories.events()]
    assert documents[0]["time"] == "2026-11-20T12:00:00Z"
    assert documents[-1] == {
        "schema_version": 1,
        "event": "run",
        "run": 7,
        "environment": "production",
        "kind": "deploy",
        "state": "rolled back",
        "ended": True,
        "exit_code": 12,
        "sentence": SENTENCE,
        "next": {"why": "find out why", "command": "mobius logs -e production --slot green"},
    }


def test_json_has_the_samples_when_they_are_asked_for() -> None:
    stream = io.StringIO()
    LiveJson(stream, samples=True).sample(Sample("probe", NOON, ok=True, value=4.0))
    assert json.loads(stream.getvalue())["signal"] == "probe"


def test_without_figures_the_line_says_the_sentence_of_the_window() -> None:
    stream = io.StringIO()
    live = LiveText(stream, tty=True, width=100)
    live.event(event(0, "window opened", "watching v3", deadline=NOON + 600))
    assert stream.getvalue().endswith("⠋ watching · 10 min left")
    live.event(event(60, "so far", "", sentence="so far so good: 60 checks, 0 failed", left_s=540))
    assert stream.getvalue().endswith("⠋ so far so good: 60 checks, 0 failed")


def test_a_terminal_without_unicode_gets_plain_signs() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    live = LiveText(stream, tty=True)
    live.event(event(0, "step begun", "start café", step="a", phase="start"))
    live.event(event(1, "step done", "start café: done", step="a", phase="start"))
    live.close()
    assert screen(raw.getvalue().decode("ascii")) == (
        "  start         + start caf?                                                 1 s\n"
    )


def test_ticks_from_another_thread_never_tear_a_line() -> None:
    stream = io.StringIO()
    live = LiveText(stream, tty=True)
    over = threading.Event()

    def turn() -> None:
        while not over.is_set():
            live.tick(NOON)

    thread = threading.Thread(target=turn)
    thread.start()
    for one in stories.events():
        live.event(one)
    over.set()
    thread.join()
    live.close(stories.run())
    assert screen(stream.getvalue()) == screen(told(tty=True))


def test_a_narrower_terminal_is_honoured_from_then_on() -> None:
    stream = io.StringIO()
    live = LiveText(stream, tty=True)
    live.resize(40)
    live.event(event(0, "step begun", "a title much longer than the terminal is", step="a", phase="p"))
    assert max(len(line) for line in stream.getvalue().split("\r")) <= 40
