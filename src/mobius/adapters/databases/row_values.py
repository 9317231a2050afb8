"""How the values of a lost row are shown: as JSON types, nothing too long, and no secret."""

from __future__ import annotations

import base64
import re

SECRET_COLUMN = re.compile(
    r"pass(word|wd|phrase)|secret|token|(api|private|access|signing)_?key|credential|salt|\botp",
    re.IGNORECASE,
)
REDACTED = "«redacted»"
LONGEST_VALUE = 2_000  # characters of one value in a listing
LONGEST_BYTES = LONGEST_VALUE // 2


def shown(column: str, value: object) -> object:
    """Bytes are not shown as if they were text."""
    if SECRET_COLUMN.search(column):
        return REDACTED
    if isinstance(value, bytes):
        return shown_bytes(value[:LONGEST_BYTES], len(value))
    if isinstance(value, str):
        return shown_text(value, len(value))
    return value


def shown_text(start: str, characters: int) -> str:
    """A text of which at least the first `LONGEST_VALUE` characters are known."""
    return f"{start[:LONGEST_VALUE]}… ({characters:,} characters)" if characters > LONGEST_VALUE else start


def shown_bytes(start: bytes, size_bytes: int) -> dict[str, object]:
    """The first `LONGEST_BYTES` of them, and how many there are."""
    return {"base64": base64.b64encode(start).decode(), "size_bytes": size_bytes}
