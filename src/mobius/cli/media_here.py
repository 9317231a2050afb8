"""What the commands of films share: whose figures hold, the options of reports, and where they are written."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobius.errors import UsageError
from mobius.model.verdict import CheckResult

if TYPE_CHECKING:
    from mobius.report.media_page import FilmShown
    from mobius.wiring.media import Films

PATH = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)

junit_option = click.option("--junit", type=FILE, metavar="FILE", help="Also as JUnit, whatever happens.")
html_option = click.option(
    "--html", type=FILE, metavar="FILE", help="Also as a page: pictures, tiles, loudness, gates."
)
archive_option = click.option("--archive", is_flag=True, help="Keep JUnit, JSON and page in logs/quality.")


def reported(command: Callable[..., int]) -> Callable[..., int]:
    """The options `--junit`, `--html` and `--archive`."""
    for option in (archive_option, html_option, junit_option):
        command = option(command)
    return command


def films(ctx: click.Context, environment: str | None = None) -> Films:
    """Those of mobius.toml; with the guide's own figures where there is none."""
    from mobius import config
    from mobius.wiring.media import films_of

    obj = ctx.ensure_object(dict)
    try:
        made = obj.get("app")
        settings = (
            made.settings if made else config.load(obj.get("config"), environ=obj.get("environ", os.environ))
        )
        return films_of(settings, environment)
    except UsageError:
        if environment or (ctx.obj or {}).get("config") or Path("mobius.toml").exists():
            raise
        return films_of(None, None)


@dataclass(frozen=True, slots=True)
class Reports:
    """Which reports are wanted, and what they are of."""

    suite: str
    junit: Path | None = None
    html: Path | None = None

    def write_junit(self, results: Sequence[CheckResult], facts: dict[str, str] | None = None) -> None:
        """The JUnit file, where one is wanted."""
        if self.junit is not None:
            from mobius.report.junit import junit

            put(self.junit, junit(self.suite, results, at=time.time(), properties=facts or {}))

    def write_page(self, shown: Callable[[], Sequence[FilmShown]]) -> None:
        """The page, where one is wanted; `shown` is asked for only then."""
        if self.html is not None:
            from mobius.report.media_page import films_page

            at = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime())
            put(self.html, films_page(self.suite, shown(), at))


def put(file: Path, text: str) -> None:
    """Writes a report. Raises `UsageError` where it cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(
            f"{file}: {problem.strerror or problem}", "name a file that can be written"
        ) from problem
