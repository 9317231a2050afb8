from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobius.host.headers import CHUNKED, UNTIL_CLOSE, Refused, parse_request_head, parse_response_head


def request(*lines: str, first: str = "GET / HTTP/1.1", host: str = "Host: a") -> bytes:
    return "".join(f"{line}\r\n" for line in (first, *((host,) if host else ()), *lines, "")).encode(
        "latin-1"
    )


HOSTILE = {
    "both lengths": request("Content-Length: 4", "Transfer-Encoding: chunked", first="POST / HTTP/1.1"),
    "two lengths": request("Content-Length: 4", "Content-Length: 5", first="POST / HTTP/1.1"),
    "the same length twice": request("Content-Length: 4", "Content-Length: 4", first="POST / HTTP/1.1"),
    "a list of lengths": request("Content-Length: 4, 4", first="POST / HTTP/1.1"),
    "a signed length": request("Content-Length: +4", first="POST / HTTP/1.1"),
    "a negative length": request("Content-Length: -4", first="POST / HTTP/1.1"),
    "a hexadecimal length": request("Content-Length: 0x4", first="POST / HTTP/1.1"),
    "an empty length": request("Content-Length:", first="POST / HTTP/1.1"),
    "a length with a blank": request("Content-Length: 4 4", first="POST / HTTP/1.1"),
    "a length beyond counting": request("Content-Length: 99999999999999999999", first="POST / HTTP/1.1"),
    "identity coding": request("Transfer-Encoding: identity", first="POST / HTTP/1.1"),
    "chunked not last": request("Transfer-Encoding: chunked, gzip", first="POST / HTTP/1.1"),
    "gzip before chunked": request("Transfer-Encoding: gzip, chunked", first="POST / HTTP/1.1"),
    "chunked twice": request(
        "Transfer-Encoding: chunked", "Transfer-Encoding: chunked", first="POST / HTTP/1.1"
    ),
    "an obscured coding": request("Transfer-Encoding: xchunked", first="POST / HTTP/1.1"),
    "a quoted coding": request('Transfer-Encoding: "chunked"', first="POST / HTTP/1.1"),
    "a coding with a vertical tab": request("Transfer-Encoding: \x0bchunked", first="POST / HTTP/1.1"),
    "a coding on HTTP/1.0": request("Transfer-Encoding: chunked", first="POST / HTTP/1.0"),
    "a blank before the colon": request("Transfer-Encoding : chunked", first="POST / HTTP/1.1"),
    "a tab before the colon": request("Content-Length\t: 4", first="POST / HTTP/1.1"),
    "a blank line start": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "a folded line": request("X-A: b", " c"),
    "a header without a colon": request("Transfer-Encoding"),
    "an empty header name": request(": x"),
    "a control character in a name": request("X\x01A: b"),
    "a control character in a value": request("X-A: b\x01c"),
    "DEL in a value": request("X-A: b\x7fc"),
    "NUL in a value": request("X-A: b\x00c"),
    "NUL in the target": request(first="GET /\x00 HTTP/1.1"),
    "a bare CR in a value": request("X-A: b\rX-B: c"),
    "a bare LF between headers": b"GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n",
    "a bare LF after the request line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "no host": request(host=""),
    "two hosts": request("Host: b"),
    "the same host twice": request("Host: a"),
    "an empty host": request(host="Host: "),
    "a host with a path": request(host="Host: a/b"),
    "a host with a user": request(host="Host: u@a"),
    "a host with a blank": request(host="Host: a b"),
    "a list of hosts": request(host="Host: a:1:2"),
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2.0": request(first="GET / HTTP/2.0"),
    "HTTP/1.2": request(first="GET / HTTP/1.2"),
    "HTTP/1.10": request(first="GET / HTTP/1.10"),
    "a lower case protocol": request(first="GET / http/1.1"),
    "no version": request(first="GET / "),
    "two blanks": request(first="GET  / HTTP/1.1"),
    "a tab for a blank": request(first="GET\t/ HTTP/1.1"),
    "a blank in the target": request(first="GET /a b HTTP/1.1"),
    "a blank at the end": request(first="GET / HTTP/1.1 "),
    "a fragment": request(first="GET /#a HTTP/1.1"),
    "bytes beyond ASCII in the target": request(first="GET /\xff HTTP/1.1"),
    "a method that does not exist": request(first="GETT / HTTP/1.1"),
    "a lower case method": request(first="get / HTTP/1.1"),
    "another host in the target": request(first="GET http://b/ HTTP/1.1"),
    "a user in the target": request(first="GET http://u@a/ HTTP/1.1"),
    "a foreign scheme": request(first="GET ftp://a/ HTTP/1.1"),
    "a target without a slash": request(first="GET a HTTP/1.1"),
    "a star for a GET": request(first="GET * HTTP/1.1"),
    "Connection naming Host": request("Connection: close, host"),
    "Connection naming Content-Length": request("Connection: content-length"),
    "Connection naming Cookie": request("Connection: Cookie"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\n",
}


@pytest.mark.parametrize("head", HOSTILE.values(), ids=HOSTILE)
def test_a_head_that_servers_may_read_differently_is_refused_with_400(head: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        parse_request_head(head)
    assert refusal.value.status == 400
    assert refusal.value.reason


def test_an_ordinary_request_keeps_its_lines_and_their_order() -> None:
    head = parse_request_head(
        request("User-Agent: curl", "Accept: */*", "Accept: x", first="GET /a?b=1 HTTP/1.1")
    )
    assert (head.method, head.target, head.path) == (b"GET", b"/a?b=1", b"/a")
    assert head.lines == b"User-Agent: curl\r\nAccept: */*\r\nAccept: x\r\n"
    assert (head.host, head.length, head.keep_alive, head.retriable) == (b"a", 0, True, True)


def test_lines_for_one_hop_and_those_connection_names_are_not_passed_on() -> None:
    lines = ("Connection: keep-alive, X-Own", "X-Own: 1", "Keep-Alive: 5", "TE: trailers", "Upgrade: h2c")
    more = ("Proxy-Connection: close", "Proxy-Authorization: x", "Trailer: X", "X-Kept: 2")
    assert parse_request_head(request(*lines, *more)).lines == b"X-Kept: 2\r\n"


def test_what_a_client_says_of_its_own_address_is_kept_apart_from_the_lines() -> None:
    said = ("X-Forwarded-For: 1.2.3.4", "x-forwarded-for: 5.6.7.8", "X-Real-IP: 1.1.1.1", "Forwarded: for=x")
    head = parse_request_head(request(*said, "X-Mobius-Release: r9"))
    assert head.lines == b""
    assert head.forwarded_for == b"1.2.3.4, 5.6.7.8"


def test_names_with_underscores_that_wsgi_reads_like_ours_are_not_passed_on() -> None:
    head = parse_request_head(request("X_Forwarded_For: 1.2.3.4", "Content_Length: 9", "my_header: kept"))
    assert head.lines == b"my_header: kept\r\n"


def test_the_whole_url_as_target_becomes_a_path() -> None:
    head = parse_request_head(request(first="GET http://A/b?c HTTP/1.1"))
    assert (head.target, head.path) == (b"/b?c", b"/b")
    assert parse_request_head(request(first="GET http://a?c HTTP/1.1")).target == b"/?c"


def test_http_1_0_needs_no_host_and_closes_unless_it_says_otherwise() -> None:
    assert not parse_request_head(request(first="GET / HTTP/1.0", host="")).keep_alive
    assert parse_request_head(request("Connection: Keep-Alive", first="GET / HTTP/1.0")).keep_alive


def test_bodies_are_known_by_length_or_by_chunks() -> None:
    assert parse_request_head(request("Content-Length: 12", first="POST / HTTP/1.1")).length == 12
    head = parse_request_head(request("Transfer-Encoding: Chunked", first="POST / HTTP/1.1"))
    assert (head.length, head.retriable) == (CHUNKED, False)


def test_only_a_websocket_handshake_may_upgrade() -> None:
    assert parse_request_head(request("Connection: Upgrade", "Upgrade: WebSocket")).websocket == b"WebSocket"
    assert parse_request_head(request("Connection: Upgrade", "Upgrade: h2c")).websocket == b""
    assert parse_request_head(request("Upgrade: websocket")).websocket == b""


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (request("Expect: 200-maybe", "Content-Length: 1", first="POST / HTTP/1.1"), 417),
        (request(host="Host: a:443", first="CONNECT a:443 HTTP/1.1"), 405),
        (request(*(f"X-{n}: 1" for n in range(100))), 431),
    ],
)
def test_other_refusals_have_their_own_status(head: bytes, status: int) -> None:
    with pytest.raises(Refused) as refusal:
        parse_request_head(head)
    assert refusal.value.status == status


def response(*lines: str, first: str = "HTTP/1.1 200 OK") -> bytes:
    return "".join(f"{line}\r\n" for line in (first, *lines, "")).encode("latin-1")


@pytest.mark.parametrize(
    ("head", "method", "length"),
    [
        (response("Content-Length: 5"), b"GET", 5),
        (response("Content-Length: 5"), b"HEAD", 0),
        (response("Transfer-Encoding: chunked"), b"GET", CHUNKED),
        (response("Transfer-Encoding: chunked"), b"HEAD", 0),
        (response(), b"GET", UNTIL_CLOSE),
        (response("Content-Length: 5", first="HTTP/1.1 304 Not Modified"), b"GET", 0),
        (response(first="HTTP/1.1 204 No Content"), b"GET", 0),
        (response(first="HTTP/1.1 100 Continue"), b"POST", 0),
        (response(first="HTTP/1.1 200"), b"GET", UNTIL_CLOSE),
    ],
)
def test_the_length_of_an_answer_follows_from_its_head_and_the_method(
    head: bytes, method: bytes, length: int
) -> None:
    assert parse_response_head(head, method).length == length


@pytest.mark.parametrize(
    "head",
    [
        response("Content-Length: 5", "Content-Length: 6"),
        response("Content-Length: 5", "Transfer-Encoding: chunked"),
        response("Transfer-Encoding: gzip, chunked"),
        response("Content-Length: five"),
        response("X-A : b"),
        response("X-A: b", " folded"),
        response(first="HTTP/2 200 OK"),
        response(first="HTTP/1.1 2000 OK"),
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
def test_a_garbled_answer_is_a_502(head: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        parse_response_head(head, b"GET")
    assert refusal.value.status == 502


def test_an_answer_loses_what_was_meant_for_the_door() -> None:
    head = parse_response_head(
        response("Connection: close, X-Hop", "X-Hop: 1", "Keep-Alive: 5", "ETag: x"), b"GET"
    )
    assert head.start == b"HTTP/1.1 200 OK\r\nETag: x\r\n"
    assert not head.keep_alive


@given(
    pieces=st.lists(
        st.sampled_from(
            [
                b"GET",
                b"POST",
                b" ",
                b"/",
                b"HTTP/1.1",
                b"\r\n",
                b"\n",
                b"\r",
                b"Host: a",
                b"Content-Length: 1",
                b"Transfer-Encoding: chunked",
                b"\t",
                b"\x00",
                b"X",
                b"Connection: ",
                b"close",
                b",",
                b"\xff",
                b":",
            ]
        ),
        max_size=20,
    )
)
def test_any_bytes_are_either_a_request_or_refused(pieces: list[bytes]) -> None:
    head = b"".join(pieces) + b"\r\n\r\n"
    try:
        request = parse_request_head(head)
    except Refused as refusal:
        assert refusal.status in (400, 405, 417, 431)
    else:
        assert b"\n" not in request.target + request.host
        assert request.lines.count(b"\n") == request.lines.count(b"\r\n")
