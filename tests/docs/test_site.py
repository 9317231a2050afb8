"""The site of the documentation has every page once, is built without a warning, and fetches nothing from elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SITE = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
# What a browser fetches by itself; links that a reader clicks are no matter.
FETCHED = re.compile(r"""<(?:script|img|iframe|source|video)\b[^>]*\bsrc=["']?((?:https?:)?//[^"'\s>]+)""")
LINKED = re.compile(
    r"""<link\b(?=[^>]*\brel=["']?(?:stylesheet|preconnect|preload|icon))[^>]*\bhref=["']?((?:https?:)?//[^"'\s>]+)"""
)
STYLED = re.compile(r"""(?:@import\s+|url\()["']?((?:https?:)?//[^"')\s]+)""")
# An item that begins a list, what falls out of its list, and the line under the head of a table.
ITEM = re.compile(r"(?:[-*]|1\.) \S")
OUT = re.compile(r" {1,3}\S")
RULE = re.compile(r"\|[-: |]+\|$")


def _pages(nav: Any) -> Iterator[str]:
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            for inner in entry.values():
                yield from [inner] if isinstance(inner, str) else _pages(inner)


def test_every_page_stands_in_the_navigation_once() -> None:
    there = sorted(page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md"))
    assert sorted(_pages(SITE["nav"])) == there


def test_every_page_is_reached_from_the_first() -> None:
    first = (ROOT / "docs" / "README.md").read_text("utf-8")
    wanted = [page for page in _pages(SITE["nav"]) if not page.startswith(("decisions/", "README"))]
    assert [page for page in wanted if f"({page})" not in first] == []


def test_no_list_and_no_table_is_read_as_running_text() -> None:
    """GitHub shows lists without an empty line before them, and steps indented by three; the site does not."""
    every = sorted((ROOT / "docs").rglob("*.md"))
    assert [
        f"{page.name}: {found}" for page in every for found in _run_together(page.read_text("utf-8"))
    ] == []


def _run_together(text: str) -> Iterator[str]:
    """Lines that the stricter Markdown of the site does not take as they are meant."""
    without_code = re.sub(r"^( *)```.*?^ *```$", r"\1```", text, flags=re.MULTILINE | re.DOTALL)
    for part in re.split(r"\n\s*\n", without_code):
        lines = [line for line in part.split("\n") if line.strip()]
        if lines and OUT.match(lines[0]):
            yield lines[0]
        if lines and lines[0].startswith("|") and not RULE.match(lines[1] if lines[1:] else ""):
            yield lines[0]
        plain = bool(lines) and not ITEM.match(lines[0])
        yield from [line for line in lines[1:] if plain and ITEM.match(line)]


def test_every_decision_is_named_by_its_number() -> None:
    """The navigation shows headings as they are."""
    wrong = [page.name for page in (ROOT / "docs" / "decisions").iterdir() if not _numbered(page)]
    assert wrong == []


def _numbered(page: Path) -> bool:
    return page.read_text("utf-8").startswith(f"# {page.name[:4]}: ")


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")

    program = Path(sys.executable).with_name("zensical")
    built = subprocess.run(
        [program, "build", "--strict"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert built.returncode == 0, built.stdout + built.stderr
    made = list((tmp_path / SITE["site_dir"]).rglob("*.html"))
    assert len(made) > 70
    fetched = {
        address
        for file in [*made, *(tmp_path / SITE["site_dir"]).rglob("*.css")]
        for form in (FETCHED, LINKED, STYLED)
        for address in form.findall(file.read_text("utf-8"))
    }
    assert fetched == set()


def test_the_pictures_of_the_first_screen_are_there_and_fetch_nothing() -> None:
    shown = re.findall(r'<img src="([^"]+)"[^>]*alt="[^"]{20,}"', (ROOT / "README.md").read_text("utf-8"))
    assert shown == ["docs/pictures/demo.svg", "docs/pictures/report.png"]
    terminal, report = (ROOT / name for name in shown)
    drawn = terminal.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "What happened" in drawn and "://" not in drawn and "<script" not in drawn
    assert report.read_bytes().startswith(b"\x89PNG") and report.stat().st_size < 300_000
