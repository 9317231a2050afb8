"""Golden references: record one, hold a film against it, and show where they differ.

`ask(job, file, options)` measures a film in a process of its own and answers in plain values.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mobius.errors import MobiusError, UsageError
from mobius.flows.media import golden_folder as store
from mobius.flows.media.golden_folder import Place
from mobius.model.golden import YUV, Golden, GoldenFrame, Tolerances
from mobius.model.quality import Reading
from mobius.model.verdict import Outcome, worst
from mobius.rules.media.golden import judge, refuse_mixed, why_no_golden
from mobius.rules.media.golden_record import made
from mobius.rules.media.masks import holding

Ask = Callable[[str, Path, Mapping[str, Any]], Any]
USUAL_TIMES = (5.0, 10.0, 20.0)
CANDIDATE = "candidate.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to compare. `times` None: those of the golden; `variant` "": that of the golden; `deep`: decode every frame.
    `leaves`: what does not match is left in debug/, to be approved."""

    system: str
    tolerances: Tolerances = field(default_factory=Tolerances)
    times: tuple[float, ...] | None = None
    variant: str = ""
    across: bool = False
    deep: bool = False
    leaves: bool = True


@dataclass(frozen=True, slots=True)
class Checked:
    """A film against its golden. `told`: as the job answered to `compare`."""

    golden: Golden
    place: Place
    film: Path
    readings: tuple[Reading, ...]
    told: Mapping[str, Any]

    @property
    def outcome(self) -> Outcome:
        """The worst of all."""
        return worst([reading.outcome for reading in self.readings])


def record(
    ask: Ask,
    place: Place,
    film: Path,
    *,
    times: Sequence[float],
    variant: str = YUV,
    at: str,
    by: str,
) -> Golden:
    """The first golden of a place. Raises `UsageError` where there is one already, or for a film that cannot be one."""
    if (place.folder / store.RECORD).exists():
        raise UsageError(
            f"there is a golden in {place.folder.as_posix()} already",
            "hold the film against it, then approve it: mobius media golden check, then approve --reason TEXT",
        )
    with tempfile.TemporaryDirectory(prefix="mobius-golden-") as folder:
        told = ask("golden", film, {"act": "take", "times": list(times), "into": folder})
        if why := why_no_golden(told):
            raise UsageError(f"{film.name} cannot be a golden: {why}", "choose times within it: --frames 1,2")
        golden = _made(told, place, film, variant, at)
        now = store.write(place, golden, Path(folder))
    sources = {"source": golden.source, "source_sha256": golden.source_sha256}
    after = {"golden": now, "frames": frame_hashes(golden)}
    entry = {"at": at, "by": by, "reason": "first recording", "before": None, "after": after, **sources}
    store.note(place, {**entry, "pictures": []})
    return golden


def check(ask: Ask, place: Place, film: Path | None, wanted: Wanted, *, at: str) -> Checked:
    """Holds the film (that of the golden where none is named) against the golden. Where it does not match, debug/ has
    pictures of it and the candidate that can be approved. Raises `UsageError` for what cannot be compared."""
    golden, digest = store.loaded(place)
    film = film or source_of(golden, place)
    frames = chosen(golden, place, wanted)
    options: dict[str, Any] = {
        "act": "compare",
        "frames": frames,
        "folder": str(place.folder),
        "deep": wanted.deep,
    }
    options["variant"] = golden.variant
    if wanted.leaves:
        store.clear_debug(place)
    refuse_mixed(golden, variant=wanted.variant, ffmpeg=golden.ffmpeg, across=True)
    told = ask("golden", film, options)
    refuse_mixed(golden, variant=wanted.variant, ffmpeg=told["ffmpeg"], across=wanted.across)
    readings = (*judge(golden, told, wanted.tolerances), *_approved(place))
    checked = Checked(golden, place, film, readings, told)
    if wanted.leaves and checked.outcome is not Outcome.PASS:
        leave(ask, checked, frames, digest, at)
    return checked


def _approved(place: Place) -> list[Reading]:
    """That the golden is the one a person stands for. Nothing of one that was made without a history."""
    name, wanted = "golden_approved", "by a person"
    if not (place.folder / store.HISTORY).exists():
        return []
    try:
        told, wrong = store.history(place)
    except OSError as problem:
        told, wrong = [], f"{store.HISTORY} cannot be read: {problem.strerror or problem}"
    if wrong:
        advice = "take the golden back from version control, or approve the film: mobius media golden approve"
        return [Reading(name, Outcome.FAIL, None, wanted, wrong, advice)]
    by = str(told[-1]["by"])
    return [Reading(name, Outcome.PASS, by, wanted, f"the golden was approved by {by}")]


def diff(ask: Ask, place: Place, film: Path | None, wanted: Wanted, into: Path) -> list[Path]:
    """Writes pictures: golden, film and difference beside each other, one for each frame."""
    golden, _ = store.loaded(place)
    frames = chosen(golden, place, wanted)
    if into == place.debug and not into.exists():
        store.fresh_debug(place)
    into.mkdir(parents=True, exist_ok=True)
    return _pictures(ask, place, film or source_of(golden, place), frames, into)


def source_of(golden: Golden, place: Place) -> Path:
    """The film that a golden was recorded of."""
    return place.project / golden.source


def chosen(golden: Golden, place: Place, wanted: Wanted) -> list[dict[str, Any]]:
    """The golden's frames at the times that are wanted, with the masks that hold. Raises `UsageError` for others."""
    masks = store.masks_in(place)
    by_time = {frame.at_s: frame for frame in golden.frames}
    if missing := [time for time in wanted.times or () if time not in by_time]:
        there = ",".join(f"{time:g}" for time in by_time)
        raise UsageError(
            f"the golden of {golden.game} has no frame at {missing[0]:g} s",
            f"compare those it has: --frames {there}",
        )
    times = wanted.times or tuple(by_time)
    return [
        {**asdict(by_time[time]), "masks": [asdict(one) for one in holding(masks, time, wanted.system)]}
        for time in times
    ]


def leave(ask: Ask, checked: Checked, frames: Sequence[Mapping[str, Any]], digest: str, at: str) -> None:
    """Pictures and the candidate in debug/; where the film is too broken for either, the verdict has to do."""
    place, film = checked.place, checked.film
    debug = store.fresh_debug(place)
    with suppress(MobiusError):
        _pictures(ask, place, film, frames, debug)
        times = [frame.at_s for frame in checked.golden.frames]
        told = ask("golden", film, {"act": "take", "times": times, "into": str(debug / store.FRAMES)})
        if why_no_golden(told):
            shutil.rmtree(debug / store.FRAMES)
            return
        candidate = _made(told, place, film, checked.golden.variant, at)
        readings = [
            {"name": one.name, "outcome": str(one.outcome), "message": one.message}
            for one in checked.readings
        ]
        found = sorted([*debug.glob(f"{store.FRAMES}/*.mkv"), *debug.glob("*.png")])
        files = {file.relative_to(debug).as_posix(): store.sha256_of(file) for file in found}
        bundle = {"schema_version": 1, "golden": digest, "candidate": asdict(candidate), "readings": readings}
        bundle["files"] = files
        (debug / CANDIDATE).write_text(json.dumps(bundle, indent=2, ensure_ascii=False) + "\n", "utf-8")


def frame_hashes(golden: Golden) -> dict[str, str]:
    """SHA-256 of the planes of each frame, by its file."""
    return {frame.file: frame.sha256 for frame in golden.frames}


def adopt(ask: Ask, place: Place, old: Path, golden: Golden, *, times: Sequence[float], by: str) -> Golden:
    """A golden of the scripts before: its record is `golden` but for the frames, which are read from `old`/frames."""
    if (place.folder / store.RECORD).exists():
        raise UsageError(f"there is a golden in {place.folder.as_posix()} already", "import it elsewhere")
    with tempfile.TemporaryDirectory(prefix="mobius-golden-") as folder:
        options = {"act": "adopt", "times": list(times), "into": folder, "folder": str(old / store.FRAMES)}
        rows = ask("golden", old / "container.json", options)
        names = GoldenFrame.__slots__
        frames = tuple(GoldenFrame(**{name: row[name] for name in names}) for row in rows)
        whole = replace(golden, frames=frames)
        now = store.write(place, whole, Path(folder))
    after = {"golden": now, "frames": frame_hashes(whole)}
    entry = {"at": golden.taken_at, "by": by, "reason": f"imported from {old.as_posix()}", "before": None}
    store.note(place, {**entry, "after": after, "source": golden.source, "source_sha256": "", "pictures": []})
    return whole


def _made(told: Mapping[str, Any], place: Place, film: Path, variant: str, at: str) -> Golden:
    names = {"game": place.game, "os": place.system, "source": _as_given(film, place.project)}
    return made(told, taken_at=at, variant=variant, **names)


def _as_given(film: Path, project: Path) -> str:
    """Relative to the project where it lies in it: the golden is shared."""
    here, whole = project.absolute(), film.absolute()
    return (whole.relative_to(here) if whole.is_relative_to(here) else film).as_posix()


def _pictures(
    ask: Ask, place: Place, film: Path, frames: Sequence[Mapping[str, Any]], into: Path
) -> list[Path]:
    asked = {"act": "pictures", "frames": frames, "folder": str(place.folder), "into": str(into)}
    return [into / row["file"] for row in ask("golden", film, asked)]
