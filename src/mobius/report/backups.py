"""Backups in a table of 80 columns: how old, how big, of which release, how well proven, and why each is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mobius.model.fate import Fate
from mobius.report.words import ago, duration, printable, shortened, size, wrapped

NAME, AGE, SIZE, RELEASE = 29, 7, 7, 14


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the table. `proven`: what was done with it, as "verified", "rehearsed", "booted", "signed"."""

    fate: Fate
    proven: tuple[str, ...]


def table(listed: Sequence[Listed], now: float, width: int = 80) -> list[str]:
    """Newest first: two lines each, the second says why it is kept or that it goes."""
    if not listed:
        return []
    lines = [f"{'NAME':<{NAME}} {'AGE':>{AGE}} {'SIZE':>{SIZE}} {'RELEASE':<{RELEASE}} PROVEN"]
    for each in listed:
        backup = each.fate.backup
        name, release = printable(backup.name), shortened(backup.release_id or "-", RELEASE)
        if len(name) > NAME:
            lines.append(shortened(name, width))
            name = ""
        old, big = age(backup.created_at, now), size(backup.size_bytes)
        line = f"{name:<{NAME}} {old:>{AGE}} {big:>{SIZE}} {release:<{RELEASE}}"
        line += f" {', '.join(each.proven) or '-'}"
        lines.append(line if len(line) <= width else f"{line[: width - 1]}…")
        lines += wrapped(fate_words(each.fate), width, "  ", "    ")
    return lines


def fate_words(fate: Fate) -> str:
    """ "kept: younger than 30 d; the newest that was rehearsed", or "goes: 41 d old, past 30 d"."""
    return f"{'kept' if fate.stays else 'goes'}: {'; '.join(fate.reasons)}"


def age(at: float, now: float) -> str:
    """How old, without "ago"; what is to come says so."""
    return ago(at, now).removesuffix(" ago").replace("just now", "now")


def measured(took_s: float, size_bytes: int) -> str:
    """ ", in 3 s (250 MB/s)"; nothing where it was not measured."""
    if took_s <= 0:
        return ""
    return f", in {duration(took_s)} ({size(round(size_bytes / took_s))}/s)"
