"""Where the things of an environment lie: one root, and the paths that `mobius.toml` names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """`project` is the folder of `mobius.toml`, `root` the environment's own folder (`.mobius/<environment>`)."""

    project: Path
    root: Path
    links: tuple[str, ...] = ()  # `release.link`: paths that a release finds in `shared/`

    @property
    def releases(self) -> Path:
        """One folder a release, with its manifest beside it."""
        return self.root / "releases"

    @property
    def shared(self) -> Path:
        """What outlives releases: data, uploads, the environment file."""
        return self.root / "shared"

    @property
    def journal(self) -> Path:
        """The record of everything."""
        return self.root / "journal.db"

    @property
    def lock(self) -> Path:
        """Who may act."""
        return self.root / "run" / "environment.lock"

    def resolve(self, named: str) -> Path:
        """A path as `mobius.toml` names it: `shared/…` lies in the root, a linked one in its `shared/`, anything else
        in the project. What `shared/` only links to (adopted data stays where it was) is that place itself."""
        path = Path(named)
        if path.is_absolute():
            return path
        if any(path.is_relative_to(link) for link in self.links):
            shared = self.shared / path
            return shared.resolve() if shared.is_symlink() else shared
        return self.root / path if path.parts[:1] == ("shared",) else self.project / path
