"""The words of progress: how much of how much, how fast, and how long it still takes."""

from __future__ import annotations

from mobius.report.words import duration, size


def backing_up(done_bytes: int, total_bytes: int, bytes_per_s: float, left_s: float | None) -> str:
    """ "backup: 410 MB of 1.2 GB, 250 MB/s, about 3 s left"."""
    if done_bytes >= total_bytes:
        return f"backup: {size(total_bytes)} read, reading the archive back"
    parts = [f"backup: {size(done_bytes)} of {size(total_bytes)}"]
    if bytes_per_s > 0:
        parts.append(f"{size(round(bytes_per_s))}/s")
    parts.append("no estimate yet" if left_s is None else f"about {duration(max(1, round(left_s)))} left")
    return ", ".join(parts)
