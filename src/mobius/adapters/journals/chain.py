"""The hash chain of the audit log: every event's hash covers the one before, so no line can vanish unseen.

`hash` is the SHA-256 of the event as canonical JSON: keys sorted, no spaces, UTF-8, and these keys: at, data,
environment, kind, message, previous_hash, run_id, seq, who. Anybody can recompute it with public tools.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from mobius.errors import MobiusError

HINT = (
    "keep the file as it is for whoever looks into it; compare with a copy: mobius audit verify --head HASH"
)


class Link(NamedTuple):
    """One event as it lies in the journal; `data` is the stored text."""

    seq: int
    run_id: int
    environment: str
    at: float
    kind: str
    message: str
    data: str
    who: str
    previous_hash: str
    hash: str


def verify(links: Iterable[Link], head: str = "") -> tuple[int, str]:
    """How many events there are and the last one's hash; `links` are in the order of `seq`, none left out.

    Raises `MobiusError` naming the first event that was changed, removed or reordered, or when `head` is the
    hash of none of them: then the end of the log was cut off, or it is another log.
    """
    count, last, wanted = 0, "", head.strip().lower()
    seen = not wanted
    for link in links:
        if link.seq != count + 1:
            raise MobiusError(f"the audit log was changed: event {count + 1} is missing", HINT)
        if link.previous_hash != last:
            raise MobiusError(
                f"the audit log was changed: event {link.seq} ({link.kind}) does not follow event {count}",
                HINT,
            )
        if not _holds(link):
            raise MobiusError(
                f"the audit log was changed: event {link.seq} ({link.kind}) is not what was written", HINT
            )
        count, last = link.seq, link.hash
        seen = seen or last == wanted
    if not seen:
        raise MobiusError(
            f"the audit log was cut off or replaced: none of its {count} events has the hash {head.strip()}",
            HINT,
        )
    return count, last


def hash_of(link: Link) -> str:
    """The hash this event must have, whatever its own `hash` says. Raises `ValueError` for damaged data."""
    fields = {**link._asdict(), "data": json.loads(link.data)}
    del fields["hash"]
    return hashlib.sha256(canonical(fields).encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON that is the same for the same value: keys sorted, no spaces. Raises `ValueError` for NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def plain(value: Any, redact: Callable[[str], str]) -> Any:
    """The value as plain JSON data, every string in it (keys too) passed through `redact`."""
    match value:
        case None | bool():
            return value
        case Enum():
            return plain(value.value, redact)
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else str(value)
        case Mapping():
            return {text(str(plain(k, redact)), redact): plain(v, redact) for k, v in value.items()}
        case list() | tuple():
            return [plain(item, redact) for item in value]
        case set() | frozenset():
            return sorted((plain(item, redact) for item in value), key=canonical)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: plain(getattr(value, f.name), redact) for f in dataclasses.fields(value)}
        case _:
            return text(str(value), redact)


def text(value: str, redact: Callable[[str], str]) -> str:
    """The string without secrets, and without what a database refuses: NUL and half of a surrogate pair."""
    clean = redact(value).replace("\0", "\\x00")
    return clean.encode("utf-8", "backslashreplace").decode("utf-8")


def _holds(link: Link) -> bool:
    try:
        return hash_of(link) == link.hash and canonical(json.loads(link.data)) == link.data
    except (ValueError, TypeError):
        return False
