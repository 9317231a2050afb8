"""`monitor_logs/`: what every look of a window saw, as a line for people and as a line of JSON beside it.

Of one window a file never grows beyond `MOST_BYTES` twice (`.1` has what came before), and the files of old windows go.
What cannot be written is left out: a full disk stops no window.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

MOST_BYTES = 8 << 20
MOST_WINDOWS = 40  # of each kind of file
KEPT_S = 30 * 86_400.0


def monitor_logs(
    folder: Path, environment: str, redact: Callable[[str], str], *, most_bytes: int = MOST_BYTES
) -> Callable[[float, str, Mapping[str, Any]], None]:
    """Writes (when the window opened, the line, its figures). Old files are swept with the first line of a window."""
    begun: set[str] = set()

    def write(opened_at: float, line: str, figures: Mapping[str, Any]) -> None:
        stamp = time.strftime("%Y%m%d_%H%M%S", time.localtime(opened_at))
        with suppress(OSError, ValueError):
            if stamp not in begun:
                begun.add(stamp)
                _make(folder)
                _sweep(folder, "monitor_*.log*")
                _sweep(folder, "metrics_*.jsonl*")
            _append(folder / f"monitor_{environment}_{stamp}.log", redact(line), most_bytes)
            text = json.dumps(figures, ensure_ascii=False, separators=(",", ":"), default=str)
            _append(folder / f"metrics_{stamp}.jsonl", redact(text), most_bytes)

    return write


def _make(folder: Path) -> None:
    """With a `.gitignore` of its own: what a window saw must not make the work tree of the next deployment dirty."""
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def _append(file: Path, line: str, most_bytes: int) -> None:
    if file.exists() and file.stat().st_size >= most_bytes:
        file.replace(file.with_name(f"{file.name}.1"))
    with file.open("a", encoding="utf-8") as there:
        there.write(line.replace("\n", " ") + "\n")


def _sweep(folder: Path, pattern: str) -> None:
    """The newest stay; another window of another environment may sweep at the same time."""
    dated = []
    for file in folder.glob(pattern):
        with suppress(OSError):
            dated.append((file.stat().st_mtime, file))
    dated.sort(reverse=True)
    now = time.time()
    for place, (at, file) in enumerate(dated):
        if place >= MOST_WINDOWS or now - at > KEPT_S:
            with suppress(OSError):
                file.unlink()
