"""What commands share: the App, the environment option, and how they speak to a terminal or a pipe."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from mobius.errors import ConfigurationError

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


def app(ctx: click.Context, flags: Mapping[str, object] | None = None, *, or_last: bool = False) -> App:
    """The App that this command acts on, made once. `or_last`: where `mobius.toml` is broken or gone, the settings of
    the newest run serve; for commands that look, and that go back."""
    obj = ctx.ensure_object(dict)
    if "app" not in obj:
        from mobius.wiring import open_app

        environ: Mapping[str, str] = obj.get("environ", os.environ)
        path: Path | None = obj.get("config")
        try:
            obj["app"] = open_app(path, environ=environ, flags=flags)
        except ConfigurationError as problem:
            if not or_last:
                raise
            obj["app"] = _app_of_the_last_run(path, environ, problem)
    made: App = obj["app"]
    return made


def _app_of_the_last_run(path: Path | None, environ: Mapping[str, str], problem: ConfigurationError) -> App:
    """The settings that the newest run began with: a file broken at the wrong moment must not stop a way back."""
    from mobius.adapters.snapshot import load_settings
    from mobius.wiring import App

    project = path.parent if path and path.suffix else path or Path.cwd()
    here = [
        folder
        for folder in (project.absolute(), *project.absolute().parents)
        if (folder / ".mobius").is_dir()
    ]
    kept = [file for folder in here[:1] for file in folder.glob(".mobius/*/run/jobs/run-*.settings.json")]
    if not kept:
        raise problem
    newest = max(kept, key=lambda file: file.stat().st_mtime)
    click.echo(
        f"warning: {problem.message}; the settings of the newest run are used ({newest.name})", err=True
    )
    return App(load_settings(newest), environ)


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


def size() -> tuple[int, int]:
    """Columns and lines of the terminal as it is now; 80 by 24 in a pipe."""
    there = shutil.get_terminal_size((80, 24))
    return (there.columns, there.lines) if _is_terminal() else (80, 24)


def next_step(words: str, *, quiet: bool = False) -> None:
    """The last line: the next thing to do, on stderr."""
    if not quiet:
        click.echo(words, err=True)


def leave_evidence(the_app: App, environment: str) -> None:
    """For a command that ended a run itself: what cannot be written is said, and stops nothing."""
    from mobius.wiring.evidence import try_evidence

    if problem := try_evidence(the_app, environment):
        click.echo(problem, err=True)


def confirm(question: str, *, yes: bool) -> None:
    """Asks a person; without a terminal and without --yes it is a usage error, never a guess."""
    from mobius.cli.over_the_line import line

    over = line()
    if yes or (over is not None and over.again):  # what is shown again was agreed to before
        return
    if not sys.stdin.isatty():
        from mobius.errors import UsageError

        raise UsageError(f"{question} There is no terminal to ask.", "add --yes")
    if not click.confirm(question):
        from mobius.errors import MobiusError

        raise MobiusError("nothing was changed: the answer was no")
