"""`mobius logs`: what the processes of a slot wrote."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobius.cli.context import app, environment_option
from mobius.errors import UsageError

if TYPE_CHECKING:
    from mobius.wiring import App


@click.command("logs")
@environment_option
@click.option("--slot", metavar="SLOT", help="blue or green; default: the live one.")
@click.option("-n", "--lines", default=50, show_default=True, help="How many lines from the end.")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on as they are written.")
@click.pass_context
def command(
    ctx: click.Context, environment: str | None, slot: str | None, lines: int, following: bool
) -> int:
    """Print the last lines of the live release, secrets taken out; of the newest command where yours deploy it."""
    the_app = app(ctx)
    ports = the_app.ports(environment, read_only=True)
    if ports.commands is not None:
        said = ports.commands.tail(lines)
        click.echo(
            said or "no command has run yet; what the service itself writes is where it writes it",
            err=not said,
        )
        return 0
    chosen = slot or next((s for s, weight in ports.traffic.weights().items() if weight > 0), "")
    if not chosen:
        raise UsageError("nothing is live, so there is no log", f"mobius status -e {ports.settings.name}")
    if slot and all(process.slot != slot for process in ports.target.processes()):
        there = ", ".join(sorted({process.slot for process in ports.target.processes()}))
        raise UsageError(f"there is no slot {slot}", f"there are: {there or 'none'}")
    click.echo(ports.redact(ports.target.log_tail(chosen, lines)))
    if following and ports.settings.target == "systemd":
        _follow_units(the_app, ports.settings.name, chosen, ports.redact)
    elif following:
        _follow(sorted((ports.settings.root / "run" / chosen).glob("*.log")), ports.redact)
    return 0


def _follow_units(the_app: App, environment: str, slot: str, redact: Callable[[str], str]) -> None:
    """What the slot's units write from now on, out of the journal, until somebody has seen enough."""
    from mobius.wiring.units import follow_command

    with subprocess.Popen(
        follow_command(the_app, environment, slot), stdout=subprocess.PIPE, text=True, errors="replace"
    ) as journal:
        assert journal.stdout is not None
        try:
            for line in journal.stdout:
                click.echo(redact(line), nl=False)
        finally:
            journal.terminate()


def _follow(files: list[Path], redact: Callable[[str], str]) -> None:
    from mobius.adapters.ends import Followed

    followed = [Followed(file) for file in files]
    while True:
        for each in followed:
            if said := each.fresh():
                click.echo(redact(said), nl=False)
        time.sleep(0.3)
