"""Migrations as text: files and folders of them, whatever their encoding."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import BinaryIO

from mobius.errors import UsageError
from mobius.rules.natural import natural

MOST_BYTES = 512 << 20
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def sql_files(name: str) -> tuple[Path, ...]:
    """The file itself; of a folder its .sql files, in the order of their numbers. Raises `UsageError` for neither."""
    path = Path(name)
    if name == "-" or path.is_file():
        return (path,)
    if path.is_dir():
        found = (each for each in path.rglob("*.sql") if each.is_file())
        return tuple(sorted(found, key=lambda each: natural(str(each))))
    raise UsageError(f"there is no file or folder {name}", "name the files of the migration")


def read_sql(path: Path, stdin: BinaryIO) -> tuple[str, str]:
    """Its text, and why that may not be what was meant ("" for none). Raises `UsageError` when it cannot be read."""
    try:
        if str(path) == "-":
            data = stdin.read(MOST_BYTES + 1)
        elif path.stat().st_size > MOST_BYTES:
            raise UsageError(
                f"{path} has more than {MOST_BYTES >> 20} MiB", "a migration that large is a data load"
            )
        else:
            data = path.read_bytes()
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}", "let this user read it") from problem
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        return data.decode(
            "latin-1"
        ), f"line {line} is not {encoding.upper().removesuffix('-SIG')}: read as Latin-1"
    return text, "it holds zero bytes: this is no text" if "\0" in text else ""
