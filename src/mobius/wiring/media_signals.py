"""The films of a window: a gate for each kind of them, asked of every new one, whose reports are kept."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mobius.adapters.signals.background import Background
from mobius.adapters.signals.window import LONGEST_PAUSE_S

if TYPE_CHECKING:
    from mobius.adapters.places import Places
    from mobius.flows.media.gate import Subject
    from mobius.model.settings import EnvironmentSettings, Settings
    from mobius.model.verdict import CheckResult
    from mobius.ports import Clock

SUITE = "quality gates of the window"


def film_signals(
    all_settings: Settings, settings: EnvironmentSettings, places: Places, clock: Clock, since: float
) -> list[Background]:
    """None where `media.latest` names no films, or they are not watched. Films made after `since` (unix seconds; 0:
    from now on) count."""
    if not settings.media.latest or not settings.media.watch:
        return []
    from mobius.adapters.media.films import FilmGate
    from mobius.flows.media.gate import as_results, judge_subject, subjects
    from mobius.wiring.media import films_with, now
    from mobius.wiring.media_reports import keep_quietly

    films = films_with(
        settings.media, settings.quality_gates, all_settings.project, places.resolve, nice=True
    )
    films = replace(films, how=replace(films.how, wanted=replace(films.how.wanted, leaves=False)))

    def judge(subject: Subject, file: Path) -> tuple[CheckResult, ...]:
        film = judge_subject(films.ask, subject, file, films.how, at=now())
        keep_quietly(films, film, SUITE)
        return as_results(film)

    made = []
    for subject in subjects(films.how):
        signal = f"gate:{f'media {subject.name}'.strip()}"
        pattern = str(places.resolve(subject.pattern))
        began = since or clock.now()
        gate = FilmGate(signal, pattern, partial(judge, subject), clock, began, settings.media.every_s)
        made.append(Background(signal, gate.ask, clock, settings.monitor.interval_s, LONGEST_PAUSE_S))
    return made
