"""When a freeze ends, as people write it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mobius.cli.freeze import _end, moment_of, reason_of
from mobius.errors import UsageError

NOW = datetime(2026, 11, 21, 15, 30).timestamp()  # in the zone of this machine


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("16:00", datetime(2026, 11, 21, 16, 0)),
        ("08:00", datetime(2026, 11, 22, 8, 0)),
        ("15:30", datetime(2026, 11, 22, 15, 30)),
        ("2026-12-24", datetime(2026, 12, 24)),
        ("2026-12-24 08:00", datetime(2026, 12, 24, 8, 0)),
        ("2026-12-24T08:00:00Z", datetime(2026, 12, 24, 8, 0, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_time_of_day_to_come_a_day_or_both(words: str, moment: datetime) -> None:
    assert moment_of(words, NOW) == moment.timestamp()


@pytest.mark.parametrize(
    "words", ["", "tomorrow", "25:00", "8:00", "2026-13-01", "1e9", "9999-99-99", "12:ab"]
)
def test_anything_else_is_refused_with_examples(words: str) -> None:
    with pytest.raises(UsageError) as refused:
        moment_of(words, NOW)
    assert refused.value.message == f'"{words}" is not a moment'
    assert refused.value.hint == "such as 08:00, 2026-12-24 or 2026-12-24T08:00"


def test_how_long_is_a_duration_from_now() -> None:
    assert _end(None, "1h30m", NOW) == NOW + 5400
    assert _end(None, None, NOW) == 0.0
    with pytest.raises(UsageError, match='"soon" is not a duration'):
        _end(None, "soon", NOW)
    with pytest.raises(UsageError, match="--until and --for say the same"):
        _end("08:00", "2h", NOW)


def test_a_reason_to_go_on_is_a_reason() -> None:
    assert reason_of(None) == ""
    assert reason_of(" it burns ") == "it burns"
    for nothing in ("", "  "):
        with pytest.raises(UsageError, match="--despite-freeze without a reason"):
            reason_of(nothing)
