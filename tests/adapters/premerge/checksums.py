"""The checksum of a file, as sha256sum has it."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256sum(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
