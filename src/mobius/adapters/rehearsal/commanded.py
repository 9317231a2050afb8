"""A command that runs inside an isolation, seen from outside: followed to its end, or to ours."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from mobius.adapters.rehearsal.asked import Ended
from mobius.adapters.rehearsal.following import Boot, last

CUT = "…\n"


def followed(
    boot: Boot, *, within_s: float, scratch: Path, least_free: int, progress: Callable[[str], None]
) -> Ended:
    """Reads what it says until it is done, or has to be ended."""
    began = time.monotonic()
    out: list[str] = []
    output: list[str] = []
    is_up, is_whole = False, True

    def ended(why: str, code: int | None = None, took_s: float = 0.0) -> Ended:
        took_s = took_s or time.monotonic() - began
        return Ended(code, why, "".join(out), "".join(output), is_whole, took_s)

    for line in boot.lines():
        if line is None or line.kind in ("out", "err"):
            if time.monotonic() - began > within_s:
                return ended(f"not done within {within_s:g} s")
            if shutil.disk_usage(scratch).free < least_free:
                return ended(f"ended: the disk of {scratch} is nearly full")
        if line is None:
            continue
        match line.kind:
            case "up":
                is_up = True
            case "out" | "err":
                output.append(line.sentence)
                if line.kind == "out":
                    out.append(line.sentence)
                for text in line.sentence.splitlines():
                    progress("".join(c if c.isprintable() else " " for c in text))
            case "cut":
                is_whole = False
                out.append(CUT)
                output.append(CUT)
            case "done" if line.sentence:
                return ended(line.sentence)
            case "done" if line.outcome.lstrip("-").isdecimal():
                return ended("", int(line.outcome), line.after_s)
    words = last(boot.errors()) or "it said nothing that can be read"
    return ended(f"{'it ended with all around it' if is_up else 'bubblewrap could not set it up'}: {words}")
