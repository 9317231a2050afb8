"""Progress as a person or a program reads it: redrawn on a terminal, a line now and then elsewhere, NDJSON."""

from __future__ import annotations

import json
import os
import sys
import time
from types import TracebackType

import click

from mobius.cli.context import width
from mobius.model.advance import Advance

LINE_EVERY_S = 5.0  # in a pipe or a log: enough to see that it goes on


class Shown:
    """Takes the lines of something long, and shows them on stderr; what only advances takes the place of the line
    before. `as_json`: on stdout, one object each."""

    def __init__(self, *, as_json: bool, plain: bool = False) -> None:
        self._as_json = as_json
        self._redraws = not plain and _redraws()
        self._told_at = time.monotonic()
        self._drawn = False

    def __call__(self, line: str) -> None:
        if isinstance(line, Advance):
            self._advance(line)
        elif not self._as_json:
            self._clear()
            click.echo(line, err=True)

    def _advance(self, line: Advance) -> None:
        if self._redraws and not self._as_json:
            click.echo(f"\r\x1b[K{line[: width() - 1]}", nl=False, err=True)
            self._drawn = True
            return
        now = time.monotonic()
        if now - self._told_at < LINE_EVERY_S:
            return
        self._told_at = now
        if self._as_json:
            told = {"schema_version": 1, "kind": "progress", **line.figures()}
            click.echo(json.dumps(told))
        else:
            click.echo(str(line), err=True)

    def _clear(self) -> None:
        if self._drawn:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._drawn = False

    def __enter__(self) -> Shown:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()


def _redraws() -> bool:
    """Whether stderr, where progress goes, is a terminal that can."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
