"""How films are judged here: the figures of the environment, where its films and goldens lie, and who measures."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.adapters.media.child import Limits, ask
from mobius.adapters.places import Places
from mobius.adapters.quality_archive import FOLDER, Archive
from mobius.adapters.signals.newest_file import newest_file
from mobius.errors import UsageError
from mobius.flows.media.gate import How, quality_gates, tolerances_of_settings
from mobius.flows.media.golden import Ask, Wanted
from mobius.flows.media.golden_folder import Home
from mobius.model.quality import MediaSettings, QualityGates
from mobius.model.verdict import CheckResult

if TYPE_CHECKING:
    from mobius.model.settings import EnvironmentSettings, Settings
    from mobius.wiring.app import App

SYSTEMS = {"Darwin": "macos", "Windows": "windows"}


@dataclass(frozen=True, slots=True)
class Films:
    """`resolve`: where a path of the configuration lies; `project`: its folder, relative where that is here."""

    how: How
    ask: Ask
    project: Path
    resolve: Callable[[str], Path]

    def newest(self, pattern: str, wait: Callable[[float], None]) -> Path | None:
        """The newest film that is done."""
        found = newest_file(str(self.resolve(pattern)), wait)
        return _near(Path(found.path)) if found else None

    def archive(self) -> Archive:
        """Where reports of checks are kept."""
        return Archive(self.project / FOLDER, self.how.media.keep)


def films_of(every: Settings | None, name: str | None) -> Films:
    """Those of an environment; of no configuration at all (None), with the guide's own figures. Where none is named and
    there are several, they are those of production, or of all where these agree. Raises `UsageError`."""
    if every is None:
        return films_with(MediaSettings(), QualityGates(), Path(), Path)
    settings = _environment(every, name)
    places = Places(every.project, settings.root, settings.release.link)
    return films_with(settings.media, settings.quality_gates, _near(every.project), places.resolve)


def film_gates(
    app: App, name: str | None, *, wait: Callable[[float], None] = time.sleep
) -> tuple[CheckResult, ...]:
    """The gates of the newest film of each kind that `media.latest` names; () where it names none. Takes as long as
    measuring them does."""
    return dated_film_gates(app, name, wait=wait)[0]


def dated_film_gates(
    app: App, name: str | None, *, wait: Callable[[float], None] = time.sleep
) -> tuple[tuple[CheckResult, ...], float]:
    """The same, and when the oldest film that was judged was made (unix seconds, 0 where none was)."""
    films = films_of(app.settings, name)
    made_at: list[float] = []

    def newest(pattern: str) -> Path | None:
        file = films.newest(pattern, wait=wait)
        with suppress(OSError):
            made_at.extend([file.stat().st_mtime] if file else [])
        return file

    return quality_gates(films.ask, newest, films.how, at=now()), min(made_at, default=0.0)


def system() -> str:
    """This one, as goldens name it."""
    return SYSTEMS.get(platform.system(), "linux")


def now() -> str:
    """As records of goldens have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def films_with(
    media: MediaSettings,
    gates: QualityGates,
    project: Path,
    resolve: Callable[[str], Path],
    *,
    nice: bool = False,
) -> Films:
    """Those that are judged by these figures; `nice`: measuring takes only what nobody else needs."""
    folder = media.golden if media.golden.is_absolute() else project / media.golden
    home = Home(system(), _near(folder), project)
    how = How(media, gates, home, Wanted(system(), tolerances_of_settings(media), deep=media.deep))
    limits = Limits(media.memory, max(1, round(media.cpu_s)), media.timeout_s, nice)

    def measure(job: str, file: Path, options: Mapping[str, Any]) -> Any:
        return ask(job, file, options, limits)

    return Films(how, measure, project, resolve)


def _environment(every: Settings, name: str | None) -> EnvironmentSettings:
    there = every.environments
    if name is None:
        each = list(there.values())
        if all((one.media, one.quality_gates) == (each[0].media, each[0].quality_gates) for one in each):
            return there.get("production", each[0])
        if "production" in there:
            return there["production"]
        raise UsageError("which environment?", f"add -e with one of: {', '.join(there)}")
    return every.environment(name)


def _near(path: Path) -> Path:
    """Relative to where we are, if it lies there: people read it."""
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return path
