"""The folder of a golden: golden.json, frames/, masks.json by hand, history.jsonl, and debug/ with what did not match.

The frames are written before golden.json, which names their hashes: a golden that was half written is found out.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobius.errors import GateUnknown, UsageError
from mobius.model.golden import Golden, Mask
from mobius.rules.media.golden_record import golden_of, text_of
from mobius.rules.media.masks import masks_of

HOME = Path("tests/golden")
RECORD, MASKS, HISTORY, DEBUG, FRAMES, APPROVED = (
    "golden.json",
    "masks.json",
    "history.jsonl",
    "debug",
    "frames",
    "approvals",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one golden lies. `system`: linux, macos or windows where it is for that one only, else "". `project`: what
    the path of its film is relative to."""

    game: str
    folder: Path
    system: str = ""
    project: Path = Path()

    @property
    def debug(self) -> Path:
        """What did not match, and the candidate for an approval."""
        return self.folder / DEBUG


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of all goldens, for this system, and the project whose films they are of."""

    system: str
    folder: Path = HOME
    project: Path = Path()


def place_for(game: str, folder: Path | None, home: Home, *, per_os: bool) -> Place:
    """Where a golden of this name is to lie. Raises `UsageError` for a name without a letter or digit."""
    slug = re.sub(r"[^\w]+", "-", game.lower()).strip("-_")
    if not slug and folder is None:
        raise UsageError(
            "which golden?",
            f"name it with --game NAME (its folder in {home.folder.as_posix()}), or --golden DIR",
        )
    there = folder or home.folder / slug
    name = slug or there.name
    if per_os:
        return Place(name, there / home.system, home.system, home.project)
    return Place(name, there, project=home.project)


def place_of(game: str, folder: Path | None, home: Home, *, per_os: bool) -> Place:
    """Where the golden lies that holds here: that of this system first. Raises `UsageError` where there is none."""
    own, common = (place_for(game, folder, home, per_os=each) for each in (True, False))
    for place in (own,) if per_os else (own, common):
        if (place.folder / RECORD).is_file():
            return place
    wanted = own if per_os else common
    name = f'--golden "{folder}"' if folder else f'--game "{game}"'
    raise UsageError(
        f"there is no golden in {wanted.folder.as_posix()}",
        f"record one: mobius media golden record {name} --in FILE{' --per-os' if per_os else ''}",
    )


def all_places(home: Home) -> list[Place]:
    """One for each golden in the folder, that of this system where it has its own."""
    games = {file.parent for file in home.folder.glob(f"*/{RECORD}")}
    games |= {file.parent.parent for file in home.folder.glob(f"*/{home.system}/{RECORD}")}
    return [place_of(game.name, game, home, per_os=False) for game in sorted(games)]


def loaded(place: Place) -> tuple[Golden, str]:
    """The golden, and the SHA-256 of its record. Raises `GateUnknown` where it cannot be read."""
    try:
        content = (place.folder / RECORD).read_bytes()
        return golden_of(content.decode()), hashlib.sha256(content).hexdigest()
    except (OSError, UnicodeDecodeError) as problem:
        raise GateUnknown(
            f"golden.json cannot be read: {problem}", "take it back from version control"
        ) from problem


def masks_in(place: Place) -> tuple[Mask, ...]:
    """Those of masks.json, which lies beside the golden of one system or of all. Raises `UsageError` for mistakes."""
    for folder in (place.folder, place.folder.parent) if place.system else (place.folder,):
        if (folder / MASKS).is_file():
            try:
                return masks_of(json.loads((folder / MASKS).read_text(encoding="utf-8")))
            except ValueError as broken:
                raise UsageError(f"{folder / MASKS} is no JSON: {broken}", "mend it") from broken
    return ()


def write(place: Place, golden: Golden, frames: Path) -> str:
    """The golden, whose frames lie in that folder; returns the SHA-256 of its record."""
    inside = place.folder / FRAMES
    inside.mkdir(parents=True, exist_ok=True)
    for frame in golden.frames:
        name = Path(frame.file).name
        shutil.copyfile(frames / name, inside / f".{name}.new")
        (inside / f".{name}.new").replace(inside / name)
    text = text_of(golden).encode()
    (place.folder / f".{RECORD}.new").write_bytes(text)
    (place.folder / f".{RECORD}.new").replace(place.folder / RECORD)
    wanted = {Path(frame.file).name for frame in golden.frames}
    for old in inside.glob("frame_*.mkv"):
        if old.name not in wanted:
            old.unlink()
    return hashlib.sha256(text).hexdigest()


def fresh_debug(place: Place) -> Path:
    """An empty debug folder that version control leaves alone."""
    clear_debug(place)
    place.debug.mkdir(parents=True)
    (place.debug / ".gitignore").write_text("*\n")
    return place.debug


def clear_debug(place: Place) -> None:
    """What an earlier check left there is of no use any more."""
    if place.debug.is_dir():
        shutil.rmtree(place.debug)


def history(place: Place) -> tuple[list[dict[str, Any]], str]:
    """Who approved what, oldest first; and what is wrong with it: "" where every line follows the one before and the
    last one is of the golden that is there."""
    file = place.folder / HISTORY
    lines = file.read_bytes().splitlines() if file.is_file() else []
    told: list[dict[str, Any]] = []
    before = ""
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            follows = entry["number"] == number and entry["line_before"] == before
            entry["after"]["golden"], entry["by"], entry["reason"], entry["at"]
        except (ValueError, KeyError, TypeError):
            return told, f"line {number} of {HISTORY} cannot be read"
        told.append(entry)
        if not follows:
            return told, f"line {number} of {HISTORY} does not follow the one before: it was changed"
        before = hashlib.sha256(line).hexdigest()
    now = (place.folder / RECORD).read_bytes()
    as_written = (now, now.replace(b"\r\n", b"\n"))  # version control on Windows may end lines in its own way
    if not told or told[-1]["after"]["golden"] not in {
        hashlib.sha256(each).hexdigest() for each in as_written
    }:
        return told, "golden.json was changed without an approval"
    return told, ""


def note(place: Place, entry: Mapping[str, Any]) -> None:
    """Appends a line to the history, which names the hash of the line before."""
    file = place.folder / HISTORY
    lines = file.read_bytes().splitlines() if file.is_file() else []
    before = hashlib.sha256(lines[-1]).hexdigest() if lines else ""
    line = {"schema_version": 1, "number": len(lines) + 1, **entry, "line_before": before}
    with file.open("a", encoding="utf-8", newline="\n") as out:
        out.write(json.dumps(line, ensure_ascii=False) + "\n")
        out.flush()
        os.fsync(out.fileno())


def sha256_of(file: Path) -> str:
    """Of the file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
