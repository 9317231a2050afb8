"""The quantiles agree with what is known of them in closed form, and with tables."""

from __future__ import annotations

import pytest

from mobius.rules.adaptive.bounds import share_above, student


@pytest.mark.parametrize("of", [1, 10, 3_000, 180_000])
@pytest.mark.parametrize("level", [0.05, 5e-5])
def test_with_nothing_bad_the_bound_is_the_one_of_the_rule_of_three(of: int, level: float) -> None:
    assert share_above(0, of, level) == pytest.approx(1 - level ** (1 / of), rel=1e-6)


def test_where_all_are_bad_nothing_is_excluded() -> None:
    assert share_above(7, 7, 0.05) == 1.0
    assert share_above(0, 0, 0.05) == 1.0


@pytest.mark.parametrize(
    ("bad", "of", "level", "bound"),
    [
        (1, 10, 0.025, 0.44502),
        (5, 20, 0.025, 0.49105),
        (50, 100, 0.025, 0.60168),
        (180, 180_000, 0.025, 0.0011572),
    ],
)
def test_the_bound_agrees_with_tables(bad: int, of: int, level: float, bound: float) -> None:
    assert share_above(bad, of, level) == pytest.approx(bound, rel=1e-4)


@pytest.mark.parametrize(
    ("quantile", "freedom", "value"),
    [
        (0.975, 1, 12.7062),
        (0.975, 2, 4.30265),
        (0.975, 10, 2.22814),
        (0.95, 30, 1.69726),
        (0.999, 5, 5.89343),
    ],
)
def test_students_quantiles_agree_with_tables(quantile: float, freedom: float, value: float) -> None:
    assert student(quantile, freedom, 20.0) == pytest.approx(value, rel=1e-4)


def test_a_quantile_beyond_what_is_allowed_is_what_is_allowed() -> None:
    assert student(0.9999, 1.1, 6.0) == pytest.approx(6.0)
