"""Numbers and times as a person says them: "2 min 10 s", "12,034 requests", "proven 02:10"."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

# Control characters would move a reader's cursor, the bidirectional ones turn text around: none is shown.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SPACES = re.compile(r"\s+")


def duration(seconds: float) -> str:
    """Two units at most: "40 ms", "0.4 s", "9 s", "2 min 10 s", "1 h 5 min", "2 d 3 h"."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if 0 < seconds < 0.0995:
        return f"{max(1, round(seconds * 1000))} ms"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(*divmod(whole, 60), "min", "s")
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return _two(*divmod(minutes, 60), "h", "min")
    return _two(*divmod(round(seconds / 3600), 24), "d", "h")


def milliseconds(ms: float) -> str:
    """ "0.4 ms", "3 ms", "1,200 ms"; latencies stay in one unit so that they can be compared."""
    return f"{ms:.1f} ms" if 0 < ms < 0.95 else f"{ms:,.0f} ms"


def size(size_bytes: int) -> str:
    """Decimal units: "412 B", "1.5 kB", "12 MB", "1.2 GB"."""
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{_short(amount)} {unit}"
        amount /= 1000
    return f"{_short(amount)} TB"


def percent(value: float) -> str:
    """Two digits that mean something: "0 %", "0.02 %", "7.3 %", "12 %"."""
    if value == 0:
        return "0 %"
    if abs(value) < 0.005:
        return "under 0.01 %"
    if abs(value) < 0.995:
        return f"{value:.2f}".rstrip("0").rstrip(".") + " %"
    return f"{_short(value)} %"


def count(number: int) -> str:
    """With separators: "12,034"."""
    return f"{number:,}"


def counted(number: int, one: str, many: str = "") -> str:
    """ "1 request", "12,034 requests"; `many` where an s does not do."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def ago(at: float, now: float) -> str:
    """ "just now", "3 min ago", "2 d ago"; "in 3 min" for what is to come."""
    if abs(now - at) < 1:
        return "just now"
    return f"{_coarse(now - at)} ago" if now > at else f"in {_coarse(at - now)}"


def clock(at: float, now: float, tz: tzinfo | None = None) -> str:
    """The time of day when it is within a day of `now` ("02:10"), else with its date ("18 Nov 02:10").

    `tz` None is the zone of this machine.
    """
    when, today = datetime.fromtimestamp(at, tz), datetime.fromtimestamp(now, tz)
    time_of_day = f"{when:%H:%M}"
    if abs(now - at) < 86_400:
        return time_of_day
    day = f"{when.day} {when:%b}"
    return f"{day} {time_of_day}" if when.year == today.year else f"{day} {when.year} {time_of_day}"


def iso(at: float) -> str:
    """UTC to the second: "2026-11-20T21:26:21Z"; "" for a time that never was."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}" if at > 0 else ""


def printable(text: str) -> str:
    """One line without control characters: what others wrote cannot draw on a reader's terminal."""
    return _SPACES.sub(" ", _UNPRINTABLE.sub("�", text)).strip()


def wrapped(text: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """`text` in lines of at most `width` columns, behind `first`, then `rest` (default: blanks)."""
    rest = " " * len(first) if rest is None else rest
    lines = textwrap.wrap(
        printable(text), width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )
    return lines or [first.rstrip()]


def command_lines(words: Sequence[str], width: int, indent: str = "  ") -> list[str]:
    """A shell command that can be copied: quoted, and continued with a backslash where it is too wide."""
    quoted = [shlex.quote(printable(word)) for word in words]
    lines, line = [], indent
    for word in quoted:
        continues = 0 if word is quoted[-1] else 2  # room for the backslash
        if line.strip() and len(line) + 1 + len(word) + continues > width:
            lines.append(f"{line} \\")
            line = indent + "  "
        line += word if not line.strip() else f" {word}"
    return [*lines, line]


def shortened(text: str, width: int) -> str:
    """At most `width` columns, with "…" where something was left out."""
    text = printable(text)
    return text if len(text) <= width else text[: max(0, width - 1)].rstrip() + "…"


def _two(big: int, small: int, big_unit: str, small_unit: str) -> str:
    return f"{big} {big_unit} {small} {small_unit}" if small else f"{big} {big_unit}"


def _coarse(seconds: float) -> str:
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds)} s"


def _short(amount: float) -> str:
    return f"{amount:.1f}".removesuffix(".0") if amount < 9.95 else f"{amount:,.0f}"
