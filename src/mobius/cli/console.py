"""Consoles that cannot show everything, as on Windows (cp1252, cp850): signs become words, and no command fails."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Sequence
from typing import TextIO

HANDLER = "mobius.plain"
PLAIN = {
    "✓": "ok", "✗": "x", "✔": "ok", "✘": "x", "→": "->", "←": "<-", "↑": "^", "↓": "v", "≥": ">=", "≤": "<=", "≠": "!=",
    "≈": "~", "−": "-", "–": "-", "—": "-", "…": "...", "“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "×": "x",
    "│": "|", "┃": "|", "─": "-", "━": "-", "└": "+", "├": "+", "┌": "+", "┐": "+", "┘": "+", "┤": "+", "┬": "+",
    "┴": "+", "┼": "+", "╰": "+", "╭": "+", "╮": "+", "╯": "+", "█": "#", "▇": "#", "▆": "#", "▅": "#", "▄": "=",
    "▃": "=", "▂": "-", "▁": "_", "░": ".", "▒": ":", "▓": "#", "●": "*", "○": "o", "•": "*", "·": ".", "σ": "s",
    "«": '"', "»": '"',
}  # fmt: skip


def speak_plainly(argv: Sequence[str]) -> None:
    """From here on no sign that stdout or stderr cannot show raises. JSON is UTF-8 on every system."""
    codecs.register_error(HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not _shows_all(stream):
            if stream is sys.stdout and "--json" in argv:
                stream.reconfigure(encoding="utf-8", errors="surrogateescape")
            else:
                stream.reconfigure(errors=HANDLER)


def _shows_all(stream: TextIO) -> bool:
    try:
        return codecs.lookup(stream.encoding or "ascii").name.startswith("utf")
    except LookupError:
        return False


def _plain(problem: UnicodeError) -> tuple[str, int]:
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    signs = problem.object[problem.start : problem.end]
    return "".join(PLAIN.get(sign, "?") for sign in signs), problem.end
