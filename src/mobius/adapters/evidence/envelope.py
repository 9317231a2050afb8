"""DSSE envelopes as JSON, read so strictly that no two programs can take one file for two different things."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from mobius.errors import GateFailed
from mobius.model.evidence import PAYLOAD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE, Envelope, Signature

LARGEST_BYTES = 16 << 20
MOST_SIGNATURES = 16
HINT = "get the file again from where it was kept; what is there now proves nothing"


def written(envelope: Envelope) -> bytes:
    """The envelope as one line of JSON."""
    signatures = [{"keyid": one.keyid, "sig": _encoded(one.sig)} for one in envelope.signatures]
    facts = {
        "payload": _encoded(envelope.payload),
        "payloadType": envelope.payload_type,
        "signatures": signatures,
    }
    return json.dumps(facts).encode() + b"\n"


def read(content: bytes) -> Envelope:
    """The envelope again, of whatever type. Raises GateFailed for anything that is not wholly one."""
    if len(content) > LARGEST_BYTES:
        raise _refused(f"it is larger than {LARGEST_BYTES >> 20} MiB")
    found = _object(content, "the envelope", {"payload", "payloadType", "signatures"})
    rows = found["signatures"]
    if not isinstance(rows, list) or len(rows) > MOST_SIGNATURES:
        raise _refused("its signatures are no list of a few")
    payload_type = found["payloadType"]
    if not isinstance(payload_type, str):
        raise _refused("its payload type is no text")
    payload = _decoded(found["payload"], "payload")
    return Envelope(payload, payload_type, tuple(_signature(row) for row in rows))


def statement_of(envelope: Envelope) -> dict[str, Any]:
    """The in-toto statement inside, of the type we write. Raises GateFailed for any other."""
    if envelope.payload_type != PAYLOAD_TYPE:
        raise _refused(f"its payload is {envelope.payload_type[:80]!r}, not {PAYLOAD_TYPE!r}")
    found = _object(envelope.payload, "the statement", {"_type", "subject", "predicateType", "predicate"})
    if found["_type"] != STATEMENT_TYPE or found["predicateType"] != PREDICATE_TYPE:
        raise _refused(f"its statement is not one of {PREDICATE_TYPE}")
    if not isinstance(found["predicate"], dict) or not _are_subjects(found["subject"]):
        raise _refused("its statement has no predicate, or subjects without a digest")
    return found


def _are_subjects(subjects: object) -> bool:
    return (
        isinstance(subjects, list)
        and bool(subjects)
        and all(isinstance(one, dict) and isinstance(one.get("digest"), dict) for one in subjects)
        and all(one["digest"] and all(isinstance(d, str) for d in one["digest"].values()) for one in subjects)
    )


def _signature(row: object) -> Signature:
    if not isinstance(row, dict) or not row.keys() <= {"keyid", "sig"} or "sig" not in row:
        raise _refused("a signature has other fields than keyid and sig")
    keyid = row.get("keyid") or ""
    if not isinstance(keyid, str):
        raise _refused("a keyid is no text")
    return Signature(keyid, _decoded(row["sig"], "signature"))


def _object(content: bytes, what: str, keys: set[str]) -> dict[str, Any]:
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise _refused(f"{what} is nested too deeply") from None
    except ValueError as problem:
        raise _refused(f"{what} is no JSON, or not clearly one thing: {problem}") from None
    if not isinstance(found, dict) or found.keys() != keys:
        raise _refused(f"{what} has not exactly the fields {', '.join(sorted(keys))}")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _decoded(text: object, what: str) -> bytes:
    """Standard or URL-safe base64, in its one right form: bits that nobody reads could hide a change."""
    if isinstance(text, str):
        try:
            plain = text.replace("-", "+").replace("_", "/")
            content = base64.b64decode(plain, validate=True)
        except (binascii.Error, ValueError):
            pass
        else:
            if plain == _encoded(content) and not ({"-", "_"} & set(text) and {"+", "/"} & set(text)):
                return content
    raise _refused(f"its {what} is no base64")


def _refused(why: str) -> GateFailed:
    return GateFailed(f"this evidence cannot be believed: {why}", HINT)
