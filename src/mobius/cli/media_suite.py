"""What the commands for many films share: how many at a time and where, and how far it is."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from mobius.cli.context import color, plain_option, width
from mobius.cli.media_here import PATH
from mobius.errors import Interrupted
from mobius.model.verdict import Outcome

if TYPE_CHECKING:
    from mobius.flows.media.gate import Film
    from mobius.report.media_suite import Row
    from mobius.wiring.media import Films

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Many:
    """How many films at a time and where, as typed."""

    workers: int = 0
    cluster: str = ""
    known: bool = True
    cache: Path | None = None
    plain: bool = False


def many_options(command: Callable[..., int]) -> Callable[..., int]:
    """The options of `Many`."""
    for option in (
        plain_option,
        click.option("--cache", type=PATH, metavar="DIR", help="Where known measurements lie."),
        click.option("--no-cache", "known", flag_value=False, default=True, help="Measure all anew."),
        click.option(
            "--cluster",
            default="",
            metavar="ADDRESS",
            help="On the workers of this Dask scheduler, tcp://HOST:8786.",
        ),
        click.option(
            "--workers", type=click.IntRange(1, 256), metavar="N", help="Films at a time; one a processor."
        ),
    ):
        command = option(command)
    return command


def many_of(typed: dict[str, Any]) -> Many:
    """From what `many_options` gave."""
    names = ("cluster", "known", "cache", "plain")
    return Many(workers=typed["workers"] or 0, **{name: typed[name] for name in names})


@dataclass(slots=True)
class Suite(Generic[Item, Result]):
    """`judge` holds one item against its gates, in any thread; `film_of` is what came out of it; `tell` says all of one
    film, `name` how it is called."""

    here: Films
    many: Many
    judge: Callable[[Films, Item], Result]
    film_of: Callable[[Result], Film]
    name: Callable[[Item], str]
    tell: Callable[[Result], None]
    as_json: bool
    results: dict[int, Result] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)

    def run(self, items: Sequence[Item]) -> list[Result]:
        """Each item's result, in their order; what is found out is said at once. Raises `Interrupted` after Ctrl-C:
        `results` has what was done by then."""
        from mobius.flows.media.suite import in_lanes
        from mobius.report.media_suite import suite_json
        from mobius.wiring.media_suite import Lanes, cache_of, measuring

        cache = (self.many.cache or cache_of(self.here)) if self.many.known else None
        lanes = Lanes(self.many.workers, self.many.cluster, cache)
        telling = Telling(self, len(items))
        try:
            with measuring(self.here, lanes, len(items), say=telling.warn) as measured, telling:

                def judged(item: Item) -> tuple[Result, float, bool]:
                    here, is_known = measured.one()
                    began = time.monotonic()
                    result = self.judge(here, item)
                    return result, time.monotonic() - began, is_known()

                for number, (result, took_s, known) in in_lanes(items, judged, measured.lanes):
                    self.results[number] = result
                    self.rows[number] = _row(self.name(items[number]), self.film_of(result), took_s, known)
                    telling.done(number)
        except KeyboardInterrupt:
            telling.end()
            raise Interrupted(
                f"stopped: {len(self.results)} of {len(items)} films were judged",
                "run it again: what was measured is known, and only the rest is measured",
            ) from None
        finally:
            if self.as_json:
                click.echo(json.dumps(suite_json(list(self.rows.values()), len(items)), ensure_ascii=False))
        telling.end()
        return [self.results[number] for number in range(len(items))]


class Telling:
    """One film is said in full. Of several each is a line, or a bar on a terminal; in full those that did not pass, and
    at the end the table."""

    def __init__(self, suite: Suite[Item, Result], films: int) -> None:
        from mobius.report.media_suite import Course
        from mobius.report.pen import Pen

        self._suite, self._films = suite, films
        self._is_bar = films > 1 and sys.stderr.isatty() and not suite.many.plain and not suite.as_json
        self._pen = Pen(sys.stderr)
        self._course = Course(films, time.monotonic())
        self._guard = threading.Lock()
        self._said: set[str] = set()

    def __enter__(self) -> Telling:
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._pen.wipe()

    def warn(self, words: str) -> None:
        """Once each, from any thread."""
        with self._guard:
            if words not in self._said:
                self._said.add(words)
                self._pen.line(f"warning: {words}")

    def done(self, number: int) -> None:
        """What came out of this one."""
        from mobius.report.media_suite import film_json, line

        row, result = self._suite.rows[number], self._suite.results[number]
        with self._guard:
            self._course.add(row)
            self._pen.wipe()
            if self._suite.as_json:
                self._suite.tell(result)
                file = str(self._suite.film_of(result).file)
                click.echo(json.dumps(film_json(row, file), ensure_ascii=False))
            elif self._films == 1:
                self._suite.tell(result)
            elif not self._is_bar or row.outcome is not Outcome.PASS:
                click.echo(line(row, len(self._suite.rows), self._films, width() if self._is_bar else 0))
        self._draw()

    def end(self) -> None:
        """Those that did not pass in full, and the table."""
        from mobius.report.media_suite import table
        from mobius.report.paint import Paint

        if self._suite.as_json or self._films == 1:
            return
        for number in sorted(self._suite.rows):
            if self._suite.rows[number].outcome is not Outcome.PASS:
                click.echo("")
                self._suite.tell(self._suite.results[number])
        click.echo("")
        click.echo(table(list(self._suite.rows.values()), width(), Paint(color(self._suite.many.plain))))

    def _draw(self) -> None:
        if self._is_bar:
            with self._guard:
                self._pen.in_place(self._course.words(time.monotonic(), width() - 1), width())


def _row(name: str, film: Film, took_s: float, known: bool) -> Row:
    from mobius.report.media_suite import Row

    bad = [one for one in film.readings if one.outcome is not Outcome.PASS]
    first = next((one for one in bad if one.outcome is film.outcome), None)
    return Row(name, film.outcome, first.message if first else "", len(bad), took_s, known)
