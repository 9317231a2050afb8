"""What commands share: the App, the environment option, and how they speak to a terminal or a pipe."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from mobius.wiring import App

Command = TypeVar("Command", bound=Callable[..., Any])

environment_option = click.option(
    "-e",
    "--env",
    "--environment",
    "environment",
    metavar="ENV",
    help="The environment; not needed when there is one.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout (NDJSON for streams).")
plain_option = click.option("--plain", is_flag=True, help="No colour, nothing updated in place.")
quiet_option = click.option("--quiet", is_flag=True, help="Only the result.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def app(ctx: click.Context, flags: Mapping[str, object] | None = None) -> App:
    """The App that this command acts on, made once."""
    obj = ctx.ensure_object(dict)
    if "app" not in obj:
        from mobius.wiring import open_app

        environ: Mapping[str, str] = obj.get("environ", os.environ)
        path: Path | None = obj.get("config")
        obj["app"] = open_app(path, environ=environ, flags=flags)
    made: App = obj["app"]
    return made


def tty(plain: bool = False) -> bool:
    """Whether lines may be updated in place."""
    return _is_terminal() and not plain and os.environ.get("TERM") != "dumb"


def _is_terminal() -> bool:
    """Without a stdout at all (`>&-`, a detached parent) it is None, and no terminal."""
    stdout: TextIO | None = sys.stdout
    return stdout is not None and stdout.isatty()


def color(plain: bool = False) -> bool:
    """Whether colour is wanted: a terminal, not --plain, no NO_COLOR."""
    return tty(plain) and not os.environ.get("NO_COLOR")


def width() -> int:
    """Columns of the terminal; 80 in a pipe."""
    return shutil.get_terminal_size((80, 24)).columns if _is_terminal() else 80


def next_step(words: str, *, quiet: bool = False) -> None:
    """The last line: the next thing to do, on stderr."""
    if not quiet:
        click.echo(words, err=True)


def confirm(question: str, *, yes: bool) -> None:
    """Asks a person; without a terminal and without --yes it is a usage error, never a guess."""
    if yes:
        return
    if not sys.stdin.isatty():
        from mobius.errors import UsageError

        raise UsageError(f"{question} There is no terminal to ask.", "add --yes")
    click.confirm(question, abort=True)
