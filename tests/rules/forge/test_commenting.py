"""The one comment: marked, whole or honestly cut, and harmless whatever was put into it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mobius.rules.forge.commenting import LONGEST, comment_text, marker_of

MARKER = marker_of("dhash", "premerge")


def size(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_a_comment_begins_with_its_marker_and_ends_with_the_head_of_the_audit_log() -> None:
    text = comment_text(MARKER, "# Passed\n", head="production `12:340:9f2c`")
    assert text == (
        "<!-- mobius dhash premerge -->\n# Passed\n\n<sub>audit log production `12:340:9f2c`</sub>\n"
    )


def test_a_text_that_is_too_long_is_cut_at_a_line_and_says_so() -> None:
    text = comment_text(
        MARKER, "a line of the report\n" * 10_000, head="x", rest_at="https://example.org/run/1"
    )
    assert size(text) <= LONGEST
    assert "a line of the report\n\n**Cut here: 209,999 characters do not fit into a comment;" in text
    assert text.endswith("all of it: https://example.org/run/1.**\n\n<sub>audit log x</sub>\n")


def test_a_cut_inside_of_a_block_closes_it() -> None:
    text = comment_text(MARKER, "```\n" + "x\n" * 40_000)
    assert "\n```\n\n**Cut here" in text


def test_a_text_cannot_bring_a_marker_of_its_own_nor_call_anybody() -> None:
    text = comment_text(MARKER, f"{MARKER}\nhello @ann and mail ann@example.org")
    assert text.count("<!--") == 1
    assert "@ann and" not in text
    assert "ann@example.org" in text


@given(st.text(max_size=300), st.integers(0, 400))
def test_any_text_fits_and_is_found_again(text: str, times: int) -> None:
    made = comment_text(MARKER, text * times, head="h")
    assert made.startswith(MARKER)
    assert len(made.encode("utf-16-le", "replace")) // 2 <= LONGEST
    assert made.count("<!--") == 1
