"""Finds a connection to a release for a request: a kept one, a new one, or one to another slot with weight."""

from __future__ import annotations

import asyncio
import os
import socket
import traceback

from mobius.host.door_exchange import Exchange
from mobius.host.door_traffic import POOL_IDLE_S, Traffic, Upstream
from mobius.host.door_upstream import UpstreamConnection

CONNECT_PATIENCE_S = 1.0  # how long a request waits for a process that is being restarted
CONNECT_PAUSE_S = 0.02
# A full accept queue drops the first packet of a connection; it is sent again after 1 s and after 3 s.
CONNECT_TIMEOUT_S = 4.0


def send_upstream(exchange: Exchange) -> None:
    """Sends the request to the slot whose turn it is: on a kept connection where the request could be sent
    again if that has just died, else on a new one."""
    client = exchange.client
    traffic = client.traffic
    upstream = traffic.next_upstream(exchange)
    if upstream is None:
        client.turn_away(exchange, "no_upstream")
        return
    now = traffic.loop.time()
    _assign(exchange, upstream, traffic)
    exchange.started = now
    exchange.deadline = now + traffic.limits.upstream_timeout_s
    if exchange.head.retriable and not exchange.attempts:
        pool = upstream.pool
        while pool:
            connection = pool.pop()
            if connection.idle_since + POOL_IDLE_S > now and not connection.transport.is_closing():
                connection.carry(exchange)
                return
            connection.close()
    exchange.task = traffic.loop.create_task(_connect(exchange))


def abandon(exchange: Exchange) -> None:
    """Nobody waits for this answer any more: the connection that would bring it is closed."""
    if exchange.task is not None:
        exchange.task.cancel()
        exchange.task = None
    connection, exchange.connection = exchange.connection, None
    if connection is not None:
        connection.exchange = None
        connection.transport.abort()


def charge(exchange: Exchange, traffic: Traffic) -> None:
    """The slot whose turn it was did not accept, and another one answers: the client loses nothing, but one failed
    request counts against the release that would have failed it. What follows is timed for the other one."""
    now = traffic.loop.time()
    if not exchange.charged:
        exchange.charged = True
        exchange.count.count(
            502, failed_by_door=True, ms=(now - exchange.started) * 1000, route=exchange.route
        )
    exchange.started = now


def _assign(exchange: Exchange, upstream: Upstream, traffic: Traffic) -> None:
    if exchange.upstream is not None:
        exchange.upstream.finished(exchange)
    exchange.upstream = upstream
    exchange.count = upstream.count
    exchange.generation = traffic.generation
    upstream.in_flight.add(exchange)


async def _connect(exchange: Exchange) -> None:
    """A new connection for this request; nothing of it was sent yet, so every slot with weight may be tried,
    until one accepts or patience ends."""
    traffic = exchange.client.traffic
    give_up_at = traffic.loop.time() + CONNECT_PATIENCE_S
    try:
        while True:
            upstream = exchange.upstream
            assert upstream is not None
            for candidate in (upstream, *traffic.others_with_weight(upstream)):
                connection = await _open(candidate, traffic)
                if connection is not None:
                    if candidate is not upstream:
                        charge(exchange, traffic)
                        _assign(exchange, candidate, traffic)
                    exchange.task = None
                    connection.carry(exchange)
                    return
            if traffic.loop.time() > give_up_at:
                break
            await asyncio.sleep(CONNECT_PAUSE_S)
            again = traffic.next_upstream(exchange)  # the weights may have changed while we waited
            if again is not None and again is not upstream:
                _assign(exchange, again, traffic)
        exchange.task = None
        exchange.client.fail(exchange, 502)
    except Exception:  # a bug of ours must not leave the client waiting
        traceback.print_exc()
        exchange.task = None
        if exchange.client.exchange is exchange:
            exchange.client.fail(exchange, 502)


async def _open(upstream: Upstream, traffic: Traffic) -> UpstreamConnection | None:
    """One attempt to connect; None when nobody accepts there now."""
    line: socket.socket | None = None
    try:
        if upstream.listen != "port" and not upstream.prefers_port and upstream.socket:
            line = _connect_unix(upstream.socket)
        if line is None and upstream.listen != "socket" and upstream.port:
            line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            line.setblocking(False)
            await asyncio.wait_for(
                traffic.loop.sock_connect(line, ("127.0.0.1", upstream.port)), CONNECT_TIMEOUT_S
            )
            upstream.prefers_port = upstream.listen == "auto"
        if line is None:
            upstream.prefers_port = False
            return None
        _, connection = await traffic.loop.create_connection(
            lambda: UpstreamConnection(traffic, upstream), sock=line
        )
        return connection
    except (OSError, TimeoutError):
        upstream.prefers_port = False
        if line is not None:
            line.close()
        return None
    except asyncio.CancelledError:
        if line is not None:
            line.close()
        raise


def _connect_unix(path: str) -> socket.socket | None:
    """A Unix socket connects at once or not at all: a full backlog is EAGAIN, which asyncio takes for
    "in progress" and would then report as connected."""
    if not os.path.exists(path):  # noqa: PTH110 - on the way of every new connection
        return None
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.setblocking(False)
    try:
        line.connect(path)
    except OSError:
        line.close()
        return None
    return line
