"""The page for whoever reviews migrations: whole without a network, and hostile names stay text."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mobius.model.impact import ConfigChange
from mobius.model.linting import Impact
from mobius.model.migrating import PendingMigration, RestorePoint
from mobius.report.migrating_html import migration_html
from mobius.report.migrating_picture import timeline, way_bars
from report.migrations_told import FACTS, LOOK, SHA, looked_at, rehearsed, report

HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x1b[31m"


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


def test_the_page_opens_with_the_way_back_and_the_risk() -> None:
    found = Page(migration_html(report(rehearsed())))
    assert "The way back is code alone, in 1.2 s, nothing lost; the migrated schema stays." in found.text
    assert "risk HIGH" in found.text
    assert "Now: what the deployment would do: mobius plan -e production --tag v2.1.0" in found.text


def test_it_has_everything_a_reviewer_asks_for() -> None:
    text = Page(migration_html(report(rehearsed()))).text
    for words in (
        SHA,
        "002_orders",
        "users, users_pkey",
        "code alone, restore",
        "API_KEY is required and not set",
        "2,000,000",
        "fewer rows",
        "works, started and smoke-tested in 1.2 s",
        "2.4 s; with the release started, back in 3.2 s",
        "+CREATE INDEX orders_user ON public.orders (user_id);",
        "behind an open query, readers wait 0.4 s",
    ):
        assert words in text, words


def test_before_a_rehearsal_it_says_that_it_only_read() -> None:
    found = Page(migration_html(report(looked_at())))
    assert "Not rehearsed: what follows is read from the text." in found.text
    assert "mobius migrate rehearse -e production --tag v2.1.0" in found.text
    nothing = Page(migration_html(report(replace(LOOK, pending=()))))
    assert "No migration is pending." in nothing.text


def test_a_rehearsal_that_another_version_wrote_down_is_shown_as_far_as_it_goes() -> None:
    look = replace(rehearsed(), rehearsal={"ways": FACTS["ways"], "statements": [{"text": "SELECT 1"}]})
    found = Page(migration_html(report(look)))
    assert "The way back is code alone" in found.text and "SELECT 1" in found.text
    assert "NOT PROVEN: it was not started" in found.text


def test_the_page_needs_no_network_and_runs_no_script() -> None:
    found = Page(migration_html(report(rehearsed())))
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("src", "href")]
    policy = [value for name, value in found.attributes if value.startswith("default-src")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_hostile_names_statements_and_rows_stay_text() -> None:
    boot: dict[str, Any] = {"tried": True, "works": False, "why": HOSTILE, "seconds": 1.0, "query": HOSTILE}
    boot |= {"broken": [{"query": HOSTILE, "error": HOSTILE}], "log": [HOSTILE]}
    statement = {
        **FACTS["statements"][0],
        "text": HOSTILE,
        "locks": [[HOSTILE, HOSTILE]],
        "rewrites": [HOSTILE],
    }
    facts: dict[str, Any] = {
        "backup": HOSTILE,
        "database": HOSTILE,
        "version": HOSTILE,
        "statements": [{**statement, "error": HOSTILE, "migration": HOSTILE}],
        "rows": [{"table": HOSTILE, "before": 1, "after": -1, "touched": False, "is_changed": True}],
        "ways": [{"way": HOSTILE, "is_open": False, "seconds": 1.0, "loses": HOSTILE, "why": HOSTILE}],
        "schema_diff": f"+{HOSTILE}",
        "stops": [HOSTILE],
        "felt": [HOSTILE],
        "warnings": [HOSTILE],
        "broken_checks": [HOSTILE],
        "down": HOSTILE,
        "old": boot,
        "new": boot,
    }
    look = replace(
        rehearsed(
            facts, pending=(PendingMigration(HOSTILE, HOSTILE, HOSTILE, HOSTILE, f'DROP TABLE "{HOSTILE}";'),)
        ),
        service=HOSTILE,
        tag=HOSTILE,
        release_id=HOSTILE,
        live_id=HOSTILE,
        database=HOSTILE,
        config=(ConfigChange(HOSTILE, HOSTILE, Impact.HIGH, HOSTILE, HOSTILE),),
        doubts=((HOSTILE, HOSTILE),),
        remarks=(HOSTILE,),
        restore=RestorePoint(HOSTILE, HOSTILE, 1.0, 1.0, 1.0),
    )
    found, ordinary = Page(migration_html(report(look))), Page(migration_html(report(rehearsed())))
    assert set(found.tags) <= set(ordinary.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in found.text


def test_the_picture_is_made_of_numbers_alone() -> None:
    statement = {**FACTS["statements"][0], "text": HOSTILE, "migration": HOSTILE, "error": HOSTILE}
    drawn = timeline({"statements": [statement, *FACTS["statements"]]})
    assert drawn is not None and "alert" not in drawn.svg
    bars = way_bars([{"way": HOSTILE, "state": HOSTILE, "seconds": 2.0}], 600.0, ["told"])
    assert "alert" not in bars[0].svg and bars[0].took == "2 s"


def test_a_wait_that_outlasts_its_statement_is_drawn_whole_and_pins_that_touch_are_one() -> None:
    drawn = timeline(FACTS)
    assert drawn is not None
    assert drawn.axis == ("0 s", "1.1 s", "2.2 s")  # 0.71 s and 1.5 s, not 0.7 s and 1 ms
    assert [pin.label for pin in drawn.pins] == ["1", "2"]
    many = timeline({"statements": [{"seconds": 5.0}, *({"seconds": 0.001} for _ in range(9))]})
    assert many is not None and [pin.label for pin in many.pins] == ["1", "2–10"]
    assert timeline({"statements": []}) is None


def test_a_way_that_was_not_measured_has_no_bar_and_the_target_is_a_line() -> None:
    ways = [
        {"way": "down", "state": "not proven", "seconds": 0.0},
        {"way": "restore", "state": "open", "seconds": 700.0},
    ]
    unknown, slow = way_bars(ways, 600.0, ["", ""])
    assert "<rect" not in unknown.svg and unknown.took == "not measured"
    assert 'class="limit"' in slow.svg and 'class="good"' in slow.svg


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(chromium() is None, reason="no chromium on this machine")
@pytest.mark.parametrize("width", [500, 1280])
def test_a_browser_draws_the_page(tmp_path: Path, width: int) -> None:
    (tmp_path / "page.html").write_text(migration_html(report(rehearsed())), encoding="utf-8")
    shot = tmp_path / "shot.png"
    argv: list[Any] = [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    argv += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    argv += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},1600"]
    argv += [f"--screenshot={shot}", (tmp_path / "page.html").as_uri()]
    subprocess.run(argv, check=True, timeout=60, capture_output=True)
    assert shot.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert shot.stat().st_size > 20_000
