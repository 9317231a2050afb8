from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.model.run import Event, RunState
from mobius.report.run import run_report
from mobius.report.summary import report_text
from report import stories

WHOLE = """\
v3 was taken back; v2 is live in production, with all traffic back 58 ms after
the decision. No request failed because of the switches.
Why: errors 7.3 % of 1,204 requests (more than 5 %, over at least 100)

  Service          dhash, production
  Release          v3-4f2c91a, commit 4f2c91ad0011
  Before           v2-77aa01b
  Live after       v2-77aa01b
  Lead             ada
  Began            2026-11-20T12:00:00Z, took 2 min 23 s
  Failed requests  0 because of 2 switches
  Went back        code alone to v2-77aa01b, all traffic back in 58 ms
  Window           policy conservative; 118 checks, 3 failed; 11,900 requests,
                   2.6 % errors; p95 P95 ms
  Backup           dhash_20261120_120009.zip, 12 MB, restored as a rehearsal in
                   3.1 s
  Exit code        12

  ✓ lay out and build release v3, 9.1 s
  ✓ take a backup of code, configuration and data, 2.2 s
  ✓ restore it in a scratch place and check every hash, 3.4 s
  ✓ start v3 in slot green, 1.1 s
  ✓ wait until v3 is healthy, 4 s
  ✓ move traffic from blue to green, 12 ms
  ✓ let requests in flight on blue finish, 0.8 s
  ✓ move traffic from green to blue, 9 ms
  ✓ stop v3 in slot green, 1.2 s

find out why:
  mobius logs -e production --slot green
"""


def test_a_report_on_a_terminal_says_what_happened_why_and_what_now() -> None:
    report = run_report(stories.run(), stories.STEPS, stories.events(), stories.samples())
    p95_ms = f"{report['window']['p95_ms']:.0f} ms"
    assert report_text(report) + "\n" == WHOLE.replace("P95 ms", p95_ms)


@pytest.mark.parametrize("width", [40, 60, 120])
def test_a_report_fits_its_terminal(width: int) -> None:
    report = run_report(stories.run(), stories.STEPS, stories.events(), stories.samples())
    assert max(len(line) for line in report_text(report, width).splitlines()) <= width


def test_a_failed_step_has_its_reason_under_it() -> None:
    steps = (replace(stories.STEPS[0], done_at=0.0, failed="npm: not found"),)
    report = run_report(stories.run(RunState.REFUSED), steps, ())
    assert "  ✗ lay out and build release v3, failed\n      npm: not found\n" in report_text(report)


def test_what_a_person_must_choose_is_spelled_out() -> None:
    choices = ["go back: mobius rollback -e production", "keep it: mobius accept -e production"]
    page = Event(1, 7, stories.NOON, "page", "", {"sentence": "it cannot be observed", "choices": choices})
    report = run_report(stories.run(RunState.NEEDS_OPERATOR), (), (page,))
    assert report_text(report).endswith(
        "A person was called: it cannot be observed\n"
        "  go back: mobius rollback -e production\n"
        "  keep it: mobius accept -e production\n"
        "\n"
        "a person must choose; what happened and the choices are in:\n"
        "  mobius report -e production"
    )
