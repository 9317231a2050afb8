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

from mobius.errors import MobiusError, RecordBroken
from mobius.model.audit import SHORTEST, Head, read_head

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

    Raises `RecordBroken` naming the first event that was changed, removed or reordered, or when `head` (as
    `mobius.model.audit` writes it, or a hash) is that of none of them: then the end was cut off, or it is another log.
    """
    count, last, wanted = 0, "", _wanted(head)
    seen = not head.strip()
    for link in links:
        if link.seq != count + 1:
            raise RecordBroken(f"the audit log was changed: event {count + 1} is missing", HINT)
        if link.previous_hash != last:
            raise RecordBroken(
                f"the audit log was changed: event {link.seq} ({link.kind}) does not follow event {count}",
                HINT,
            )
        if not _holds(link):
            raise RecordBroken(
                f"the audit log was changed: event {link.seq} ({link.kind}) is not what was written", HINT
            )
        count, last = link.seq, link.hash
        seen = seen or _is(link, wanted)
    if not seen:
        raise _not_seen(wanted, head.strip(), count)
    return count, last


def _wanted(head: str) -> Head | str:
    """What a head says; one that is none is a hash that no event has."""
    try:
        return read_head(head)
    except MobiusError:
        return head.strip().lower()


def _is(link: Link, wanted: Head | str) -> bool:
    if isinstance(wanted, Head):
        named = (link.seq, link.run_id) == (wanted.seq, wanted.run_id)
        return named and link.hash.startswith(wanted.hash)
    return link.hash == wanted or (len(wanted) >= SHORTEST and link.hash.startswith(wanted))


def _not_seen(wanted: Head | str, written: str, count: int) -> RecordBroken:
    if not isinstance(wanted, Head):
        told = f"cut off or replaced: none of its {count} events has the hash {written}"
    elif wanted.seq > count:
        told = f"cut off or replaced: it ends with event {count}, and the head names event {wanted.seq}"
    else:
        told = f"written anew: its event {wanted.seq} is not the one of the head {written}"
    return RecordBroken(f"the audit log was {told}", HINT)


def cut_off(count: int, named: int) -> RecordBroken:
    """What is found where the journal's own tables name event `named`, and its log ends with `count`."""
    return RecordBroken(
        f"the audit log was cut off: it ends with event {count}, and steps or messages name event {named}",
        HINT,
    )


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
    except (ValueError, TypeError, RecursionError):
        return False
