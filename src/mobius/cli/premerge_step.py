"""`mobius premerge-step`: makes one step of a validation; started by `mobius premerge`, not by people."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import click

from mobius.cli.context import app, environment_option


@click.command("premerge-step", hidden=True)
@click.argument("name")
@environment_option
@click.option("--tag", required=True)
@click.option("--result", type=click.Path(path_type=Path), required=True)
@click.option("--rehearse", is_flag=True)
@click.pass_context
def command(
    ctx: click.Context, name: str, environment: str | None, tag: str, result: Path, rehearse: bool
) -> int:
    """Exit 0 whatever the answer: that stands in the result."""
    import msgspec

    from mobius.wiring.premerge_steps import step

    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # so that everything is taken away on the way out
    _end_with(sys.stdin.fileno())
    the_app = app(ctx)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    made = step(
        name,
        the_app,
        the_app.environment(environment).name,
        tag,
        rehearse=rehearse,
        run_folder=result.parent,
    )
    new = result.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(made))
    new.replace(result)
    return 0


def _end_with(parent: int) -> None:
    """Whoever started us holds the other end of our input: it is closed when that process is gone, however it ended."""

    def watch() -> None:
        while os.read(parent, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="mobius-parent").start()
