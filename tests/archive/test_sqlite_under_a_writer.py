"""Captures of an SQLite file that another process writes to without rest: whole, and missing no earlier commit."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mobius.archive.sqlite_capture import capture_database

# Tells each number only once its commit has returned; keeps the file at a size.
WRITER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
db.execute("PRAGMA synchronous = OFF")
number = 0
while True:
    number += 1
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO one VALUES (?, ?)", (number, "x" * 300))
    db.execute("INSERT INTO other VALUES (?)", (number,))
    db.execute("DELETE FROM one WHERE number < ?", (number - 2000,))
    db.execute("DELETE FROM other WHERE number < ?", (number - 2000,))
    db.execute("COMMIT")
    with open(sys.argv[2], "r+b", buffering=0) as said:
        said.write(number.to_bytes(8, "big"))
    if sys.argv[3] == "DELETE":
        time.sleep(0.01)   # one that never pauses would starve every reader in this mode
"""


@pytest.mark.parametrize(
    ("journal", "times"),
    [
        ("WAL", 30),
        ("DELETE", 10),
        pytest.param("WAL", 1000, marks=pytest.mark.slow),
        pytest.param("DELETE", 200, marks=pytest.mark.slow),
    ],
)
def test_no_capture_is_corrupt_and_none_misses_an_earlier_commit(
    journal: str, times: int, tmp_path: Path
) -> None:
    live, said = tmp_path / "live.db", tmp_path / "committed"
    said.write_bytes(bytes(8))
    with closing(sqlite3.connect(live)) as db:
        db.execute(f"PRAGMA journal_mode = {journal}")
        db.execute("CREATE TABLE one (number INTEGER PRIMARY KEY, text TEXT)")
        db.execute("CREATE TABLE other (number INTEGER PRIMARY KEY REFERENCES one)")
        db.commit()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(live), str(said), journal])
    corrupt = missing = 0
    try:
        for turn in range(times):
            before = _newest_commit(said, beyond=turn, writer=writer)
            copy = tmp_path / "copy.db"
            facts = capture_database(live, copy, busy_timeout_s=60.0).facts
            with closing(sqlite3.connect(copy)) as db:
                newest = db.execute(
                    "SELECT (SELECT max(number) FROM one), (SELECT max(number) FROM other)"
                ).fetchone()
            corrupt += facts.integrity != "ok" or facts.foreign_key_violations > 0 or newest[0] != newest[1]
            missing += newest[0] < before
            copy.unlink()
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.wait()
    print(
        f"{journal}: {times} captures, {corrupt} corrupt, {missing} missing an earlier commit, {newest[0]} commits"
    )
    assert (corrupt, missing) == (0, 0)


def _newest_commit(said: Path, *, beyond: int, writer: subprocess.Popen[bytes]) -> int:
    """Once the writer has come further than before, so that it is known to be at work."""
    while (number := int.from_bytes(said.read_bytes(), "big")) <= beyond:
        assert writer.poll() is None, "the writer has ended"
    return number
