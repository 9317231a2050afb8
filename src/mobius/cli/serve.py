"""`mobius serve`: the monitor as a service, so that a boot, a lost terminal and a killed runner are nothing."""

from __future__ import annotations

import threading
import time

import click

from mobius.cli.context import app, environment_option
from mobius.host.systemd import Notify

LONGEST_LOOK_S = 300.0  # beyond the health gate's own deadline: longer means that it hangs


@click.command("serve")
@environment_option
@click.pass_context
def command(ctx: click.Context, environment: str | None) -> int:
    """Look after the environment: bring up what was live after a boot, and carry on the run that was going on.

    Answers `/metrics`, `/api/v1/verdict` and a page for people on `listen` of [serve], by default 127.0.0.1:8080. It is
    what `mobius-monitor.service` runs. Ending or restarting it touches nothing else.
    """
    from mobius.flows.serve import serve
    from mobius.web.face import Face
    from mobius.wiring import version
    from mobius.wiring.telling import begin_sending

    the_app = app(ctx)
    ports = the_app.ports(environment)

    def say(line: str) -> None:
        click.echo(ports.redact(line))

    pulse = Pulse(Notify(), LONGEST_LOOK_S + ports.settings.health.deadline_s)
    pulse.begin(f"looks after {ports.settings.name}")
    reading = the_app.ports(environment, read_only=True)
    Face(reading, the_app.environ, say=say, version=version()).begin()
    begin_sending(the_app, environment, say=say)
    serve(ports, say=say, looked=pulse.looked)
    return 0


class Pulse:
    """Tells systemd that this is alive for as long as no single look takes too long."""

    def __init__(self, notify: Notify, longest_s: float) -> None:
        self._notify = notify
        self._longest_s = longest_s
        self._since = time.monotonic()

    def begin(self, status: str) -> None:
        """Ready; the first look may take its time."""
        self._notify.ready(status)
        if self._notify.every_s:
            threading.Thread(target=self._beat, daemon=True).start()

    def looked(self) -> None:
        """A look begins."""
        self._since = time.monotonic()

    def _beat(self) -> None:
        while True:
            if time.monotonic() - self._since < self._longest_s:
                self._notify.alive()
            time.sleep(self._notify.every_s)
