"""The tree that backups are measured on: small JSON files, one SQLite database, logs, incompressible media."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

SEED = 20_240_601
VERSION = 1  # of what is generated: a cached tree of another version is not used
TEXT = """
    alpha backup cache deploy error front golden health image journal kernel latency media node
    order payment queue release session traffic user verify window yellow zone customer invoice
    shipment temperature thumbnail subscription notification
"""
WORDS = TEXT.split()


def mix(size_mb: int, folder: Path | None = None) -> Path:
    """The tree of about `size_mb` MB, made once and kept in `folder` (the system's temporary one)."""
    root = (folder or Path(tempfile.gettempdir())) / f"mobius-bench-mix-{size_mb}-{VERSION}"
    if not root.exists():
        making = root.with_name(f"{root.name}.making-{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        try:
            _make(making, size_mb)
            making.rename(root)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return root


def describe(root: Path) -> str:
    """How many files, and how many bytes they hold."""
    sizes = [path.stat().st_size for path in files(root)]
    return f"{len(sizes):,} files, {sum(sizes) / 1e6:,.0f} MB"


def files(root: Path) -> Iterator[Path]:
    """Every regular file, in a fixed order."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            yield Path(folder, name)


def _make(root: Path, size_mb: int) -> None:
    """11 % JSON (20,000 files of 5 to 6 KB for 1,000 MB), 30 % SQLite, 15 % logs, 44 % media."""
    pick = random.Random(SEED)
    root.mkdir(parents=True)
    _records(root / "records", pick, 20 * size_mb)
    _database(root / "app.db", pick, 300_000 * size_mb)
    for number in range(4):
        _log(root / "logs" / f"app-{number}.log", pick, 150_000 * size_mb // 4)
    _media(root / "media", pick, 440_000 * size_mb)


def _records(folder: Path, pick: random.Random, count: int) -> None:
    for number in range(count):
        place = folder / f"{number % 200:03}" / f"record-{number:06}.json"
        if number < 200:
            place.parent.mkdir(parents=True)
        lines = [
            {
                "id": pick.getrandbits(64),
                "at": 1_700_000_000 + pick.random() * 1e7,
                "who": f"{pick.choice(WORDS)}-{pick.randrange(10_000)}",
                "note": " ".join(pick.choices(WORDS, k=18)),
                "open": pick.random() < 0.5,
            }
            for _ in range(22)
        ]
        place.write_text(json.dumps({"record": number, "lines": lines}, indent=1), encoding="utf-8")


def _database(path: Path, pick: random.Random, size_bytes: int) -> None:
    """Rows of about 330 bytes, of which a quarter does not compress, with one index."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, at REAL, who TEXT, body TEXT, token BLOB)")
        db.execute("CREATE INDEX by_who ON orders (who)")
        rows = size_bytes // 330
        for begin in range(0, rows, 10_000):
            db.executemany(
                "INSERT INTO orders (at, who, body, token) VALUES (?, ?, ?, ?)",
                [
                    (
                        1_700_000_000 + pick.random() * 1e7,
                        f"{pick.choice(WORDS)}-{pick.randrange(100_000)}",
                        " ".join(pick.choices(WORDS, k=24)),
                        pick.randbytes(80),
                    )
                    for _ in range(min(10_000, rows - begin))
                ],
            )
        db.commit()


def _log(path: Path, pick: random.Random, size_bytes: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    second, written = 0, 0
    with path.open("w", encoding="utf-8") as file:
        while written < size_bytes:
            second += pick.randrange(3)
            written += file.write(
                f"2024-06-{1 + second // 86_400 % 28:02} {second // 3600 % 24:02}:{second // 60 % 60:02}Z "
                f"INFO web[{pick.randrange(4)}] GET /{pick.choice(WORDS)}/{pick.randrange(100_000)} "
                f"{pick.choice((200, 200, 200, 304, 404, 500))} {pick.randrange(5_000)} {pick.random():.6f}\n"
            )


def _media(folder: Path, pick: random.Random, size_bytes: int) -> None:
    """Clips of up to 11 MB, and one large film."""
    folder.mkdir()
    film = size_bytes // 4
    with (folder / "film.mp4").open("wb") as file:
        for begin in range(0, film, 1 << 20):
            file.write(pick.randbytes(min(1 << 20, film - begin)))
    left, number = size_bytes - film, 0
    while left > 0:
        size = min(left, pick.randrange(200_000, 11_000_000))
        (folder / f"clip-{number:03}.mp4").write_bytes(pick.randbytes(size))
        left, number = left - size, number + 1
