"""What the documentation holds: its pages, their code blocks, their links and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHELL = ("sh", "bash", "console")

_BLOCK = re.compile(
    r"^(?: *<!-- not run here: (?P<reason>[^\n]+?) -->\n)?"
    r"(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"(?<!\!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One code block; `reason` is why no test runs it, "" where one does."""

    page: str
    line: int
    language: str
    code: str
    reason: str = ""

    @property
    def typed(self) -> str:
        """What a reader would type: of a console what stands behind a `$`, else all of it."""
        if self.language != "console":
            return self.code
        lines = [line[2:] for line in self.code.splitlines() if line.startswith("$ ")]
        return "".join(f"{line}\n" for line in lines)

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every page that people read, with the one that is generated from the settings."""
    top = [ROOT / "README.md", ROOT / "CHANGELOG.md"]
    examples = [ROOT / "examples" / name / "README.md" for name in ("notes", "datasette")]
    return [*top, *examples, *sorted((ROOT / "docs").rglob("*.md"))]


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def all_blocks(page: Path) -> list[Block]:
    """Every code block, from top to bottom."""
    text = page.read_text("utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        indent = len(match["indent"])
        code = "".join(f"{line[indent:]}\n" for line in match["code"].splitlines())
        line = text.count("\n", 0, match.start("indent")) + 1
        found.append(Block(named(page), line, match["language"], code, match["reason"] or ""))
    return found


def blocks(page: Path, *languages: str) -> list[str]:
    """The code in one of these languages."""
    return [block.code for block in all_blocks(page) if block.language in languages]


def commands(page: Path) -> list[list[str]]:
    """Every `mobius …` and `make …` that a reader would type: in shell blocks, after a `$` where there is output."""
    typed = [block.typed for block in all_blocks(page) if block.language in SHELL]
    every = [words for code in typed for line in code.splitlines() for words in _parts(line)]
    bare = [words[1:] if words[0] == "sudo" else words for words in every]
    return [words for words in bare if words and words[0] in ("mobius", "make")]


def _parts(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";|&<>")
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        every = [*lexer, ";"]
    except ValueError:  # a quote that ends on a later line
        every = [";"]
    for word in every:
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
