"""Reports of films that were judged: JUnit, JSON and a page, each as text, and kept in `logs/quality/`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mobius.errors import MobiusError
from mobius.flows.media.gate import Film, as_results
from mobius.flows.media.golden import chosen
from mobius.flows.media.golden_folder import loaded
from mobius.model.verdict import Outcome, worst
from mobius.report.junit import junit
from mobius.report.media import film_facts
from mobius.report.media_page import FilmShown, films_page
from mobius.report.quality import reading_json
from mobius.wiring.media import Films

MOST_SHOWN = 24  # films of a page that have pictures
STILLS_AT_S = (0.0, 5.0, 10.0, 20.0)  # of a film that is held against no golden


def reports(films: Films, judged: Sequence[Film], *, suite: str, at: float) -> dict[str, str]:
    """The three texts by the endings of their files. Pictures are taken anew, of the first films only."""
    results = [result for film in judged for result in as_results(film, film.file.as_posix())]
    return {
        "json": json_report(judged, at),
        "html": page(films, judged, title=suite, at=at),
        "xml": junit(suite, results, at=at),
    }


def page(films: Films, judged: Sequence[Film], *, title: str, at: float) -> str:
    """The page of these films; those that did not pass come first."""
    ordered = sorted(judged, key=lambda film: film.outcome is Outcome.PASS)
    shown = [film_shown(films, film, pictures=number < MOST_SHOWN) for number, film in enumerate(ordered)]
    return films_page(title, shown, _moment(at))


def film_shown(films: Films, film: Film, *, pictures: bool = True) -> FilmShown:
    """What a page shows of a film; without pictures of one that cannot be read any more."""
    how, place = films.how, film.place
    golden, problem = None, ""
    shown: Mapping[str, Any] = {}
    if place is not None and film.told:
        try:
            golden, _ = loaded(place)
            frames = chosen(golden, place, how.wanted)
            options = {"frames": frames, "folder": str(place.folder), "variant": golden.variant}
            shown = films.ask("shown", film.file, options) if pictures else {}
        except MobiusError as broken:
            problem = broken.message
    elif pictures and film.told:
        shown = stills(films, film.file)
    if problem:
        shown = {**shown, "problem": problem}
    level = (golden.loudness or {}).get("integrated_lufs") if golden else None
    audio = how.gates.audio
    limits = (audio.lufs_target, audio.lufs_tolerance)
    return FilmShown(
        name=film.file.as_posix(),
        readings=film.readings,
        facts=film_facts(film.told),
        shown=shown,
        golden=f"{golden.game} in {place.folder.as_posix()}, of {golden.source}" if golden and place else "",
        least_tile=how.wanted.tolerances.tile,
        limits=limits if level is None else (level, how.wanted.tolerances.lufs),
        next=what_next(film),
    )


def stills(films: Films, file: Path) -> Mapping[str, Any]:
    """A few pictures of a film, and its loudness over time; why not, where they cannot be had."""
    try:
        told = films.ask("shown", file, {"frames": [{"at_s": at_s} for at_s in STILLS_AT_S]})
    except MobiusError as broken:
        return {"problem": broken.message}
    return {**told, "frames": [row for row in told["frames"] if row["film"]]}


def what_next(film: Film) -> str:
    """One sentence; "" where all is well."""
    bad = [one for one in film.readings if one.outcome is not Outcome.PASS]
    if not bad:
        return ""
    if film.place is not None and any(one.name.startswith("frame_") for one in bad):
        name = film.place.game
        return (
            f"look at the pictures, then mend what renders {film.file.name}; if the change is wanted: "
            f'mobius media golden approve --game {name} --reason "TEXT"'
        )
    return next((one.advice for one in bad if one.advice), "mend what renders it, and check again")


def json_report(judged: Sequence[Film], at: float) -> str:
    """One object: every film with its gates."""
    import json

    films = [
        {
            "file": film.file.as_posix(),
            "sha256": film.told.get("film", {}).get("sha256"),
            "golden": film.place.folder.as_posix() if film.place else None,
            "outcome": str(film.outcome),
            "gates": [reading_json(reading) for reading in film.readings],
            "loudness": film.told.get("loudness"),
        }
        for film in judged
    ]
    outcome = str(worst([film.outcome for film in judged]))
    told = {"schema_version": 1, "event": "quality", "at": _moment(at), "outcome": outcome, "films": films}
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def keep(films: Films, judged: Sequence[Film], *, suite: str) -> Path:
    """Archives the three; returns the JUnit file. Raises OSError."""
    at = time.time()
    return films.archive().write(reports(films, judged, suite=suite, at=at), at)


def keep_quietly(films: Films, film: Film, suite: str) -> None:
    """The same in a window, which a full disk does not stop."""
    with suppress(OSError):
        keep(films, [film], suite=suite)


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
