"""The data that a release finds in a scratch place: a copy of the newest backup, or nothing but its migrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mobius.adapters.databases.captures import Dumps
from mobius.adapters.places import Places
from mobius.adapters.scratch.files import Bound, covered, laid_out, mount_points, taken_away
from mobius.adapters.scratch.servers import Given, empty_databases, moved_databases, restored_databases
from mobius.adapters.targets.environment_file import environment_of
from mobius.archive.extract import extract_archive
from mobius.errors import ConfigurationError
from mobius.flows.standing import standing
from mobius.model.release import BackupRecord
from mobius.model.settings import EnvironmentSettings
from mobius.wiring.app import App

EXTRACTED = "of-the-backup"


@dataclass(frozen=True, slots=True)
class Data:
    """`settings`: of the scratch environment, with its databases; `bound`: what covers what is live; `sockets`: folders
    to be seen; `of`: the name of the backup it was filled from, "" where it is empty."""

    settings: EnvironmentSettings
    bound: tuple[Bound, ...] = ()
    sockets: tuple[Path, ...] = ()
    of: str = ""

    @property
    def said(self) -> str:
        """In words."""
        return f"on a copy of {self.of}" if self.of else "with no data but what its migrations make"


@contextmanager
def scratch_data(
    app: App, name: str, moved: EnvironmentSettings, place: Path, *, how: str, progress: Callable[[str], None]
) -> Iterator[Data]:
    """Gone at the end. Data of anybody's goes only where the release is cut off. Raises `MobiusError` where it cannot
    be had, `BackupInvalid` where the backup does not hold it."""
    settings, project = app.environment(name), app.settings.project
    links = settings.release.link
    places, there = Places(project, settings.root, links), Places(project, moved.root, links)
    with ExitStack() as stack:
        if how != "isolated":
            stack.enter_context(taken_away(settings, places))
            given = stack.enter_context(
                empty_databases(settings.root, settings.databases, _live(app, name, moved))
            )
            yield Data(_with(given, app, moved, there), (), given.sockets)
            return
        backup = _newest(app, name)
        extracted = None
        if backup is not None:
            progress(f"restoring {backup.name} for this checkout to start on")
            ours = Path(backup.path).resolve().parent == settings.backup.folder.resolve()
            extracted = extract_archive(Path(backup.path), place / EXTRACTED, trusted=ours).path
        bound = laid_out(settings, places, there, place, extracted)
        stack.enter_context(mount_points(bound))
        live = _live(app, name, moved)
        if extracted is not None and settings.databases:
            here = replace(
                settings, databases=tuple(replace(each, scratch_url="") for each in settings.databases)
            )
            dumps = Dumps(app.settings.service, here, places, app.environ)
            given = stack.enter_context(
                restored_databases(dumps, settings.databases, extracted, live, progress)
            )
        else:
            given = stack.enter_context(empty_databases(settings.root, settings.databases, live))
        of = backup.name if backup is not None else ""
        kept = covered(settings, places, bound).backup
        moved = replace(moved, backup=replace(moved.backup, paths=kept.paths, databases=kept.databases))
        yield Data(_with(given, app, moved, there), tuple(bound), given.sockets, of)


@contextmanager
def with_known_databases(app: App, name: str) -> Iterator[tuple[App, str]]:
    """(the app, ""); where nothing is live here and nobody here knows the address of a database, as in CI: the app with
    an empty one in its place, gone at the end, and what is to be said of that. Raises `MobiusError` where none can be
    had."""
    settings = app.environment(name)
    known = _live(app, name, settings)
    unknown = tuple(each for each in settings.databases if not known[each.name])
    ports = app.ports(name, read_only=True)
    if not unknown or ports.commands is not None or standing(ports).live is not None:
        yield app, ""
        return
    with empty_databases(settings.root, unknown, known) as given:
        databases = tuple(
            replace(each, url=given.urls[each.name], url_env="") if each.name in given.urls else each
            for each in settings.databases
        )
        there = replace(settings, databases=databases)
        environments = {**app.settings.environments, name: there}
        named = ", ".join(each.url_env for each in unknown)
        said = f"against an empty database: nothing is live here, and {named} is set nowhere"
        yield App(replace(app.settings, environments=environments), app.environ), said


def _newest(app: App, name: str) -> BackupRecord | None:
    """Where something is live, the newest backup of a healthy release that holds all its databases."""
    ports = app.ports(name, read_only=True)
    if ports.commands is None and standing(ports).live is None:
        return None
    named = {database.name for database in ports.settings.databases}
    for backup in ports.backups.found():
        held = (backup.metadata or {}).get("databases") or ()
        if backup.kind != "emergency" and isinstance(held, list | tuple) and named <= set(held):
            return backup
    return None


def _with(given: Given, app: App, moved: EnvironmentSettings, places: Places) -> EnvironmentSettings:
    found = {
        process.name: environment_of(process, moved.name, places, app.environ) for process in moved.processes
    }
    return moved_databases(moved, given, found)


def _live(app: App, name: str, moved: EnvironmentSettings) -> dict[str, str]:
    """By name, the address of the live database, "" where nobody here knows it: as a release finds it."""
    settings = app.environment(name)
    places = Places(app.settings.project, moved.root, settings.release.link)
    found: dict[str, str] = {}
    for database in settings.databases:
        value = database.url or app.environ.get(database.url_env, "")
        for process in moved.processes if not value else ():
            with suppress(ConfigurationError):  # said where it is read for a start
                value = value or environment_of(process, name, places, app.environ).get(database.url_env, "")
        found[database.name] = value
    return found
