"""What readiness looks at in files: the records in ARTIFACT_DIR, and the documents of a release."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from mobius.rules.ready.artifacts import FILES, LARGEST_BYTES, Artifact, Found
from mobius.rules.ready.placeholders import Texts

LARGEST_TEXT = 1 << 20
MOST_FILES = 20_000


def found_in(folder: Path, name: str) -> Found:
    """A record in the folder, read whole. Never raises: what cannot be read says why."""
    path, called = folder / name, f"{folder.name}/{name}"
    try:
        if not path.exists():
            return Found(called)
        if not path.is_file():
            return Found(called, problem="it is no file")
        if path.stat().st_size > LARGEST_BYTES:
            return Found(called, problem=f"{path.stat().st_size:,} bytes are no record")
        return Found(called, path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Found(called, problem="not UTF-8")
    except OSError as problem:
        return Found(called, problem=f"it cannot be read: {problem.strerror or problem}")


def artifacts_in(folder: Path) -> tuple[Artifact, ...]:
    """Each artefact of a validation: a file with something in it, a folder with such a file."""
    return tuple(_artifact(folder, name) for name in FILES)


def texts_of(look_into: Callable[[str], AbstractContextManager[Path]], documents: Sequence[str]) -> Texts:
    """The documents at these paths of a release; what is no text is passed over, links are not followed."""
    texts: dict[str, str] = {}
    unread: dict[str, str] = {}
    for document in documents:
        with look_into(document) as top:
            for path in _files(top):
                inside = path.relative_to(top).as_posix() if path != top else ""
                named = f"{document.rstrip('/')}/{inside}" if inside else document
                if len(texts) + len(unread) >= MOST_FILES:
                    unread[named] = f"more than {MOST_FILES:,} files"
                    return Texts(texts, unread)
                _read(path, named, texts, unread)
    return Texts(texts, unread)


def _read(path: Path, named: str, texts: dict[str, str], unread: dict[str, str]) -> None:
    if path.exists() and not path.is_file():  # one would wait for a pipe for ever
        unread[named] = "it is no file"
        return
    try:
        with path.open("rb") as opened:
            content = opened.read(LARGEST_TEXT + 1)
    except OSError as problem:
        unread[named] = problem.strerror or str(problem)
        return
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):  # as PowerShell writes it
        texts[named] = content.decode("utf-16", errors="replace")
    elif b"\0" in content[:8192]:
        return
    elif len(content) > LARGEST_TEXT:
        unread[named] = f"larger than {LARGEST_TEXT >> 20} MiB"
    else:
        texts[named] = content.decode("utf-8", errors="replace")


def _files(top: Path) -> Iterator[Path]:
    if top.is_file():
        yield top
        return
    for here, folders, names in os.walk(top):
        folders.sort()
        yield from (path for name in sorted(names) if not (path := Path(here) / name).is_symlink())


def _artifact(folder: Path, name: str) -> Artifact:
    path = folder / name.rstrip("/")
    try:
        files = [each for each in path.rglob("*") if each.is_file()] if name.endswith("/") else [path]
        written = [each.stat().st_mtime for each in files if each.is_file() and each.stat().st_size]
    except OSError:
        written = []
    return Artifact(name, bool(written), max(written, default=0.0))
