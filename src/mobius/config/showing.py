"""Printing a value that somebody wrote: short, on one line, and never a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import PurePath
from typing import Any

REDACTED = "«redacted»"
_SECRET_WORDS = r"passw\w*|passphrase|token|secret|webhook|credential|(?:api|access|private|signing)[_-]?key"
_SECRET_NAME = re.compile(
    rf"{_SECRET_WORDS}|authorization|cookie|(^|[^a-z])(pass|pwd|key|dsn|auth)([^a-z]|$)", re.IGNORECASE
)
_NOT_SECRET = (
    *("tls_key", "tls_cert", "pass_env", "token_env"),
    *("secret_env", "secret_file", "password_env", "password_file"),
)  # where to find it, not the thing itself
_VARIABLE = re.compile(r"(?:^|[._])env(?:\[\d+\])?$")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USER_IN_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_AFTER_SCHEME = re.compile(r"(\b(?:bearer|basic)\s+)[^\s\"']+", re.IGNORECASE)
_AFTER_NAME = re.compile(
    rf"((?:{_SECRET_WORDS})[\w-]*[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s&\"']+)", re.IGNORECASE
)
_WEBHOOK = re.compile(r"(https?://(?:hooks\.|[^/\s]*/(?:api/)?webhooks?/))\S+", re.IGNORECASE)


def describe(path: str, raw: object) -> str:
    """A value as found, for a message: what it is when it is long or nested."""
    if isinstance(raw, dict):
        return "a table"
    if isinstance(raw, (list, tuple)):
        return "an empty list" if not raw else f"a list of {len(raw)}"
    if isinstance(raw, int) and abs(raw) > 10**20:
        return "a very large number"
    if raw is not None and not isinstance(raw, (str, bool, int, float)):
        return "a date or time"
    shown = redacted(path, raw)
    return shown if len(shown) <= 80 else shown[:76] + "…"


def redacted(path: str, raw: object) -> str:
    """The value as JSON text, without what looks like a secret by its key or by its form."""
    shown = safe(path, raw)
    text = shown if shown == REDACTED else json.dumps(shown, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def safe(path: str, raw: object) -> Any:
    """The value as plain JSON data, without what looks like a secret."""
    if looks_secret(path) and raw not in (None, "", (), {}, [], False):
        return REDACTED
    if _VARIABLE.search(path) and isinstance(raw, str) and not _NAME.fullmatch(raw):
        return REDACTED  # the address or the password itself, where the name of its variable belongs
    if isinstance(raw, Mapping):
        return {key: safe(key, value) for key, value in raw.items()}
    if isinstance(raw, (list, tuple)):
        before = ["", *(item if isinstance(item, str) and item.startswith("-") else "" for item in raw)]
        return [
            REDACTED
            if isinstance(item, str) and "=" not in option and looks_secret(option)
            else safe("", item)
            for option, item in zip(before, raw, strict=False)
        ]
    if raw is None or isinstance(raw, (bool, int, float)):
        return raw
    text = str(raw) if isinstance(raw, (str, PurePath, date)) else repr(raw)
    for pattern in (_AFTER_SCHEME, _AFTER_NAME, _WEBHOOK):
        text = pattern.sub(lambda match: match[1] + REDACTED, text)
    return _USER_IN_URL.sub(REDACTED, text)


def looks_secret(path: str) -> bool:
    """Whether the last name of the path is one that people give to secrets."""
    last = path.rpartition(".")[2]
    return last not in _NOT_SECRET and bool(_SECRET_NAME.search(last))
