"""Tables of a rehearsal of migrations that fit a terminal: statements, rows before and after, the changed schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mobius.report.migrating_words import lock_words
from mobius.report.paint import BAD, DIM, GOOD, WARN, Paint
from mobius.report.words import count, duration, printable, shortened, size, wrapped

FELT_S, LONG_S = 0.1, 1.0  # a wait that a person feels; one that fills queues
MOST_TABLES, MOST_SCHEMA_LINES = 15, 20
HEAD = ("time", "reads", "writes", "log")
WIDTHS = (7, 7, 7, 8)
MARGIN = 2 + sum(WIDTHS) + 2


def statement_lines(facts: Mapping[str, Any], width: int, paint: Paint) -> list[str]:
    """A row each: how long it took, how long others could not read or write, how much log it wrote; below it what it
    locked and wrote anew."""
    ran: Sequence[Mapping[str, Any]] = facts.get("statements") or ()
    if not ran:
        return []
    head = "".join(f"{name:>{cells}}" for name, cells in zip(HEAD, WIDTHS, strict=True))
    lines = [paint(f"  {head}  statement", DIM)]
    for each in ran:
        cells = [_took(float(each.get("seconds") or 0))]
        cells += [_waited(each.get(f"{who}_blocked_s")) for who in ("read", "write")]
        cells.append(size(int(each["wal_bytes"])) if each.get("wal_bytes") else "-")
        told = [
            paint(f"{cell:>{wide}}", style)
            for cell, wide, style in zip(cells, WIDTHS, _styles(each), strict=True)
        ]
        lines.append(
            f"  {''.join(told)}  {shortened(str(each.get('text') or ''), max(20, width - MARGIN - 2))}"
        )
        lines += [
            paint(line, BAD if each.get("error") else DIM)
            for line in wrapped(_beneath(each), width, " " * (MARGIN + 2))
            if _beneath(each)
        ]
    return lines


def _took(seconds: float) -> str:
    return duration(seconds) if seconds >= 0.0005 else "< 1 ms"


def _waited(seconds: Any) -> str:
    value = float(seconds or 0)
    return duration(value) if value >= 0.01 else "-"


def _styles(each: Mapping[str, Any]) -> list[str]:
    waits = (float(each.get(f"{who}_blocked_s") or 0) for who in ("read", "write"))
    felt = [BAD if wait >= LONG_S else WARN if wait >= FELT_S else "" for wait in waits]
    return ["", *felt, ""]


def _beneath(each: Mapping[str, Any]) -> str:
    parts = [f"{mode}: {', '.join(names)}" for mode, names in _by_mode(each).items()]
    if rewrites := each.get("rewrites"):
        parts.append(f"writes anew: {', '.join(map(str, rewrites))}")
    if each.get("error"):
        parts.insert(0, f"FAILS: {each['error']}")
    return "; ".join(parts)


def _by_mode(each: Mapping[str, Any]) -> dict[str, list[str]]:
    """What felt alike is told together: "stops everybody: users, posts"."""
    found: dict[str, list[str]] = {}
    for relation, mode in each.get("locks") or ():
        if lock_words(str(mode)) not in ("reads it", "changes rows"):
            found.setdefault(lock_words(str(mode)), []).append(str(relation))
    return found


def row_lines(facts: Mapping[str, Any], width: int, paint: Paint) -> list[str]:
    """Tables that were touched or changed: rows before and after, the changed ones first."""
    rows: Sequence[Mapping[str, Any]] = facts.get("rows") or ()
    told = sorted(rows, key=lambda each: not each.get("is_changed"))
    lines = []
    for each in told[:MOST_TABLES]:
        before, after = int(each.get("before") or 0), int(each.get("after") or 0)
        became = "gone" if after < 0 else count(after)
        how = f"{count(before)} before, {became} after" + (
            "" if each.get("touched") else ", named by no statement"
        )
        if not each.get("is_changed"):
            how = f"{count(before)}, as they were"
        elif before == after:
            how += ", with other values"
        lost = after < before or (each.get("is_changed") and not each.get("touched"))
        lines += [
            paint(line, BAD if lost else "")
            for line in wrapped(how, width, f"  {shortened(str(each.get('table')), 30):<30}  ", " " * 34)
        ]
    if len(told) > MOST_TABLES:
        lines.append(f"  … and {len(told) - MOST_TABLES} more tables")
    return lines


def schema_lines(facts: Mapping[str, Any], width: int, paint: Paint) -> list[str]:
    """The first lines of the schema's difference."""
    lines = difference_lines(facts)
    told = [shortened(line, width - 2) for line in lines[:MOST_SCHEMA_LINES]]
    told = [f"  {paint(line, GOOD if line[0] == '+' else BAD if line[0] == '-' else DIM)}" for line in told]
    more = len(lines) - MOST_SCHEMA_LINES
    return [*told, f"  … and {more} more lines: --json, or --html FILE"] if more > 0 else told


def difference_lines(facts: Mapping[str, Any] | None) -> list[str]:
    """What the migrations changed in the schema, without the names of the two sides and empty lines."""
    lines = str((facts or {}).get("schema_diff") or "").splitlines()
    told = (printable(line) for line in lines if not line.startswith(("---", "+++", "@@")))
    return [line for line in told if line not in ("", "+", "-")]
