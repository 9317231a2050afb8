"""The head of the audit log: one short line that, kept elsewhere, proves later that the log up to it is the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mobius.errors import UsageError

SHORT = 24  # characters of a hash in a message: 96 bits, so that nobody finds a second log with the same
SHORTEST = 16  # fewer are not believed
_HASH = re.compile(rf"[0-9a-f]{{{SHORTEST},64}}")
_WRITTEN = re.compile(rf"([0-9]{{1,18}}):([1-9][0-9]{{0,17}}):({_HASH.pattern})")


@dataclass(frozen=True, slots=True)
class Head:
    """Event `seq`, of run `run_id` (0: outside of one), and its hash, or the beginning of it."""

    run_id: int
    seq: int
    hash: str

    def __str__(self) -> str:
        """As messages have it, and `mobius audit verify --head` takes it: `12:340:9f2c…`."""
        return f"{self.run_id}:{self.seq}:{self.hash[:SHORT]}"


def head_in(payload: Mapping[str, Any]) -> str:
    """The head that a message of the outbox carries, as `Head` writes it; "" where it has none."""
    run_id, seq, found = (payload.get(name) for name in ("run_id", "seq", "head"))
    if not (isinstance(run_id, int) and isinstance(seq, int) and isinstance(found, str)):
        return ""
    return str(Head(run_id, seq, found))


def read_head(text: str) -> Head | str:
    """A head as it was written: `RUN:SEQ:HASH`, or a hash alone. Raises UsageError for anything else."""
    wanted = text.strip().lower()
    if found := _WRITTEN.fullmatch(wanted):
        return Head(int(found[1]), int(found[2]), found[3])
    if _HASH.fullmatch(wanted):
        return wanted
    raise UsageError(
        f"{text.strip()[:80]!r} is no head of an audit log" if wanted else "the head is empty",
        f"copy it whole: RUN:SEQ:HASH, or {SHORTEST} to 64 characters of a hash; print one: mobius audit head",
    )
