"""Lines of progress that are more than lines: how far something long has come, and that something is in its way."""

from __future__ import annotations


class Advance(str):
    """One line of progress that knows its figures. Where lines are expected it is one; a terminal redraws it, and a
    journal takes only some. `left_s` is None while no honest estimate can be made."""

    done_bytes: int
    total_bytes: int
    bytes_per_s: float
    left_s: float | None

    def __new__(
        cls, line: str, done_bytes: int, total_bytes: int, bytes_per_s: float, left_s: float | None
    ) -> Advance:
        made = super().__new__(cls, line)
        made.done_bytes = done_bytes
        made.total_bytes = total_bytes
        made.bytes_per_s = bytes_per_s
        made.left_s = left_s
        return made

    def figures(self) -> dict[str, object]:
        """For JSON."""
        return {
            "done_bytes": self.done_bytes,
            "total_bytes": self.total_bytes,
            "bytes_per_s": round(self.bytes_per_s),
            "left_s": None if self.left_s is None else round(self.left_s, 1),
        }


class Waiting(str):
    """One line of progress that a person should see at once: something is in the way, and it is waited for or tried
    again."""
