"""What runs SQL on a database of either kind, one migration at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from mobius.adapters.migrations.session import Session
from mobius.adapters.migrations.source import Change, Progress, Statement

Watched = Callable[[Change, Statement | None, Any], AbstractContextManager[object]]


class Moving(Protocol):
    """A session that migrates, alone."""

    @property
    def session(self) -> Session: ...

    def run(
        self,
        change: Change,
        text: str,
        path: Path,
        *,
        before: Callable[[], None],
        after: Callable[[float], None],
        around: Watched,
        may_begin: bool,
    ) -> None:
        """Runs `before`, the statements of `text` (of the file `path`), and `after` with the seconds that they took:
        in one transaction where they can be. Raises MobiusError when one fails."""


class Engine(Protocol):
    """The database of a target."""

    def looking(self) -> AbstractContextManager[Session | None]:
        """A session that only reads; None for a database that is not there yet."""

    def migrating(self, progress: Progress, *, make: bool = True) -> AbstractContextManager[Moving]:
        """A session that writes. Raises Locked while somebody else has one, where the database can tell."""


def nobody(_: Change, __: Statement | None, ___: Any) -> AbstractContextManager[object]:
    """Nobody looks on."""
    return nullcontext()
