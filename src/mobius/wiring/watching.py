"""What looks on at a window, and one that never acts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from mobius.errors import MobiusError
from mobius.flows.look_on import LookingOn
from mobius.report.status import way_back_words

if TYPE_CHECKING:
    from mobius.wiring.app import App


def in_shadow(app: App, name: str | None) -> App:
    """The same App, but for one environment whose windows judge and never act."""
    settings = app.environment(name)
    there = replace(settings, monitor=replace(settings.monitor, shadow=True))
    environments = {**app.settings.environments, settings.name: there}
    return replace(app, settings=replace(app.settings, environments=environments))


def looking_on(app: App, name: str | None, run_id: int) -> LookingOn:
    """The window of this run, with the way back as it stands now, where that can be seen."""
    ports = app.ports(name, read_only=True)
    words = ""
    with suppress(MobiusError):
        now = app.status(name)
        words = way_back_words(now.way_back, now.at, None) if now.way_back else "none"
    return LookingOn(ports.journal.run(run_id), ports, way_back=words)
