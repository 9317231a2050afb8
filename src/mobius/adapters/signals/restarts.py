"""How often the release's processes were started again since the window opened: by systemd, or by our supervisor."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mobius.errors import MobiusError
from mobius.model.sample import Sample


class Restarts:
    """`count` reads how often each process was started again so far. Recorded, not judged: a process that dies often
    enough shows in probes and traffic, and what it is worth alone is not known."""

    def __init__(self, count: Callable[[], Mapping[str, int]]) -> None:
        self._count = count
        self._before: dict[str, int] | None = None
        self._total = 0
        self.sample(0.0)

    def sample(self, now: float) -> Sample:
        """How many so far, or why that is not known. Never raises."""
        try:
            seen = dict(self._count())
        except MobiusError as problem:
            return Sample("restarts", now, missing=problem.message)
        if not seen:
            return Sample("restarts", now, missing="its processes are not known")
        if self._before is not None:
            # A count that fell began anew: its process was stopped and started since.
            self._total += sum(
                max(0, count - before) if count >= before else count
                for name, count in seen.items()
                for before in [self._before.get(name, 0)]
            )
        self._before = seen
        return Sample("restarts", now, value=float(self._total))
