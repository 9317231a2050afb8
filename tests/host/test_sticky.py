"""Who belongs to which slot while several have weight: by a number in a cookie that the door sets itself."""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from free_ports import free_port
from host.sites import Site, is_running, new_site, wait_for
from host.talking import Answer, Line
from mobius.host.client import ensure_running
from mobius.host.door_exchange import Exchange
from mobius.host.door_heads import response_head
from mobius.host.door_sticky import NUMBERS, draw, set_cookie, slot_of, taken_out
from mobius.host.door_traffic import Upstream
from mobius.host.headers import parse_request_head, parse_response_head

STAGES = [(("green", share), ("blue", 100 - share)) for share in (1, 10, 50)]
PASSED_ON = re.compile(rb"cookie", re.IGNORECASE)


def test_a_canary_gets_its_share_of_every_hundred_requests_without_a_cookie() -> None:
    weights = (("green", 5), ("blue", 95))
    for start in range(0, 1000, 100):
        chosen = Counter(slot_of(weights, draw(turn)) for turn in range(start, start + 100))
        assert 4 <= chosen["green"] <= 6


def test_the_shares_of_all_numbers_are_exact() -> None:
    for weights in STAGES:
        chosen = Counter(slot_of(weights, number) for number in range(NUMBERS))
        assert chosen == {slot: weight * NUMBERS // 100 for slot, weight in weights}


def test_three_slots_share_by_weight() -> None:
    chosen = Counter(slot_of((("a", 1), ("b", 2), ("c", 1)), draw(turn)) for turn in range(4000))
    assert abs(chosen["a"] - 1000) < 10 and abs(chosen["b"] - 2000) < 10


def test_whoever_was_sent_to_the_new_release_stays_there_as_its_share_grows() -> None:
    for number in range(NUMBERS):
        path = [slot_of(weights, number) for weights in STAGES]
        assert path == sorted(path), f"{number} went back: {path}"


@pytest.mark.parametrize(
    ("cookies", "number", "passed_on"),
    [
        (b"mobius_canary=7", 7, b""),
        (b"mobius_canary=0", 0, b""),
        (b"a=1; mobius_canary=9999; b=2", 9999, b"a=1; b=2"),
        (b"a=1;mobius_canary=12", 12, b"a=1"),
        (b"mobius_canary=12;  a=1", 12, b"a=1"),
        (b"mobius_canary=1; mobius_canary=2; a=1", -1, b"a=1"),
        (b"mobius_canary=10000; a=1", -1, b"a=1"),
        (b"mobius_canary=-1", -1, b""),
        (b"mobius_canary=007", -1, b""),
        (b'mobius_canary="7"', -1, b""),
        (b"mobius_canary", -1, b""),
        (b"mobius_canary=", -1, b""),
        (b"mobius_canary=7=7", -1, b""),
        (b"mobius_canary=\xb2", -1, b""),
        (b"Mobius_Canary=7", -1, b"Mobius_Canary=7"),
        (b"not_mobius_canary=7", -1, b"not_mobius_canary=7"),
        (b"a=mobius_canary=7", -1, b"a=mobius_canary=7"),
        (b"a=1;; b=2", -1, b"a=1;; b=2"),
    ],
)
def test_only_a_plain_number_is_one_and_the_rest_goes_on(
    cookies: bytes, number: int, passed_on: bytes
) -> None:
    assert taken_out(cookies) == (number, passed_on)


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([b"GET / HTTP/1.1", b"Host: a", *lines, b"", b""])


def test_a_request_with_two_cookie_headers_of_ours_has_no_number() -> None:
    request = parse_request_head(head(b"Cookie: mobius_canary=1; a=1", b"cookie: mobius_canary=2"))
    assert (request.number, request.lines) == (-1, b"Cookie: a=1\r\n")


def test_cookies_that_are_not_ours_go_on_as_they_came() -> None:
    request = parse_request_head(head(b"Cookie: a=1;  b=2 ;c", b"COOKIE: d=4"))
    assert (request.number, request.lines) == (-1, b"Cookie: a=1;  b=2 ;c\r\nCOOKIE: d=4\r\n")


def test_the_cookie_is_marked_secure_only_over_tls() -> None:
    plain = b"Set-Cookie: mobius_canary=7; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"
    assert set_cookie(7, is_tls=False) == plain + b"\r\n"
    assert set_cookie(7, is_tls=True) == plain + b"; Secure\r\n"


@pytest.mark.parametrize(
    ("lines", "gives"),
    [
        (b"", True),
        (b"Cache-Control: private, max-age=60\r\n", True),
        (b'Cache-Control: no-cache="public"\r\nX-Note: public\r\n', True),
        (b"Cache-Control: public, max-age=60\r\n", False),
        (b"cache-control:max-age=60,S-MaxAge=600\r\n", False),
        (b"Cache-Control: max-age=60\r\nCache-Control: Public\r\n", False),
    ],
)
def test_no_number_goes_with_an_answer_that_caches_may_give_to_others(lines: bytes, gives: bool) -> None:
    traffic = SimpleNamespace(leaving=False, expose_release=False)
    client: Any = SimpleNamespace(traffic=traffic, is_tls=False)
    exchange = Exchange(client, parse_request_head(head()), 0.0)
    exchange.number, exchange.gets_number = 7, True
    answer = parse_response_head(b"HTTP/1.1 200 OK\r\n%bContent-Length: 0\r\n\r\n" % lines, b"GET")
    sent = response_head(exchange, answer, Upstream("green"))
    assert (b"Set-Cookie: mobius_canary=7;" in sent) is gives


@pytest.fixture(scope="module")
def two() -> Iterator[Site]:
    """Releases r1 in blue and r2 in green, behind one door."""
    for site in new_site():
        site.start("blue", "r1")
        site.start("green", "r2")
        site.client.configure_door(site.listen)
        yield site


def ask(line: Line, cookie: str = "") -> Answer:
    sent = f"Cookie: {cookie}\r\n" if cookie else ""
    line.send(f"GET /echo HTTP/1.1\r\nHost: test\r\n{sent}\r\n".encode())
    return line.answer()


def release(answer: Answer) -> str:
    found: str = json.loads(answer.body)["release"]
    return found


def cookie_of(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


def test_no_cookie_is_set_where_one_slot_has_all_the_traffic(two: Site) -> None:
    two.client.route({"blue": 100})
    with Line(two.port) as line:
        assert "set-cookie" not in ask(line).headers
        assert "set-cookie" not in ask(line, "mobius_canary=3").headers


def test_a_client_is_given_its_number_once_and_the_release_never_sees_it(two: Site) -> None:
    two.client.route({"green": 10, "blue": 90})
    with Line(two.port) as line:
        first = ask(line)
        own = cookie_of(first)
        again = ask(line, f"a=1; {own}; b=2")
    assert "set-cookie" not in again.headers
    assert release(again) == release(first)
    assert [value for name, value in json.loads(again.body)["headers"] if name.lower() == "cookie"] == [
        "a=1; b=2"
    ]


def test_a_garbled_number_is_replaced(two: Site) -> None:
    two.client.route({"green": 10, "blue": 90})
    with Line(two.port) as line:
        for bad in ("mobius_canary=99999", "mobius_canary=1; mobius_canary=2", "mobius_canary=x"):
            answer = ask(line, bad)
            assert re.fullmatch(r"mobius_canary=[0-9]{1,4}", cookie_of(answer))
            assert not PASSED_ON.search(answer.body)


def test_clients_stay_where_they_are_as_the_share_grows_and_all_go_back_at_once(two: Site) -> None:
    two.client.route({"green": 10, "blue": 90})
    with Line(two.port) as line:
        clients = [cookie_of(ask(line)) for _ in range(100)]
        seen: dict[str, list[str]] = {own: [] for own in clients}
        for green in (10, 50, 100):
            two.client.route({"green": green, "blue": 100 - green})
            for own in clients:
                seen[own].append(release(ask(line, own)))
        assert all(path == sorted(path) for path in seen.values()), "somebody went back to r1"
        assert 9 <= sum(path[0] == "r2" for path in seen.values()) <= 11
        assert 48 <= sum(path[1] == "r2" for path in seen.values()) <= 52
        two.client.route({"blue": 100})
        assert {release(ask(line, own)) for own in clients} == {"r1"}


def test_clients_stay_where_they_are_when_door_and_supervisor_are_killed(two: Site) -> None:
    two.client.route({"green": 30, "blue": 70})
    own = [f"mobius_canary={number}" for number in range(0, 10_000, 500)]
    with Line(two.port) as line:
        before = [release(ask(line, one)) for one in own]
    door = two.client.status().door
    assert door is not None and door.pid is not None
    two.kill_supervisor()
    os.kill(door.pid, signal.SIGKILL)
    wait_for("the door to die", lambda: not is_running(door.pid or 0))
    ensure_running(two.root)
    wait_for("a door to serve", lambda: getattr(two.client.status().door, "state", "") == "serving")
    with Line(two.port) as line:
        assert [release(ask(line, one)) for one in own] == before == ["r2"] * 6 + ["r1"] * 14


def test_a_websocket_is_given_its_number_too(two: Site) -> None:
    two.client.route({"green": 10, "blue": 90})
    with Line(two.port) as line:
        line.send(
            b"GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        answer = line.answer()
    assert (answer.status, cookie_of(answer)[:14]) == (101, "mobius_canary=")


def test_who_belongs_to_a_slot_where_nobody_answers_is_answered_by_the_other(two: Site) -> None:
    two.client.place_slot("red", "r3", port=free_port())
    two.client.route({"red": 50, "blue": 50})
    with Line(two.port) as line:
        assert release(ask(line, "mobius_canary=1")) == "r1"


def test_what_another_slot_answered_counts_as_a_failure_of_the_one_that_did_not_accept(two: Site) -> None:
    two.client.place_slot("grey", "r4", port=free_port())
    two.client.route({"grey": 50, "blue": 50})
    before = two.client.counters()
    with Line(two.port) as line:
        assert [release(ask(line, f"mobius_canary={number}")) for number in (1, 2, 3, 9999)] == ["r1"] * 4
    after = two.client.counters()
    failing, answering = after.releases["r4"], after.releases["r1"]
    assert (failing.requests, failing.errors_door, failing.status) == (3, 3, {"5xx": 3})
    assert answering.requests - before.releases["r1"].requests == 4
    assert answering.errors_door == before.releases["r1"].errors_door
    assert after.failed_because_of_switches == before.failed_because_of_switches
