"""Every gate of a film together (container, sound, golden), and those of the newest film that the service made.

`ask(job, file, options)` measures in a process of its own; `newest(pattern)` is the newest file that is done.
"""

from __future__ import annotations

import glob
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mobius.errors import GateFailed, MobiusError, UsageError
from mobius.flows.media.golden import Ask, Wanted, check
from mobius.flows.media.golden_folder import Home, Place, all_places, place_of
from mobius.model.golden import Tolerances
from mobius.model.quality import MediaSettings, QualityGates, Reading
from mobius.model.verdict import CheckResult, Outcome, worst
from mobius.rules.media.film import as_required, judge_picture, judge_sound, without_golden

CODES = {Outcome.PASS: 0, Outcome.FAIL: GateFailed.exit_code}
Newest = Callable[[str], Path | None]


@dataclass(frozen=True, slots=True)
class How:
    """How films are judged. `home`: where goldens lie; `wanted`: how they are compared."""

    media: MediaSettings
    gates: QualityGates
    home: Home
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Film:
    """A film that was judged: `place` is that of its golden, None where it was held against none; `code` the exit
    code; `told` what was measured, as the job `golden` answers, empty where nothing could be; `differs`: it was held
    against its golden and does not match it."""

    file: Path
    readings: tuple[Reading, ...]
    code: int
    place: Place | None = None
    took_ms: float = 0.0
    told: Mapping[str, Any] = field(default_factory=dict)
    differs: bool = False

    @property
    def outcome(self) -> Outcome:
        """The worst of all gates."""
        return worst([reading.outcome for reading in self.readings])


@dataclass(frozen=True, slots=True)
class Subject:
    """Films of one kind: their pattern, and the golden they are held against, or why there is none. `broken`: nobody
    can tell which golden it is, so nothing passes."""

    name: str
    pattern: str
    place: Place | None = None
    why_none: str = ""
    broken: str = ""


def tolerances_of_settings(media: MediaSettings) -> Tolerances:
    """What is near enough, as the configuration says."""
    return Tolerances(
        media.ssim,
        media.tile_min,
        media.lufs_tolerance,
        media.true_peak_tolerance,
        media.frame_rate_tolerance,
    )


def judge_film(ask: Ask, file: Path, how: How, place: Place | None, *, at: str, why_none: str = "") -> Film:
    """Every gate of one film. Never raises: what cannot be measured is a reading that says so."""
    began = time.monotonic()
    try:
        film = _gates_of(ask, file, how, place, at, why_none or "no golden was named")
    except MobiusError as problem:
        outcome = Outcome.FAIL if problem.exit_code == GateFailed.exit_code else Outcome.ERROR
        reading = Reading("film", outcome, None, "", problem.message, problem.hint)
        film = Film(file, (reading,), problem.exit_code, place)
    return replace(
        film, code=film.code or CODES.get(film.outcome, 4), took_ms=1000 * (time.monotonic() - began)
    )


def not_judged(file: Path, problem: MobiusError, name: str = "film") -> Film:
    """A film that nobody could look at, with the reason."""
    outcome = Outcome.FAIL if problem.exit_code == GateFailed.exit_code else Outcome.ERROR
    return Film(file, (Reading(name, outcome, None, "", problem.message, problem.hint),), problem.exit_code)


def subjects(how: How) -> tuple[Subject, ...]:
    """What `media.latest` names: one kind of films for each golden where `{game}` stands in it; () without it."""
    media, home = how.media, how.home
    if not media.latest:
        return ()
    if "{game}" in media.latest:
        named = {place.game: place for place in all_places(home)}
        if not named:
            nothing = f"there is no golden in {home.folder.as_posix()}, and media.latest names films by them"
            return (Subject("", media.latest, broken=nothing),)
        return tuple(
            Subject(game, media.latest.replace("{game}", glob.escape(game)), place)
            for game, place in named.items()
        )
    if media.game:
        try:
            place = place_of(media.game, None, home, per_os=False)
        except UsageError as missing:
            return (Subject("", media.latest, broken=missing.message),)
        return (Subject("", media.latest, place),)
    places = all_places(home)
    if len(places) > 1:
        names = ", ".join(place.game for place in places)
        which = f"which golden? media.game names none of {names}, and media.latest has no {{game}}"
        return (Subject("", media.latest, broken=which),)
    none = f"there is no golden in {home.folder.as_posix()}"
    return (Subject("", media.latest, places[0] if places else None, "" if places else none),)


def judge_subject(ask: Ask, subject: Subject, file: Path, how: How, *, at: str) -> Film:
    """The film of one kind, with all its gates."""
    if subject.broken:
        hint = "set media.game, or write {game} into media.latest; mobius media golden record makes a golden"
        return Film(file, (Reading("golden", Outcome.ERROR, None, "", subject.broken, hint),), 4)
    return judge_film(ask, file, how, subject.place, at=at, why_none=subject.why_none)


def quality_gates(ask: Ask, newest: Newest, how: How, *, at: str) -> tuple[CheckResult, ...]:
    """The gates of the newest film of each kind; () where the configuration names no films. While there is none, or
    only one that is still being written, nothing is known: INCONCLUSIVE."""
    found: list[CheckResult] = []
    for subject in subjects(how):
        file = None if subject.broken else newest(subject.pattern)
        if file is None and not subject.broken:
            message = f"no film {subject.pattern} that is done: nothing was judged"
            hint = "let the service make one, or mend media.latest"
            found.append(
                CheckResult("film", Outcome.INCONCLUSIVE, message, 0.0, hint, group=_group(subject, None))
            )
            continue
        film = judge_subject(ask, subject, file or Path(subject.pattern), how, at=at)
        found += as_results(film, _group(subject, file))
    return tuple(found)


def as_results(film: Film, group: str = "") -> tuple[CheckResult, ...]:
    """Its readings as checks, of this group (the film's name where none is given)."""
    took_ms = film.took_ms / max(1, len(film.readings))
    return tuple(
        CheckResult(one.name, one.outcome, one.message, took_ms, one.advice, group=group or film.file.name)
        for one in film.readings
    )


def _gates_of(ask: Ask, file: Path, how: How, place: Place | None, at: str, why_none: str) -> Film:
    required = how.media.required
    compared: Sequence[Reading] = without_golden(required, why_none) if place is None else ()
    told, code, differs = None, 0, False
    if place is not None:
        try:
            checked = check(ask, place, file, how.wanted, at=at)
            compared, told = checked.readings, checked.told
            differs = checked.outcome is not Outcome.PASS
        except MobiusError as problem:  # the other gates can be asked, unless it is the film itself
            outcome = Outcome.FAIL if problem.exit_code == GateFailed.exit_code else Outcome.ERROR
            compared = [Reading("golden", outcome, None, "", problem.message, problem.hint)]
            code = problem.exit_code
        if "golden" in required:
            compared = as_required(compared)
    if told is None:
        told = ask("golden", file, {"act": "describe", "deep": how.wanted.deep})
    sound = judge_sound(told, how.gates, is_required="sound" in required)
    readings = (*judge_picture(told, how.gates), *sound, *compared)
    return Film(file, readings, code, place, told=told, differs=differs)


def _group(subject: Subject, file: Path | None) -> str:
    name = file.name if file else subject.pattern
    return f"{subject.name} {name}".strip()
