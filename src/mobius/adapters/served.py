"""Where `mobius serve` of an environment answers: written down while it runs, and by one of them only.

The lock dies with its process, so that a file that was left behind is told from one that is true.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mobius.host.file_lock import lock

FILE, LOCK = "serve.json", "serve.lock"
PATIENCE_S, AGAIN_S = 1.0, 0.05  # whoever looks holds the lock for a moment


@dataclass(frozen=True, slots=True)
class Served:
    """`url` "" where nothing answers, and `problem` is why; `wanted` is what `listen` says."""

    url: str
    listen: str
    wanted: str
    pid: int
    since: float
    problem: str = ""

    @property
    def moved(self) -> bool:
        """Whether the wanted port was taken."""
        return bool(self.url) and self.listen != self.wanted


class Announced:
    """The right to say where an environment is served, until the process ends or `give_up`."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._held = -1

    def begin(self) -> bool:
        """Whether nobody else has it; then it is ours. Raises OSError where the folder cannot be written."""
        self._run.mkdir(parents=True, exist_ok=True)
        held = os.open(self._run / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        until = time.monotonic() + PATIENCE_S
        while not _locked(held, shared=False):
            if time.monotonic() >= until:
                os.close(held)
                return False
            time.sleep(AGAIN_S)
        self._held = held
        return True

    def say(self, served: Served) -> None:
        """Writes it down, whole or not at all. Raises OSError."""
        made = self._run / f"{FILE}.new"
        made.write_text(json.dumps({"schema_version": 1, **asdict(served)}), encoding="utf-8")
        made.replace(self._run / FILE)

    def give_up(self) -> None:
        """Nobody serves any more."""
        if self._held >= 0:
            with suppress(OSError):
                (self._run / FILE).unlink()
            os.close(self._held)
            self._held = -1


def seen(run: Path) -> Served | None:
    """Where it answers now; None where nobody serves, or it cannot be seen."""
    try:
        looked = os.open(run / LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        if _locked(looked, shared=True):
            return None
        told = json.loads((run / FILE).read_bytes())
        return Served(**{name: told[name] for name in Served.__dataclass_fields__})
    except (OSError, ValueError, LookupError, TypeError):
        return None
    finally:
        os.close(looked)


def url_of(root: Path) -> str:
    """Where `mobius serve` of the environment with this root answers, "" where it does not."""
    served = seen(root / "run")
    return served.url if served else ""


def _locked(file: int, *, shared: bool) -> bool:
    try:
        return lock(file, shared=shared)
    except OSError:
        return False
