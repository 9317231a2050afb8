from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mobius.host.counters import ReleaseCount
from mobius.host.door_send import charge
from mobius.host.door_traffic import Hold


def test_a_hold_admits_within_its_limits_of_count_and_bytes() -> None:
    hold = Hold(until=0.0, max_requests=3, max_bytes=1000)
    requests: list[Any] = [SimpleNamespace(held_bytes=0) for _ in range(5)]
    assert [hold.admit(one, 400) for one in requests[:3]] == [True, True, False]  # 1200 bytes are too many
    assert hold.admit(requests[2], 200)
    assert not hold.admit(requests[3], 0)  # a fourth is too many
    hold.forget(requests[0])
    assert (hold.bytes, hold.admit(requests[3], 400)) == (600, True)
    hold.expired = True
    hold.forget(requests[1])
    assert not hold.admit(requests[4], 0)


def test_a_request_is_charged_once_to_who_did_not_accept_it_and_timed_anew_for_who_does() -> None:
    clock = iter((14.0, 15.0))
    traffic: Any = SimpleNamespace(loop=SimpleNamespace(time=lambda: next(clock)))
    exchange: Any = SimpleNamespace(count=ReleaseCount(), charged=False, started=10.0, route="/pay")
    charge(exchange, traffic)
    assert exchange.started == 14.0
    charge(exchange, traffic)
    assert (exchange.count.requests, exchange.count.errors_door, exchange.started) == (1, 1, 15.0)
    assert exchange.count.routes["/pay"].errors == 1
