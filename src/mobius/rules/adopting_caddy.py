"""A Caddyfile: who dials a port, and the edits after which it dials our socket. Nothing else is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mobius.model.adoption import Edit, ProxyFound
from mobius.model.numbers import whole

LOCAL = ("127.0.0.1", "localhost", "[::1]", "")
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line, and where it stands."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Line:
    """The words of one line that says something, and the first words of the blocks around it, outermost first."""

    file: str
    number: int
    words: tuple[Word, ...]
    end: int  # of its last word
    inside: tuple[tuple[int, str], ...]  # (line number, first word)

    @property
    def opens(self) -> bool:
        return self.words[-1].text == "{"


def imports(text: str) -> tuple[str, ...]:
    """What the file imports: patterns of files (a snippet's name looks the same)."""
    found = [line for line in lines("", text) if line.words[0].text == "import" and len(line.words) > 1]
    return tuple(line.words[1].text for line in found)


def lines(file: str, text: str) -> Iterator[Line]:
    """The lines of a Caddyfile. Never fails."""
    inside: list[tuple[int, str]] = []
    for number, words in _rows(text):
        if words[0].text == "}":
            inside = inside[:-1]
            continue
        line = Line(file, number, tuple(words), words[-1].end, tuple(inside))
        yield line
        if line.opens:
            inside.append((number, words[0].text))


def _rows(text: str) -> Iterator[tuple[int, list[Word]]]:
    at, number, row, begun = 0, 1, list[Word](), 1
    while at <= len(text):
        c = text[at : at + 1]
        if c in ("\n", ""):
            if row:
                yield begun, row
            row = []
            number, at = number + 1, at + 1
        elif c in " \t\r":
            at += 1
        elif c == "\\" and text[at + 1 : at + 2] in ("\n", "\r"):
            at = text.find("\n", at) + 1
            number += 1
        elif c == "#":
            found = text.find("\n", at)
            at = len(text) if found < 0 else found
        else:
            word = _word(text, at)
            begun = begun if row else number
            row.append(word)
            number += text.count("\n", at, word.end)
            at = word.end


def _word(text: str, start: int) -> Word:
    if text[start] in '"`':
        quote, at, made = text[start], start + 1, ""
        while at < len(text) and text[at] != quote:
            if quote == '"' and text[at] == "\\" and text[at + 1 : at + 2] == '"':
                at += 1
            made, at = made + text[at], at + 1
        return Word(made, start, min(at + 1, len(text)))
    found = re.compile(r"[ \t\r\n]").search(text, start)
    end = found.start() if found else len(text)
    return Word(text[start:end], start, end)


def find(files: Mapping[str, str], ports: Sequence[int], sockets: Sequence[str], ours: str) -> ProxyFound:
    """Where Caddy dials one of these, and the edits after which it dials `ours` (an absolute path) instead."""
    edits: list[Edit] = []
    blockers: list[str] = []
    url = dials = ""
    for file, text in files.items():
        every = list(lines(file, text))
        for line in every:
            addresses = _addresses(line)
            mine = [w for w in addresses if _is_it(w.text, ports, sockets)]
            if not mine:
                continue
            where = f"{file}:{line.number}"
            scheme = mine[0].text.partition("://")[0] if "://" in mine[0].text else "http"
            if scheme != "http":
                blockers.append(f"{where}: it dials the service by {scheme}; a release is reached by http")
            if _other_upstreams(line, every) or len(addresses) > 1:
                blockers.append(f"{where}: it dials others as well: mobius moves all traffic or none")
            dials = dials or mine[0].text
            url = url or _url(line)
            why = "Caddy dials our socket now"
            edits.append(Edit(file, mine[0].start, mine[0].end, "", f"unix/{ours}", line.number, why))
            edits += _no_keepalive(line, every, text)
    return ProxyFound(
        kind="caddy",
        unit="caddy.service",
        config=next(iter(files), ""),
        edits=tuple(replace(e, old=files[e.file][e.start : e.end]) for e in edits),
        url=url,
        dials=dials,
        user="caddy",
        blockers=tuple(dict.fromkeys(blockers)),
    )


def _addresses(line: Line) -> list[Word]:
    """The words of this line that are dialled."""
    words = [word for word in line.words if word.text != "{"]
    first = words[0].text if words else ""
    if first == "to" and line.inside and line.inside[-1][1] == "reverse_proxy":
        return words[1:]
    if first != "reverse_proxy":
        return []
    is_matcher = len(words) > 1 and (words[1].text[:1] in "/@" or words[1].text == "*")
    return words[2:] if is_matcher else words[1:]


def _is_it(address: str, ports: Sequence[int], sockets: Sequence[str]) -> bool:
    if address.startswith("unix/"):
        return address.removeprefix("unix/") in sockets
    host, _, port = (address.partition("://")[2] or address).rpartition(":")
    return whole(port) in ports and host in LOCAL


def _block(line: Line, every: Sequence[Line]) -> list[Line]:
    """The lines directly in the block that belongs to this reverse_proxy."""
    number = line.number if line.words[0].text == "reverse_proxy" else line.inside[-1][0]
    return [other for other in every if other.inside and other.inside[-1][0] == number]


def _other_upstreams(line: Line, every: Sequence[Line]) -> bool:
    return any(
        other.words[0].text == "dynamic" or (other is not line and _addresses(other))
        for other in _block(line, every)
    )


def _no_keepalive(line: Line, every: Sequence[Line], text: str) -> list[Edit]:
    """What turns kept connections off: one would go on to the release that was left."""
    why = "a kept connection would go on to the release that was left"
    within = _block(line, every)
    newline = "\r\n" if "\r\n" in text else "\n"
    head = next((x for x in every if x.number == line.inside[-1][0]), line) if not _heads(line) else line
    start = text.rfind("\n", 0, head.words[0].start) + 1
    indent = text[start : head.words[0].start]
    indent = indent if not indent.strip() else ""

    def added(at: int, *rows: str) -> list[Edit]:
        new = "".join(newline + indent + row for row in rows)
        return [Edit(line.file, at, at, "", new, head.number, why)]

    transport = next((other for other in within if other.words[0].text == "transport"), None)
    if transport is not None and transport.opens:
        kept = [x for x in every if x.inside and x.inside[-1][0] == transport.number]
        there = next((x for x in kept if x.words[0].text == "keepalive"), None)
        if there is not None:
            off = "keepalive off"
            return [Edit(line.file, there.words[0].start, there.end, "", off, there.number, why)]
        return added(transport.end, "\t\tkeepalive off")
    if transport is not None:
        new = f" {{{newline}{indent}\t\tkeepalive off{newline}{indent}\t}}"
        return [Edit(line.file, transport.end, transport.end, "", new, transport.number, why)]
    rows = ("\ttransport http {", "\t\tkeepalive off", "\t}")
    if head.opens:
        return added(head.end, *rows)
    new = " {" + "".join(newline + indent + row for row in (*rows, "}"))
    return [Edit(line.file, head.end, head.end, "", new, head.number, why)]


def _heads(line: Line) -> bool:
    return line.words[0].text == "reverse_proxy"


def _url(line: Line) -> str:
    """Where clients reach this site, "" where it cannot be told."""
    label = line.inside[0][1].rstrip(",") if line.inside else ""
    scheme, mark, rest = label.partition("://")
    host, _, port = (rest if mark else label).partition(":")
    if not mark:
        scheme = "http" if port in ("80",) or (port and not host) else "https"
    if host and not re.fullmatch(r"[A-Za-z0-9.-]+", host):
        return ""
    if not host and not port:
        return ""
    where = "127.0.0.1" if not host or (host in LOCAL_NAMES and scheme == "http") else host
    return f"{scheme}://{where}:{port or (443 if scheme == 'https' else 80)}"
