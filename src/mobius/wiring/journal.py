"""An environment's journal by its settings: the file in its root, or the database that its machines share."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mobius.adapters.journals.telling import Telling, TellingJournal, nobody
from mobius.adapters.locks.os_lock import OsLock
from mobius.adapters.places import Places
from mobius.errors import ConfigurationError
from mobius.model.settings import EnvironmentSettings, Settings
from mobius.ports import Journal, Launcher, Lock

if TYPE_CHECKING:
    from mobius.adapters.journals.home import Home
    from mobius.adapters.journals.postgres import TellingPostgresJournal

_MACHINE = Path("/etc/machine-id")
ON_ONE_MACHINE = ("process", "systemd")  # targets whose processes are where mobius is


def open_journal(
    all_settings: Settings,
    settings: EnvironmentSettings,
    environ: Mapping[str, str],
    redact: Callable[[str], str],
    *,
    read_only: bool,
    wake: Callable[[], None] = nobody,
) -> Telling:
    """The journal of an environment; it is asked for the first time when it is used."""
    if settings.journal.kind == "postgres":
        journal = _in_postgres(all_settings, settings, environ, redact, read_only=read_only)
        journal.wake = wake
        return journal
    places = Places(all_settings.project, settings.root, settings.release.link)
    return TellingJournal(places.journal, read_only=read_only, redact=redact, wake=wake)


def lock_of(places: Places, settings: EnvironmentSettings, journal: Journal) -> Lock:
    """Who may act: on this machine, and among the machines that share the journal."""
    here = OsLock(places.lock, settings.name)
    if settings.journal.kind != "postgres":
        return here
    from mobius.adapters.journals.postgres import PostgresJournal
    from mobius.adapters.locks.shared import SharedLock
    from mobius.adapters.records import holder

    assert isinstance(journal, PostgresJournal)
    return SharedLock(here, journal, settings.name, str(holder()))


def shared_launcher(here: Launcher, settings: EnvironmentSettings, journal: Journal) -> Launcher:
    """The launcher, which sees a runner on another machine where there may be one."""
    if settings.journal.kind != "postgres":
        return here
    from mobius.adapters.journals.postgres import PostgresJournal
    from mobius.adapters.launchers.shared import SharedLauncher

    assert isinstance(journal, PostgresJournal)
    return SharedLauncher(here, journal, settings.name)


def _in_postgres(
    all_settings: Settings,
    settings: EnvironmentSettings,
    environ: Mapping[str, str],
    redact: Callable[[str], str],
    *,
    read_only: bool,
) -> TellingPostgresJournal:
    from mobius.adapters.databases.postgres_address import Address, parsed
    from mobius.adapters.journals.postgres import TellingPostgresJournal
    from mobius.adapters.journals.postgres_line import EMERGENCY

    def address() -> Address:
        variable = settings.journal.url_env
        if not environ.get(variable):
            raise ConfigurationError(
                f"the address of the journal of {settings.name} is not known: {variable} is not set",
                f"set {variable}, such as: export {variable}=postgresql://mobius@db.internal/mobius; {EMERGENCY}",
            )
        return parsed("journal", environ[variable])

    return TellingPostgresJournal(
        address,
        settings.journal.schema,
        all_settings.service,
        owner=_owner(settings),
        read_only=read_only,
        redact=redact,
    )


def home_of(all_settings: Settings, settings: EnvironmentSettings, journal: Journal) -> Home:
    """Where the environment's own processes live, by the journal."""
    from mobius.adapters.journals.home import Home, Place

    place = Place(socket.gethostname(), _machine(), str(settings.root), str(all_settings.project))
    return Home(journal, settings.name, place)


def refuse_elsewhere(
    all_settings: Settings, settings: EnvironmentSettings, journal: Journal
) -> Callable[[], None]:
    """What is asked before anything is changed, where machines share a journal and the processes are on one of them."""
    if settings.journal.kind != "postgres" or settings.target not in ON_ONE_MACHINE:
        return nobody
    return home_of(all_settings, settings, journal).refuse_elsewhere


def _owner(settings: EnvironmentSettings) -> str:
    """This root on this machine, and no other."""
    return f"{socket.gethostname()} {_machine()} {settings.root}"


def _machine() -> str:
    try:
        return _MACHINE.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
