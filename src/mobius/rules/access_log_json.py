"""One JSON line of an access log: nginx's of our snippet, Caddy's own, HAProxy's of our snippet, and their kin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from mobius.rules.access_log import (
    CLIENT_LEFT,
    OTHER,
    Seen,
    Unread,
    clf_time,
    milliseconds_of,
    path_of,
    plausible_at,
    plausible_s,
    request_line,
    server_of,
    status_of,
)

TIMES = ("time", "time_ms", "msec", "ts", "timestamp", "@timestamp", "time_iso8601", "time_local")
SECONDS = ("request_time", "duration", "duration_s")
MILLISECONDS = ("total_ms", "duration_ms", "active_ms", "ta_ms", "Ta", "ta")
METHODS = ("method", "request_method")
TARGETS = ("uri", "request_uri", "path", "target")
UPSTREAMS = ("upstream_addr", "upstream")
ENDINGS = ("ended", "termination_state", "termination", "tsc")

_SPAN = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_json(line: bytes) -> Seen | Unread:
    """What the object says; keys it does not know are left alone."""
    entry = _decoded(line)
    if not isinstance(entry, dict):
        return Unread("not JSON" if entry is None else "JSON, but no object")
    logger = entry.get("logger")
    if isinstance(logger, str) and not logger.startswith("http.log.access"):
        return OTHER
    status = _status(entry)
    if isinstance(status, Unread):
        return status
    method, target = _request(entry)
    at, duration_s = _at(entry), _duration_s(entry)
    return Seen(
        at,
        method,
        path_of(target),
        status,
        milliseconds_of(duration_s),
        _upstream(entry),
        _dialled(entry, at, duration_s),
    )


def _decoded(line: bytes) -> Any:
    """None for what is not JSON. nginx passes bytes on that are no UTF-8, HAProxy backslashes that escape nothing."""
    text = line.decode("utf-8", "replace")
    for attempt in (text, text.replace("\\", "\\\\")):
        try:
            return msgspec.json.decode(attempt)
        except (msgspec.DecodeError, ValueError, RecursionError):
            continue
    return None


def _status(entry: Mapping[str, Any]) -> int | Unread:
    said = entry.get("status")
    if isinstance(said, bool) or not isinstance(said, (int, float, str)):
        return Unread("no status")
    status = status_of(said)
    if status == 0 and _text(entry, ENDINGS).startswith("C"):
        status = CLIENT_LEFT
    return Unread(f"{str(said)[:20]} is no status") if status is None else status


def _request(entry: Mapping[str, Any]) -> tuple[str, str]:
    request = entry.get("request")
    if isinstance(request, str):
        return request_line(request)
    of = request if isinstance(request, dict) else entry
    return _text(of, METHODS)[:32], _text(of, TARGETS)


def _text(entry: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        said = entry.get(key)
        if isinstance(said, str) and said != "-":
            return said
    return ""


def _upstream(entry: Mapping[str, Any]) -> str | None:
    """The last one that was dialled: nginx lists all that it tried."""
    said = next((entry[key] for key in UPSTREAMS if isinstance(entry.get(key), str)), None)
    if said is None:
        # Many a format says "server" of the name of the host; HAProxy's says which backend it is of.
        server, backend = entry.get("server"), entry.get("backend")
        if not isinstance(server, str) or not isinstance(backend, str):
            return None
        return server_of(backend, server)
    last = _last(said)
    return "" if last == "-" else last


def _last(said: str) -> str:
    """Of nginx's list of all that were tried, "a, b" or "a : b"."""
    return re.split(r", | : ", said)[-1].strip() if " " in said else said


def _dialled(
    entry: Mapping[str, Any], at: float | None, duration_s: float | None
) -> tuple[float, float] | None:
    """nginx dials when it has read the body, and is done with the upstream before it is with the client."""
    if at is None or duration_s is None:
        return None
    answered = entry.get("upstream_response_time")
    took_s = _number(_last(answered) if isinstance(answered, str) else answered)
    took_s = plausible_s(took_s) if took_s is not None else None
    ended = at + 1 if _is_coarse(entry) else at  # a time in whole seconds is up to one second early
    return at - duration_s, max(at - duration_s, ended - (took_s or 0.0))


def _at(entry: Mapping[str, Any]) -> float | None:
    for key in TIMES:
        said = entry.get(key)
        if isinstance(said, (int, float, str)) and not isinstance(said, bool):
            at = _number(said)
            if at is not None:
                return plausible_at(_in_seconds(at))
            found = _written(str(said))
            if found is not None:
                return found
    return None


def _is_coarse(entry: Mapping[str, Any]) -> bool:
    """Whether the time is in whole seconds: without a fraction, and no milliseconds or finer."""
    said = next((entry[key] for key in TIMES if key in entry), None)
    return "." not in str(said) and (number := _number(said) or 0.0) == _in_seconds(number)


def _in_seconds(at: float) -> float:
    """Unix seconds of milliseconds, microseconds or nanoseconds: none of them can be mistaken for another."""
    for beyond, unit in ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3)):
        if at >= beyond:
            return at * unit
    return at


def _written(text: str) -> float | None:
    if len(text) > 40:
        return None
    try:
        found = datetime.fromisoformat(text)
        return plausible_at(found.timestamp()) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return clf_time(text)


def _duration_s(entry: Mapping[str, Any]) -> float | None:
    for keys, unit in ((SECONDS, 1.0), (MILLISECONDS, 1e-3)):
        for key in keys:
            said = entry.get(key)
            number = _number(said)
            if number is not None:
                return plausible_s(number * unit)
            if isinstance(said, str) and (parts := _SPAN.findall(said[:60])):
                return plausible_s(sum(float(count) * _UNITS[name] for count, name in parts))
    return None


def _number(said: object) -> float | None:
    """A number, also one in quotes; None for anything else, and for what is no finite number."""
    if isinstance(said, bool) or not isinstance(said, (int, float, str)):
        return None
    try:
        number = float(said)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e30 else None
