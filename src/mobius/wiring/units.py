"""The units of an environment under systemd, with the processes of mobius.toml and of every release at hand."""

from __future__ import annotations

from mobius.adapters import systemd
from mobius.adapters.places import Places
from mobius.adapters.targets.systemd import SystemdTarget
from mobius.adapters.targets.systemd_checks import examine
from mobius.adapters.targets.systemd_units import UnitFiles
from mobius.errors import UsageError
from mobius.model.settings import ProcessSettings
from mobius.model.verdict import CheckResult
from mobius.wiring.app import App


def units_of(app: App, name: str | None) -> UnitFiles:
    """Raises `UsageError` for an environment that does not run under systemd."""
    settings = app.environment(name)
    if settings.target != "systemd":
        raise UsageError(
            f"{settings.name} runs under target {settings.target}, which has no units",
            'write target = "systemd" in mobius.toml first',
        )
    return UnitFiles(
        app.settings.service, settings, _places(app, settings.name), _processes(app, settings.name)
    )


def unit_checks(app: App, name: str | None) -> tuple[CheckResult, ...]:
    """What doctor asks of the host; nothing for an environment without units."""
    settings = app.environment(name)
    if settings.target != "systemd":
        return ()
    places = _places(app, settings.name)
    return tuple(examine(app.settings.service, settings, places, _processes(app, settings.name)))


def follow_command(app: App, name: str, slot: str) -> list[str]:
    """The command that prints what the units of this slot write from now on."""
    target = SystemdTarget(app.settings.service, app.environment(name), _places(app, name), app.environ)
    return systemd.follow_argv(target.units(slot))


def _places(app: App, name: str) -> Places:
    settings = app.environment(name)
    return Places(app.settings.project, settings.root, settings.release.link)


def _processes(app: App, name: str) -> tuple[ProcessSettings, ...]:
    releases = app.ports(name, read_only=True).releases
    theirs = [one for release in releases.manifests() for one in releases.processes(release.id)]
    return (*app.environment(name).processes, *theirs)
