"""What a receiver's answer means: it has the message, try again, or it is of no use until somebody mends something."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from mobius.model.notices import NotSent, Sent

SHOWN = 300  # characters of an answer
# What old connectors and flows say in the body of a 200 or 202.
_FAILED = re.compile(r"\berror\b|\bfail(ed|ure)\b|HTTP error|\b(4[0-9]{2}|5[0-9]{2})\b", re.IGNORECASE)
_STATUS = re.compile(r"\b([45][0-9]{2})\b")
# The members of a JSON answer that say how it went, in lower case; others may hold any number.
_TELLING = ("status", "statuscode", "code", "result", "message", "title", "detail", "error", "errors")
_AGAIN = (408, 409, 421, 423, 425, 429)


def judge(kind: str, status: int, headers: Mapping[str, str], body: str, now: float) -> Sent | NotSent:
    """`headers` have lower-case names."""
    said = shown(body)
    if not 200 <= status < 300:
        return _refused(status, headers, said, now)
    if kind == "slack":
        return _slack(status, body.strip(), said)
    if kind == "teams":
        return _teams(status, headers, body.strip(), said, now)
    if _denies(body):  # as chat APIs answer: 200, and ok is false
        return NotSent(f"answered {status}, but says: {said}", retry_after_s=retry_after_s(headers, now))
    return Sent(f"{status} {said}".strip())


def _slack(status: int, body: str, said: str) -> Sent | NotSent:
    if body == "ok":
        return Sent("200 ok")
    # Something else answers in its place: a proxy's page, a portal that wants somebody to log in.
    return NotSent(f'answered {status}, but not "ok": {said or "nothing"}')


def _teams(status: int, headers: Mapping[str, str], body: str, said: str, now: float) -> Sent | NotSent:
    """A flow accepts first and fails later, an old connector tells of failures in the body of a 200."""
    telling = _telling(body)
    if body in ("", "1") or (telling is not None and not _FAILED.search(telling)):
        return Sent(f"{status} {said}".strip())
    words = body if telling is None else telling
    if not _FAILED.search(words):
        return NotSent(f"answered {status}, but with something that is not Teams: {said}")
    inside = next((int(found) for found in _STATUS.findall(words)), 0)
    again = inside == 0 or inside in _AGAIN or inside >= 500
    wait_s = retry_after_s(headers, now)
    return NotSent(f"answered {status}, but says: {said}", final=not again, retry_after_s=wait_s)


def _refused(status: int, headers: Mapping[str, str], said: str, now: float) -> NotSent:
    words = f"answered {status}: {said}" if said else f"answered {status}"
    if 300 <= status < 400:
        return NotSent(
            f"{words}; it redirects elsewhere, and no message is sent on: correct the address", final=True
        )
    again = status in _AGAIN or status >= 500 or status < 200
    return NotSent(words, final=not again, retry_after_s=retry_after_s(headers, now) if again else 0.0)


def retry_after_s(headers: Mapping[str, str], now: float) -> float:
    """Seconds, or a date, of Retry-After; 0 where there is none that can be read."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text):
        return float(text)
    try:
        at: datetime = parsedate_to_datetime(text)
        return max(0.0, at.timestamp() - now)
    except (ValueError, TypeError, OverflowError, OSError, IndexError):
        return 0.0


def shown(body: str) -> str:
    """An answer on one line, not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in body[: 20 * SHOWN]).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def _telling(body: str) -> str | None:
    """What an answer in JSON says of how it went, as words; "" for nothing; None where it is no JSON object."""
    said = _members(body)
    if said is None:
        return None
    wrong = '"error"' in body.lower() or bool(said.get("errors")) or _is_denied(said)
    return " ".join(["error"] * wrong + [str(said[name]) for name in _TELLING if name in said])


def _denies(body: str) -> bool:
    """Whether an answer in JSON says itself that it went wrong."""
    said = _members(body) or {}
    return _is_denied(said) or bool(said.get("error")) or bool(said.get("errors"))


def _is_denied(said: Mapping[str, object]) -> bool:
    return any(said.get(name) is False for name in ("ok", "success", "succeeded"))


def _members(body: str) -> dict[str, object] | None:
    """Those of a JSON object, by their names in lower case; None for anything else."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return {str(name).lower(): value for name, value in answer.items()} if isinstance(answer, dict) else None
