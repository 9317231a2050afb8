"""Lines of access logs: every known shape, and that no line whatever does more than be read or not."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mobius.rules.access_log import LONGEST_LINE, Seen, Unread, parse

ON_A_BUSY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
VECTORS = Path(__file__).parents[1] / "vectors" / "access_log"
TIME = b"[21/Nov/2026:15:08:01 +0000]"
SHAPES = [
    line.encode()
    for name in ("combined", "haproxy", "json")
    for line in (VECTORS / f"{name}.log").open(newline="\n")
]


def said(line: bytes) -> str:
    read = parse(line)
    return f"unread: {read.reason}" if isinstance(read, Unread) else json.dumps(asdict(read))


@pytest.mark.parametrize("vector", sorted(VECTORS.glob("*.log")), ids=lambda path: path.stem)
def test_each_line_is_read_as_written_down_beside_it(vector: Path) -> None:
    lines = vector.read_bytes().splitlines()

    assert [said(line) for line in lines] == vector.with_suffix(".expected").read_text(
        encoding="utf-8"
    ).splitlines()


def test_an_answer_of_5xx_and_no_answer_are_errors_and_a_client_that_left_is_none() -> None:
    def is_error(status: str) -> bool:
        read = parse(b'1.2.3.4 - - %s "GET / HTTP/1.1" %s 0 "-" "-"' % (TIME, status.encode()))
        assert isinstance(read, Seen)
        return read.is_error

    assert {status: is_error(status) for status in ("200", "404", "499", "500", "599", "000", "-")} == {
        "200": False, "404": False, "499": False, "500": True, "599": True, "000": True, "-": True,
    }  # fmt: skip


def test_a_format_that_is_said_is_the_only_one_that_is_read() -> None:
    combined, in_json = b'::1 - - %s "GET / HTTP/1.1" 200 2' % TIME, b'{"status":200,"uri":"/"}'

    assert isinstance(parse(combined, "combined"), Seen)
    assert isinstance(parse(in_json, "json"), Seen)
    assert parse(combined, "json") == Unread("not JSON")
    assert parse(in_json, "combined") == Unread("neither combined nor HAProxy's httplog nor JSON")


def test_bytes_that_are_no_utf8_and_the_end_of_a_windows_line_do_no_harm() -> None:
    read = parse(b'{"uri":"/\xff\xfe","status":200,"agent":"\xc3"}\r\n')
    assert read == Seen(None, "", "/��", 200, None)

    read = parse(b'\0\0\0::1 - - %s "GET /\xff HTTP/1.1" 200 2 "-" "\xfe\xff"\n' % TIME)
    assert isinstance(read, Seen)
    assert (read.path, read.status) == ("/�", 200)


def test_a_huge_line_is_not_looked_into_and_a_long_path_is_cut() -> None:
    assert parse(b"{" * (LONGEST_LINE + 1)) == Unread("longer than 64 KiB")
    read = parse(b'::1 - - %s "GET /%s HTTP/1.1" 200 2' % (TIME, b"a" * 60_000))
    assert isinstance(read, Seen)
    assert len(read.path) == 4096


@pytest.mark.parametrize(
    "line",
    [
        b"{" * LONGEST_LINE,
        b'{"a":' * 10_000,
        b"[" * LONGEST_LINE,
        b'"' * LONGEST_LINE,
        b"\\" * LONGEST_LINE,
        b" [" * (LONGEST_LINE // 2),
        b"a:1 " * (LONGEST_LINE // 4),
        b": " * (LONGEST_LINE // 2),
        (b"x " + TIME + b' "') * 900,
        b"::1 - - " + TIME + b' "' + b'\\"' * 30_000,
        b"::1 - - " + TIME + b' "GET / HTTP/1.1" 200 2 "-" "-"' + b" 1" * 30_000,
        b"::1 - - " + TIME + b' "GET / HTTP/1.1" 200 2 "-" "-" ' + b"a" * 60_000,
        b"1.1.1.1:1 [21/Nov/2026:15:08:01.123] a b/c 0/0/0/0/0 200 0 - - ---- 1/1/1/1/0 0/0 "
        + b"{} " * 20_000,
        b"Nov 21 15:08:01 " + b"x" * 60_000,
    ],
)
def test_a_line_made_to_be_slow_is_not(line: bytes) -> None:
    began = time.process_time()
    for _ in range(5):
        parse(line[:LONGEST_LINE])
    # Milliseconds in truth; a pattern that backtracks without bound takes hours.
    assert time.process_time() - began < 2.0


@ON_A_BUSY_MACHINE
@given(st.binary(max_size=300))
@example(b"")
@example(b"\0")
def test_any_bytes_are_read_or_not_and_never_raise(line: bytes) -> None:
    assert isinstance(parse(line), Seen | Unread)


@settings(ON_A_BUSY_MACHINE, max_examples=400)
@given(st.sampled_from(SHAPES), st.data())
def test_a_line_that_was_tampered_with_never_raises_and_gives_plausible_figures(
    shape: bytes, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(shape)))
    stop = data.draw(st.integers(start, min(len(shape), start + 20)))
    read = parse(shape[:start] + data.draw(st.binary(max_size=20)) + shape[stop:])

    if isinstance(read, Seen):
        assert read.status == 0 or 100 <= read.status <= 599
        assert read.duration_ms is None or 0 <= read.duration_ms < 1e10
        assert read.at is None or 0 < read.at < 1e11
        assert read.dialled is None or read.dialled[0] <= read.dialled[1]
        assert "\n" not in read.path and "?" not in read.path


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(
    ["time", "ts", "status", "request", "uri", "method", "duration", "request_time", "server", "backend", "logger",
     "upstream_addr", "upstream_response_time", "termination_state", "active_ms"]
)  # fmt: skip


@ON_A_BUSY_MACHINE
@given(st.dictionaries(KEYS, JSON | st.sampled_from(["200", "-", "1.5", "9" * 400, "1e999", "nan", "-1"])))
def test_any_object_with_our_keys_is_read_or_not_and_never_raises(entry: dict[str, object]) -> None:
    assert isinstance(parse(json.dumps(entry).encode()), Seen | Unread)
