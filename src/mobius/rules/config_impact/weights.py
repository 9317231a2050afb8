"""Which keys weigh, and how values are shown: by their kind, and never one that may be a secret."""

from __future__ import annotations

import re

from mobius.model.linting import Impact

_WEIGHTY = re.compile(
    r"port|host|addr|url|uri|endpoint|bind|listen|timeout|deadline|ttl|retr|pool|limit|max|min|size|quota|rate|concurren"
    r"|worker|thread|process|memory|cpu|replica|flag|feature|enable|disable|toggle|auth|cors|origin|allow|deny|tls|ssl|cert"
    r"|csrf|session|cookie|permission|role|region|bucket|queue|topic|database|db_|schema|driver|cache|log_?level|debug",
    re.IGNORECASE,
)
_SECRET = re.compile(r"pass(word|wd)?|secret|token|api_?key|private|credential|dsn|webhook", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"^$|^[<{$\[].*[>}\])]?$|change.?me|example|your|placeholder|dummy|xxx|\*\*\*|todo|replace|secret$|password$|localhost",
    re.IGNORECASE,
)
_LOOKS_SECRET = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|xox[abpr]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{16,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|[a-z][a-z0-9+]*://[^/\s:@]+:[^/\s@${<]{6,}@"
)

_GIVEN = re.compile(
    r"((?:pass(?:word|wd)?|secret|token|api_?key|credential)\w*(?:\s*[=:]\s*|\s+))[^\s;]+", re.IGNORECASE
)


def is_weighty(key: str) -> bool:
    """Whether a change of this key's value is felt: addresses, limits, pools, flags, who may come in."""
    return bool(_WEIGHTY.search(key))


def other_server(was: str, becomes: str) -> str:
    """How an address changed the kind of server that it is of; "" where it did not."""
    old, new = _scheme(was), _scheme(becomes)
    return f"goes from {old}: to {new}:" if old and new and old != new else ""


def other_kind(was: str, becomes: str) -> str:
    """How a default changed what it is: a number into words, or one kind of server into another; "" where it did not.
    A placeholder is of no kind."""
    if (why := other_server(was, becomes)) or _PLACEHOLDER.search(was) or _PLACEHOLDER.search(becomes):
        return why
    kinds = _text_kind(was), _text_kind(becomes)
    return (
        f"was a {kinds[0]} and becomes a {kinds[1]}" if kinds[0] != kinds[1] and "flag" not in kinds else ""
    )


def _text_kind(value: str) -> str:
    if re.fullmatch(r"[+-]?\d+(?:\.\d+)*", value):
        return "number"
    return "flag" if value.lower() in ("true", "false", "yes", "no", "on", "off") else "text"


def _scheme(value: str) -> str:
    """Which kind of server an address is of: `postgres` of `postgresql+asyncpg://…`; "" for none, and for the web."""
    found = re.match(r"([a-z][a-z0-9]*)[a-z0-9+.-]*://", value.lower())
    name = found[1] if found else ""
    name = {"postgresql": "postgres", "rediss": "redis", "amqps": "amqp", "mariadb": "mysql"}.get(name, name)
    return "" if name in ("http", "https", "ws", "wss") else name


def weight(key: str) -> Impact:
    return Impact.MEDIUM if is_weighty(key) else Impact.LOW


def masked(text: str) -> str:
    """A command as it may be printed: without what follows the name of a secret, or a password in an address."""
    return _LOOKS_SECRET.sub("«redacted»", _GIVEN.sub(r"\1«redacted»", text))


def exposes_secret(key: str, value: str) -> bool:
    """Whether this value looks like a real secret in a file that is kept with the code."""
    if _LOOKS_SECRET.search(value):
        return True
    named = _SECRET.search(key) is not None
    varied = len(value) >= 12 and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return named and varied and " " not in value and not _PLACEHOLDER.search(value)


def shown(key: str, value: object) -> str:
    """A value as it may be printed."""
    text = str(value)
    if _SECRET.search(key) or _LOOKS_SECRET.search(text):
        return "«redacted»"
    return repr(text if len(text) <= 60 else text[:59] + "…") if isinstance(value, str) else text[:60]
