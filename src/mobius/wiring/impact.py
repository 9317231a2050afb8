"""What a release changes in configuration: the files of what is live beside those of the candidate."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from mobius.adapters.places import Places
from mobius.adapters.targets.environment_file import environment_of
from mobius.errors import MobiusError, UsageError
from mobius.flows.standing import standing
from mobius.model.impact import ConfigChange
from mobius.ports import Ports
from mobius.rules.config_impact import MOST_BYTES, config_impact, is_looked_at
from mobius.wiring.app import App

_SKIPPED = {".git", "node_modules", ".venv", "__pycache__"}


def changes_of(app: App, name: str | None, tag: str) -> tuple[str, tuple[ConfigChange, ...]]:
    """The release that is live ("" when none is), and what `tag` changes from it. Raises `UsageError` for an unknown
    tag."""
    ports = app.ports(name, read_only=True)
    live = standing(ports).live
    with ports.releases.look_into(ports.releases.find(tag), "") as folder:
        new = _texts(folder)
    if live is None:
        return "", config_impact({}, new, _present(app, ports))
    return live.id, config_impact(_of_live(ports, live.tag, live.id), new, _present(app, ports))


def _of_live(ports: Ports, tag: str, release_id: str) -> dict[str, str]:
    """As it came from its source: what a build made does not count. Its tree where the source has it no longer."""
    try:
        with ports.releases.look_into(ports.releases.find(tag), "") as folder:
            return _texts(folder)
    except MobiusError:
        return _texts(ports.releases.path(release_id))


def _texts(root: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if each not in _SKIPPED)
        for name in sorted(names):
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            if (
                is_looked_at(relative)
                and path.is_file()
                and not path.is_symlink()
                and path.stat().st_size <= MOST_BYTES
            ):
                found[relative] = path.read_bytes().decode("utf-8", "replace")
    return found


def _present(app: App, ports: Ports) -> Collection[str] | None:
    """The names of the variables that the processes are given; None where a file of them cannot be read."""
    settings = ports.settings
    places = Places(app.settings.project, settings.root, settings.release.link)
    names: set[str] = set()
    try:
        for process in settings.processes:
            names |= environment_of(process, settings.name, places, app.environ).keys()
            names |= {"PORT", "MOBIUS_SOCKET"}
    except UsageError:
        return None
    return names
