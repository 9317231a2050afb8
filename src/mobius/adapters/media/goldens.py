"""What golden references need of a film, in one child: its facts, its loudness, and its frames taken or compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import av.error

from mobius.adapters.media.frames import Shown, frames_at
from mobius.adapters.media.lossless import keep, kept
from mobius.adapters.media.masking import drawn
from mobius.adapters.media.once import looked_at
from mobius.adapters.media.pictures import beside, write_png
from mobius.adapters.media.planes import Picture, as_rgb, picture_of
from mobius.adapters.media.ssim import similarity
from mobius.adapters.media.tiles import worst_tile
from mobius.errors import GateUnknown, UsageError
from mobius.model.golden import LEGACY

SMALLEST = 8  # pixels: FFmpeg's blocks have that size
Row = Mapping[str, Any]


def take(file: Path, *, times: Sequence[float], into: str) -> dict[str, Any]:
    """Facts and loudness, and the frames at these times kept in the folder `into`. One behind the end has no file."""
    told, found = looked_at(file, times)
    told["frames"] = [_taken(shown, Path(into)) for shown in _bearable(found, file)]
    return told


def compare(
    file: Path, *, frames: Sequence[Row], folder: str, variant: str, deep: bool = False
) -> dict[str, Any]:
    """Facts and loudness, and how like the golden's frames (with `masks` each) the film's are at the same times."""
    told, found = looked_at(file, [row["at_s"] for row in frames], deep=deep)
    told["frames"] = [
        _compared(row, one, Path(folder), variant)
        for row, one in zip(frames, _bearable(found, file), strict=True)
    ]
    return told


def pictures(file: Path, *, frames: Sequence[Row], folder: str, into: str) -> list[dict[str, Any]]:
    """For each frame a PNG in `into`: golden, film, difference; of the film alone where the golden has none like it."""
    made = []
    for row, shown in zip(frames, _frames(file, [row["at_s"] for row in frames]), strict=True):
        if shown.picture is not None:
            name = f"diff_{named(row['at_s'])}.png"
            write_png(beside(_golden(row, Path(folder)), _like(row, shown.picture)), Path(into) / name)
            made.append({"at_s": row["at_s"], "file": name})
    return made


def adopt(file: Path, *, times: Sequence[float], into: str, folder: str) -> list[dict[str, Any]]:
    """The PNGs of the scripts before (`folder`) as frames of a golden. `file`: the film's record, only named here."""
    return [_adopted(Path(folder) / f"frame_{named(at_s)}.png", at_s, Path(into), file) for at_s in times]


def named(at_s: float) -> str:
    """`5s`, `2p5s`."""
    return f"{at_s:g}".replace(".", "p") + "s"


def described(file: Path, *, deep: bool = False) -> dict[str, Any]:
    """The film, its loudness (None without sound; `sound_problem` where it cannot be measured), and who measured."""
    return looked_at(file, deep=deep)[0]


def _frames(file: Path, times: Sequence[float]) -> list[Shown]:
    return _bearable(frames_at(file, times), file)


def _bearable(found: list[Shown], file: Path) -> list[Shown]:
    for shown in found:
        if shown.picture is not None and min(shown.picture.width, shown.picture.height) < SMALLEST:
            raise GateUnknown(f"{file.name}: its picture is too small to compare", "render it larger")
    return found


def _taken(shown: Shown, into: Path) -> dict[str, Any]:
    row: dict[str, Any] = {"at_s": shown.at_s, "pts_s": shown.pts_s, "corrupt": shown.corrupt}
    row["decoded"] = shown.decoded
    return row if shown.picture is None else {**row, **_kept(shown.picture, into, shown.at_s)}


def _kept(picture: Picture, into: Path, at_s: float) -> dict[str, Any]:
    name = f"frame_{named(at_s)}.mkv"
    into.mkdir(parents=True, exist_ok=True)
    keep(picture, into / name)
    facts = {"pix_fmt": picture.pix_fmt, "bits": picture.bits, "width": picture.width}
    return {"file": f"frames/{name}", "sha256": picture.sha256, **facts, "height": picture.height}


def _compared(row: Row, shown: Shown, folder: Path, variant: str) -> dict[str, Any]:
    told: dict[str, Any] = {"at_s": shown.at_s, "pts_s": shown.pts_s, "decoded": shown.decoded}
    told |= {"corrupt": shown.corrupt, "masked": 0.0}
    if shown.picture is None:
        return told
    golden, film = _golden(row, folder), _like(row, shown.picture)
    told["looks"] = f"{film.width}x{film.height} {film.pix_fmt}"
    if (golden.width, golden.height, golden.pix_fmt) != (film.width, film.height, film.pix_fmt):
        return told
    if variant == LEGACY:
        golden, film = as_rgb(golden), as_rgb(film)
    masks, told["masked"] = drawn(row.get("masks", ()), golden)
    found = similarity(golden, film, masks)
    told["tile"], told["tile_at"] = worst_tile(found.blocks)
    return {**told, "ssim": found.everything, "planes": list(found.planes)}


def _golden(row: Row, folder: Path) -> Picture:
    return kept(folder / row["file"], row["pix_fmt"], row["bits"], row["sha256"])


def _like(row: Row, film: Picture) -> Picture:
    """A golden of the scripts before has red, green and blue only: the film is converted then, and nothing else is."""
    return as_rgb(film) if row["pix_fmt"] == "gbrp" and film.pix_fmt != "gbrp" else film


def _adopted(png: Path, at_s: float, into: Path, record: Path) -> dict[str, Any]:
    if not png.is_file():
        raise UsageError(f"{png.name}: no such file", f"{record.name} is not all of an old golden")
    options = {"protocol_whitelist": "file", "format_whitelist": "png_pipe"}
    try:
        with av.open(f"file:{png.resolve()}", format="png_pipe", options=options) as container:
            picture = as_rgb(picture_of(next(container.decode(container.streams.video[0]))))
    except (av.error.FFmpegError, StopIteration, IndexError) as broken:
        raise GateUnknown(
            f"{png.name} cannot be read as a PNG", "take it back from version control"
        ) from broken
    return {"at_s": at_s, "pts_s": at_s, "corrupt": 0, "decoded": 1, **_kept(picture, into, at_s)}
