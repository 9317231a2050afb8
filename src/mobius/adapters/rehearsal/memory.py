"""An isolation in memory, for tests: boots nothing, and answers as it was told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mobius.adapters.rehearsal.asked import Asked, Booted, Mount
from mobius.model.verdict import CheckResult, Outcome

GOOD = Booted(
    Outcome.PASS,
    "1 of 1 smoke tests passed",
    0.5,
    0.75,
    (CheckResult("front page", Outcome.PASS, "200", 5.0),),
)


@dataclass
class MemoryIsolation:
    """`reason`: why it cannot be had. `asked` and `mounts` are of the last boot; `look` is called while it runs."""

    answer: Booted = GOOD
    reason: str = ""
    name: str = "memory"
    asked: Asked | None = None
    mounts: tuple[Mount, ...] = ()
    look: Callable[[Asked, Sequence[Mount]], None] | None = None

    def why_not(self) -> str:
        return self.reason

    def boot(self, asked: Asked, mounts: Sequence[Mount], *, within_s: float, scratch: Path) -> Booted:
        if self.reason:
            return Booted(Outcome.ERROR, self.reason)
        self.asked, self.mounts = asked, tuple(mounts)
        if self.look is not None:
            self.look(asked, mounts)
        return self.answer


@dataclass(frozen=True, slots=True)
class MemoryScratch:
    """A scratch database that is only an address."""

    url: str
    socket: Path | None = None
    rows: Mapping[str, int] = field(default_factory=dict)


@dataclass
class MemoryDatabases:
    """Gives each database the address it was given; `open` are those in use."""

    scratches: Mapping[str, MemoryScratch]
    open: list[str] = field(default_factory=list)

    @contextmanager
    def scratch(self, name: str, dump: Path) -> Iterator[MemoryScratch]:
        assert dump.is_dir()
        self.open.append(name)
        try:
            yield self.scratches[name]
        finally:
            self.open.remove(name)
