"""One request on its way through the door: where it is, what is left of it, and how it is counted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mobius.host.chunks import ChunkReader
from mobius.host.counters import ReleaseCount
from mobius.host.headers import CHUNKED, RequestHead

if TYPE_CHECKING:
    from mobius.host.door_client import ClientConnection
    from mobius.host.door_traffic import Upstream
    from mobius.host.door_upstream import UpstreamConnection

FOREVER = float("inf")
TUNNEL_IDLE_S = 3600.0
BUFFER_FULL, UPSTREAM_FULL = 1, 2  # why reading from a client pauses
NOT_ROUTED = ReleaseCount()  # where a request is counted that never reached a release: read by nobody


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "attempts", "body_left", "body_seen", "charged", "chunks", "client", "connection", "count", "deadline",
        "generation", "gets_number", "head", "held_bytes", "is_tunnel", "number", "response_started", "route",
        "started", "status", "task", "upstream", "waits_since", "wants_close",
    )  # fmt: skip

    def __init__(self, client: ClientConnection, head: RequestHead, now: float) -> None:
        self.client = client
        self.head = head
        self.started = now  # what the client kept us waiting for later is not in it: see `wait_for_client`
        self.waits_since = 0.0  # for the client, to send or to take; 0: for the release
        self.deadline = FOREVER
        self.body_left = head.length  # bytes still to come, or CHUNKED until the last chunk came, then 0
        self.body_seen = 0
        self.chunks = ChunkReader() if head.length == CHUNKED else None
        self.upstream: Upstream | None = None
        self.connection: UpstreamConnection | None = None
        self.task: asyncio.Task[None] | None = None
        self.count: ReleaseCount = NOT_ROUTED
        self.generation = 0
        self.attempts = 0
        self.charged = False  # a slot that did not accept it was counted as failing it
        self.status = 0
        self.response_started = False
        self.is_tunnel = False
        self.wants_close = not head.keep_alive
        self.held_bytes = 0
        self.number = head.number  # of the client: where it belongs while several slots have weight
        self.gets_number = False  # it was drawn for this request, and goes with the answer
        self.route: str | None = None

    def wait_for_client(self, now: float) -> None:
        """Until `client_came`, it is the client that is slow: to send its body, or to take its answer. A release is
        timed without that."""
        if not self.waits_since:
            self.waits_since = now

    def client_came(self, now: float) -> None:
        """From here on it is the release again that is timed."""
        if self.waits_since:
            self.started += now - self.waits_since
            self.waits_since = 0.0
