"""A run as it happens: live on a terminal, lines in a pipe, NDJSON with --json."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from mobius.cli.context import color, tty, width
from mobius.model.run import Run, RunState

if TYPE_CHECKING:
    from mobius.wiring import Viewer

SUPERSEDED = 4  # no verdict was reached: a newer run took the window


def follow(
    act: Callable[[Viewer | None], Run], environment: str, *, as_json: bool, plain: bool, quiet: bool
) -> int:
    """Shows the run that `act` follows and returns the exit code that belongs to how it stands.

    Ctrl-C ends the looking only; a line says how to come back.
    """
    from mobius.report.live import LiveText
    from mobius.report.live_json import LiveJson

    viewer = LiveJson(sys.stdout) if as_json else LiveText(
        sys.stdout, color=color(plain), tty=tty(plain), width=width()
    )  # fmt: skip
    try:
        run = act(None if quiet else viewer)
    except KeyboardInterrupt:
        if isinstance(viewer, LiveText):
            viewer.close()
        click.echo(f"stopped looking; the work goes on. Come back: mobius monitor -e {environment}", err=True)
        raise SystemExit(130) from None
    if quiet and not as_json:
        click.echo(f"run {run.id}: {run.state}")
    else:
        viewer.close(run)
    return exit_code(run)


def exit_code(run: Run) -> int:
    """0 for a release that is live and watched or kept; else what the run ended with."""
    if run.state is RunState.SUPERSEDED:
        return SUPERSEDED
    if run.state is RunState.ABORTED:
        return run.exit_code or 1
    return run.exit_code
