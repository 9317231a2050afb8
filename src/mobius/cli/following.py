"""A run as it happens: live on a terminal, lines in a pipe, NDJSON with --json."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from mobius.cli.context import color, size, tty, width
from mobius.cli.over_the_line import Telling, acts_again, line, typed
from mobius.model.plan import FORWARD
from mobius.model.run import Run, RunState

if TYPE_CHECKING:
    from mobius.report.watching import Looking, WindowScreen
    from mobius.wiring import Viewer

GONE = (errno.EPIPE, errno.EIO)  # the reader of our output left; the terminal was closed
SUPERSEDED = 4  # no verdict was reached: a newer run took the window


def follow(
    act: Callable[[Viewer | None], Run],
    environment: str,
    *,
    as_json: bool,
    plain: bool,
    quiet: bool,
    looking: Callable[[int], Looking] | None = None,
) -> int:
    """Shows the run that `act` follows and returns the exit code that belongs to how it stands. `looking` opens the
    window of a run, for all its figures.

    Ctrl-C ends the looking only, and so do a closed terminal, SIGTERM and a reader that left; a line says how
    to come back. Raises `SystemExit` with 130 then.
    """
    from mobius.report.live import LiveText
    from mobius.report.live_json import LiveJson

    viewer = LiveJson(sys.stdout, looking=looking) if as_json else LiveText(
        sys.stdout, color=color(plain), tty=tty(plain), width=width(), screen=_screen(looking, plain), size=size
    )  # fmt: skip
    _leave_on(("SIGHUP", "SIGTERM"))
    shown: Viewer | None = None if quiet else viewer
    if (over := line()) is not None:
        shown = Telling(over, environment, shown)
        act = acts_again(over.again) if over.again else act
    try:
        run = act(shown)
    except (KeyboardInterrupt, OSError) as leaving:
        if isinstance(leaving, OSError) and leaving.errno not in GONE:
            raise
        with contextlib.suppress(OSError):
            if isinstance(viewer, LiveText):
                viewer.close()
            click.echo(
                f"stopped looking; the work goes on. Come back: {typed()} monitor -e {environment}", err=True
            )
        if isinstance(leaving, OSError):  # Python's own last flush would fail at the exit, too
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(130) from None
    if quiet and not as_json:
        click.echo(f"run {run.id}: {run.state}")
    else:
        viewer.close(run)
    return exit_code(run)


def _screen(looking: Callable[[int], Looking] | None, plain: bool) -> Callable[[int], WindowScreen] | None:
    from mobius.report.paint import Paint
    from mobius.report.watching import WindowScreen

    return None if looking is None else lambda run_id: WindowScreen(looking(run_id), Paint(color(plain)))


def _leave_on(names: Sequence[str]) -> None:
    """From now on these signals end the looking as Ctrl-C does; one that is ignored (nohup) stays ignored."""
    for name in names:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def exit_code(run: Run) -> int:
    """0 for a release that is live and watched or kept; else what the run ended with."""
    if run.state is RunState.SUPERSEDED:
        return SUPERSEDED
    if run.state is RunState.ABORTED:
        return (run.exit_code or 1) if run.kind in FORWARD else 0
    return run.exit_code
