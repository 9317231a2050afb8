"""Releases in memory, for tests: tags that stand for themselves, and trees that are only remembered."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mobius.errors import MobiusError, UsageError
from mobius.model.release import Release, tree_of
from mobius.model.settings import ProcessSettings
from mobius.ports import Source


class MemoryReleases:
    """`sources` are the tags there are; `broken_builds` those whose build fails."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        processes: Sequence[ProcessSettings],
        root: Path = Path("/memory"),
    ) -> None:
        self.sources = dict(sources)
        self.broken_builds: set[str] = set()
        self.builds: list[str] = []
        self._processes = tuple(processes)
        self._root = root
        self._staged: dict[str, Release] = {}
        self._snapshots: dict[str, tuple[ProcessSettings, ...]] = {}
        self._pointers = ("", "")

    def find(self, tag: str) -> Source:
        """What the tag stands for. Raises `UsageError` for an unknown one."""
        if tag in self.sources:
            return self.sources[tag]
        raise UsageError(f"unknown tag {tag}", f"tags there are: {', '.join(sorted(self.sources))}")

    @contextmanager
    def look_into(self, source: Source, subpath: str) -> Iterator[Path]:
        """An empty folder: no source has any part."""
        with tempfile.TemporaryDirectory(prefix="mobius-memory-") as folder:
            part = Path(folder) / source.tag / subpath
            part.mkdir(parents=True)
            yield part

    def stage(self, release: Release, *, progress: Callable[[str], None]) -> Release:
        """The release is there. Raises `MobiusError` when its build fails, with nothing left."""
        if release.id in self._staged:
            return self._staged[release.id]
        self.builds.append(release.id)
        if release.tag in self.broken_builds:
            raise MobiusError(f"the build of {release.tag} failed", "read its output", details=("exit 2",))
        progress(f"built {release.id}")
        self._staged[release.id] = release
        return release

    def register(self, release: Release) -> Release:
        """It is known."""
        return self._staged.setdefault(release.id, release)

    def configure(self, release: Release, processes: Sequence[ProcessSettings]) -> Release:
        """The tree of another release, with these processes. Raises `MobiusError` where that one is gone."""
        if tree_of(release.id) not in {tree_of(known) for known in self._staged}:
            raise MobiusError(f"the tree of {release.id} is gone", f"deploy {release.tag} again")
        if release.id not in self._staged:
            self._staged[release.id] = release
            self._snapshots[release.id] = tuple(processes)
        return self._staged[release.id]

    def is_staged(self, release_id: str) -> bool:
        """Whether it is there."""
        return release_id in self._staged

    def path(self, release_id: str) -> Path:
        """Where it would lie."""
        return self._root / release_id

    def size_bytes(self, release_id: str) -> int:
        """One kilobyte each."""
        return 1000 if release_id in self._staged else 0

    def processes(self, release_id: str) -> tuple[ProcessSettings, ...]:
        """Those it was configured with; the same for every release that was staged."""
        return self._snapshots.get(release_id, self._processes)

    def point_to(self, release_id: str, previous_id: str) -> None:
        """These are `current` and `previous` now."""
        self._pointers = (release_id, previous_id)

    def current(self) -> tuple[str, str]:
        """`current` and `previous`."""
        return self._pointers

    def manifests(self) -> tuple[Release, ...]:
        """Every staged one, newest first."""
        return tuple(sorted(self._staged.values(), key=lambda release: release.staged_at, reverse=True))

    def adopt(self, release: Release) -> None:
        """A tree that was put in place by other means: a restore."""
        self._staged[release.id] = release

    def remove(self, release_id: str) -> None:
        """It is gone."""
        self._staged.pop(release_id, None)
