"""Whether a proxy's configuration dials a Unix socket, and anew for each request: only then a rename moves traffic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mobius.rules.adopting_nginx import Directive, every


@dataclass(frozen=True, slots=True)
class Dialled:
    """`dials`: requests go to the socket. `keeps`: where connections to it are kept for later requests, "" if not."""

    dials: bool
    keeps: str = ""


def nginx_dials(directives: Sequence[Directive], socket: str) -> Dialled:
    """By `proxy_pass http://unix:SOCKET`, or through an `upstream` that has it and that somebody passes to."""
    all_of_them = list(every(directives))
    passes = [one.args[0] for one in all_of_them if one.name == "proxy_pass" and one.args]
    if any(_is(said.removeprefix("http://"), socket) for said in passes):
        return Dialled(True)
    for upstream in all_of_them:
        if upstream.name != "upstream" or not upstream.args:
            continue
        inner = upstream.block or []
        if not any(one.name == "server" and one.args and _is(one.args[0], socket) for one in inner):
            continue
        name = upstream.args[0]
        if not any(said.partition("://")[2].partition("/")[0] == name or "$" in said for said in passes):
            continue
        kept = next((one for one in inner if one.name == "keepalive" and one.args[:1] != ["0"]), None)
        return Dialled(True, f"{kept.file}:{kept.words[0].line}" if kept is not None else "")
    return Dialled(False)


def caddy_dials(adapted: Mapping[str, Any], socket: str) -> Dialled:
    """By a `reverse_proxy` of the configuration as Caddy's own JSON."""
    for handler in _handlers(adapted):
        upstreams = handler.get("upstreams")
        if not isinstance(upstreams, list):
            continue
        if any(isinstance(one, dict) and one.get("dial") == f"unix/{socket}" for one in upstreams):
            transport = handler.get("transport")
            keep = transport.get("keep_alive") if isinstance(transport, dict) else None
            off = isinstance(keep, dict) and keep.get("enabled") is False
            return Dialled(True, "" if off else "its transport has no `keepalive off`")
    return Dialled(False)


def _is(said: str, socket: str) -> bool:
    return said.startswith("unix:") and said.removeprefix("unix:").partition(":")[0] == socket


def _handlers(part: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(part, dict):
        if part.get("handler") == "reverse_proxy":
            yield part
        for inner in part.values():
            yield from _handlers(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _handlers(inner)
