"""Reading an HTTP answer from bytes that come in any pieces: as the standard library does, and within bounds."""

from __future__ import annotations

import http.client
import io
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.adapters.checks.answering import LARGEST_BODY, Answering, NotHttp

Seen = tuple[int, dict[str, str], bytes] | str


def read(data: bytes, *cuts: int, method: str = "GET") -> Seen:
    said = Answering(method)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    try:
        for start, end in pairwise(places):
            said.feed(data[start:end])
    except NotHttp:
        return "not HTTP"
    if not said.has_begun:
        return "nothing"
    return (said.status, said.headers, said.body) if said.ends_well() else "cut off"


def as_the_library(data: bytes, method: str) -> Seen:
    response = http.client.HTTPResponse(
        cast(Any, SimpleNamespace(makefile=lambda mode: io.BytesIO(data))), method=method
    )
    try:
        response.begin()
        body = response.read()
    except http.client.RemoteDisconnected:
        return "nothing"
    except http.client.IncompleteRead:
        return "cut off"
    except http.client.HTTPException:
        return "not HTTP"
    return response.status, {name.lower(): value for name, value in response.getheaders()}, body


SIZES = st.integers(0, 30)
BODIES = st.one_of(
    st.tuples(SIZES, st.binary(max_size=30)).map(lambda t: (b"Content-Length: %d\r\n" % t[0], t[1])),
    st.lists(st.binary(min_size=1, max_size=20), max_size=3).map(
        lambda chunks: (
            b"Transfer-Encoding: chunked\r\n",
            b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks) + b"0\r\n\r\n",
        )
    ),
    st.binary(max_size=30).map(lambda body: (b"", body)),
)
HEADERS = st.sampled_from([b"", b"X-A: 1\r\nx-a: 2\r\n", b"Server:nginx\r\n", b"A: b\r\n c\r\n"])


@settings(max_examples=400, deadline=None)
@given(
    status=st.sampled_from([200, 204, 301, 304, 404, 500, 503]),
    reason=st.sampled_from([b" OK", b"", b" Not So Well"]),
    headers=HEADERS,
    body=BODIES,
    method=st.sampled_from(["GET", "HEAD"]),
    cuts=st.lists(st.integers(0, 1000), max_size=5),
    lost=st.sampled_from([0, 0, 0, 1, 5]),
)
def test_an_answer_in_any_pieces_is_read_as_the_standard_library_reads_it_whole(
    status: int,
    reason: bytes,
    headers: bytes,
    body: tuple[bytes, bytes],
    method: str,
    cuts: list[int],
    lost: int,
) -> None:
    data = b"HTTP/1.1 %d%b\r\n%b%b\r\n%b" % (status, reason, headers, *body)
    lost = (
        min(lost, len(body[1])) if body[0] and status == 200 else 0
    )  # in the head the library takes anything
    data = data[: len(data) - lost]
    if status in (204, 304) and body[0].startswith(b"Transfer"):
        assert read(data, *cuts, method=method) == read(data[: data.index(b"\r\n\r\n") + 4]), (
            "there is no body"
        )
        return
    ours, theirs = read(data, *cuts, method=method), as_the_library(data, method)
    if isinstance(theirs, tuple) and isinstance(ours, tuple):
        assert (ours[0], ours[2]) == (theirs[0], theirs[2])
        assert ours[1].keys() == theirs[1].keys()
        assert ours[1].get("x-a") == theirs[1].get("x-a")
    elif not (
        body[0].startswith(b"Transfer") and lost
    ):  # the library asks for the very last line end of chunks
        assert ours == theirs


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 1000), max_size=5))
def test_whatever_comes_nothing_else_is_raised_and_pieces_make_no_difference(
    data: bytes, cuts: list[int]
) -> None:
    for start in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        assert read(start + data, *cuts) == read(start + data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the answer is not HTTP: it begins with SSH-2.0-OpenSSH_9.6"),
        (b"HTTP/1.1 abc\r\n\r\n", "the answer is not HTTP: it begins with HTTP/1.1 abc"),
        (b"\x16\x03\x01", "the answer is not HTTP: it begins with \ufffd\ufffd\ufffd"),
        (b"\r\n\r\n", "the answer is not HTTP: it begins with nothing to read"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "the head of the answer is larger than 64 KB"),
        (
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
            "the head of the answer is larger than 64 KB",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "the answer is not HTTP: a chunk of it has no size",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
            "the answer is not HTTP: a chunk of it is longer than it says",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n" + b"x" * (LARGEST_BODY + 1),
            "the answer is larger than 5 MB",
        ),
    ],
)
def test_what_is_no_answer_is_told_in_words(data: bytes, message: str) -> None:
    with pytest.raises(NotHttp) as caught:
        Answering("GET").feed(data)

    assert str(caught.value) == message


def test_an_answer_that_asks_for_patience_first_is_waited_for() -> None:
    data = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 None\r\n\r\n"
    )
    assert read(data) == (204, {}, b"")


def test_a_line_end_without_its_carriage_return_is_good_enough() -> None:
    assert read(b"HTTP/1.0 200 OK\nContent-Length: 2\n\nok") == (200, {"content-length": "2"}, b"ok")
