"""How far something long has come: no estimate before one is honest, and the speed of now rather than of ever."""

from __future__ import annotations

from mobius.model.advance import Advance
from mobius.report.advancing import backing_up
from mobius.rules.advancing import Pace

MB = 1_000_000


class Told:
    """A pace with a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 100.0
        self.lines: list[Advance] = []
        self.pace = Pace(self._take, backing_up, lambda: self.now)

    def _take(self, line: str) -> None:
        assert isinstance(line, Advance)
        self.lines.append(line)

    def after(self, seconds: float, done_mb: int, total_mb: int = 1000) -> str:
        """The newest line so much later."""
        self.now += seconds
        self.pace(done_mb * MB, total_mb * MB)
        return str(self.lines[-1]) if self.lines else ""


def test_there_is_no_estimate_in_the_first_second() -> None:
    told = Told()
    assert told.after(0.4, 10) == "", "too soon to say anything"
    assert told.after(0.2, 60) == "backup: 60 MB of 1 GB, 100 MB/s, no estimate yet"
    assert told.after(0.6, 120) == "backup: 120 MB of 1 GB, 100 MB/s, about 9 s left"


def test_a_disk_that_becomes_slow_shows_in_the_estimate() -> None:
    told = Told()
    for number in range(1, 6):
        told.after(1.0, 100 * number)
    for number in range(1, 13):
        last = told.after(1.0, 500 + number)
    assert last == "backup: 512 MB of 1 GB, 1 MB/s, about 8 min 8 s left"


def test_what_stands_still_has_no_estimate() -> None:
    told = Told()
    assert told.after(5.0, 0) == "backup: 0 B of 1 GB, no estimate yet"


def test_at_the_end_of_reading_it_says_what_comes_now() -> None:
    told = Told()
    assert told.after(0.1, 1000) == "backup: 1 GB read, reading the archive back", "at once"
    told.after(0.1, 1000)
    assert len(told.lines) == 1, "and once"


def test_lines_come_at_most_twice_a_second_with_figures_for_programs() -> None:
    told = Told()
    for _ in range(1000):
        told.after(0.01, 300)
    assert 18 <= len(told.lines) <= 20, "of ten seconds"
    assert set(told.lines[-1].figures()) == {"done_bytes", "total_bytes", "bytes_per_s", "left_s"}
