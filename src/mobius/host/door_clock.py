"""Once a second, for each client: ends what has gone on for too long, so that nobody can hold the door open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobius.host.door_send import abandon

if TYPE_CHECKING:
    from mobius.host.door_client import ClientConnection
    from mobius.host.door_exchange import Exchange

HALF_CLOSED_S = 1.0  # how long a client that closed its sending half may wait for an answer to begin
BODY_PROGRESS_BYTES = 1024  # a body must bring this much in each body_timeout_s


def end_overdue(client: ClientConnection, now: float) -> None:
    """Once a second: ends what has gone on for too long."""
    if client.unsent:
        _judge_reader(client, now)
    exchange = client.exchange
    if exchange is None:
        if now > client.deadline:
            _end_waiting(client)
    elif (
        client.half_closed_at
        and not exchange.response_started
        and now > client.half_closed_at + HALF_CLOSED_S
    ):
        client.transport.abort()
    elif now > client.body_window[0] and not _body_progresses(client, exchange, now):
        client.refuse(408, "the body comes too slowly")
    elif now > exchange.deadline:
        abandon(exchange)
        client.fail(exchange, 504)


def _judge_reader(client: ClientConnection, now: float) -> None:
    """A client that takes nothing of its answer for body_timeout_s is let go."""
    limits = client.traffic.limits
    unsent = client.transport.get_write_buffer_size()
    if unsent != client.unsent:
        client.unsent = unsent
        client.stalled_until = now + limits.body_timeout_s
    elif now > client.stalled_until:
        client.transport.abort()
    if client.exchange is not None:  # it is the client that is slow, not the upstream
        client.exchange.deadline = now + limits.upstream_timeout_s


def _body_progresses(client: ClientConnection, exchange: Exchange, now: float) -> bool:
    waits_for_us = exchange.connection is None or client.paused
    enough = exchange.body_seen - client.body_window[1] >= BODY_PROGRESS_BYTES
    client.body_window = (now + client.traffic.limits.body_timeout_s, exchange.body_seen)
    return bool(waits_for_us) or enough


def _end_waiting(client: ClientConnection) -> None:
    if client.closing:
        if client.transport.get_write_buffer_size() == 0:
            client.transport.close()
        elif not client.unsent:
            client.transport.abort()
    elif client.deadline_is_idle or not client.buffer:
        client.closing = True
        client.transport.close()
    else:
        client.refuse(408, "the head of the request comes too slowly")
