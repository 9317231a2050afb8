"""One line of an access log as what was seen: combined (with times or without), HAProxy's httplog, or JSON.

Everything in a line but its shape was chosen by whoever sent the request, so nothing here raises or takes long:
a line is `Seen`, or `Unread` with the reason. JSON lives in `mobius.rules.access_log_json`.
"""

from __future__ import annotations

import re
from calendar import timegm
from dataclasses import dataclass
from functools import lru_cache

LONGEST_LINE = 64 * 1024
LONGEST_PATH = 4096
LONGEST_S = 30 * 86_400.0  # a duration beyond this is no measurement
YEAR_3000 = 32_503_680_000.0

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
CLIENT_LEFT = 499  # nginx's number for a client that did not wait for the answer: nobody's error


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as a proxy wrote it down. Times are unix seconds of the proxy's machine.

    `upstream` is whom it was given to: "backend/server" of HAProxy ("backend/" when it found no server), nginx's
    address, "" for nobody (the proxy answered by itself), None where the format does not say. `dialled` are the
    earliest and the latest time at which it can have been given to it, None where the format has no duration.
    """

    at: float | None  # when the line was written (by Apache: when the request came); None without a time zone
    method: str  # "" where there was no request line at all
    path: str  # without the query; "" where there was none
    status: int  # 0: never answered
    duration_ms: float | None
    upstream: str | None = None
    dialled: tuple[float, float] | None = None

    @property
    def is_error(self) -> bool:
        """Answered 5xx, or not at all."""
        return self.status >= 500 or self.status == 0


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that says nothing about a request, and why. `is_other`: it is about something else, so nothing is lost."""

    reason: str
    is_other: bool = False


OTHER = Unread("about something else", is_other=True)


def parse(line: bytes, log_format: str = "auto") -> Seen | Unread:
    """What the line says. `log_format`: "auto", "combined" (HAProxy's httplog, too) or "json"."""
    if len(line) > LONGEST_LINE:
        return Unread(f"longer than {LONGEST_LINE // 1024} KiB")
    line = line.strip(b" \t\r\n\0")
    if log_format != "combined":
        start = _json_start(line)
        if start >= 0:
            from mobius.rules.access_log_json import parse_json

            return parse_json(line[start:])
        if log_format == "json":
            return Unread("not JSON")
    text = line.decode("utf-8", "replace")
    return (
        _haproxy(text)
        or _combined(text)
        or _notice(text)
        or Unread("neither combined nor HAProxy's httplog nor JSON")
    )


# -- combined ------------------------------------------------------------------------------------------------

# nginx writes a quote within a value as \x22, Apache as \" : a bare `] "` can only be the proxy's own.
_QUOTED = r'"((?:[^"\\]++|\\.)*+)"'
_COMBINED = re.compile(
    r"\S.{0,2000}? \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    + _QUOTED
    + r" (\d{1,9}|-)(?: (?:\d+|-))?"
    r"(?: " + _QUOTED + r" " + _QUOTED + r")?((?: .*)?)\Z",
    re.ASCII | re.DOTALL,
)
_SENT = re.compile(r" " + _QUOTED)
_TAIL = re.compile(r'(?:^| )(?:([a-z_]{1,40})=)?"?(\d{1,12})(\.\d{1,9})?"?(?= |\Z)', re.ASCII)


def _combined(text: str) -> Seen | Unread | None:
    match = _COMBINED.match(text)
    if match is None:
        return None
    time_text, request, status_text, _, _, tail = match.groups()
    status = status_of(status_text)
    if status is None:
        return Unread(f"{status_text[:20]} is no status")
    at = clf_time(time_text)
    duration_s = _tail_duration_s(tail) if tail else None
    dialled = None
    if at is not None and duration_s is not None:
        # The time is in whole seconds, of the end (nginx) or of the beginning (Apache): it lies in between.
        dialled = (at - duration_s, at + 1 + duration_s)
    method, path = request_line(request)
    # No request line at all was never given to anybody.
    return Seen(at, method, path, status, milliseconds_of(duration_s), None if path else "", dialled)


def _tail_duration_s(tail: str) -> float | None:
    """The duration behind the user agent: the first number with a point is seconds (nginx's $request_time, also as
    rt=…); without one the last whole number is microseconds (Apache's %D).

    What stands in quotes without a name (X-Forwarded-For, say) is the client's own word, and is passed over.
    """
    whole = None
    for name, digits, fraction in _TAIL.findall(_SENT.sub("", tail)):
        if fraction and name in ("", "rt", "request_time", "duration"):
            return plausible_s(float(digits + fraction))
        if not fraction and not name:
            whole = digits
    return plausible_s(int(whole) / 1e6) if whole is not None else None


# -- HAProxy -------------------------------------------------------------------------------------------------

_HAPROXY = re.compile(
    r"(?:.{0,300}: )?\S{1,100}:\d+ \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] "
    r"\S{1,300} (\S{1,300})/(\S{1,300}) -?\d+/-?\d+/-?\d+/-?\d+/\+?(-?\d{1,12}) (-?\d{1,9}) \+?\d+ \S+ \S+ "
    r"(\S{4}) \S+ \S+ "
    r'(?:\{[^}]*\} )*"([^"]*)"?\Z',
    re.ASCII,
)


def _haproxy(text: str) -> Seen | Unread | None:
    """The default of `option httplog`. Its time has no zone, but it names the server, which is the slot."""
    match = _HAPROXY.match(text)
    if match is None:
        return None
    backend, server, active_ms, status_text, ended, request = match.groups()
    status = status_of(status_text, client_left=ended.startswith("C"))
    if status is None:
        return Unread(f"{status_text} is no status")
    method, path = request_line(request)
    upstream = server_of(backend, server)
    return Seen(None, method, path, status, milliseconds_of(plausible_s(int(active_ms) / 1000)), upstream)


# What HAProxy tells of itself in the same log: servers that come and go, proxies that start.
_NOTICE = re.compile(
    r"(?:.{0,300}[\])] ?: |.{0,300}\]: )?"
    r"(?:(?:Backup )?Server|Backend|Proxy|Frontend|Health check for \S{1,50}) \S{1,300} "
    r"(?:is|has|was|started|stopped)\b",
    re.ASCII | re.IGNORECASE,
)


def _notice(text: str) -> Unread | None:
    return OTHER if _NOTICE.match(text) else None


# -- what all of them have -----------------------------------------------------------------------------------

_SYSLOG = re.compile(
    rb'(?:<\d{1,3}>\d? ?)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{1,40}) [^{]{0,200}(?=\{")',
    re.DOTALL,
)
_REQUEST = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S{1,65536})(?: HTTP/\d(?:\.\d)?)?\Z", re.ASCII)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^/?#]*", re.ASCII | re.IGNORECASE)


def _json_start(line: bytes) -> int:
    """Where the object begins: at once, or behind what syslog puts before it; -1 when there is none."""
    if line.startswith(b"{"):
        return 0
    match = _SYSLOG.match(line)
    return match.end() if match else -1


def request_line(text: str) -> tuple[str, str]:
    """Method and path of "GET /a?b HTTP/1.1", also of HTTP/0.9; ("", "") of anything else."""
    match = _REQUEST.match(text)
    return (match[1], path_of(match[2])) if match else ("", "")


def path_of(target: str) -> str:
    """The path of a request's target, without its origin and its query, as it was sent."""
    if not target.startswith("/"):
        origin = _ORIGIN.match(target)
        target = (target[origin.end() :] or "/") if origin else target
    for mark in "?#":
        target = target.partition(mark)[0]
    return target[:LONGEST_PATH]


def server_of(backend: str, server: str) -> str:
    """Whom HAProxy gave a request to, "backend/" where it names none ("<NOSRV>")."""
    return f"{backend}/" if server.startswith("<") or server == "-" else f"{backend}/{server}"


def status_of(text: str | int | float, *, client_left: bool = False) -> int | None:
    """100 to 599; 0 for none ("-", "000", -1), which is 499 where the client left; None for what is no status."""
    try:
        status = int(text) if text != "-" else 0
    except (ValueError, OverflowError):
        return None
    if 100 <= status <= 599:
        return status
    return (CLIENT_LEFT if client_left else 0) if status in (0, -1) else None


def plausible_s(seconds: float) -> float | None:
    """The duration, None for a negative or absurd one."""
    return seconds if 0 <= seconds <= LONGEST_S else None


def plausible_at(at: float) -> float | None:
    """The time in unix seconds, None for an absurd one."""
    return at if 0 < at < YEAR_3000 else None


def milliseconds_of(seconds: float | None) -> float | None:
    """The same duration in milliseconds."""
    return None if seconds is None else round(seconds * 1000, 3)


@lru_cache(maxsize=1024)
def clf_time(text: str) -> float | None:
    """Unix seconds of "21/Nov/2026:15:08:01 +0100" in any locale; None for what is no time."""
    try:
        day, month, year = int(text[:2]), 1 + MONTHS.index(text[3:6]), int(text[7:11])
        hour, minute, second = int(text[12:14]), int(text[15:17]), int(text[18:20])
        offset_s = (int(text[22:24]) * 60 + int(text[24:26])) * (-60 if text[21] == "-" else 60)
    except (ValueError, IndexError):
        return None
    if not (1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60 and abs(offset_s) <= 86_400):
        return None
    return plausible_at(float(timegm((year, month, day, hour, minute, second)) - offset_s))
