"""Numbers that others wrote: read where they are numbers, and never a reason to fall over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mobius.model.numbers import LARGEST, whole
from mobius.rules.config_impact.versions import numbers
from mobius.rules.known_facts import pg_major
from mobius.rules.migrations import lint
from mobius.rules.natural import natural

LONG = "9" * 5000  # Python itself refuses to read it


def test_digits_are_read_and_nothing_else() -> None:
    assert [whole(text) for text in ("0", "007", "15")] == [0, 7, 15]
    assert [whole(text) for text in ("", "-1", "1.5", " 1", "²", "١٢", "1_000")] == [None] * 7


def test_a_number_that_is_too_long_is_the_largest_and_zeros_before_it_do_not_count() -> None:
    assert whole(LONG) == LARGEST
    assert whole("0" * 5000 + "7") == 7


@given(some.text())
def test_any_text_is_a_number_or_none(text: str) -> None:
    assert whole(text) is None or text.isdigit()


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
@pytest.mark.parametrize(
    "sql",
    [
        f"UPDATE t SET a = 1 WHERE id BETWEEN 1 AND {LONG};",
        f"UPDATE t SET a = 1 WHERE id < {LONG};",
        "UPDATE t SET a = 1 WHERE id < ²;",
        f"DELETE FROM t WHERE id IN (SELECT id FROM t WHERE old LIMIT {LONG});",
    ],
)
def test_a_range_that_ends_nowhere_is_not_held_to_few_rows(sql: str, dialect: str) -> None:
    assert "unbatched-backfill" in {each.hazard for each in lint(sql, dialect=dialect).findings}  # type: ignore[arg-type]


def test_types_and_limits_of_any_length_are_judged() -> None:
    for sql in (f"ALTER TABLE t ALTER a TYPE varchar({LONG});", f"SET lock_timeout = {LONG};"):
        assert lint(sql, dialect="postgresql").impact


def test_versions_and_names_of_any_length_are_ordered() -> None:
    assert numbers(f"{LONG}.1.2") == (LARGEST, 1, 2)
    assert pg_major(LONG) == LARGEST
    assert natural("V2") < natural("V10") < natural(f"V{LONG}")
