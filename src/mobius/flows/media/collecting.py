"""Which films are meant: files as they are, every film in a folder, and what a pattern finds."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

from mobius.errors import GateUnknown, MobiusError
from mobius.flows.media.golden_folder import DEBUG, FRAMES, RECORD

ENDINGS = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".mpeg", ".3gp"}


def films_meant(named: Sequence[Path]) -> list[tuple[Path, MobiusError | None]]:
    """Each film once, in the order they were named, those of a folder by name. With a problem: what was named and
    finds no film, which is never a pass. Frames of goldens are no films; hidden folders are left alone."""
    found: dict[Path, tuple[Path, MobiusError | None]] = {}
    for one in named:
        each = list(_in(one))
        if not each:
            where = "in this folder" if one.is_dir() else "by this pattern"
            none = GateUnknown(
                f"{one}: no film {where}: nothing was judged", f"films end in {', '.join(sorted(ENDINGS))}"
            )
            found.setdefault(one.absolute(), (one, none))
        for file in each:
            found.setdefault(file.absolute(), (file, None))
    return list(found.values())


def _in(named: Path) -> Iterator[Path]:
    if named.is_dir():
        yield from (file for file in sorted(named.rglob("*")) if _is_film(file, named))
    elif not named.exists() and glob.has_magic(str(named)):
        found = glob.glob(str(named), recursive=True)  # noqa: PTH207 - a pattern may be absolute
        yield from (file for file in map(Path, sorted(found)) if file.is_file())
    else:
        yield named  # one that is not there is an error of its own


def _is_film(file: Path, home: Path) -> bool:
    inside = file.relative_to(home).parts
    if file.suffix.lower() not in ENDINGS or any(part.startswith(".") for part in inside):
        return False
    is_of_golden = any(
        up.name in (FRAMES, DEBUG) and (up.parent / RECORD).is_file() for up in list(file.parents)[:3]
    )
    return file.is_file() and not is_of_golden
