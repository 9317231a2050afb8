from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from mobius.report import words

NOW = 1_795_176_000.0  # 2026-11-20T12:00:00Z


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.0002, "1 ms"),
        (0.04, "40 ms"),
        (0.0999, "0.1 s"),
        (0.4, "0.4 s"),
        (1, "1 s"),
        (9.04, "9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (60, "1 min"),
        (130, "2 min 10 s"),
        (3599.7, "1 h"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (86_399, "1 d"),
        (183_600, "2 d 3 h"),
        (-5, "-5 s"),
    ],
)
def test_seconds_become_two_units_at_most(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("size_bytes", "said"),
    [
        (0, "0 B"),
        (412, "412 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1536, "1.5 kB"),
        (12_400_000, "12 MB"),
        (999_600, "1 MB"),
        (1_200_000_000, "1.2 GB"),
        (34 * 10**12, "34 TB"),
    ],
)
def test_bytes_become_decimal_units(size_bytes: int, said: str) -> None:
    assert words.size(size_bytes) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 %"),
        (0.001, "under 0.01 %"),
        (0.02, "0.02 %"),
        (0.1, "0.1 %"),
        (0.999, "1 %"),
        (7.31, "7.3 %"),
        (9.96, "10 %"),
        (12.4, "12 %"),
        (100, "100 %"),
    ],
)
def test_a_percentage_keeps_the_digits_that_mean_something(value: float, said: str) -> None:
    assert words.percent(value) == said


@pytest.mark.parametrize(("ms", "said"), [(0, "0 ms"), (0.4, "0.4 ms"), (3.2, "3 ms"), (6120, "6,120 ms")])
def test_latencies_stay_in_milliseconds(ms: float, said: str) -> None:
    assert words.milliseconds(ms) == said


def test_counts_have_separators_and_their_plural() -> None:
    assert words.count(12034) == "12,034"
    assert words.counted(1, "request") == "1 request"
    assert words.counted(0, "request") == "0 requests"
    assert words.counted(12034, "switch", "switches") == "12,034 switches"


@pytest.mark.parametrize(
    ("seconds_ago", "said"),
    [
        (0, "just now"),
        (-0.5, "just now"),
        (42, "42 s ago"),
        (200, "3 min ago"),
        (7300, "2 h ago"),
        (200_000, "2 d ago"),
        (-200, "in 3 min"),
    ],
)
def test_how_long_ago(seconds_ago: float, said: str) -> None:
    assert words.ago(NOW - seconds_ago, NOW) == said


def test_a_clock_shows_the_date_only_when_it_is_another_day() -> None:
    assert words.clock(NOW - 35_400, NOW, UTC) == "02:10"
    assert words.clock(NOW - 3 * 86_400, NOW, UTC) == "17 Nov 12:00"
    assert words.clock(NOW - 400 * 86_400, NOW, UTC) == "16 Oct 2025 12:00"
    assert words.clock(NOW, NOW, timezone(timedelta(hours=2))) == "14:00"


def test_iso_times_are_utc_and_a_time_that_never_was_is_empty() -> None:
    assert words.iso(NOW) == "2026-11-20T12:00:00Z"
    assert words.iso(0) == ""


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand more", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "�[31mred�[0m"),
        ("bell\x07 and c1\x9b31m", "bell� and c1�31m"),
        ("abc\u202edef", "abc�def"),
    ],
)
def test_what_others_wrote_is_one_line_without_control_characters(hostile: str, shown: str) -> None:
    assert words.printable(hostile) == shown


def test_long_text_is_wrapped_under_itself_and_a_word_too_long_is_cut() -> None:
    assert words.wrapped("one two three four", 12, "a: ") == ["a: one two", "   three", "   four"]
    assert words.wrapped("", 12, "a: ") == ["a:"]
    assert max(len(line) for line in words.wrapped("x" * 100, 20, "a: ")) == 20


def test_a_command_that_is_too_wide_is_continued_so_that_it_can_be_copied() -> None:
    command = ["mobius", "deploy", "-e", "production", "--tag", "v 2", "--plan", "abc"]
    assert words.command_lines(command, 80) == ["  mobius deploy -e production --tag 'v 2' --plan abc"]
    assert words.command_lines(command, 32) == [
        "  mobius deploy -e production \\",
        "    --tag 'v 2' --plan abc",
    ]


def test_shortening_says_that_something_was_left_out() -> None:
    assert words.shortened("short", 10) == "short"
    assert words.shortened("a longer sentence", 10) == "a longer…"
