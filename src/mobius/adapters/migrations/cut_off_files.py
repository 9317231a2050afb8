"""The files that a command sees when it is cut off: the restored ones, its release, and the scratch SQLite file.

What runs inside may leave anything in what it may write to, links to live files too. So all that we do with those files
from outside is done before the first command runs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mobius.adapters.places import Places
from mobius.adapters.rehearsal.asked import As, Mount
from mobius.adapters.rehearsal.booting import (
    Restored,
    copy_of,
    data_copies,
    empty_places,
    hidden_places,
    refuse_what_leads_away,
)
from mobius.adapters.rehearsal.bubblewrap import own_programs
from mobius.adapters.rehearsal.copying import copy_folder
from mobius.adapters.rehearsal.layout import Copied, mounts, programs_of, with_folders_around
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.archive.sqlite_capture import COMPANIONS
from mobius.model.settings import EnvironmentSettings, ProcessSettings

FOLDER, FILE = Path("/migrated"), Path("/migrated.db")  # the scratch SQLite file inside, and its folder


def laid_out(
    settings: EnvironmentSettings, places: Places, restored: Path | None, room: Path, live: Path | None
) -> list[Copied]:
    """The restored data, copied once more into `room`: what a command does to it must not be there when a release
    starts. At `live`, the path of an SQLite file, lies a link to `FILE`: SQLite puts its journals beside what it leads
    to, where those who look on from outside find them. Raises `NotProvenError` where something in there leads away."""
    room.mkdir(parents=True, exist_ok=True)
    copies: list[Copied] = []
    if restored is not None:
        files = room / "files"
        copy_folder(
            restored,
            files,
            "a copy of the restored files for the migrations",
            _left_out(settings, places, restored, live),
        )
        copies = data_copies(Restored(files, room, {}, {}), settings, places)
        refuse_what_leads_away(files, copies)
    empty, _ = empty_places(copies, settings, places, room)
    copies = with_folders_around([*empty, *copies], room)
    return copies if live is None else _with_link(live, copies, room)


def _left_out(settings: EnvironmentSettings, places: Places, restored: Path, live: Path | None) -> set[Path]:
    """What another copy of is of no use."""
    found = {restored / "release", restored / "databases"}
    if live is not None:
        there = data_copies(Restored(restored, restored, {}, {}), settings, places)
        if file := copy_of(live, there):
            found |= {file, *(Path(f"{file}{suffix}") for suffix in COMPANIONS)}
    return {path for path in found if os.path.lexists(path)}


def _with_link(live: Path, copies: Sequence[Copied], room: Path) -> list[Copied]:
    found = list(copies)
    around = [each for each in found if live != each.live and live.is_relative_to(each.live)]
    if not around:
        around = [Copied(live.parent, room / "around-the-database")]
        around[0].copy.mkdir()
        found += around
    nearest = max(around, key=lambda each: len(each.live.parts))
    link = nearest.copy / live.relative_to(nearest.live)
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.parent.resolve().is_relative_to(room.resolve()) or os.path.lexists(link):
        raise NotProvenError(f"in the backup, the folder of {live} is a link that leads away")
    link.symlink_to(FILE)
    return found


def everything_inside(
    settings: EnvironmentSettings,
    places: Places,
    argv: Sequence[str],
    tree: Path,
    path: str,
    copies: Sequence[Copied],
    *,
    room: Path,
    live: Path | None,
    database: Path | None,
    sockets: Sequence[Path],
) -> list[Mount]:
    """Outer folders first. `database`: the scratch SQLite file; `path`: where programs are looked for."""
    hidden = [*hidden_places(settings, places), *([live] if live is not None else [])]
    programs = programs_of([ProcessSettings("migrations", tuple(argv))], tree, path, hidden)
    is_staged = tree.parent == places.releases
    found = mounts(
        copies,
        hidden=hidden,
        shown=[*own_programs(), *programs, tree, *sockets, *settings.rehearsal.show],
        links={places.root / "current": Path("releases") / tree.name} if is_staged else {},
        room=room,
    )
    with_database = [*found, *(_alone(database) if database is not None else [])]
    return sorted(with_database, key=lambda mount: mount.at.parts)


def _alone(database: Path) -> list[Mount]:
    """The scratch file in its folder, with all else that lies there covered. It is a mount itself, so that nobody
    inside can put something else in its place."""
    ours = {f"{database.name}{suffix}" for suffix in COMPANIONS}
    at = FOLDER / database.name
    found = [Mount("copy", FOLDER, database.parent), Mount("copy", at, database), Mount("link", FILE, at)]
    for other in sorted(database.parent.iterdir()):
        if other.name not in ours and other != database and not other.is_symlink():
            covered = FOLDER / other.name
            is_folder = other.is_dir()
            found.append(Mount("mask", covered) if is_folder else Mount("show", covered, Path(os.devnull)))
    return found


def remove_links(folder: Path) -> None:
    """Those that somebody inside left where we go on from outside."""
    for path in folder.iterdir():
        if path.is_symlink():
            path.unlink()


def give_database(database: Path, user: As) -> None:
    """It belongs to whoever the command runs as, and so does the folder, for its journals."""
    for path in (database.parent, *(Path(f"{database}{suffix}") for suffix in ("", *COMPANIONS))):
        if os.path.lexists(path) and path.lstat().st_uid == 0:
            os.chown(path, user.uid, user.gid, follow_symlinks=False)
