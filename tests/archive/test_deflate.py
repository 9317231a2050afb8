"""Both engines pack what any zip program unpacks, and chunks stand alone."""

from __future__ import annotations

import os
import random
import sys
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobius.archive.deflate import CHUNK_BYTES, END_OF_CHUNKS, Engine, combined_crc32, engine, stored_blocks


def without_isal(monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setitem(sys.modules, "isal", None)
    return engine()


def with_isal(_: pytest.MonkeyPatch) -> Engine:
    pytest.importorskip("isal")
    return engine()


@pytest.fixture(params=[with_isal, without_isal])
def packer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Engine:
    make: Callable[[pytest.MonkeyPatch], Engine] = request.param
    return make(monkeypatch)


CONTENTS = {
    "text": b"a line like many others\n" * 40_000,
    "noise": random.Random(1).randbytes(CHUNK_BYTES),
    "half and half": random.Random(2).randbytes(300_000) + b"abc" * 100_000,
    "zeros": bytes(CHUNK_BYTES),
    "one byte": b"x",
    "less than a block": random.Random(3).randbytes(65_535),
    "a block and a byte": random.Random(4).randbytes(65_536),
}


def test_without_isal_zlib_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    assert without_isal(monkeypatch).name == "zlib"


def test_with_isal_it_is_chosen() -> None:
    pytest.importorskip("isal")
    assert engine().name == "isal"


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_whole_content_comes_back_and_never_grows(packer: Engine, content: bytes) -> None:
    packed = packer.whole(content)
    if packed is not None:
        assert zlib.decompress(packed, -15) == content
        assert len(packed) < len(content)


def test_what_does_not_shrink_is_not_packed(packer: Engine) -> None:
    assert packer.whole(CONTENTS["noise"]) is None
    assert packer.whole(b"x") is None
    assert packer.whole(CONTENTS["less than a block"][:20_000]) is None


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_chunk_needs_nothing_before_it_and_ends_no_stream(packer: Engine, content: bytes) -> None:
    unpacking = zlib.decompressobj(-15)
    assert unpacking.decompress(packer.chunk(content)) == content
    assert not unpacking.eof


def test_chunks_and_their_end_are_one_stream(packer: Engine) -> None:
    whole = b"".join(packer.chunk(content) for content in CONTENTS.values()) + END_OF_CHUNKS
    unpacking = zlib.decompressobj(-15)
    assert unpacking.decompress(whole) == b"".join(CONTENTS.values())
    assert unpacking.eof
    assert unpacking.unused_data == b""


def test_stored_blocks_cost_five_bytes_for_64_kib(packer: Engine) -> None:
    assert packer.chunk(CONTENTS["noise"]) == stored_blocks(CONTENTS["noise"])
    assert len(stored_blocks(CONTENTS["noise"])) == CHUNK_BYTES + 5 * 17


@settings(max_examples=200, deadline=None)
@given(first=st.binary(max_size=5000), second=st.binary(max_size=5000))
def test_sums_of_parts_give_the_sum_of_the_whole(first: bytes, second: bytes) -> None:
    whole = zlib.crc32(first + second)
    assert combined_crc32(zlib.crc32(first), zlib.crc32(second), len(second)) == whole
    used = engine()
    assert used.combine_crc32(used.crc32(first), used.crc32(second), len(second)) == whole


def test_sums_of_large_parts_give_the_sum_of_the_whole() -> None:
    first, second = os.urandom(CHUNK_BYTES), os.urandom(CHUNK_BYTES + 12_345)
    whole = zlib.crc32(first + second)
    assert combined_crc32(zlib.crc32(first), zlib.crc32(second), len(second)) == whole
