"""Memory stays within its bound whatever is backed up: 5 million small rows, 6 GB of files, 300,000 of them.

Each takes minutes and some GB of disk: `.venv/bin/pytest -s -m slow tests/journeys/backup/test_large.py`.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from bench.backup_measure import Cost, python

pytestmark = [pytest.mark.journey, pytest.mark.slow]

MOST_PEAK_BYTES = 128 << 20


def backed_up_and_back(source: Path, folder: Path, what: str) -> Path:
    """Write, verify and restore, each in a process of its own and within the bound; where it was restored."""
    archive, restored = folder / "backups" / "tree.zip", folder / "restored"
    archive.parent.mkdir()
    costs: dict[str, Cost] = {
        "write": python("bench.backup_ours", "write", str(source), str(archive), cwd=folder),
        "verify": python("bench.backup_ours", "verify", str(archive), cwd=folder),
        "restore": python("bench.backup_ours", "restore", str(archive), str(restored), cwd=folder),
    }
    for step, cost in costs.items():
        print(
            f"\n| {what} | {step} | {cost.wall_s:.1f} s | {cost.cpu_s:.1f} s | {cost.peak_bytes / (1 << 20):.0f} MiB |"
        )
    archive.unlink()
    beyond = {step: cost.peak_bytes for step, cost in costs.items() if cost.peak_bytes > MOST_PEAK_BYTES}
    assert beyond == {}
    return restored / "tree"


def require_disk(folder: Path, size_bytes: int) -> None:
    if (free := shutil.disk_usage(folder).free) < size_bytes:
        pytest.skip(f"{size_bytes >> 30} GiB of disk needed, {free >> 30} GiB free")


def test_five_million_small_rows_stay_within_the_memory(tmp_path: Path) -> None:
    require_disk(tmp_path, 4 << 30)
    source = tmp_path / "tree"
    source.mkdir()
    with closing(sqlite3.connect(source / "app.db")) as db, db:
        db.execute("CREATE TABLE reading (id INTEGER PRIMARY KEY, sensor TEXT, value REAL)")
        db.execute("CREATE INDEX by_sensor ON reading (sensor)")
        rows = ((f"sensor-{number % 977}", number / 7) for number in range(5_000_000))
        db.executemany("INSERT INTO reading (sensor, value) VALUES (?, ?)", rows)
    restored = backed_up_and_back(source, tmp_path, "5,000,000 rows")
    with closing(sqlite3.connect(restored / "app.db")) as db:
        assert db.execute("SELECT count(*), sum(id) FROM reading").fetchone() == (
            5_000_000,
            12_500_002_500_000,
        )


def test_a_tree_of_six_gigabytes_stays_within_the_memory(tmp_path: Path) -> None:
    require_disk(tmp_path, 24 << 30)
    pick = random.Random(6)
    source = tmp_path / "tree"
    source.mkdir()
    line = b"2024-06-01 12:00:00 INFO GET /orders/%d 200 %d\n"
    left, number = 6_000_000_000, 0
    while left > 0:  # one of 2 GB, then smaller ones, by turns of logs and of media
        size = min(left, 2_000_000_000 if number == 0 else pick.randrange(1_000_000, 200_000_000))
        with (source / f"{number:04}.bin").open("wb") as file:
            for _ in range(0, size, 1 << 20):
                block = (
                    pick.randbytes(1 << 20)
                    if number % 2
                    else b"".join(line % (pick.randrange(10**6), pick.randrange(999)) for _ in range(200))
                    * 100
                )
                file.write(block[: min(1 << 20, max(0, size - file.tell()))])
        left, number = left - size, number + 1
    sizes = {path.name: path.stat().st_size for path in source.iterdir()}
    assert sum(sizes.values()) > 5_900_000_000
    restored = backed_up_and_back(source, tmp_path, "6 GB")
    assert {path.name: path.stat().st_size for path in restored.iterdir()} == sizes


def test_three_hundred_thousand_files_stay_within_the_memory(tmp_path: Path) -> None:
    require_disk(tmp_path, 6 << 30)
    source = tmp_path / "tree"
    for folder in range(300):
        place = source / f"{folder:03}"
        place.mkdir(parents=True)
        for number in range(1000):
            (place / f"{number:04}").write_bytes(b"%d of %d\n" % (number, folder) * (number % 9))
    restored = backed_up_and_back(source, tmp_path, "300,000 files")
    assert sum(len(names) for _, _, names in os.walk(restored)) == 300_000


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Some GB, which must not stay for the next three runs."""
    yield
    shutil.rmtree(tmp_path, ignore_errors=True)
