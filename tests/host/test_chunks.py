from __future__ import annotations

import pytest

from mobius.host.chunks import BadChunk, ChunkReader, encode_chunks

WHOLE = b"4\r\nWiki\r\nA;name=value\r\n0123456789\r\n0\r\nX-Trailer: dropped\r\n\r\nGET /next"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_body_is_the_same_however_it_arrives(size: int) -> None:
    reader, body, at = ChunkReader(), b"", 0
    while not reader.done:
        body += b"".join(reader.feed(WHOLE[at : at + size]))
        at += size
    assert body == b"Wiki0123456789"
    assert reader.rest + WHOLE[at:] == b"GET /next"


@pytest.mark.parametrize(
    "data",
    [
        b"0x4\r\nWiki\r\n", b"-4\r\nWiki\r\n", b"+4\r\nWiki\r\n", b" 4\r\nWiki\r\n", b"\r\nWiki\r\n", b"G\r\n",
        b"4\nWiki\r\n", b"4\r\nWikiX", b"4\r\nWiki\rX", b"4\r\nWiki\n0\r\n\r\n", b"4\x00\r\nWiki\r\n",
        b"4 4\r\nWiki\r\n", b"1" * 16 + b"\r\n", b"4;\x01\r\nWiki\r\n", b"0\r\nno trailer\r\n\r\n",
        b"0\r\nName : x\r\n\r\n", b"0\r\n folded\r\n\r\n", b"1" * 5000,
    ],
)  # fmt: skip
def test_what_is_not_a_chunked_body_is_refused(data: bytes) -> None:
    with pytest.raises(BadChunk):
        ChunkReader().feed(data)


def test_trailers_are_bounded() -> None:
    reader = ChunkReader()
    reader.feed(b"0\r\n")
    with pytest.raises(BadChunk):
        for _ in range(1000):
            reader.feed(b"X-Trailer: " + b"a" * 100 + b"\r\n")


def test_empty_pieces_do_not_end_the_body() -> None:
    assert encode_chunks([b"abc", b"", b"d"]) == b"3\r\nabc\r\n1\r\nd\r\n"
