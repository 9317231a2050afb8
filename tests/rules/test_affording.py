"""Room and time that a backup needs: what shares a disk shares its room, and an estimate says what it rests on."""

from __future__ import annotations

import pytest

from mobius.model.cost import Need
from mobius.model.release import BackupRecord
from mobius.report.affording import takes, too_little
from mobius.rules.affording import expected, shortage

MB = 1_000_000


def need(needed_mb: int, free_mb: int, device: int = 1, purpose: str = "the archive") -> Need:
    return Need(purpose, f"/disk{device}", device, needed_mb * MB, free_mb * MB)


def past(took_s: object = 2.0, read_mb: object = 100, restore_s: float = 0.0) -> BackupRecord:
    read_bytes = read_mb * MB if isinstance(read_mb, int) else read_mb
    measured = {"took_s": took_s, "read_bytes": read_bytes}
    return BackupRecord("b", "/b", "", 1, 1.0, "v1", 0, "release", restore_s=restore_s, metadata=measured)


@pytest.mark.parametrize(
    ("needs", "lacking_mb"),
    [
        ([], None),
        ([need(10, 10)], None),
        ([need(11, 10)], 1),
        ([need(10, 15), need(10, 15)], 5),
        ([need(10, 15), need(10, 15, device=2)], None),
        ([need(12, 10), need(19, 10, device=2)], 9),
        ([need(5, 15), need(5, 8)], 2),  # both counted against the lower answer
    ],
)
def test_what_does_not_fit_is_the_worst_disk(needs: list[Need], lacking_mb: int | None) -> None:
    found = shortage(needs)
    assert (found.lacking_bytes if found else None) == (lacking_mb * MB if lacking_mb else None)


def test_a_shortage_says_what_for_and_how_much_to_free() -> None:
    found = shortage([need(40, 60), need(40, 60, purpose="the copy of its rehearsal")])
    assert found is not None
    assert too_little(found) == (
        "needs up to 80 MB below /disk1 (40 MB for the archive and 40 MB for the copy of its rehearsal), 60 MB free",
        "free 20 MB below /disk1, or set backup.folder to another disk",
    )


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([], "how long it takes is not known: none was measured here yet"),
        ([past(took_s=None), past(read_mb="much"), past(took_s=0)],
         "how long it takes is not known: none was measured here yet"),
        ([past()], "about 10 s, as the last one went"),
        ([past(), past(took_s=4.0), past(took_s=1.0)], "about 10 s, as the last 3 went"),
        ([past(restore_s=7.0), past(restore_s=99.0)],
         "about 10 s, as the last 2 went; the last rehearsal restored in 7 s"),
        ([past(took_s=0.001)], "about 1 s, as the last one went"),
        ([*[past()] * 5, past(took_s=1000.0)], "about 10 s, as the last 5 went"),
    ],
)  # fmt: skip
def test_how_long_is_the_middle_of_the_last_ones_or_not_known(
    records: list[BackupRecord], words: str
) -> None:
    assert takes(expected(500 * MB, records)) == words


def dumped(on_server_mb: int, dump_kb: int, took_s: float) -> BackupRecord:
    facts = {"app": {"engine": "dump", "size_bytes": on_server_mb * MB, "dump_bytes": dump_kb * 1000}}
    says = {"took_s": took_s, "read_bytes": dump_kb * 1000, "postgresql": facts}
    return BackupRecord("b", "/b", "", 1, 1.0, "v1", 0, "release", metadata=says)


@pytest.mark.parametrize(
    ("whole_mb", "records", "words"),
    [
        # an empty database is 7.5 MB on its server and a few KB as a dump: not a hundredth of the speed
        (8, [dumped(8, 12, 0.6)], "about 1 s, as the last one went"),
        (5000, [dumped(5000, 500_000, 100.0)], "about 1 min 40 s, as the last one went"),
        # a handful of files takes what a backup takes at least
        (8, [past(took_s=0.9, read_mb=0), past(took_s=1.1, read_mb=1)], "about 1 s, as the last 2 went"),
        (8, [past(took_s=4.0, read_mb=400)], "about 1 s, as the last one went"),
        (60, [past(took_s=1.0, read_mb=30)], "about 1 s, as the last one went"),
        (5000, [past(took_s=0.9, read_mb=1)],
         "how long it takes is not known: only much smaller ones were measured here yet"),
    ],
)  # fmt: skip
def test_a_small_backup_says_little_of_a_large_one(
    whole_mb: int, records: list[BackupRecord], words: str
) -> None:
    assert takes(expected(whole_mb * MB, records)) == words


@pytest.mark.parametrize("odd", ["x", [], {"app": 1}, {"app": {"engine": "dump", "size_bytes": "much"}}])
def test_odd_facts_of_a_database_count_for_nothing(odd: object) -> None:
    says = {"took_s": 2.0, "read_bytes": 100 * MB, "postgresql": odd}
    record = BackupRecord("b", "/b", "", 1, 1.0, "v1", 0, "release", metadata=says)
    assert takes(expected(500 * MB, [record])) == "about 10 s, as the last one went"
