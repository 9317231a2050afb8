"""HAProxy's configuration: which backend dials a port, and the edits after which mobius can move its traffic.

Its one server becomes `blue`, where it is; `green` and `door` come beside it, and mobius tells them where to lead on
the runtime API. What we cannot be sure of is said (a blocker), never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mobius.model.adoption import Edit, ProxyFound
from mobius.model.numbers import whole

LOCAL = ("127.0.0.1", "localhost", "[::1]", "::1", "*", "0.0.0.0")
SECTION = re.compile(
    r"(global|defaults|frontend|backend|listen|peers|resolvers|userlist|cache|program|mailers|ring)\b"
)
NOWHERE = "127.0.0.1:1"
PLAIN_NAME = re.compile(r"[A-Za-z0-9._:-]+")
OTHER_PROTOCOL = ("ssl", "send-proxy", "send-proxy-v2", "proto", "check-ssl")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that says something, in its section."""

    number: int
    start: int  # of its first word
    end: int  # of its last one
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """`backend app` with its lines."""

    kind: str
    name: str
    head: Line
    lines: tuple[Line, ...]

    def last(self, *words: str) -> tuple[str, ...]:
        """What the last line says that begins with these words; empty when none does."""
        found = [line.words[len(words) :] for line in self.lines if line.words[: len(words)] == words]
        return found[-1] if found else ()


def sections(text: str) -> tuple[Section, ...]:
    """The sections of one file. Never fails."""
    found: list[Section] = []
    for line in _lines(text):
        if SECTION.fullmatch(line.words[0]):
            name = line.words[1] if len(line.words) > 1 else ""
            found.append(Section(line.words[0], name, line, ()))
        elif found:
            last = found[-1]
            found[-1] = Section(last.kind, last.name, last.head, (*last.lines, line))
    return tuple(found)


def _lines(text: str) -> Iterator[Line]:
    at = 0
    for number, raw in enumerate(text.splitlines(keepends=True), start=1):
        words = list(re.finditer(r"(?:\\.|\"(?:\\.|[^\"\\])*\"|'[^']*'|[^\s#\"'\\])+|#.*", raw))
        kept = []
        for word in words:
            if word[0].startswith("#"):
                break
            kept.append(word)
        if kept:
            spoken = tuple(re.sub(r"[\"']", "", word[0]) for word in kept)
            yield Line(number, at + kept[0].start(), at + kept[-1].end(), spoken)
        at += len(raw)


def find(files: Mapping[str, str], ports: Sequence[int], sockets: Sequence[str], ours: str) -> ProxyFound:
    """Which backend dials one of these, and the edits after which mobius moves its traffic. `ours`: the path of the
    socket that other proxies dial; what HAProxy keeps lies beside it."""
    file, text = next(iter(files.items()), ("", ""))
    every = sections(text)
    state_file = f"{ours.removesuffix('/live/web.sock')}/run/haproxy.state"
    mine = [
        (section, line)
        for section in every
        if section.kind in ("backend", "listen")
        for line in section.lines
        if line.words[0] == "server" and len(line.words) > 2 and _is_it(line.words[2], ports)
    ]
    if not mine:
        return ProxyFound("haproxy", "haproxy.service", file)
    section, server = mine[0]
    socket = _admin_socket(every)
    where = f"{file}:{server.number}"
    blockers = [f"{where}: {why}" for why in _blockers(section, server, len(mine), every)]
    if not socket:
        blockers.append(
            f"{file}: mobius needs its runtime API; write in `global`, then reload HAProxy:"
            " stats socket /run/haproxy/admin.sock mode 660 level admin"
        )
    left = [word for word in server.words[3:] if word not in ("check", "enabled")]
    notes = (
        [
            f"{where}: `{' '.join(server.words[3:])}` of the server is not kept: mobius watches its health itself"
        ]
        if left or "check" in server.words
        else []
    )
    start = text.rfind("\n", 0, server.start) + 1
    newline = "\r\n" if "\r\n" in text else "\n"
    indent = text[start : server.start]
    rows = _rows(section, server.words[2], state_file)
    new = f"{newline}{indent}".join(rows)
    why = "its server is one of two that mobius moves traffic between"
    edit = Edit(file, server.start, server.end, text[server.start : server.end], new, server.number, why)
    return ProxyFound(
        kind="haproxy",
        unit="haproxy.service",
        config=file,
        edits=(edit,) if not blockers else (),
        url=_url(section, every),
        dials=server.words[2],
        user="haproxy",
        notes=tuple(notes),
        blockers=tuple(blockers),
        traffic={"socket": socket, "backend": section.name},
    )


def _rows(section: Section, address: str, state_file: str) -> list[str]:
    """The lines in the server's place. Where the section says something of its own already, that stands."""
    rows = []
    for words, line in (
        (("balance",), "balance roundrobin"),
        (("retries",), "retries 3"),
        (("option", "redispatch"), "option redispatch 1"),
        (("http-reuse",), "http-reuse safe"),
    ):
        if not any(each.words[: len(words)] == words for each in section.lines):
            rows.append(line)
    host, _, port = address.rpartition(":")
    return [
        *rows,
        "load-server-state-from-file local",
        f"server-state-file-name {state_file}",
        "default-server weight 100 pool-purge-delay 2s",
        f"server blue {'127.0.0.1' if host in LOCAL else host}:{port}",
        f"server green {NOWHERE} disabled",
        f"server door {NOWHERE} disabled",
    ]


def _blockers(section: Section, server: Line, times: int, every: Sequence[Section]) -> Iterator[str]:
    if times > 1:
        yield f"{times} server lines dial it: mobius moves the traffic of one backend"
    if not PLAIN_NAME.fullmatch(section.name):
        yield f"its section is called {section.name!r}: give it a plain name"
    others = [
        line.words[1]
        for line in section.lines
        if line.words[0] in ("server", "server-template")
        and line is not server
        and "backup" not in line.words
    ]
    if others:
        yield f"the backend has {', '.join(others)} as well: mobius moves all traffic or none"
    if set(server.words) & set(OTHER_PROTOCOL):
        yield "it speaks TLS or the PROXY protocol with the service; a release is reached by plain http"
    modes = [each.last("mode") for each in every if each.kind == "defaults"]
    mode = section.last("mode") or (modes[-1] if modes else ())
    if mode != ("http",):
        yield "it passes TCP on, not HTTP: write `mode http`"
    balance = section.last("balance")
    if balance and balance[0] not in ("roundrobin", "leastconn", "random"):
        yield f"it balances by {balance[0]}, which does not go by weights: write `balance roundrobin`"
    if any(line.words[0] in ("cookie", "stick-table", "stick") for line in section.lines):
        yield "it keeps clients on their server (cookie or stick), so a switch would not move them"


def _is_it(address: str, ports: Sequence[int]) -> bool:
    host, _, port = address.removeprefix("ipv4@").rpartition(":")
    return whole(port) in ports and host in LOCAL


def _admin_socket(every: Sequence[Section]) -> str:
    for section in every:
        for line in section.lines if section.kind == "global" else ():
            words = line.words
            if words[:2] == ("stats", "socket") and "level" in words:
                level = words[words.index("level") + 1 :][:1]
                if level == ("admin",) and words[2].startswith("/"):
                    return words[2]
    return ""


def _url(backend: Section, every: Sequence[Section]) -> str:
    """Where clients of this machine reach it, "" where that is not plain."""
    fronts = [backend] if backend.kind == "listen" else []
    fronts += [s for s in every if s.kind == "frontend" and s.last("default_backend") == (backend.name,)]
    for front in fronts:
        for line in front.lines:
            if line.words[0] == "bind" and len(line.words) > 1 and "ssl" not in line.words:
                host, _, port = line.words[1].rpartition(":")
                if whole(port):
                    return f"http://{'127.0.0.1' if host in ('', *LOCAL) else host}:{port}"
    return ""
