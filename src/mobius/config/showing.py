"""Printing a value that somebody wrote: short, on one line, and never a secret."""

from __future__ import annotations

import json
import re

REDACTED = "«redacted»"
_SECRET_NAME = re.compile(
    r"passw|passphrase|token|secret|webhook|credential|authorization|cookie"
    r"|(^|[^a-z])(pass|pwd|key|dsn|auth)([^a-z]|$)|(api|access|private|signing)key",
    re.IGNORECASE,
)
_NOT_SECRET = ("tls_key", "tls_cert", "pass_env")  # where to find it, not the thing itself
_USER_IN_URL = re.compile(r"(?<=://)[^/\s@\"]+(?=@)")
_AFTER_SECRET_WORD = re.compile(
    r"((?:passw\w*|token|secret|(?:api|access)[_-]?key|webhook)[\"']?\s*[=:,]\s*[\"']?|\b(?:bearer|basic)\s+)"
    r"[^\s\"',&]+",
    re.IGNORECASE,
)


def describe(path: str, raw: object) -> str:
    """A value as found, fit to print: short, on one line, secrets redacted."""
    if isinstance(raw, dict):
        return "a table"
    if isinstance(raw, (list, tuple)):
        return "an empty list" if not raw else f"a list of {len(raw)}"
    if raw is not None and not isinstance(raw, (str, bool, int, float)):
        return "a date or time"
    if isinstance(raw, int) and abs(raw) > 10**20:
        return "a very large number"
    shown = redacted(path, raw)
    return shown if len(shown) <= 80 else shown[:76] + '…"'


def redacted(path: str, raw: object) -> str:
    """The value as JSON text, without what looks like a secret, by its key or by its form."""
    text = json.dumps(
        raw if not isinstance(raw, (list, tuple)) else list(raw), ensure_ascii=False, default=str
    )
    if looks_secret(path) and raw not in (None, "", (), {}, []):
        return REDACTED
    if isinstance(raw, dict):
        inside = ", ".join(f"{json.dumps(k)}: {redacted(k, v)}" for k, v in raw.items())
        return "{" + inside + "}"
    text = _AFTER_SECRET_WORD.sub(lambda match: match[1] + REDACTED, _USER_IN_URL.sub(REDACTED, text))
    return text.encode("utf-8", "replace").decode()


def looks_secret(path: str) -> bool:
    """Whether the last name of the path is one that people give to secrets."""
    last = path.rpartition(".")[2]
    return last not in _NOT_SECRET and bool(_SECRET_NAME.search(last))
