"""A small, tolerant reader of nginx's syntax: every word keeps its place in the file, so that an edit changes those
bytes and no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

MARK = "# configuration file "


@dataclass(frozen=True, slots=True)
class Word:
    """One word, `;`, `{` or `}`, and where it stands."""

    text: str  # quotes and escapes taken away
    start: int
    end: int
    line: int
    plain: bool = True  # False: a quoted word, never punctuation


@dataclass(slots=True)
class Directive:
    """One directive with what is in its block."""

    file: str
    words: list[Word]
    end: int  # past its `;` or `}`
    block: list[Directive] | None = None
    parents: tuple[Directive, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        return self.words[0].text

    @property
    def args(self) -> list[str]:
        return [word.text for word in self.words[1:]]


def dumped(text: str) -> dict[str, str]:
    """`nginx -T`: every file it read, by its path, in order."""
    files: dict[str, str] = {}
    path, lines = "", list[str]()
    for line in [*text.splitlines(keepends=True), MARK + ":"]:
        if line.startswith(MARK) and line.rstrip().endswith(":"):
            if path:
                files.setdefault(path, "".join(lines))
            path, lines = line[len(MARK) :].rstrip()[:-1], []
        else:
            lines.append(line)
    return files


def words(text: str) -> Iterator[Word]:
    """The words of one file. Never fails: what has no end ends with the file."""
    at, line, size = 0, 1, len(text)
    while at < size:
        c = text[at]
        if c == "\n":
            line += 1
        if c in " \t\r\n":
            at += 1
        elif c == "#":
            at = _until_newline(text, at)
        elif c in ";{}":
            yield Word(c, at, at + 1, line)
            at += 1
        else:
            word = _word(text, at, line)
            yield word
            line += text.count("\n", at, word.end)
            at = word.end


def _until_newline(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _word(text: str, start: int, line: int) -> Word:
    at, made, size = start, "", len(text)
    quote = text[at] if text[at] in "\"'" else ""
    at += len(quote)
    while at < size:
        c = text[at]
        if c == "\\" and at + 1 < size:
            made, at = made + _unescaped(text[at : at + 2]), at + 2
            continue
        if quote and c == quote:
            return Word(made, start, at + 1, line, plain=False)
        if not quote and c == "$" and text[at + 1 : at + 2] == "{":
            made, at = made + "${", at + 2  # nginx takes `${` as part of the word
            continue
        if not quote and (c in " \t\r\n;{" or (c == "}" and "${" not in made)):
            break
        made, at = made + c, at + 1
    return Word(made, start, at, line, plain=not quote)


def _unescaped(pair: str) -> str:
    kept = {"\\t": "\t", "\\r": "\r", "\\n": "\n", '\\"': '"', "\\'": "'", "\\\\": "\\"}
    return kept.get(pair, pair)


def parsed(file: str, text: str) -> list[Directive]:
    """The directives of one file, blocks within them. Never fails."""
    top: list[Directive] = []
    stack: list[list[Directive]] = [top]
    parents: list[Directive] = []
    current: list[Word] = []
    skip_to = 0
    for word in words(text):
        if word.start < skip_to:
            continue
        mark = word.text if word.plain else ""
        if mark == ";":
            if current:
                stack[-1].append(Directive(file, current, word.end, parents=tuple(parents)))
            current = []
        elif mark == "{":
            opened = Directive(file, current or [word], word.end, [], tuple(parents))
            stack[-1].append(opened)
            if opened.name.endswith("_by_lua_block"):
                skip_to = opened.end = _after_lua(text, word.end)
            else:
                assert opened.block is not None
                stack.append(opened.block)
                parents.append(opened)
            current = []
        elif mark == "}":
            if parents:
                parents.pop().end = word.end
                stack.pop()
            current = []
        else:
            current.append(word)
    return top


def _after_lua(text: str, at: int) -> int:
    """Past the brace that closes a block of Lua; its strings may hold braces only in pairs."""
    depth = 1
    while at < len(text) and depth:
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    return at


def every(directives: Sequence[Directive]) -> Iterator[Directive]:
    """All of them, outer ones first."""
    for directive in directives:
        yield directive
        yield from every(directive.block or [])
