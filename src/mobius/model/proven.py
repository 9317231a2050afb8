"""What the rehearsal of a run proved of its ways back, for whoever chooses one or tells of them."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.model.plan import Way
from mobius.model.trial import OpenWay


@dataclass(frozen=True, slots=True)
class Proven:
    """What the rehearsal of a run said of its ways back after migrations. Without any it says nothing.

    `old_fails`: the previous release was started on the migrated copy and did not work there. Where it was not tried,
    nothing is known against it.
    """

    ways: tuple[OpenWay, ...] = ()
    old_fails: bool = False
    at: float = 0.0  # unix seconds
    migrate_s: float = 0.0  # how long the migrations took on the copy

    def of(self, way: Way) -> OpenWay | None:
        """What was proven of this kind, None where nothing was."""
        return next((each for each in self.ways if each.way is way), None)

    def is_open(self, way: Way) -> bool:
        """Whether this kind was seen to work."""
        found = self.of(way)
        return found is not None and found.is_open


NOTHING_PROVEN = Proven()


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a release fits the live schema. `moved`: the migrations, oldest first, that were applied (or taken back)
    since it was live or seen to work; without any, and where it does not `fail`, code alone leads back to it."""

    moved: tuple[str, ...] = ()
    fails: bool = False  # a rehearsal saw it fail on what is applied, and nothing newer says otherwise
    why: str = ""  # it failed
    works_at: float = 0.0  # unix seconds: a rehearsal saw it work on the schema as it is
    run_id: int = 0  # whose rehearsal that was, 0 where none tried it

    @property
    def is_open(self) -> bool:
        """Whether nothing speaks against code alone."""
        return not (self.moved or self.fails)
