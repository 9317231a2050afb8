"""Who measures many films: processes of this machine or workers of a cluster, and what is known from before."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mobius.adapters.media.cache import Cache
from mobius.adapters.media.child import Limits
from mobius.adapters.media.pool import PoolExecutor
from mobius.adapters.media.remembering import Remembering
from mobius.ports import Executor
from mobius.wiring.media import Films

PLACE = Path(".mobius") / "media"


@dataclass(frozen=True, slots=True)
class Lanes:
    """`workers`: films at a time, 0 for what [media] says; `cluster`: the scheduler's address, "" for this machine;
    `cache`: where measurements are known, None for nowhere."""

    workers: int = 0
    cluster: str = ""
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class Measuring:
    """Films that are measured in so many lanes."""

    films: Films
    lanes: int
    remembering: Remembering

    def one(self) -> tuple[Films, Callable[[], bool]]:
        """For judging one film, and whether all of it was known once that is done."""
        asking = self.remembering.film()
        return replace(self.films, ask=asking.ask), lambda: asking.measured == 0


@contextmanager
def measuring(films: Films, lanes: Lanes, many: int, *, say: Callable[[str], None]) -> Iterator[Measuring]:
    """While inside the `with`. Raises `GateUnknown` where nobody can measure."""
    media = films.how.media
    limits = Limits(media.memory, max(1, round(media.cpu_s)), media.timeout_s)
    cache = Cache(lanes.cache, say=say) if lanes.cache is not None else None
    with _executor(lanes, media.workers, limits, many) as executor:
        if lanes.cluster:
            executor.meter()  # workers that would measure in another way are refused before anything
        yield Measuring(films, executor.lanes, Remembering(executor, cache))
    if cache is not None:
        cache.prune()


def cache_of(films: Films, environ: Mapping[str, str] = os.environ) -> Path:
    """In the project where there is one, else in the folder that this person's programs use for such."""
    project = films.project.absolute()
    if (project / "mobius.toml").is_file() or (project / ".mobius").is_dir():
        return project / PLACE
    home = Path.home()
    usual = home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"
    base = environ.get("LOCALAPPDATA") if sys.platform == "win32" else environ.get("XDG_CACHE_HOME")
    return Path(base or usual) / "mobius" / "media"


def _executor(lanes: Lanes, usual: int, limits: Limits, many: int) -> Executor:
    if lanes.cluster:
        from mobius.adapters.media.cluster import ClusterExecutor

        return ClusterExecutor(lanes.cluster, limits)
    wanted = lanes.workers or usual
    pool = PoolExecutor(wanted, limits)
    return pool if pool.lanes <= many else PoolExecutor(max(1, many), limits)
