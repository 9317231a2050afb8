"""Measurements that are known from before, a file each: a suite that was stopped goes on where it was.

An entry is written whole or not at all, and says its own SHA-256: one that is broken is as good as none, and is said.
It is kept against accidents, not against whoever may write here: a verdict that others rely on is measured anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_BYTES = 256 << 20  # some 50,000 films
LEFT = 0.8  # of that, once it was too much
STALE_S = 86_400.0  # what was begun and never finished


class Cache:
    """In a folder that version control leaves alone. `say` is told of what is broken."""

    def __init__(self, folder: Path, *, say: Callable[[str], None], most_bytes: int = MOST_BYTES) -> None:
        self._folder, self._say, self._most_bytes = folder, say, most_bytes

    def known(self, key: str) -> Any:
        """The measurement of this key; None where there is none, or none that can be read."""
        file = self._file(key)
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            self._say(f"a known measurement cannot be read ({problem}): measured anew")
            return None
        try:
            entry = json.loads(content)
            told = entry["told"]
            if entry["key"] != key or entry["sha256"] != _digest(told):
                raise ValueError("it is not what was written")
        except (ValueError, KeyError, TypeError, RecursionError):
            self._say(f"a known measurement is broken ({file}): measured anew")
            return None
        with contextlib.suppress(OSError):
            os.utime(file)  # it was of use: it stays longest
        return told

    def keep(self, key: str, told: Any) -> None:
        """Remembers it. Where that cannot be written it is said, and not remembered."""
        file = self._file(key)
        entry = {"schema_version": 1, "key": key, "sha256": _digest(told), "told": told}
        try:
            self._prepare(file.parent)
            handle, name = tempfile.mkstemp(dir=file.parent, suffix=".new")
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                json.dump(entry, out)
            Path(name).replace(file)
        except OSError as problem:
            self._say(f"a measurement cannot be remembered: {problem}")

    def prune(self) -> None:
        """Forgets what was not needed for longest, where it is too much, and what was never finished."""
        found = []
        for file in self._folder.glob("??/*"):
            with contextlib.suppress(OSError):
                about = file.stat()
                if file.suffix == ".new" and time.time() - about.st_mtime > STALE_S:
                    file.unlink()
                elif file.suffix == ".json":
                    found.append((about.st_mtime, about.st_size, file))
        size = sum(one[1] for one in found)
        if size <= self._most_bytes:
            return
        for _, each, file in sorted(found):
            with contextlib.suppress(OSError):
                file.unlink()
            size -= each
            if size <= LEFT * self._most_bytes:
                return

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"

    def _prepare(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            ignored = self._folder / ".gitignore"
            if not ignored.exists():
                ignored.write_text("*\n")


def _digest(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
