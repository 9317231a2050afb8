"""What is struck: backups and ways back on a small tree, each made ready, acted, and told apart whole from torn."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from adapters.backups.yard import Yard
from mobius.archive import Source, SwapState, extract_archive, observe_swap, swap_in, verify_archive
from mobius.archive.durable import in_words
from mobius.archive.publish import sidecar_of
from mobius.archive.write import write_archive
from mobius.errors import MobiusError
from mobius.ports import nothing

CHUNK = 1 << 20
EARLIER = "dhash_20240601_120000.zip"
LATER = "dhash_20240602_120000.zip"
KEY = "run-7"
Tree = dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Scene:
    """`prepare` makes the folder ready, `act` is what is struck (and repeated after), `problems` says what is wrong
    with the folder now; with `finished`, after an act that said it was done."""

    name: str
    prepare: Callable[[Path], None]
    act: Callable[[Path], None]
    problems: Callable[[Path, bool], list[str]]


# -- trees -------------------------------------------------------------------------------------------------------


def tree_of(root: Path) -> Tree:
    """Every path below `root` with its kind and mode, and its content or target."""
    found: Tree = {}
    if not os.path.lexists(root):
        return found
    for path in [root, *sorted(root.rglob("*"))]:
        mode = path.lstat().st_mode
        name = str(path.relative_to(root))
        if stat.S_ISLNK(mode):
            found[name] = ("link", str(path.readlink()))
        elif stat.S_ISDIR(mode):
            found[name] = (f"folder {mode & 0o7777:o}", "")
        else:
            found[name] = (f"file {mode & 0o7777:o}", hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def fill(data: Path, word: str) -> None:
    """Files of every sort: empty, small, larger than a chunk, with a hole, linked twice, linked away; a database."""
    (data / "deep" / "er").mkdir(parents=True, exist_ok=True)
    (data / "empty").touch()
    (data / ".env").write_text(f"TOKEN={word}\n")
    (data / ".env").chmod(0o600)
    (data / "deep" / "notes.txt").write_text(f"{word}\n" * 500)
    (data / "deep" / "er" / "large.log").write_bytes(
        f"{word} went by\n".encode() * 90_000
    )  # more than a chunk
    (data / "film.bin").write_bytes(hashlib.shake_256(word.encode()).digest(200_000))
    with (data / "hole.img").open("wb") as sparse:
        sparse.write(word.encode())
        sparse.seek(3 * CHUNK)
        sparse.write(word.encode())
    for link in ("twice", "away"):
        (data / link).unlink(missing_ok=True)
    (data / "twice").hardlink_to(data / "film.bin")
    (data / "away").symlink_to("deep/notes.txt")
    with closing(sqlite3.connect(data / "app.db")) as db, db:
        db.execute("CREATE TABLE IF NOT EXISTS word (text)")
        db.executemany("INSERT INTO word VALUES (?)", [(word,)] * 200)


# -- archives ----------------------------------------------------------------------------------------------------


def broken_archives(backups: Path) -> list[str]:
    """Every name that a person or a listing takes for a backup must be one that holds, with its own checksum."""
    said = []
    for archive in sorted(backups.glob("*.zip")):
        sidecar = sidecar_of(archive)
        if not sidecar.exists():
            said.append(f"{archive.name} has no checksum")
            continue
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if not re.fullmatch(rf"{digest}  \S*{re.escape(archive.name)}\n", sidecar.read_text()):
            said.append(f"{archive.name} has a wrong checksum: {sidecar.read_text()!r}")
            continue
        try:
            verify_archive(archive, deep=True)
        except MobiusError as error:
            said.append(f"{archive.name} is published and does not hold: {error}")
    return said


def leftovers(folder: Path, allowed: str = r"$^") -> list[str]:
    """What no later run would use: hidden files of writers, staging folders, checksums without their archive."""
    said = []
    for path in _all_below(folder):
        if re.search(r"\.tmp$|\.capture|\.staging$|\.restoring|\.part$|\.spool", path.name):
            said.append(f"left behind: {path.relative_to(folder)}")
        if path.name.endswith(".zip.sha256") and not path.with_name(path.name[:-7]).exists():
            said.append(f"a checksum without its archive: {path.relative_to(folder)}")
    return [each for each in said if not re.search(allowed, each)]


def _all_below(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            yield Path(where, name)


# -- write: one archive by the engine alone ----------------------------------------------------------------------


def _sources(folder: Path) -> list[Source]:
    return [Source("release", folder / "release"), Source("data", folder / "data")]


def _prepare_trees(folder: Path) -> None:
    (folder / "release" / "src").mkdir(parents=True)
    (folder / "release" / "src" / "app.py").write_text("print('hello')\n" * 200)
    (folder / "data").mkdir()
    fill(folder / "data", "first")


def _prepare_write(folder: Path) -> None:
    _prepare_trees(folder)
    write_archive(folder / "backups" / EARLIER, _sources(folder), {"n": 1}, checksum_root=folder)


def _write(folder: Path) -> None:
    """As a person repeats it: a backup that is there already is not made again."""
    target = folder / "backups" / LATER
    if not target.exists():
        write_archive(target, _sources(folder), {"n": 2}, checksum_root=folder)


def _written(folder: Path, finished: bool) -> list[str]:
    backups = folder / "backups"
    said = broken_archives(backups)
    wanted = {EARLIER, LATER} if finished else {EARLIER}
    there = {path.name for path in backups.glob("*.zip")}
    if not wanted <= there or not there <= {EARLIER, LATER}:
        said.append(f"the archives are {sorted(there)}")
    return said + (leftovers(folder) if finished else [])


# -- create: as a deployment makes it, with the day's second name -------------------------------------------------


def _prepare_create(folder: Path) -> None:
    yard = Yard(folder)
    fill(yard.data, "first")
    yard.create(run_id=1, release=yard.stage())


def _create(folder: Path) -> None:
    yard = Yard(folder)
    yard.create(run_id=2, release=yard.stage())


def _created(folder: Path, finished: bool) -> list[str]:
    backups = folder / "backups"
    said = broken_archives(backups)
    made = [path.name for path in backups.glob("dhash_*_*.zip")]
    if not (len(made) == 2 if finished else 1 <= len(made) <= 2):
        said.append(f"the archives are {sorted(made)}")
    days = [path.name for path in backups.glob("*.zip") if path.name not in made]
    if finished and len(days) != 1:
        said.append(f"the day's names are {days}")
    return said + (leftovers(folder) if finished else [])


# -- extract, and swap -------------------------------------------------------------------------------------------


def _prepare_swap(folder: Path) -> None:
    _prepare_write(folder)
    shutil.copytree(folder / "data", folder / "expected", symlinks=True)
    extract_archive(folder / "backups" / EARLIER, folder / "taken", trusted=True)
    (folder / "expected").rename(folder / "before")
    (folder / "taken" / "data").rename(folder / "expected")
    shutil.rmtree(folder / "taken")
    fill(folder / "data", "second")
    shutil.rmtree(folder / "before")
    shutil.copytree(folder / "data", folder / "before", symlinks=True)


def _extract(folder: Path) -> None:
    if not (folder / "out").exists():
        extract_archive(folder / "backups" / EARLIER, folder / "out", trusted=True)


def _extracted(folder: Path, finished: bool) -> list[str]:
    out = folder / "out"
    if not out.exists():
        return ["nothing was extracted"] if finished else []
    said = [] if tree_of(out / "data") == tree_of(folder / "expected") else ["what was extracted differs"]
    return said + (leftovers(folder) if finished else [])


def _swap(folder: Path) -> None:
    new, live, old = folder / ".data.new", folder / "data", folder / ".data.old"
    if not new.exists() and observe_swap(new, live, old) is SwapState.DONE:
        return
    if not new.exists():
        shutil.rmtree(folder / "out", ignore_errors=True)
        extract_archive(folder / "backups" / EARLIER, folder / "out", prefixes=["data"], trusted=True)
        with in_words(f"{new} could not be made", folder):
            (folder / "out" / "data").rename(new)
    swap_in(new, live, old)


def _swapped(folder: Path, finished: bool) -> list[str]:
    return _old_or_new(folder, folder / "data", [folder / ".data.old"], finished)


def _old_or_new(folder: Path, live: Path, kept: list[Path], finished: bool) -> list[str]:
    """The live tree is wholly the old or wholly the new one; in the end the new, and the old one is kept."""
    before, expected, now = tree_of(folder / "before"), tree_of(folder / "expected"), tree_of(live)
    if now != before and now != expected:
        differs = [name for name in {**now, **expected} if now.get(name) != expected.get(name)]
        return [f"the live tree is neither the old nor the new one: {differs[:5]}"]
    if not finished:
        return []
    said = [] if now == expected else ["the live tree is still the old one"]
    if not any(tree_of(place) == before for place in kept):
        said.append("the old tree was not kept")
    return said + leftovers(folder)


# -- restore_data, restore_release, rehearse: as a rollback and a rehearsal do ------------------------------------


def _backup_of(folder: Path) -> Path:
    (made,) = (folder / "backups").glob("dhash_*_*.zip")
    return made


def _prepare_restore(folder: Path) -> None:
    yard = Yard(folder)
    fill(yard.data, "first")
    yard.create(run_id=1, release=yard.stage())
    extract_archive(_backup_of(folder), folder / "taken", trusted=True)
    (folder / "taken" / "data" / "shared" / "data").rename(folder / "expected")
    (folder / "taken" / "release").rename(folder / "expected-release")
    shutil.rmtree(folder / "taken")
    fill(yard.data, "second")
    shutil.copytree(yard.data, folder / "before", symlinks=True)


def _restore_data(folder: Path) -> None:
    Yard(folder).backups.restore_data(_backup_of(folder), key=KEY, progress=nothing)


def _data_restored(folder: Path, finished: bool) -> list[str]:
    yard = Yard(folder)
    kept = [path for path in yard.data.parent.glob(f".data.*{KEY}*") if path.is_dir()]
    return _old_or_new(folder, yard.data, kept, finished)


def _prepare_release(folder: Path) -> None:
    _prepare_restore(folder)
    yard = Yard(folder)
    shutil.rmtree(yard.root / "releases")


def _restore_release(folder: Path) -> None:
    Yard(folder).backups.restore_release(_backup_of(folder))


def _release_restored(folder: Path, finished: bool) -> list[str]:
    store = Yard(folder).store
    if not store.is_staged("v1-1a2b"):
        return ["the release is not there"] if finished else []
    if tree_of(store.path("v1-1a2b")) != tree_of(folder / "expected-release"):
        return ["the release that stands as staged is not the one of the backup"]
    return leftovers(folder) if finished else []


def _rehearse(folder: Path) -> None:
    yard = Yard(folder)
    yard.backups.rehearse(yard.backups.describe(_backup_of(folder)), migrate_from=None, progress=nothing)


def _rehearsed(folder: Path, finished: bool) -> list[str]:
    """A rehearsal never touches what is live; what it restored is gone at its end."""
    said = broken_archives(folder / "backups")
    if tree_of(Yard(folder).data) != tree_of(folder / "before"):
        said.append("the rehearsal touched the live data")
    run = Yard(folder).root / "run"
    if finished and run.exists():
        said += [f"left behind: {path.name}" for path in run.iterdir() if path.name.startswith("rehears")]
    return said + (leftovers(folder) if finished else [])


SCENES = {
    scene.name: scene
    for scene in (
        Scene("write", _prepare_write, _write, _written),
        Scene("create", _prepare_create, _create, _created),
        Scene("extract", _prepare_swap, _extract, _extracted),
        Scene("swap", _prepare_swap, _swap, _swapped),
        Scene("restore data", _prepare_restore, _restore_data, _data_restored),
        Scene("restore release", _prepare_release, _restore_release, _release_restored),
        Scene("rehearse", _prepare_restore, _rehearse, _rehearsed),
    )
}
