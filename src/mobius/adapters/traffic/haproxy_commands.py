"""The commands that bring HAProxy's servers from how they stand to how they shall stand, never through a gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mobius.adapters.traffic.haproxy_reading import Server

MOST_WEIGHT = 256  # HAProxy's own limit
Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How one server shall stand. Without an address its own is kept, as a Unix socket's must be."""

    weight: int
    address: str = ""
    port: int = 0


def commands_to_reach(
    backend: str, servers: Mapping[str, Server], wanted: Mapping[str, Wanted]
) -> tuple[Command, ...]:
    """In this order: who comes is ready before who goes is taken out. `wanted` has every server that is ours; one
    with weight 0 gets no request. Nothing when all of it holds already.

    A server that goes is put into maintenance, not only drained: HAProxy still sends clients with a sticky cookie
    to a draining server, and goes on checking it, so that its process ending would leave it "down" for the first
    seconds of the next switch. What is in flight on it ends as it would when draining.
    """
    coming: list[Command] = []
    going: list[Command] = []
    for name, want in wanted.items():
        server, which = servers[name], ("set", "server", f"{backend}/{name}")
        if not want.weight:
            if server.is_ready:
                going.append((*which, "state", "maint"))
            continue
        # Out of maintenance a server is up at once, whatever its checks found before.
        if not server.is_ready:
            coming.append((*which, "state", "maint"))
        if want.address and (want.address, want.port) != (server.address, server.port):
            coming.append((*which, "addr", want.address, "port", str(want.port)))
        if want.weight != server.weight:
            coming.append((*which, "weight", str(want.weight)))
        if not server.is_ready:
            coming.append((*which, "state", "ready"))
    return (*coming, *going)


def holds(servers: Mapping[str, Server], wanted: Mapping[str, Wanted]) -> bool:
    """Whether every server stands as wanted."""
    return not commands_to_reach("", servers, wanted)
