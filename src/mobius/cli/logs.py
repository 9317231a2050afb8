"""`mobius logs`: what the processes of a slot wrote."""

from __future__ import annotations

import time
from pathlib import Path

import click

from mobius.cli.context import app, environment_option
from mobius.errors import UsageError


@click.command("logs")
@environment_option
@click.option("--slot", metavar="SLOT", help="blue or green; default: the live one.")
@click.option("-n", "--lines", default=50, show_default=True, help="How many lines from the end.")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on as they are written.")
@click.pass_context
def command(
    ctx: click.Context, environment: str | None, slot: str | None, lines: int, following: bool
) -> int:
    """Print the last lines of the live release, secrets taken out."""
    the_app = app(ctx)
    ports = the_app.ports(environment, read_only=True)
    chosen = slot or next((s for s, weight in ports.traffic.weights().items() if weight > 0), "")
    if not chosen:
        raise UsageError("nothing is live, so there is no log", f"mobius status -e {ports.settings.name}")
    if slot and all(process.slot != slot for process in ports.target.processes()):
        there = ", ".join(sorted({process.slot for process in ports.target.processes()}))
        raise UsageError(f"there is no slot {slot}", f"there are: {there or 'none'}")
    click.echo(ports.redact(ports.target.log_tail(chosen, lines)))
    if following:
        _follow(sorted((ports.settings.root / "run" / chosen).glob("*.log")), ports.redact)
    return 0


def _follow(files: list[Path], redact) -> None:  # type: ignore[no-untyped-def]
    places = {file: file.stat().st_size for file in files}
    while True:
        for file, place in places.items():
            size = file.stat().st_size
            if size < place:  # rotated
                place = 0
            if size > place:
                with file.open("rb") as opened:
                    opened.seek(place)
                    click.echo(redact(opened.read(size - place).decode(errors="replace")), nl=False)
            places[file] = size
        time.sleep(0.3)
