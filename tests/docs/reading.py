"""What the documentation holds: its pages, their code blocks, their links and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!\!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def pages() -> list[Path]:
    """Every page that people read, with the one that is generated from the settings."""
    top = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "examples" / "notes" / "README.md"]
    return [*top, *sorted((ROOT / "docs").rglob("*.md"))]


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[str]:
    """The code blocks in one of these languages."""
    return [code for language, code in _BLOCK.findall(page.read_text("utf-8")) if language in languages]


def commands(page: Path) -> list[list[str]]:
    """Every `mobius …` and `make …` that a reader would type: in shell blocks, after a `$` where there is output."""
    found = []
    for code in blocks(page, "sh", "console"):
        prompted = [line[2:] for line in code.splitlines() if line.startswith("$ ")]
        for line in prompted or code.splitlines():
            found += [words for words in _parts(line) if words[0] in ("mobius", "make")]
    return found


def _parts(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";|&<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set(";|&<>"):
            if words:
                yield words
            words = []
        else:
            words.append(word)


def links(page: Path) -> list[str]:
    """Where the page's links lead, code blocks left out."""
    return _LINK.findall(_BLOCK.sub("", page.read_text("utf-8")))


def anchors(page: Path) -> set[str]:
    """What a link into the page may name, as GitHub makes it of a heading."""
    headings = _HEADING.findall(_BLOCK.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
