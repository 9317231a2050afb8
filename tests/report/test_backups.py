"""The table of backups: 80 columns, whatever the names; every word of why one stays."""

from __future__ import annotations

from mobius.model.fate import Fate
from mobius.model.release import BackupRecord
from mobius.report.backups import Listed, table

NOW = 1_800_000_000.0
DAY_S = 86_400.0


def listed(
    name: str, days: float, *reasons: str, stays: bool = True, size: int = 1_234_567_890, proven: str = ""
) -> Listed:
    record = BackupRecord(name, f"/{name}", "", size, NOW - days * DAY_S, "v2.1.0-1a2b3c4d", 0, "release")
    return Listed(Fate(record, stays, reasons), tuple(proven.split()))


def test_the_table_says_how_old_how_big_how_proven_and_why() -> None:
    rows = [
        listed("dhash_20270115_080000.zip", 0.01, "the newest that was verified", "younger than 30 d",
               proven="booted signed"),
        listed("emergency_20261231_080000.zip", 15, "younger than 30 d", size=999, proven="verified"),
        listed("dhash_20261101_080000.zip", 75, "75 d old, past 30 d", stays=False, proven="rehearsed"),
    ]  # fmt: skip
    assert table(rows, NOW) == [
        "NAME                              AGE    SIZE RELEASE        PROVEN",
        "dhash_20270115_080000.zip      14 min  1.2 GB v2.1.0-1a2b3c… booted, signed",
        "  kept: the newest that was verified; younger than 30 d",
        "emergency_20261231_080000.zip    15 d   999 B v2.1.0-1a2b3c… verified",
        "  kept: younger than 30 d",
        "dhash_20261101_080000.zip        75 d  1.2 GB v2.1.0-1a2b3c… rehearsed",
        "  goes: 75 d old, past 30 d",
    ]


def test_no_line_is_longer_than_the_terminal() -> None:
    many = [f"the newest of v2.{number}.0-1a2b3c4d, which was accepted" for number in range(6)]
    rows = [
        listed(
            "a-service-with-a-very-long-name-indeed_20270115_080000.zip", 1, *many, proven="rehearsed signed"
        ),
        listed("x" * 200 + ".zip", -1, "younger than 30 d", proven="SIGNATURE REFUSED"),
    ]
    lines = table(rows, NOW)
    assert max(map(len, lines)) <= 80
    assert lines[1] == "a-service-with-a-very-long-name-indeed_20270115_080000.zip"
    assert lines[2].split() == ["1", "d", "1.2", "GB", "v2.1.0-1a2b3c…", "rehearsed,", "signed"]


def test_of_none_there_is_no_table() -> None:
    assert table([], NOW) == []
