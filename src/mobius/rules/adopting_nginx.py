"""nginx's configuration: who dials a port, and the edits after which it dials our socket. Nothing else is touched.

What we cannot be sure of is said (a blocker), never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mobius.model.adoption import Edit, ProxyFound
from mobius.model.numbers import whole
from mobius.rules.adopting_nginx_words import Directive as Directive
from mobius.rules.adopting_nginx_words import Word
from mobius.rules.adopting_nginx_words import every as every
from mobius.rules.adopting_nginx_words import parsed as parsed

OTHER_PASSES = ("fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass")
LOCAL = ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]", "::1")


def find(files: Mapping[str, str], ports: Sequence[int], sockets: Sequence[str], ours: str) -> ProxyFound:
    """Where nginx dials one of these, and the edits after which it dials `ours` (an absolute path) instead."""
    tree = [directive for path, text in files.items() for directive in every(parsed(path, text))]
    looking = _Looking(tree, tuple(ports), tuple(sockets), ours)
    looking.look()
    user = next((d.args[0] for d in tree if d.name == "user" and d.args), "")
    return ProxyFound(
        kind="nginx",
        unit="nginx.service",
        config=next(iter(files), ""),
        edits=tuple(replace(e, old=files[e.file][e.start : e.end]) for e in looking.edits),
        url=looking.url,
        dials=looking.dials,
        user=user,
        notes=tuple(dict.fromkeys(looking.notes)),
        blockers=tuple(dict.fromkeys(looking.blockers)),
    )


class _Looking:
    def __init__(
        self, tree: list[Directive], ports: tuple[int, ...], sockets: tuple[str, ...], ours: str
    ) -> None:
        self.tree, self.ports, self.sockets, self.ours = tree, ports, sockets, ours
        self.edits: list[Edit] = []
        self.notes: list[str] = []
        self.blockers: list[str] = []
        self.url = self.dials = ""

    def look(self) -> None:
        upstreams = self._upstreams()
        for d in self.tree:
            if d.name == "proxy_pass" and d.args:
                self._proxy_pass(d, upstreams)
            elif d.name in OTHER_PASSES and d.args and (self._is_it(d.args[0]) or d.args[0] in upstreams):
                self._block(d, f"{d.name} speaks another protocol than HTTP, which mobius cannot switch")
            elif d.name in ("set", "map") or (d.parents and d.parents[-1].name in ("map", "geo")):
                for arg in d.args if d.block is None else []:
                    if self._is_it(_without_scheme(arg)):
                        self._block(
                            d, f"the address is in a variable ({arg}): write it into proxy_pass itself"
                        )

    def _upstreams(self) -> dict[str, Directive]:
        """The upstream blocks that dial it, changed to dial us."""
        found = {}
        for d in self.tree:
            if d.name != "upstream" or not d.args or d.block is None:
                continue
            servers = [s for s in d.block if s.name == "server" and s.args]
            mine = [s for s in servers if self._is_it(s.args[0])]
            if not mine:
                continue
            found[d.args[0]] = d
            others = [s.args[0] for s in servers if s not in mine and not set(s.args) & {"backup", "down"}]
            if others or len(mine) > 1:
                dialled = ", ".join(others or [s.args[0] for s in mine[1:]])
                self._block(
                    d, f'upstream "{d.args[0]}" dials {dialled} as well: mobius moves all traffic or none'
                )
                continue
            if any(parent.name == "stream" for parent in d.parents):
                continue  # said where it is passed on to
            self.dials = self.dials or mine[0].args[0]
            self._edit(mine[0].file, mine[0].words[1], f"unix:{self.ours}", "the server is our socket now")
            for keep in [k for k in d.block if k.name == "keepalive"]:
                first = keep.words[0]
                whole = Word("", first.start, keep.end, first.line)
                why = "a kept connection would go on to the release that was left"
                self._edit(keep.file, whole, "", why)
        return found

    def _proxy_pass(self, d: Directive, upstreams: Mapping[str, Directive]) -> None:
        value = d.args[0]
        scheme, mark, rest = value.partition("://")
        if not mark:
            if self._is_it(value) or value in upstreams:
                self._block(d, "it passes TCP on, not HTTP, which mobius cannot switch")
            return
        if any(parent.name == "stream" for parent in d.parents):
            return
        authority, uri = _split(rest)
        through = authority in upstreams
        if not through and not self._is_it(authority):
            return
        if scheme != "http":
            self._block(d, f"it dials the service by {scheme}; a release is reached by http on this machine")
            return
        self._url_of(d)
        if through:
            return
        self.dials = self.dials or authority
        path = f"http://unix:{self.ours}" + (f":{uri}" if uri else "")
        self._edit(d.file, d.words[1], path, "this location dials our socket now")
        if not _sees(d, "proxy_set_header", "host"):
            self.notes.append(
                f"{d.file}:{d.words[0].line}: nothing sets the Host header here, so the service has seen"
                f' "{authority}" in it, and will see "localhost"'
            )

    def _is_it(self, address: str) -> bool:
        if address.startswith("unix:"):
            return address.removeprefix("unix:").rstrip(":") in self.sockets
        host, _, port = address.rpartition(":")
        return whole(port) in self.ports and host in LOCAL

    def _edit(self, file: str, word: Word, new: str, why: str) -> None:
        self.edits.append(Edit(file, word.start, word.end, "", new, word.line, why))

    def _block(self, d: Directive, why: str) -> None:
        self.blockers.append(f"{d.file}:{d.words[0].line}: {why}")

    def _url_of(self, d: Directive) -> None:
        """The first address by which clients of this machine reach the server that holds this location."""
        server = next((parent for parent in reversed(d.parents) if parent.name == "server"), None)
        if server is None or self.url:
            return
        self.url = _url(server, [s for s in self.tree if s.name == "server" and s.block is not None])


def _split(rest: str) -> tuple[str, str]:
    """The part that is dialled, and the URI ("" where there is none)."""
    if rest.startswith("unix:"):
        path, _, uri = rest.removeprefix("unix:").partition(":")
        return f"unix:{path}", uri
    authority = re.split(r"[/$]", rest, maxsplit=1)[0]
    return authority, rest[len(authority) :]


def _without_scheme(value: str) -> str:
    return _split(value.partition("://")[2] or value)[0]


def _sees(d: Directive, name: str, first: str) -> bool:
    """Whether this directive holds at `d`: the innermost level that has any of that name wins, as nginx does it."""
    for parent in reversed(d.parents):
        there = [x for x in parent.block or [] if x.name == name and x.args]
        includes = any(x.name == "include" for x in parent.block or [])
        if there or includes:
            return includes or any(x.args[0].lower() == first for x in there)
    return False


def _url(server: Directive, servers: Sequence[Directive]) -> str:
    listens = [_listen(x.args) for x in server.block or [] if x.name == "listen" and x.args] or [
        (80, False, True)
    ]
    listens = [each for each in listens if each[0]]
    if not listens:
        return ""
    # Plain HTTP first: a certificate is seldom made out to 127.0.0.1.
    port, tls, default = min(listens, key=lambda each: each[1])
    beside = [
        other
        for other in servers
        if other is not server
        and any(_listen(x.args)[0] == port for x in other.block or [] if x.name == "listen" and x.args)
    ]
    names = [name for x in server.block or [] if x.name == "server_name" for name in x.args]
    proper = next((n for n in names if re.fullmatch(r"[A-Za-z0-9.-]+", n) and n != "_"), "")
    host = "127.0.0.1" if (not beside or default) and not tls else proper or "127.0.0.1"
    return f"{'https' if tls else 'http'}://{host}:{port}"


def _listen(args: Sequence[str]) -> tuple[int, bool, bool]:
    """(port or 0 for a Unix socket, TLS, whether it is the default server)."""
    address = args[0]
    if address.startswith("unix:"):
        return 0, False, False
    tail = address.rpartition(":")[2] if not address.endswith("]") else ""
    port = whole(tail)
    return 80 if port is None else port, "ssl" in args, "default_server" in args


def with_edits(text: str, edits: Sequence[Edit]) -> str:
    """The text with its edits made, and not one character more."""
    for edit in sorted(edits, key=lambda each: each.start, reverse=True):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text
