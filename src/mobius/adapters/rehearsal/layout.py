"""What lies where inside a boot: the restored copy at the paths of the live one, the system's programs, no more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.places import Places
from mobius.adapters.rehearsal.asked import Mount
from mobius.errors import GateFailed
from mobius.model.settings import ProcessSettings

SYSTEM = tuple(Path(p) for p in (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store",
))  # fmt: skip
# What programs need of /etc to start; everything else there may hold a secret.
ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "fonts", "group", "host.conf",
    "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "magic", "mime.types",
    "networks", "nsswitch.conf", "passwd", "perl", "pki/ca-trust", "pki/tls/certs", "protocols", "services",
    "ssl/certs", "ssl/openssl.cnf", "timezone",
)  # fmt: skip
NEVER_WHOLE = tuple(
    Path(p) for p in ("/", "/home", "/root", "/etc", "/opt", "/srv", "/var", "/run", "/tmp", "/mnt")
)
PROGRAM_FOLDERS = ("bin", "sbin", "shims")  # shims: pyenv, asdf


@dataclass(frozen=True, slots=True)
class Copied:
    """A file or folder of the restored copy, and the path that it has where it is live."""

    live: Path
    copy: Path


def mounts(
    copies: Sequence[Copied],
    *,
    hidden: Iterable[Path],
    shown: Iterable[Path],
    links: Mapping[Path, Path],
    room: Path,
) -> tuple[Mount, ...]:
    """Everything inside, an outer folder before what lies in it.

    `hidden`: what must not be seen though it may lie below something shown; `shown`: what may be read; `links`: links
    to make, by their place. `room` is an empty folder of the scratch place, for folders around single files.
    Raises `GateFailed` where something shown is, or lies in, what is live.
    """
    by_place: dict[Path, Mount] = {}
    _add_shown(by_place, _system())
    _add_shown(by_place, [path for path in shown if os.path.lexists(path)])
    covered = {_real(path) for path in hidden}
    _mask(by_place, covered)
    live = [_real(copied.live) for copied in copies if copied.copy.parent != room]
    for mount in [mount for mount in by_place.values() if mount.kind == "show"]:
        if mount.source in covered or any(_is_in(mount.source, place) for place in live):
            raise GateFailed(
                f"{mount.at} is to be shown to a rehearsal, but what is live lies there",
                "take it out of rehearsal.show in mobius.toml",
            )
    for at, target in links.items():
        by_place[at] = Mount("link", at, target)
    for copied in with_folders_around(copies, room):
        for place in {copied.live, _real(copied.live)}:
            by_place[place] = Mount("copy", place, copied.copy)
    return tuple(sorted(by_place.values(), key=lambda mount: mount.at.parts))


def programs_of(
    processes: Sequence[ProcessSettings], tree: Path, path: str, hidden: Iterable[Path]
) -> list[Path]:
    """The folders where the programs of these start commands are installed, and those that run their scripts; not
    what lies in the release itself, or belongs to the system. Of a folder that holds something hidden, the program
    alone."""
    secret = {_real(place) for place in hidden}
    found: list[Path] = []
    for process in processes:
        program = process.start[0]
        named = str(tree / program) if "/" in program else shutil.which(program, path=path)
        for file in _followed(Path(named)) if named else ():
            if not _is_in(file, tree) and not any(_is_in(file, system) for system in SYSTEM):
                folder = _installation(file)
                holds = any(_is_in(place, _real(folder)) for place in secret)
                found.append(file if holds else folder)
    return list(dict.fromkeys(found))


def _followed(program: Path) -> list[Path]:
    """The program, what it is a link to, and the interpreter that its first line names."""
    files = [program, _real(program)]
    try:
        with files[-1].open("rb") as file:
            first = file.readline(512)
    except OSError:
        return []
    if first.startswith(b"#!"):
        words = first[2:].decode(errors="replace").split()
        if words and Path(words[0]).name != "env" and Path(words[0]).is_absolute():
            files += [Path(words[0]), _real(Path(words[0]))]
    return files


def _installation(program: Path) -> Path:
    """`/opt/node` for `/opt/node/bin/node`; the file alone where that would be a folder of everything, and for a link
    to a program, unless it is that of a virtual environment."""
    folder = program.parent.parent
    if program.parent.name not in PROGRAM_FOLDERS or folder in NEVER_WHOLE or folder.parent == Path("/home"):
        return program
    if program.is_symlink() and not (folder / "pyvenv.cfg").exists():
        return program
    return folder


def _system() -> list[Path]:
    return [path for path in (*SYSTEM, *(Path("/etc", name) for name in ETC)) if os.path.lexists(path)]


def _add_shown(by_place: dict[Path, Mount], paths: Iterable[Path]) -> None:
    """Links stay links where they lead to what is shown, too; else what they lead to is shown in their place."""
    for path in paths:
        if any(path == at or (_is_in(path, at) and by_place[at].kind == "show") for at in by_place):
            continue
        if path.is_symlink() and path in SYSTEM:
            by_place[path] = Mount("link", path, path.readlink())
        elif path.exists():
            by_place[path] = Mount("show", path, _real(path))


def _mask(by_place: dict[Path, Mount], hidden: Collection[Path]) -> None:
    """Covers what is hidden below what is shown."""
    for mount in [mount for mount in by_place.values() if mount.kind == "show"]:
        for path in hidden:
            if path != mount.source and _is_in(path, mount.source) and path.exists():
                at = mount.at / path.relative_to(mount.source)
                empty = Mount("mask", at) if path.is_dir() else Mount("show", at, Path(os.devnull))
                by_place.setdefault(at, empty)


def with_folders_around(copies: Sequence[Copied], room: Path) -> list[Copied]:
    """A file comes with a folder around it that can be written to: SQLite puts its journal beside it."""
    folders: dict[Path, Path] = {}
    whole = [copied for copied in copies if copied.copy.is_dir()]
    for number, copied in enumerate(copied for copied in copies if not copied.copy.is_dir()):
        above = [one for one in whole if _is_in(copied.live, one.live)]
        if above:  # the folder that holds it is there: `shared/` of our own, or a copy
            nearest = max(above, key=lambda one: len(one.live.parts))
            place = nearest.copy / copied.live.relative_to(nearest.live)
        else:
            place = folders.setdefault(copied.live.parent, room / f"around-{number}") / copied.live.name
        if not os.path.lexists(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            copied.copy.rename(place)
    return [*whole, *(Copied(live, folder) for live, folder in folders.items())]


def place_links(tree: Path, names: Collection[str], places: Places) -> None:
    """In the restored tree, the links into `shared/` that a staged release has; they are left out of an archive."""
    for name in names:
        inside = tree / name
        inside.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(inside) and inside.parent.resolve().is_relative_to(tree.resolve()):
            inside.symlink_to(places.shared / name)


def _is_in(path: Path, folder: Path) -> bool:
    return folder in path.parents or path == folder


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
