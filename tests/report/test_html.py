from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mobius.model.run import Event, RunState
from mobius.model.sample import Sample
from mobius.report.html import bars, run_html
from mobius.report.run import run_report
from report import stories
from report.stories import NOON

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x1b[31m"


class Page(HTMLParser):
    """The tags, attributes and text of a page, as a browser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def page(state: RunState = RunState.ROLLED_BACK) -> str:
    report = run_report(stories.run(state), stories.STEPS, stories.events(), stories.samples())
    return run_html(report, stories.samples())


def test_the_page_opens_with_what_happened_and_what_to_do_now() -> None:
    found = Page(page())
    assert "v3 was taken back; v2 is live in production, with all traffic back 58 ms" in found.text
    assert "Why: errors 7.3 % of 1,204 requests (more than 5 %, over at least 100)" in found.text
    assert "mobius logs -e production" in found.text


def test_the_page_needs_no_network_and_runs_no_script() -> None:
    found = Page(page())
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("src", "href")]
    policy = [value for name, value in found.attributes if value.startswith("default-src")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_hostile_tags_lines_and_names_stay_text() -> None:
    plan = replace(stories.PLAN, tag=HOSTILE, service=HOSTILE, hash=HOSTILE)
    run = replace(stories.run(), plan=plan, lead=HOSTILE, sentence=HOSTILE)
    bad = {"outcome": "FAIL", "rule": HOSTILE, "sentence": HOSTILE}
    result = {"name": HOSTILE, "outcome": HOSTILE, "message": HOSTILE, "duration_ms": 1.0}
    events = (
        Event(1, 7, NOON, "verdict", HOSTILE, bad, HOSTILE),
        Event(2, 7, NOON, "gate", HOSTILE, result),
        Event(3, 7, NOON, "smoke", HOSTILE, {"when": HOSTILE, "results": [result]}),
        Event(4, 7, NOON, "switched", HOSTILE, {"from": HOSTILE, "to": HOSTILE, "took_ms": 1.0}),
        Event(5, 7, NOON, "page", HOSTILE, {"sentence": HOSTILE, "choices": [HOSTILE]}),
        Event(6, 7, NOON, "backup", HOSTILE, {"name": HOSTILE, "path": HOSTILE, "sha256": HOSTILE}),
        Event(7, 7, NOON, HOSTILE, HOSTILE),
    )
    steps = tuple(replace(one, failed=HOSTILE) for one in stories.STEPS)
    report = run_report(run, steps, events, stories.samples(), version_markers={HOSTILE: HOSTILE})
    found = Page(run_html(report, stories.samples()))
    ordinary = Page(page())
    assert set(found.tags) <= set(ordinary.tags) | {"code"}
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in found.text
    assert "\x1b" not in found.text


def test_the_plots_draw_the_limit_and_mark_switch_verdict_and_rollback() -> None:
    found = Page(page())
    assert found.tags.count("svg") == 3
    assert "limit 5 %" in found.text
    assert "limit 5,000 ms (above this plot)" in found.text
    assert "115 good, 3 failed, 1 not measured" in found.text
    for moment in ("switch to green", "verdict FAIL", "rollback decided", "switch to blue"):
        assert moment in found.text
    assert [value for name, value in found.attributes if name == "class"].count("limit") == 2


def test_a_run_that_never_opened_a_window_has_a_page_too() -> None:
    report = run_report(replace(stories.run(RunState.REFUSED), window_opened_at=0), (), ())
    found = Page(run_html(report))
    assert "svg" not in found.tags
    assert "v3 was refused before anything was changed; v2 is live in production." in found.text


def test_the_bars_lie_in_order_and_the_open_window_does_not_squeeze_them() -> None:
    found = bars(run_report(stories.run(), stories.STEPS, stories.events()))
    assert [bar.kind for bar in found] == ["done"] * 7 + ["back"] * 2
    assert all(bar.left_pct >= 0 and bar.left_pct + bar.width_pct <= 100.01 for bar in found)
    assert found[0].width_pct > 30  # 9 of 24 seconds of work, in a run of 143
    assert [bar.left_pct for bar in found] == sorted(bar.left_pct for bar in found)


@pytest.mark.parametrize(
    "samples",
    [
        (Sample("probe", NOON, ok=True, value=3.0),),
        (Sample("probe", NOON, missing="no answer"),),
        (Sample("cpu", NOON, value=12.0),),
        (Sample("traffic", NOON, requests=5, errors=5),),
        (Sample("probe", NOON, ok=True, value=0.0), Sample("probe", NOON, ok=False)),
    ],
    ids=["one probe", "nothing measured", "cpu alone", "no latency", "same moment"],
)
def test_few_or_strange_samples_still_make_a_page(samples: tuple[Sample, ...]) -> None:
    report = run_report(stories.run(), (), (), samples)
    assert "nan" not in run_html(report, samples).lower().replace("finance", "")


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(chromium() is None, reason="no chromium on this machine")
@pytest.mark.parametrize("width", [500, 1280])
def test_a_browser_draws_the_page(tmp_path: Path, width: int) -> None:
    (tmp_path / "report.html").write_text(page(), encoding="utf-8")
    shot = tmp_path / "shot.png"
    argv: list[Any] = [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    argv += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    argv += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},1600"]
    argv += [f"--screenshot={shot}", (tmp_path / "report.html").as_uri()]
    subprocess.run(argv, check=True, timeout=60, capture_output=True)
    assert shot.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert shot.stat().st_size > 20_000


def routed(*samples: Sample) -> str:
    told = [*stories.samples(), *samples]
    report = run_report(stories.run(RunState.ROLLED_BACK), stories.STEPS, stories.events(), told)
    return run_html(report, told)


def test_critical_routes_have_a_small_table_that_says_it_is_not_judged() -> None:
    found = Page(
        routed(
            Sample("route:/upload", NOON + 30, requests=2000, errors=0),
            Sample(
                "route:/api/render",
                NOON + 30,
                requests=9000,
                errors=40,
                histogram=stories.histogram(9000, 250),
            ),
            Sample(
                "route:/api/render",
                NOON + 31,
                requests=1000,
                errors=10,
                histogram=stories.histogram(1000, 250),
            ),
        )
    )

    lines = [line for line in found.text.partition("Critical routes")[2].split("\n") if line][:4]
    assert lines == [
        "routerequestserrorsp95",
        "/api/render10,00050 (0.5 %)265 ms",
        "/upload2,0000not measured",
        "Recorded, not judged: the verdict is about all requests together.",
    ]


def test_a_route_is_text_and_never_markup() -> None:
    found = Page(routed(Sample(f"route:/{HOSTILE}", NOON + 30, requests=1)))
    assert "script" not in found.tags and "img" not in found.tags


def test_without_critical_routes_there_is_no_table_for_them() -> None:
    assert "Critical routes" not in page() and "Not counted" not in page()


def test_what_the_counters_left_out_is_told_once() -> None:
    note = "12 lines of /var/log/nginx/access.log could not be read"
    found = Page(routed(*(Sample("traffic", NOON + 30 + i, requests=1, note=note) for i in range(3))))
    assert found.text.count(note) == 1
