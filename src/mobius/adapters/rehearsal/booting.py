"""From a restored copy to a boot: which processes, with which environment, see which files; or why there is none."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from mobius.adapters.backups.contents import member_of, outermost, with_secrets_of
from mobius.adapters.places import Places
from mobius.adapters.rehearsal.addresses import addressed, user_of
from mobius.adapters.rehearsal.asked import Asked, Isolation, Mount, ScratchDatabase, Served
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap, own_programs
from mobius.adapters.rehearsal.layout import Copied, mounts, place_links, programs_of
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.adapters.rehearsal.whose import give, user_of_service
from mobius.adapters.targets.environment_file import environment_of
from mobius.model.release import Release, tree_of
from mobius.model.settings import DatabaseSettings, EnvironmentSettings, ProcessSettings, SmokeSettings
from mobius.rules.commanding import ELSEWHERE

PASSED = re.compile(r"PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ")
FIRST_PORT = 20_000
ELSEWHERE_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A boot that can be made. `left_out`: smoke tests that need the network; `unseen`: what the release finds empty,
    because the backup does not hold it."""

    asked: Asked
    mounts: tuple[Mount, ...]
    left_out: tuple[str, ...]
    unseen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup in a scratch place: `copy` is what the archive held, `room` an empty folder for us."""

    copy: Path
    room: Path
    metadata: Mapping[str, Any]
    databases: Mapping[str, ScratchDatabase]
    urls: dict[str, str] = field(default_factory=dict, repr=False)

    def url(self, database: DatabaseSettings, live: str) -> str:
        """Where the release finds the scratch copy of this database, whose live address is `live`."""
        scratch = self.databases[database.name]
        address = getattr(scratch, "address", None)
        if address is None:
            return scratch.url
        from mobius.adapters.rehearsal.release_role import url_for_release

        if database.name not in self.urls:  # one role, one password, for every process
            self.urls[database.name] = url_for_release(address, user_of(live or database.url))
        return self.urls[database.name]


def prepared(
    restored: Restored,
    settings: EnvironmentSettings,
    places: Places,
    environ: Mapping[str, str],
    candidate: Release | None = None,
) -> Prepared:
    """Everything that a boot of the backed-up release needs; or of `candidate`, whose tree lies in its place in the
    copy. Raises `NotProvenError` with the reason where it cannot be had, `MobiusError` for an `env_file` that cannot be
    read or for what may not be shown."""
    if settings.target in ELSEWHERE:
        raise NotProvenError(f'with target = "{settings.target}" somebody else starts the service')
    release, processes = (candidate, settings.processes) if candidate else _release_in(restored, settings)
    webs = [process for process in processes if process.kind == "web"]
    if not webs:
        raise NotProvenError(f"{release.id} has no web process that could answer")
    _refuse_what_is_not_there(settings, restored.databases)
    tree = places.releases / tree_of(release.id)
    copies = [Copied(tree, restored.copy / "release"), *data_copies(restored, settings, places)]
    refuse_what_leads_away(restored.copy, copies)
    place_links(restored.copy / "release", settings.release.link, places)
    empty, unseen = empty_places(copies, settings, places, restored.room)
    env = {name: value for name, value in environ.items() if PASSED.fullmatch(name)}
    paths = env.get("PATH", os.defpath)
    served = tuple(
        _served(number, process, release, tree, env, copies, settings, places, environ, restored)
        for number, process in enumerate(webs)
    )
    smoke = tuple(test for test in settings.smoke if not _needs_network(test))
    user = user_of_service(settings, places)
    links = {places.root / "current": Path("releases") / tree.name}
    if release.id != tree.name:
        links[places.releases / release.id] = Path(tree.name)
    hidden = hidden_places(settings, places)
    sockets = [database.socket for database in restored.databases.values() if database.socket is not None]
    laid_out = mounts(
        [*empty, *copies],
        hidden=hidden,
        shown=[
            *own_programs(),
            *programs_of(webs, tree, paths, hidden),
            *sockets,
            *settings.rehearsal.show,
        ],
        links=links,
        room=restored.room,
    )
    if user is not None:
        give(restored.copy, user)
        give(restored.room, user)
    return Prepared(
        Asked(
            environment=settings.name,
            url=settings.url,
            project=str(places.project),
            root=str(places.root),
            cwd=str(tree),
            processes=served,
            health=settings.health,
            smoke=smoke,
            links=tuple(places.links),
            user=user,
            memory_bytes=settings.rehearsal.memory_bytes,
        ),
        laid_out,
        tuple(test.name for test in settings.smoke if _needs_network(test)),
        unseen,
    )


def why_no_boot(settings: EnvironmentSettings, isolation: Isolation | None = None) -> str:
    """What can be said without a backup at hand: why no release of this environment can be booted here, or ""."""
    if settings.target in ELSEWHERE:
        return f'with target = "{settings.target}" somebody else starts the service'
    return (isolation or Bubblewrap()).why_not()


def _release_in(
    restored: Restored, settings: EnvironmentSettings
) -> tuple[Release, tuple[ProcessSettings, ...]]:
    """The release and its processes, as the archive has them: those of today may be others."""
    described = restored.metadata.get("release")
    if not isinstance(described, dict) or not (restored.copy / "release").is_dir():
        raise NotProvenError("the backup holds no release")
    try:
        release = msgspec.convert(described, Release)
        kept = msgspec.convert(restored.metadata.get("processes") or [], tuple[ProcessSettings, ...])
    except msgspec.MsgspecError as problem:
        raise NotProvenError(f"the backup does not describe its release: {problem}") from problem
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", release.id):
        raise NotProvenError(f"{release.id!r} is no name of a release")
    return release, with_secrets_of(kept, settings.processes)


def _refuse_what_is_not_there(
    settings: EnvironmentSettings, databases: Mapping[str, ScratchDatabase]
) -> None:
    if settings.systemd.credentials and settings.target == "systemd":
        named = ", ".join(settings.systemd.credentials)
        raise NotProvenError(f"it is given live credentials ({named}), which a rehearsal does not see")
    for database in settings.databases:
        scratch = databases.get(database.name)
        if scratch is None:
            raise NotProvenError(f"there is no scratch copy of the database {database.name}")
        if scratch.socket is None:
            raise NotProvenError(
                f"the scratch copy of {database.name} is on another server, and a boot has no network"
            )


def data_copies(restored: Restored, settings: EnvironmentSettings, places: Places) -> list[Copied]:
    named = outermost([*settings.backup.paths, *settings.backup.databases])
    found = [Copied(places.resolve(name), restored.copy / member_of(name)) for name in named]
    return [copied for copied in found if os.path.lexists(copied.copy)]


def refuse_what_leads_away(copy: Path, copies: Sequence[Copied]) -> None:
    """What is mounted must lie in the scratch place itself: a link in an archive may lead to what is live."""
    inside = copy.resolve()
    for copied in copies:
        if not copied.copy.resolve().is_relative_to(inside):
            raise NotProvenError(f"{copied.copy.relative_to(copy)} of the backup is a link that leads away")


def empty_places(
    copies: Sequence[Copied], settings: EnvironmentSettings, places: Places, room: Path
) -> tuple[list[Copied], tuple[str, ...]]:
    """Empty folders in place of what the release expects in `shared/` and the backup does not hold."""
    shared = room / "shared"
    shared.mkdir(parents=True)
    empty, unseen = [Copied(places.shared, shared)], []
    for name in settings.release.link:
        live = places.resolve(name)
        if copy_of(live, copies) is not None:
            continue
        unseen.append(name)
        if live.is_dir():
            (shared / name).mkdir(parents=True, exist_ok=True)
    if any(copied.live == places.shared for copied in copies):
        empty = []
    return empty, tuple(unseen)


def _served(
    number: int,
    process: ProcessSettings,
    release: Release,
    tree: Path,
    env: Mapping[str, str],
    copies: Sequence[Copied],
    settings: EnvironmentSettings,
    places: Places,
    environ: Mapping[str, str],
    restored: Restored,
) -> Served:
    """As its slot would start it, but for where it listens, its home, and the addresses of its databases."""
    port, socket = FIRST_PORT + number, f"/tmp/{process.name}.sock"
    file = copy_of(places.resolve(process.env_file), copies) if process.env_file else None
    own = environment_of(process, settings.name, places, environ, env_file=file)
    scratch = {
        each.name: (each, restored.url(each, own.get(each.url_env, ""))) for each in settings.databases
    }
    given = {
        **env,
        "HOME": "/tmp",
        **addressed(own, scratch),
        "PORT": str(port),
        "MOBIUS_SOCKET": socket,
        "MOBIUS_SLOT": "rehearsal",
        "MOBIUS_RELEASE": release.id,
        "MOBIUS_PROCESS": process.name,
        "MOBIUS_KIND": process.kind,
        "MOBIUS_REHEARSAL": "1",
    }
    return Served(process.name, process.start, given, str(tree), port, socket, process.listen)


def copy_of(live: Path, copies: Sequence[Copied]) -> Path | None:
    """Where the copy of something live lies; None where the backup does not hold it."""
    for copied in copies:
        if live == copied.live or copied.live in live.parents:
            copy = copied.copy / live.relative_to(copied.live)
            return copy if os.path.lexists(copy) else None
    return None


def _needs_network(test: SmokeSettings) -> bool:
    return test.kind == "tls" or (test.kind == "http" and bool(ELSEWHERE_ADDRESS.match(test.url)))


def hidden_places(settings: EnvironmentSettings, places: Places) -> list[Path]:
    """What is live, or secret: seen in a boot only as its copy, wherever it lies."""
    named = [*settings.backup.paths, *settings.backup.databases, *settings.release.link]
    secret = [settings.backup.sign_key, settings.backup.allowed_signers]
    secret += [Path(file) for file in settings.systemd.credentials.values()]
    return [
        places.project,
        places.root,
        settings.backup.folder,
        *(places.resolve(name) for name in named),
        *(path for path in secret if path is not None),
    ]
