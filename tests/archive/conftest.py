"""A small project with a release, data and a database, as most tests of the archive need one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mobius.archive import Source, Written, write_archive


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's root with `release/` and `data/`."""
    root = tmp_path / "project"
    release, data = root / "release", root / "data"
    (release / "src").mkdir(parents=True)
    (release / "empty").mkdir()
    (release / "src" / "app.py").write_text("print('hello')\n" * 200)
    (release / "run.sh").write_text("#!/bin/sh\nexec true\n")
    (release / "run.sh").chmod(0o750)
    (release / "nothing").touch()
    (release / "üñí.txt").write_text("ünïcödé")
    (release / "current.py").symlink_to("src/app.py")
    (release / "film.bin").write_bytes(os.urandom(100_000))
    data.mkdir()
    (data / ".env").write_text("TOKEN=secret\n")
    (data / ".env").chmod(0o600)
    with closing(sqlite3.connect(data / "app.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
        db.executemany("INSERT INTO note (text) VALUES (?)", [(f"note {n}",) for n in range(100)])
        db.commit()
    os.utime(release / "src" / "app.py", ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    return root


@pytest.fixture
def backup(project: Path) -> Callable[..., Written]:
    """Back the project up as `backups/NAME`."""

    def make(name: str = "dhash_20240601_120000.zip", **metadata: object) -> Written:
        sources = [Source("release", project / "release"), Source("data", project / "data")]
        return write_archive(project / "backups" / name, sources, metadata, checksum_root=project)

    return make
